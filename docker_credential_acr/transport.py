"""HTTPS: one session for SDK and exchange alike, and a second one for metadata services.

Trust comes from the operating system's store (behind a company's proxy docker works, so must we), plus
``SSL_CERT_FILE`` and ``REQUESTS_CA_BUNDLE``. No redirects, no ``netrc``, a limit on every body, and the
deadline in every send and sleep. Verification cannot be turned off.
"""

import functools
import ipaddress
import os
import random
import socket
import ssl
import stat
import sys
import time

import requests
import truststore
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
)

import docker_credential_acr
from docker_credential_acr.addresses import connect
from docker_credential_acr.answer_head import Answer
from docker_credential_acr.deadline import Deadline, doing
from docker_credential_acr.errors import Unreachable
from docker_credential_acr.log import log
from docker_credential_acr.network_faults import (
    Transient,
    explained,
    no_proxy_address,
    unusable_answer,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from requests import PreparedRequest, Response

LARGEST = 1024 * 1024  # bytes of a body; real ones have some thousand
CONNECT_SECONDS = 2.5  # per address; the next one starts after a quarter of a second
METADATA_CONNECT_SECONDS = 1.2  # it is next door, or it is not there
READ_SECONDS = 8.0
TRIES = 2
_RETRIED = frozenset({429, 500, 502, 503, 504})
_METADATA_RETRIED = _RETRIED | {404, 410}  # a metadata service that is being updated says so
_RESERVE = 4.0  # seconds that must be left after a pause for it to be worth waiting
_TRUST_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Session(requests.Session):
    """A requests session bounded by a deadline; see the module for what it does not do."""

    def __init__(self, deadline: Deadline, *, metadata: bool = False) -> None:
        super().__init__()
        os.environ.pop("SSLKEYLOGFILE", None)  # urllib3 would write the session keys there
        self._deadline = deadline
        self._retried = _METADATA_RETRIED if metadata else _RETRIED
        self._tries = TRIES + 1 if metadata else TRIES
        self._connect_seconds = METADATA_CONNECT_SECONDS if metadata else CONNECT_SECONDS
        self.last: Response | None = None  # what a library was given and does not tell
        self.trust_env = not metadata  # a proxy must never see a metadata request
        self.auth = lambda request: request  # else requests adds what ~/.netrc has for the host
        self.headers["User-Agent"] = f"docker-credential-acr/{docker_credential_acr.__version__}"
        self.headers["Accept-Encoding"] = "identity"
        adapter = _Adapter()
        self.mount("https://", adapter)
        self.mount("http://", adapter)

    def send(self, request: "PreparedRequest", **options: "Any") -> "Response":
        """Send *request* and return the whole answer, tried again once where that can help.

        Raises Unreachable for whatever is no usable answer, OutOfTime past the deadline.
        """
        options |= {"allow_redirects": False, "stream": True}
        for tries_left in range(self._tries - 1, -1, -1):
            try:
                response = self._send_once(request, options)
            except Transient as fault:
                if not tries_left:
                    raise fault.failure from None
                log.debug("%s, once more", fault.failure.what)
                continue
            if response.status_code in _REDIRECTS:
                raise Unreachable(
                    f"{host_of(request)} answered with a redirect, which is never followed with a token",
                    "check for a proxy or a private DNS zone that answers in its place",
                    "redirect-refused",
                )
            if response.status_code not in self._retried or not tries_left:
                return response
            pause = retry_after(response)
            if pause is None:
                pause = 0.3 + random.random() * 0.5  # noqa: S311  spreads callers, hides nothing
            if pause + _RESERVE > self._deadline.left():
                return response  # the caller says how long to wait
            self.sleep(pause)
        raise AssertionError("a loop that always returns or raises")

    def sleep(self, seconds: float) -> None:
        time.sleep(self._deadline.share(seconds))

    def _send_once(self, request: "PreparedRequest", options: "dict[str, Any]") -> "Response":
        bounds = (self._deadline.share(self._connect_seconds), self._deadline.share(READ_SECONDS))
        host = host_of(request)
        doing(f"asking {host}")
        try:
            with super().send(request, **options | {"timeout": bounds}) as response:
                response._content = self._body(response)  # noqa: SLF001  for .content and .text
        except (requests.RequestException, HTTPError, OSError) as error:
            raise explained(error, host, _proxy(request, options)) from error
        except (TypeError, ValueError) as error:  # what requests makes of http:// without a host
            raise no_proxy_address() from error
        log.debug("%s %s answered %d", request.method, host, response.status_code)
        self.last = response
        return response

    def _body(self, response: "Response") -> bytes:
        """Read the body piece by piece: a server that drips one byte a second is cut off, too."""
        body = b""
        ends_at = Deadline.after(READ_SECONDS)
        while piece := response.raw.read1(LARGEST, decode_content=True):
            body += piece
            self._deadline.share(1)
            if not ends_at.left():
                raise requests.ReadTimeout("the body did not end")
            if len(body) > LARGEST:
                raise unusable_answer(host_of(response.request), "its answer is too large")
        return body


def _proxy(request: "PreparedRequest", options: "dict[str, Any]") -> str:
    """Return host and port of the proxy in between, never its user and password; nothing if none is."""
    chosen = requests.utils.select_proxy(request.url or "", options.get("proxies")) or ""
    return chosen.rpartition("://")[2].rpartition("@")[2].rstrip("/")


class PinnedSession(Session):
    """A session that asks no proxy and trusts one CA only: for a server beside us in the cluster."""

    def __init__(self, deadline: Deadline, authority: str | None, name: str | None) -> None:
        """Trust *authority*, PEM, or what everybody trusts; ask for the certificate of *name*.

        Raises ValueError if there is no certificate in *authority*.
        """
        super().__init__(deadline)
        self.trust_env = False
        if authority is not None or name is not None:
            self.mount("https://", _Pinned(authority, name))


class _Connection(HTTPSConnection):
    """Bounds the way to an address more tightly than what follows on it: a proxy's answer and TLS."""

    response_class = Answer

    def _new_conn(self) -> socket.socket:
        options = list(self.socket_options or [])
        try:
            connected = connect(self._dns_host, self.port, float(self.timeout or 0), options)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "timed out") from error
        except OSError as error:
            raise NewConnectionError(self, f"no connection: {error}") from error
        connected.settimeout(READ_SECONDS)
        return connected


class _PlainConnection(HTTPConnection):
    response_class = Answer


class _Pool(HTTPSConnectionPool):
    ConnectionCls = _Connection


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _Adapter(HTTPAdapter):
    """Trust as the operating system does, instead of a bundle of our own."""

    def __init__(self) -> None:
        check_trust_variables()
        self._trust = _trust(*map(os.environ.get, _TRUST_VARIABLES))
        super().__init__()

    def init_poolmanager(self, *arguments: "Any", **options: "Any") -> None:
        super().init_poolmanager(*arguments, **options, ssl_context=self._trust)
        _use_our_pool(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **options: "Any") -> "Any":
        if proxy.lower().startswith("https"):
            options["proxy_ssl_context"] = self._trust
        # urllib3 sets it on direct connections only; without it a small POST waits 40 ms.
        options["socket_options"] = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
        manager = super().proxy_manager_for(proxy, **options, ssl_context=self._trust)
        _use_our_pool(manager)
        return manager

    def cert_verify(self, conn: "Any", url: str, verify: "Any", cert: "Any") -> None:
        """Verify always; add the bundle that REQUESTS_CA_BUNDLE names, never requests' own."""
        if isinstance(verify, str):
            super().cert_verify(conn, url, verify, cert)  # type: ignore[no-untyped-call]  # has no types
        else:
            conn.cert_reqs = "CERT_REQUIRED"


class _Pinned(_Adapter):
    def __init__(self, authority: str | None, name: str | None) -> None:
        self._given, self._name = authority, name
        super().__init__()

    def init_poolmanager(self, *arguments: "Any", **options: "Any") -> None:
        if self._given is not None:
            self._trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            self._trust.minimum_version = ssl.TLSVersion.TLSv1_2
            try:
                self._trust.load_verify_locations(cadata=self._given)
            except (ssl.SSLError, TypeError) as error:
                raise ValueError("no certificate") from error
        if self._name is not None:
            options["server_hostname"] = self._name
        super().init_poolmanager(*arguments, **options)


def _use_our_pool(manager: "Any") -> None:
    manager.pool_classes_by_scheme = {"http": _PlainPool, "https": _Pool}


@functools.cache
def _trust(*_: str | None) -> ssl.SSLContext:
    """Return what all sessions trust while the variables are as they are now.

    Where the system has one file of CAs, truststore reads it for every connection anew, 15 ms each; it
    does nothing else there, so that one context that has read it does the same.
    """
    if sys.platform not in ("darwin", "win32") and ssl.get_default_verify_paths().cafile:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.set_default_verify_paths()
    else:
        context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        named = os.environ.get("SSL_CERT_FILE")
        if named and sys.platform in ("darwin", "win32"):  # OpenSSL is not asked there
            context.load_verify_locations(named)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def addresses(host: str) -> list[tuple[str, bool]]:
    """Return the addresses of *host*, each with whether it is a public one. Raises Unreachable."""
    try:
        found = socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unreachable(
            f"the name {host} cannot be looked up",
            "check the spelling and this machine's name servers",
            "name-not-found",
        ) from error
    named = dict.fromkeys(str(each[4][0]).partition("%")[0] for each in found)
    return [(address, ipaddress.ip_address(address).is_global) for address in named]


def check_trust_variables() -> None:
    """Raise Unreachable if a variable names a CA file that is not one: OpenSSL would only ignore it."""
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        path = os.environ.get(name)
        if not path or (name != "SSL_CERT_FILE" and os.path.isdir(path)):
            continue
        try:
            if stat.S_ISFIFO(os.stat(path).st_mode):
                problem = "is a pipe"  # which gives what it has once, if anybody writes to it
            else:
                with open(path, "rb") as file:
                    if file.read(1):
                        continue
                problem = "is empty"
        except OSError as error:
            problem = (error.strerror or "cannot be read").lower()
        raise Unreachable(
            f"the CA file {path} that {name} names {problem}",
            f"correct {name} or unset it",
            "tls-settings",
        )


def bound_foreign_sessions() -> None:
    """Bound the sessions that a library derives from ours without a timeout; for the whole process."""
    socket.setdefaulttimeout(READ_SECONDS)


def host_of(request: "PreparedRequest | requests.Request") -> str:
    """Return host and port of *request*; a user name and password in its URL are for nobody's eyes."""
    return (request.url or "").partition("://")[2].partition("/")[0].rpartition("@")[2]


def retry_after(response: "Response") -> float | None:
    """Return the seconds that the header Retry-After asks for, or None; dates are not used here."""
    value = response.headers.get("Retry-After", "").strip()
    return float(value) if value.isdecimal() and len(value) < 7 else None  # noqa: PLR2004  11 days


def correlation(response: "Response") -> str:
    """Return the id under which support finds the request, as " (correlation id X)", or nothing."""
    for name in ("X-Ms-Correlation-Request-Id", "x-ms-request-id", "client-request-id"):
        value = response.headers.get(name, "")
        if value and len(value) <= 64 and value.replace("-", "").isalnum():  # noqa: PLR2004
            return f" (correlation id {value})"
    return ""


def unusable(response: "Response", why: str) -> Unreachable:
    """Return the failure for an answer that is not what the protocol says; its body is not shown."""
    return unusable_answer(host_of(response.request), why + correlation(response))
