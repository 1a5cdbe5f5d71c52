"""Each thing that can go wrong has a sentence of its own, with the next step and a reference."""

import json
import os
import socket
import time
from collections.abc import Callable

import pytest

from tests.azure import (
    Cut,
    Endless,
    Expired,
    Garbage,
    NotYetValid,
    Raw,
    Redirect,
    Reset,
    SelfSigned,
    Status,
    WrongName,
)
from tests.azure.faults import Fault
from tests.stories.program import Program, new_host

CANARY_PAGE = (
    "<html><script>document.location='https://login.evil.example'</script></html>\n\x1b[2K"
)
TWO_KEYS = '{"refresh_token": "eyJhIjoxfQ.eyJhIjoxfQ.CANARY", "refresh_token": "CANARY"}'
LATER = {"Retry-After": "600"}
HEADERS = {"Content-Type": "application/json", "Content-Encoding": "gzip"}


def json_of(content: object) -> Garbage:
    return Garbage(json.dumps(content), "application/json")


AT_THE_REGISTRY: list[tuple[str, Fault, str]] = [
    ("400", Status(400), "registry-refused"),
    ("401", Status(401), "registry-refused"),
    ("403", Status(403), "registry-firewall"),
    ("404", Status(404), "registry-missing"),
    ("413", Status(413), "answer-unusable"),
    ("429", Status(429), "registry-throttled"),
    ("429-600", Status(429, LATER), "registry-throttled"),
    (
        "429-date",
        Status(429, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}),
        "registry-throttled",
    ),
    ("500", Status(500), "registry-unavailable"),
    ("503", Status(503), "registry-unavailable"),
    ("503-600", Status(503, LATER), "registry-unavailable"),
    ("204", Status(204), "answer-unusable"),
    ("302", Redirect("https://OTHER/oauth2/exchange", 302), "redirect-refused"),
    ("307", Redirect("https://OTHER/oauth2/exchange", 307), "redirect-refused"),
    ("308-http", Redirect("http://OTHER/oauth2/exchange", 308), "redirect-refused"),
    ("301-itself", Redirect("/oauth2/exchange", 301), "redirect-refused"),
    ("html", Garbage(CANARY_PAGE), "answer-unusable"),
    ("html-401", Status(401, {"Content-Type": "text/html"}, CANARY_PAGE), "registry-refused"),
    ("empty", Garbage(""), "answer-unusable"),
    ("half-json", Garbage('{"refresh_token": "eyJ', "application/json"), "answer-unusable"),
    ("not-utf-8", Garbage(b'{"refresh_token": "\xff\xfe"}', "application/json"), "answer-unusable"),
    ("array", json_of([]), "answer-unusable"),
    ("no-member", json_of({"access_token": "x"}), "answer-unusable"),
    ("null", json_of({"refresh_token": None}), "token-unusable"),
    ("number", json_of({"refresh_token": 7}), "token-unusable"),
    ("no-jwt", json_of({"refresh_token": "x" * 20_000}), "token-unusable"),
    ("line-break", json_of({"refresh_token": "a.b.c\nd"}), "token-unusable"),
    ("nested", Garbage("[" * 200_000, "application/json"), "answer-unusable"),
    ("10MB", Garbage(b" " * 10_000_000, "application/json"), "answer-unusable"),
    ("1MB-of-digits", Garbage(b"9" * 1_000_000, "application/json"), "answer-unusable"),
    ("endless", Endless(), "answer-unusable"),
    ("not-gzip", Status(200, HEADERS, b"no gzip"), "answer-unusable"),
    ("cut", Cut(), "unreachable"),
    ("reset", Reset(), "unreachable"),
    ("self-signed", SelfSigned(), "tls-untrusted"),
    ("wrong-name", WrongName(), "tls-untrusted"),
    ("expired", Expired(), "tls-untrusted"),
    ("not-yet-valid", NotYetValid(), "tls-untrusted"),
    ("HTTP/0.9", Raw(b"CANARY of a server of 1991"), "unreachable"),
    ("no-status", Raw(b"HTTP/1.1 abc\r\n\r\n"), "unreachable"),
    ("two-keys", Garbage(TWO_KEYS, "application/json"), "token-unusable"),
]


@pytest.mark.parametrize(
    ("fault", "reference"),
    [pytest.param(fault, reference, id=name) for name, fault, reference in AT_THE_REGISTRY],
)
def test_at_the_registry(program: Program, host: str, fault: Fault, reference: str) -> None:
    """What the registry says, or whoever stands in its place, is told in words of our own."""
    other = new_host()
    if isinstance(fault, Redirect):
        fault = Redirect(fault.url.replace("OTHER", other), fault.status)
    program.azure.fault("exchange", fault, host=host)
    answer = program.get(host)
    assert answer.reference == reference, answer
    assert answer.out.startswith(host.encode() + b": ")
    assert b"evil.example" not in answer.out
    assert [request for request in program.azure.requests if request.host == other] == []
    assert program.entries() == []
    assert program.exchanges(host) <= 2


REFUSED_ONCE = [Status(401), Status(403), Status(404), Garbage(CANARY_PAGE), Status(429, LATER)]


@pytest.mark.parametrize("fault", REFUSED_ONCE, ids=str)
def test_no_second_try(program: Program, host: str, fault: Fault) -> None:
    """Where another try cannot help, there is none."""
    program.azure.fault("exchange", fault, host=host)
    started = time.monotonic()
    assert program.get(host).code == 1
    assert program.exchanges(host) == 1
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("fault", [Status(500), Status(503), Status(429), Reset(), Cut()], ids=str)
def test_one_accident_is_overcome(program: Program, host: str, fault: Fault) -> None:
    """A single fault of the passing kind costs another try and nothing else."""
    program.azure.fault("exchange", fault, times=1, host=host)
    assert program.get(host).login
    assert program.exchanges(host) == 2


def test_retry_after_that_does_not_fit(program: Program, host: str) -> None:
    """A pause that the deadline has no room for is told, not waited for."""
    program.azure.fault("exchange", Status(429, LATER), host=host)
    answer = program.get(host)
    assert answer.reference == "registry-throttled"
    assert b"600 s" in answer.out


AT_ENTRA: list[tuple[str, str, Fault, str]] = [
    ("429", "sign-in", Status(429, LATER), "entra-throttled"),
    ("500", "sign-in", Status(500), "entra-unavailable"),
    ("503", "sign-in", Status(503), "entra-unavailable"),
    ("504-discovery", "discovery", Status(504), "entra-unavailable"),
    ("html", "sign-in", Garbage(CANARY_PAGE), "answer-unusable"),
    ("html-discovery", "discovery", Garbage(CANARY_PAGE), "answer-unusable"),
    (
        "html-403",
        "sign-in",
        Status(403, {"Content-Type": "text/html"}, CANARY_PAGE),
        "answer-unusable",
    ),
    ("empty", "sign-in", Garbage(""), "answer-unusable"),
    ("redirect", "sign-in", Redirect("https://OTHER/token"), "redirect-refused"),
    ("redirect-discovery", "discovery", Redirect("https://OTHER/"), "redirect-refused"),
    ("10MB", "sign-in", Garbage(b" " * 10_000_000, "application/json"), "answer-unusable"),
    ("endless", "sign-in", Endless(), "answer-unusable"),
    ("reset", "sign-in", Reset(), "unreachable"),
    ("cut", "sign-in", Cut(), "unreachable"),
    ("array", "sign-in", json_of([]), "answer-unusable"),
    ("text", "sign-in", json_of("token"), "answer-unusable"),
    ("null", "sign-in", json_of(None), "answer-unusable"),
    ("token-null", "sign-in", json_of({"access_token": None}), "answer-unusable"),
    ("nested", "sign-in", Garbage("[" * 200_000, "application/json"), "answer-unusable"),
    ("no-endpoint", "discovery", json_of({}), "answer-unusable"),
]


@pytest.mark.parametrize(
    ("kind", "fault", "reference"),
    [pytest.param(kind, fault, ref, id=name) for name, kind, fault, ref in AT_ENTRA],
)
def test_at_entra(program: Program, host: str, kind: str, fault: Fault, reference: str) -> None:
    """What Entra says, or whoever stands in its place, is told in words of our own."""
    other = new_host()
    if isinstance(fault, Redirect):
        fault = Redirect(fault.url.replace("OTHER", other))
    program.azure.fault(kind, fault)
    answer = program.get(host)
    assert answer.reference == reference, answer
    assert b"evil.example" not in answer.out
    assert [request for request in program.azure.requests if request.host == other] == []
    assert program.azure.count("exchange") == 0
    assert program.azure.count(kind) <= 2


@pytest.mark.parametrize("fault", [SelfSigned(), WrongName(), Expired(), NotYetValid()], ids=str)
def test_tls_at_entra(program: Program, host: str, fault: Fault) -> None:
    """A secret is not sent to somebody with a certificate that is not trusted."""
    program.azure.fault("tls", fault, host="login.microsoftonline.com")
    answer = program.get(host)
    assert answer.reference == "tls-untrusted"
    assert program.azure.count("sign-in") == 0


def wrong_secret(_: Program) -> dict[str, str | None]:
    return {"AZURE_CLIENT_SECRET": "no-such-secret"}


def expired_secret(program: Program) -> dict[str, str | None]:
    secret = "CANARY-expired-secret-0123456789"
    owner = program.azure.add_service_principal(secret=secret, secret_expires=time.time() - 5)
    return {"AZURE_CLIENT_ID": owner.client_id, "AZURE_CLIENT_SECRET": secret}


def unknown_app(_: Program) -> dict[str, str | None]:
    return {"AZURE_CLIENT_ID": "11111111-2222-3333-4444-555555555555"}


def unknown_tenant(_: Program) -> dict[str, str | None]:
    return {"AZURE_TENANT_ID": "11111111-2222-3333-4444-555555555555"}


def secret_with_line_break(_: Program) -> dict[str, str | None]:
    return {"AZURE_CLIENT_SECRET": "two\nlines"}


def secret_of_other_bytes(_: Program) -> dict[str, str | None]:
    return {"AZURE_CLIENT_SECRET": "caf\udce9"}


def no_roles(program: Program) -> dict[str, str | None]:
    secret = "CANARY-secret-without-roles-0123456789"
    owner = program.azure.add_service_principal(secret=secret, roles={})
    return {"AZURE_CLIENT_ID": owner.client_id, "AZURE_CLIENT_SECRET": secret}


@pytest.mark.parametrize(
    ("change", "reference"),
    [
        (wrong_secret, "client-secret-refused"),
        (expired_secret, "client-secret-expired"),
        (unknown_app, "app-unknown"),
        (unknown_tenant, "tenant-unknown"),
        (secret_with_line_break, "secret-unreadable"),
        (secret_of_other_bytes, "secret-unreadable"),
        (no_roles, "registry-refused"),
    ],
)
def test_refused_sign_ins(
    program: Program,
    host: str,
    change: Callable[[Program], dict[str, str | None]],
    reference: str,
) -> None:
    """Each way to be refused has its own reference."""
    assert program.get(host, **change(program)).reference == reference


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("AZURE_AUTHORITY_HOST", "http://login.microsoftonline.com"),
        ("AZURE_AUTHORITY_HOST", "https://user@login.microsoftonline.com"),
        ("AZURE_AUTHORITY_HOST", "https://["),
        ("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.com/common"),
        ("ACR_CRED_METHOD", "client-secre"),
        ("ACR_CRED_USERNAME", "admin"),
        ("ACR_CRED_TIMEOUT", "4"),
        ("ACR_CRED_TIMEOUT", "56"),
        ("ACR_CRED_TIMEOUT", "\uff11\uff10"),
        ("ACR_CRED_TIMEOUT", "9" * 5000),
    ],
    ids=ascii,
)
def test_variables(program: Program, host: str, variable: str, value: str) -> None:
    """A variable that cannot be used is named; nobody is asked in the meantime."""
    answer = program.get(host, **{variable: value})
    assert answer.reference == "variable-invalid"
    assert variable.encode() in answer.out
    assert program.azure.requests == []


def test_authority_of_somebody_else(program: Program, host: str) -> None:
    """A secret is not sent to an address only because a variable names it."""
    program.azure.authorities.add("login.evil.example")
    answer = program.get(host, AZURE_AUTHORITY_HOST="https://login.evil.example")
    assert answer.reference == "authority-unknown"
    assert {r.host for r in program.azure.requests} == {"login.microsoftonline.com"}
    assert program.azure.count("sign-in") == 0


@pytest.mark.parametrize("tenant", ["adfs", "x/b2c_1"])
def test_authority_of_somebody_else_for_an_odd_tenant(
    program: Program, host: str, tenant: str
) -> None:
    """For such tenants msal asks nobody whether the authority is Microsoft's."""
    endpoints = {
        f"{name}_endpoint": "https://login.evil.example/t/x" for name in ("token", "authorization")
    }
    program.azure.fault("other", Garbage(json.dumps(endpoints), "application/json"), 1)
    answer = program.get(
        host, AZURE_AUTHORITY_HOST="https://login.evil.example", AZURE_TENANT_ID=tenant
    )
    assert answer.reference == "authority-unknown"
    assert {r.method for r in program.azure.requests if r.host == "login.evil.example"} == {
        "CONNECT",
        "GET",
    }


def test_sign_in_elsewhere_than_the_authority(program: Program, host: str) -> None:
    """What the authority's discovery document names is not believed: the secret stays with Microsoft."""
    endpoints = {
        f"{name}_endpoint": "https://login.evil.example/t/x" for name in ("token", "authorization")
    }
    program.azure.fault("discovery", Garbage(json.dumps(endpoints), "application/json"), 1)
    answer = program.get(host)
    assert answer.reference == "authority-unknown"
    assert "login.evil.example" not in {r.host for r in program.azure.requests}


def test_entra_error_texts_are_not_repeated(program: Program, host: str) -> None:
    """Of Entra's words only numbers and ids are shown: the rest may hold anything."""
    secret = program.azure.client_secret
    words = (
        f"AADSTS7000215: {secret} \x1b[31m credentials not found in native keychain" + "x" * 9999
    )
    body = json.dumps({"error": "invalid_client", "error_description": words})
    program.azure.fault("sign-in", Status(401, {"Content-Type": "application/json"}, body))
    answer = program.get(host)
    assert answer.reference == "client-secret-refused"
    assert b"7000215" in answer.out


# -- names, proxies, trust


def test_name_that_does_not_resolve(program: Program, host: str) -> None:
    """Without a proxy an unknown name is told as such; `.azurecr.io` of a test never resolves."""
    direct = dict.fromkeys(("HTTPS_PROXY", "https_proxy"))
    program.azure.registry("login.invalid")
    program.settings(
        '[clouds.c]\nsuffix = "registry.invalid"\nauthority = "https://login.registry.invalid"\n'
    )
    answer = program.get(f"{host.partition('.')[0]}.registry.invalid", **direct)
    assert answer.reference == "name-not-found"
    assert b"login.registry.invalid" in answer.out


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def test_proxy_down(program: Program, host: str) -> None:
    """A proxy that does not answer is told as such."""
    down = f"http://127.0.0.1:{closed_port()}"
    answer = program.get(host, HTTPS_PROXY=down, https_proxy=down)
    assert answer.reference == "proxy"


@pytest.mark.parametrize("status", [403, 407, 502])
def test_proxy_that_refuses(program: Program, host: str, status: int) -> None:
    """A proxy that does not open the way is told as such, its number included."""
    program.azure.fault("connect", Status(status), host=host)
    answer = program.get(host)
    assert answer.reference == "proxy"
    assert str(status).encode() in answer.out


@pytest.mark.parametrize(
    "address", ["http://", "nonsense", "socks5://127.0.0.1:1", "http://[", "ftp://a"]
)
def test_proxy_that_is_none(program: Program, host: str, address: str) -> None:
    """An address of a proxy that makes no sense is told as such."""
    assert program.get(host, HTTPS_PROXY=address, https_proxy=address).reference == "proxy"


def test_proxy_password_is_not_shown(program: Program, host: str) -> None:
    """Neither user nor password of a proxy is ever shown."""
    password = "CANARY-proxy-password-0123456789"
    program.secrets.add(password)
    log = os.path.join(program.home, "log")
    for address in (f"127.0.0.1:{closed_port()}", "[broken"):
        url = f"http://me:{password}@{address}"
        answer = program.get(host, HTTPS_PROXY=url, https_proxy=url, ACR_CRED_DEBUG=log)
        assert answer.reference == "proxy"


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
@pytest.mark.parametrize("kind", ["missing", "empty", "directory"])
def test_f56_trust_variables(program: Program, host: str, variable: str, kind: str) -> None:
    """A variable that names no CA file is named, instead of trusting something else or nothing."""
    path = os.path.join(program.home, kind)
    if kind == "empty":
        open(path, "wb").close()
    if kind == "directory":
        os.mkdir(path)
    answer = program.get(host, **{variable: path})
    if kind == "directory" and variable != "SSL_CERT_FILE":
        assert answer.code in (0, 1)  # requests takes folders; an empty one trusts nobody more
    else:
        assert answer.reference == "tls-settings"
        assert variable.encode() in answer.out


def test_untrusted_ca(program: Program, host: str) -> None:
    """Without the CA in the trust store nothing is trusted, and nothing turns that off."""
    loose = {
        "SSL_CERT_FILE": None,
        "PYTHONHTTPSVERIFY": "0",
        "AZURE_CLI_DISABLE_CONNECTION_VERIFICATION": "1",
        "REQUESTS_CA_BUNDLE": None,
    }
    answer = program.get(host, **loose)
    assert answer.reference == "tls-untrusted"
    assert program.azure.count("sign-in") == 0


def test_failure_is_remembered_for_seconds_only(program: Program, host: str) -> None:
    """A storm of callers meets the remembered failure, in the same words and said to be one."""
    program.azure.fault("exchange", Status(403), host=host)
    first = program.get(host)
    assert program.get(host).out.replace(b" (a moment ago)", b"") == first.out
    assert program.exchanges(host) == 1


def test_failures_of_settings(program: Program, host: str) -> None:
    """A mistake in the settings is named with its line, and does not concern hosts of others."""
    path = program.settings(f'[registries."{host}"]\nmetod = "client-secret"\n')
    answer = program.get(host)
    assert answer.reference == "settings-invalid"
    assert f"{os.path.basename(path)}:2".encode() in answer.out
    assert b"method" in answer.out
    assert program.get("quay.io").out == b"credentials not found in native keychain\n"
