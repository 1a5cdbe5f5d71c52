"""What a fault of the network means, in words that name the host and the next step."""

import ssl

import requests
from urllib3.exceptions import DecodeError, NameResolutionError, ReadTimeoutError

from docker_credential_acr.errors import Failure, Unreachable


class Transient(Exception):
    """A fault that another try may not meet; it holds the failure that it is otherwise."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.what)
        self.failure = failure


def explained(error: Exception, host: str, proxy: str) -> Exception:  # noqa: PLR0911  meanings
    """Return what *error* means, as a Failure or as a Transient that holds one.

    *proxy* is host and port of the proxy in between, or nothing.
    """
    cause = _root(error)
    through = f" through the proxy {proxy}" if proxy else ""
    if isinstance(error, requests.exceptions.SSLError) or isinstance(cause, ssl.SSLError):
        return _tls(cause, host)
    lost = isinstance(cause, ConnectionResetError)  # in the tunnel, where urllib3 blames the proxy
    if isinstance(error, requests.exceptions.ProxyError) and not lost:
        return Unreachable(
            f"the proxy {proxy} did not open a way to {host}{_proxy_status(cause)}",
            "check HTTPS_PROXY and NO_PROXY, and that the proxy allows this host",
            "proxy",
        )
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
        return no_proxy_address()
    if isinstance(cause, NameResolutionError) or "NameResolutionError" in repr(error):
        return Unreachable(
            f"the name {host} does not resolve",
            "check the spelling, the cloud's suffix and DNS (a private endpoint needs its private zone)",
            "name-not-found",
        )
    if isinstance(error, requests.Timeout | TimeoutError | ReadTimeoutError):
        return Transient(
            Unreachable(
                f"{host} did not answer in time{through}",
                "check the network, the proxy and the firewall between here and there",
                "no-answer",
            )
        )
    if isinstance(error, requests.exceptions.ContentDecodingError | DecodeError):
        return unusable_answer(host, "its answer cannot be decoded")
    return Transient(
        Unreachable(
            f"no connection to {host}{through}{_errno(cause)}",
            "check the network, the proxy and the firewall between here and there",
            "unreachable",
        )
    )


def no_proxy_address() -> Unreachable:
    return Unreachable(
        "the proxy address in the environment cannot be used",
        "HTTPS_PROXY has the form http://HOST:PORT",
        "proxy",
    )


def _root(error: BaseException) -> BaseException:
    """Return the innermost reason: requests wraps urllib3's errors, which wrap the real ones."""
    while True:
        inner = getattr(error, "reason", None)
        if not isinstance(inner, BaseException):
            inner = next((a for a in error.args if isinstance(a, BaseException)), None)
        if inner is None or inner is error:
            return error
        error = inner


def _tls(cause: BaseException, host: str) -> Unreachable:
    reason = getattr(cause, "verify_message", "") or "the handshake failed"
    return Unreachable(
        f"the TLS certificate of {host} is not accepted: {reason}",
        "if a proxy inspects TLS, add its CA to the system's store or name it in SSL_CERT_FILE",
        "tls-untrusted",
    )


def _proxy_status(cause: BaseException) -> str:
    words = str(cause).split("Tunnel connection failed: ")
    status = words[-1][:3]
    return f" (HTTP {status})" if len(words) > 1 and status.isdecimal() else ""


def _errno(cause: BaseException) -> str:
    text = cause.strerror if isinstance(cause, OSError) else None
    if text is None and "] " in str(cause):  # urllib3 keeps the number in its text only
        text = str(cause).rpartition("] ")[2]
    return f": {text.lower()}" if text and len(text) < 60 else ""  # noqa: PLR2004


def unusable_answer(host: str, why: str) -> Unreachable:
    return Unreachable(
        f"{host} gave no usable answer: {why}",
        "check for a proxy or a login page that answers in its place",
        "answer-unusable",
    )
