"""HTTPS: what is trusted, which way a request takes, and where it ends."""

import select
import socket
import ssl
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import trustme
from requests import Request

import docker_credential_acr
from docker_credential_acr.deadline import Deadline
from docker_credential_acr.errors import LONGEST, Failure, OutOfTime, Unreachable, sentence
from docker_credential_acr.transport import LARGEST, Session, host_of, retry_after
from tests.azure import (
    Endless,
    Expired,
    FakeAzure,
    Garbage,
    NotYetValid,
    Redirect,
    Reset,
    SelfSigned,
    Status,
    WrongName,
)

PASSWORD = "CANARY-proxy-password"


def get(host: str, seconds: float = 10, path: str = "/v2/", **options: Any) -> Any:
    return Session(Deadline.after(seconds)).get(f"https://{host}{path}", **options)


def test_a_login_in_an_address_is_not_told() -> None:
    for url in (
        "http://me:CANARY@here:80/x",
        "http://CANARY@here:80",
        "https://me:a@CANARY@here:80/@",
    ):
        assert host_of(Request("GET", url)) == "here:80"


def failure(host: str, seconds: float = 10, **options: Any) -> Failure:
    with pytest.raises(Failure) as raised:
        get(host, seconds, **options)
    line = sentence(raised.value, host)
    assert len(line) <= LONGEST
    assert "CANARY" not in line
    assert isinstance(raised.value, Unreachable)
    return raised.value


def asked(azure: FakeAzure) -> int:
    return azure.count("challenge")


class TestTrust:
    @pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
    def test_a_ca_file_of_the_companys_own(
        self, azure: FakeAzure, host: str, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        monkeypatch.delenv("SSL_CERT_FILE")
        monkeypatch.setenv(name, azure.ca_file)
        assert get(host).status_code == 401

    def test_without_it_nobody_is_believed(
        self, azure: FakeAzure, host: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("SSL_CERT_FILE")
        found = failure(host)
        assert found.reference == "tls-untrusted"
        assert "SSL_CERT_FILE" in found.hint
        assert asked(azure) == 0

    @pytest.mark.parametrize(
        "fault",
        [WrongName(), Expired(), NotYetValid(), SelfSigned()],
        ids=["name", "old", "new", "self"],
    )
    def test_a_bad_certificate_is_refused_and_not_tried_again(
        self, azure: FakeAzure, host: str, fault: WrongName
    ) -> None:
        azure.fault("tls", fault)
        assert failure(host).reference == "tls-untrusted"
        assert asked(azure) == 0
        assert azure.count("connect") == 1

    @pytest.mark.parametrize("verify", [False, None, "/nowhere"])
    def test_verification_cannot_be_turned_off(
        self, azure: FakeAzure, host: str, verify: object
    ) -> None:
        azure.fault("tls", SelfSigned())
        with pytest.raises((Unreachable, OSError)):
            get(host, verify=verify)
        session = Session(Deadline.after(5))
        session.verify = False
        with pytest.raises(Unreachable):
            session.get(f"https://{host}/v2/")
        assert asked(azure) == 0

    @pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
    @pytest.mark.parametrize(("kind", "what"), [("missing", "no such file"), ("empty", "is empty")])
    def test_a_ca_file_that_is_none_is_named(  # noqa: PLR0913  a table
        self,
        azure: FakeAzure,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        *,
        name: str,
        kind: str,
        what: str,
    ) -> None:
        """OpenSSL passes over it without a word, and then nothing is trusted."""
        path = tmp_path / "ca.pem"
        if kind == "empty":
            path.touch()
        monkeypatch.setenv(name, str(path))
        found = failure("team.azurecr.io")
        assert found.reference == "tls-settings"
        assert name in found.what
        assert str(path) in found.what
        assert what in found.what
        assert azure.requests == []

    def test_a_folder_is_no_ca_file(
        self, azure: FakeAzure, host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path))
        assert failure(host).reference == "tls-settings"
        assert azure.requests == []

    def test_what_is_no_certificate_is_no_internal_fault(
        self, azure: FakeAzure, host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "ca.pem"
        path.write_text("this is no certificate")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(path))
        monkeypatch.delenv("SSL_CERT_FILE")
        failure(host)
        assert asked(azure) == 0

    def test_session_keys_are_never_written(
        self, azure: FakeAzure, host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "keys"
        monkeypatch.setenv("SSLKEYLOGFILE", str(path))
        get(host)
        assert asked(azure) == 1
        assert not path.exists()

    def test_old_tls_is_refused(
        self, azure: FakeAzure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        del azure
        ca = trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers("ALL:@SECLEVEL=0")
        ca.issue_cert("localhost").configure_cert(context)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        with socket.create_server(("127.0.0.1", 0)) as listener:
            thread = threading.Thread(target=handshake, args=(listener, context))
            thread.start()
            found = failure(f"localhost:{listener.getsockname()[1]}")
            thread.join()
        assert found.reference in ("tls-untrusted", "unreachable")


def handshake(listener: socket.socket, context: ssl.SSLContext) -> None:
    listener.settimeout(5)
    with suppress(OSError):
        connection, _ = listener.accept()
        with connection:
            context.wrap_socket(connection, server_side=True).close()


class TestWay:
    def test_a_registry_is_reached_through_the_proxy(self, azure: FakeAzure, host: str) -> None:
        get(host)
        assert [(r.kind, r.host) for r in azure.requests] == [
            ("connect", host),
            ("challenge", host),
        ]

    @pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
    def test_the_variable_has_many_spellings(
        self, azure: FakeAzure, host: str, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        for other in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.delenv(other)
        monkeypatch.setenv(name, azure.proxy_url)
        get(host)
        assert azure.count("connect") == 1

    def test_an_exception_goes_straight(
        self, azure: FakeAzure, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("NO_PROXY", "localhost")
        get(f"localhost:{azure.port}")
        assert azure.count("connect") == 0
        assert len(azure.requests) == 1

    def test_a_proxy_with_a_password(
        self, azure: FakeAzure, host: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, azure.proxy_url.replace("//", f"//user:{PASSWORD}@"))
        get(host)
        connect, challenge = azure.requests
        assert connect.headers["proxy-authorization"].startswith("Basic ")
        assert "proxy-authorization" not in challenge.headers

    @pytest.mark.parametrize("status", [403, 407, 502, 503])
    def test_a_proxy_that_refuses(
        self, azure: FakeAzure, host: str, monkeypatch: pytest.MonkeyPatch, status: int
    ) -> None:
        for name in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, azure.proxy_url.replace("//", f"//user:{PASSWORD}@"))
        azure.fault("connect", Status(status))
        found = failure(host)
        assert found.reference == "proxy"
        assert f"HTTP {status}" in found.what

    @pytest.mark.parametrize(
        "url",
        [
            f"http://user:{PASSWORD}@127.0.0.1:1",
            f"nonsense://user:{PASSWORD}@127.0.0.1:1",
            f"socks5://user:{PASSWORD}@127.0.0.1:1",
            f"http://user:{PASSWORD}@",
            "http://",
            "https://",
            f"http://user:{PASSWORD}@[",
            f"http://user:{PASSWORD}@127.0.0.1:nonsense",
        ],
    )
    def test_a_proxy_that_is_not_there_or_none_at_all(
        self, azure: FakeAzure, host: str, monkeypatch: pytest.MonkeyPatch, url: str
    ) -> None:
        for name in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, url)
        assert failure(host).reference == "proxy"
        assert azure.requests == []

    def test_no_login_of_another_program_is_sent(
        self, azure: FakeAzure, host: str, bare: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = Path(bare, ".netrc")
        path.write_text(
            f"machine {host} login a password CANARY\ndefault login b password CANARY\n"
        )
        path.chmod(0o600)
        monkeypatch.setenv("NETRC", str(path))
        get(host)
        assert not any("authorization" in request.headers for request in azure.requests)

    def test_it_says_who_is_asking(self, azure: FakeAzure, host: str) -> None:
        get(host)
        agent = azure.requests[-1].headers["user-agent"]
        assert agent == f"docker-credential-acr/{docker_credential_acr.__version__}"

    def test_metadata_goes_past_every_proxy(
        self, azure: FakeAzure, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, azure.proxy_url)
        monkeypatch.setenv("NO_PROXY", "")
        session = Session(Deadline.after(5), metadata=True)
        session.get(f"{azure.metadata_url}/metadata/identity/oauth2/token")
        assert [r.listener for r in azure.requests] == ["metadata"]


class SecureProxy:
    """TLS in front of the fake's proxy: what HTTPS_PROXY=https://... means."""

    def __init__(self, azure: FakeAzure, folder: Path) -> None:
        ca = trustme.CA()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert("localhost").configure_cert(self._context)
        self.ca_file = str(folder / "both.pem")
        with open(azure.ca_file, "rb") as file:
            Path(self.ca_file).write_bytes(ca.cert_pem.bytes() + file.read())
        self._behind = azure.proxy_url.rpartition(":")[2]
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://localhost:{self._listener.getsockname()[1]}"
        self.passed = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with suppress(OSError):
            plain, _ = self._listener.accept()
            with (
                self._context.wrap_socket(plain, server_side=True) as client,
                socket.create_connection(("127.0.0.1", int(self._behind))) as behind,
            ):
                self._relay(client, behind)

    def _relay(self, client: ssl.SSLSocket, behind: socket.socket) -> None:
        other: dict[socket.socket, socket.socket] = {client: behind, behind: client}
        while True:
            ready = [client] if client.pending() else select.select(list(other), [], [], 10)[0]
            for each in ready:
                data = each.recv(65536)
                if not data:
                    return
                self.passed += len(data)
                other[each].sendall(data)

    def close(self) -> None:
        self._listener.close()
        self._thread.join(10)


@pytest.fixture
def secure_proxy(azure: FakeAzure, tmp_path: Path) -> Iterator[SecureProxy]:
    proxy = SecureProxy(azure, tmp_path)
    yield proxy
    proxy.close()


def test_a_proxy_behind_tls(
    secure_proxy: SecureProxy, azure: FakeAzure, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its certificate is verified like a registry's."""
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, secure_proxy.url)
    monkeypatch.setenv("SSL_CERT_FILE", secure_proxy.ca_file)
    assert get(host).status_code == 401
    assert secure_proxy.passed
    assert asked(azure) == 1


def test_a_proxy_with_a_certificate_of_nobody(
    secure_proxy: SecureProxy, azure: FakeAzure, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, secure_proxy.url)
    assert failure(host).reference in ("tls-untrusted", "proxy")
    assert azure.requests == []


class TestEnd:
    def test_past_the_deadline_nothing_is_sent(self, azure: FakeAzure, host: str) -> None:
        with pytest.raises(OutOfTime):
            get(host, seconds=0)
        assert azure.requests == []

    @pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
    def test_what_may_pass_is_tried_once_more(
        self, azure: FakeAzure, host: str, status: int
    ) -> None:
        azure.fault("challenge", Status(status), times=1)
        assert get(host).status_code == 401
        assert asked(azure) == 2

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 501])
    def test_what_stays_is_not(self, azure: FakeAzure, host: str, status: int) -> None:
        azure.fault("challenge", Status(status))
        assert get(host).status_code == status
        assert asked(azure) == 1

    def test_a_wait_that_fits_is_waited(self, azure: FakeAzure, host: str) -> None:
        azure.fault("challenge", Status(429, {"Retry-After": "1"}), times=1)
        began = time.monotonic()
        assert get(host).status_code == 401
        assert time.monotonic() - began >= 1

    @pytest.mark.parametrize("seconds", ["7", "600", "999999"])
    def test_a_wait_that_does_not_fit_is_handed_on(
        self, azure: FakeAzure, host: str, seconds: str
    ) -> None:
        """Four seconds have to be left after it."""
        azure.fault("challenge", Status(429, {"Retry-After": seconds}))
        answer = get(host, seconds=10)
        assert answer.status_code == 429
        assert retry_after(answer) == float(seconds)
        assert asked(azure) == 1

    @pytest.mark.parametrize(
        "value", ["", "-1", "1.5", "soon", "9999999", "²", "Wed, 21 Oct 2026 07:28:00 GMT"]
    )
    def test_a_wait_that_is_none(self, azure: FakeAzure, host: str, value: str) -> None:
        azure.fault("challenge", Status(404, {"Retry-After": value.encode().decode("latin-1")}))
        assert retry_after(get(host)) is None

    def test_a_broken_connection_is_tried_once_more(self, azure: FakeAzure, host: str) -> None:
        azure.fault("challenge", Reset(), times=1)
        assert get(host).status_code == 401
        azure.fault("challenge", Reset())
        assert failure(host).reference in ("unreachable", "no-answer")
        assert asked(azure) == 4

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_redirect_is_an_error(self, azure: FakeAzure, host: str, status: int) -> None:
        azure.fault("challenge", Redirect("https://elsewhere.azurecr.io/", status), host=host)
        assert failure(host, allow_redirects=True).reference == "redirect-refused"
        assert {r.host for r in azure.requests} == {host}

    @pytest.mark.parametrize("begin", [b"", b"HTTP/1.1 200 OK\r\nX-A: "], ids=["status", "header"])
    def test_a_head_that_drips(self, begin: bytes) -> None:
        """Each byte comes in time, and the answer never: the deadline is for all of them."""
        over = threading.Event()

        def drip(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                connection.recv(4096)
                connection.sendall(begin)
                while not over.wait(0.2):
                    connection.sendall(b"a")

        with socket.create_server(("127.0.0.1", 0)) as server:

            def serve() -> None:
                with suppress(OSError):
                    while True:
                        drip(server.accept()[0])

            threading.Thread(target=serve, daemon=True).start()
            session = Session(Deadline.after(2), metadata=True)
            began = time.monotonic()
            with pytest.raises((Unreachable, OutOfTime)):
                session.get(f"http://127.0.0.1:{server.getsockname()[1]}/")
            assert time.monotonic() - began < 5
            over.set()

    def test_a_mebibyte_is_enough(self, azure: FakeAzure, host: str) -> None:
        azure.fault("challenge", Garbage("x" * LARGEST), times=1)
        assert len(get(host).content) == LARGEST
        azure.fault("challenge", Garbage("x" * (LARGEST + 1)), times=1)
        assert "too large" in failure(host).what
        azure.fault("challenge", Endless())
        assert "too large" in failure(host).what

    def test_a_closed_port(self, azure: FakeAzure, monkeypatch: pytest.MonkeyPatch) -> None:
        del azure
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        found = failure(f"127.0.0.1:{port}")
        assert found.reference == "unreachable"
        assert "connection refused" in found.what
