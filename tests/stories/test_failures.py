"""Each thing that can go wrong has a sentence of its own, with the next step and a reference."""

import gzip
import json
import os
import socket
import sys
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
from tests.stories.program import GUID, NOT_FOUND, Program, new_host

CANARY_PAGE = (
    "<html><script>document.location='https://login.evil.example'</script></html>\n\x1b[2K"
)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
TWO_KEYS = '{"refresh_token": "eyJhIjoxfQ.eyJhIjoxfQ.CANARY", "refresh_token": "CANARY"}'
LATER = {"Retry-After": "600"}
HEADERS = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
BOMB = gzip.compress(bytes(200_000_000), 1)


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
    ("500-600", Status(500, LATER), "registry-unavailable"),
    ("502", Status(502), "registry-unavailable"),
    ("504", Status(504), "registry-unavailable"),
    ("418", Status(418), "answer-unusable"),
    ("204", Status(204), "answer-unusable"),
    *(
        (f"{status}-{name}", Redirect(url, status), "redirect-refused")
        for status in (301, 302, 303, 307, 308)
        for name, url in (
            ("https", "https://OTHER/oauth2/exchange"),
            ("http", "http://OTHER/oauth2/exchange"),
            ("itself", "/oauth2/exchange"),
        )
    ),
    ("302-nowhere", Status(302), "redirect-refused"),
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
    ("1MB-token", json_of({"refresh_token": "e30.e30." + "x" * 1_000_000}), "token-unusable"),
    ("list", json_of({"refresh_token": ["e30.e30.e30"]}), "token-unusable"),
    ("object", json_of({"refresh_token": {}}), "token-unusable"),
    ("true", json_of({"refresh_token": True}), "token-unusable"),
    ("empty-token", json_of({"refresh_token": ""}), "token-unusable"),
    ("bomb", Status(200, HEADERS, BOMB), "answer-unusable"),
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
    ("half-closed", Raw(b""), "unreachable"),
    ("half-a-head", Raw(b"HTTP/1.1 200 OK\r\nContent-Le"), "answer-unusable"),
    ("no-body", Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"), "unreachable"),
    ("bad-chunk", Raw(CHUNKED + b"zz\r\n"), "unreachable"),
    ("half-a-chunk", Raw(CHUNKED + b"99\r\n{"), "unreachable"),
    ("endless-head", Raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 2000), "unreachable"),
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


@pytest.mark.skipif(sys.platform != "linux", reason="no /proc")
@pytest.mark.parametrize("kind", ["exchange", "sign-in"])
@pytest.mark.parametrize(
    "fault",
    [Endless(), Status(200, HEADERS, BOMB), Garbage(b" " * 10_000_000, "application/json")],
    ids=["endless", "bomb", "10MB"],
)
def test_f52_little_memory(program: Program, host: str, fault: Fault, kind: str) -> None:
    """However much somebody sends, it takes less than 80 MB."""
    program.azure.fault(kind, fault)
    answer, used = program.measured("get", stdin=host.encode())
    assert answer.reference == "answer-unusable"
    assert 0 < used.memory < 80_000


@pytest.mark.parametrize("content_type", ["text/html", "application/octet-stream", "", "x" * 500])
def test_f52_another_content_type(program: Program, host: str, content_type: str) -> None:
    """A registry's token is one whatever it is called."""
    token = program.token(host)
    program.azure.fault(
        "exchange", Garbage(json.dumps({"refresh_token": token}), content_type), host=host
    )
    assert program.get(host).secret == token


def test_f50_nobody_hears_of_a_redirect(program: Program, host: str) -> None:
    """Whoever is named is not even connected to, with TLS or without."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)
        port = listener.getsockname()[1]
        for number, scheme in enumerate(("https", "http")):
            name = f"r{number}-{host}"
            fault = Redirect(f"{scheme}://127.0.0.1:{port}/oauth2/exchange", 308)
            program.azure.fault("exchange", fault, host=name)
            assert program.get(name, NO_PROXY="*", no_proxy="127.0.0.1").code == 1
        with pytest.raises(TimeoutError):
            listener.accept()


def test_f51_the_challenge_is_not_asked_for(program: Program, host: str) -> None:
    """A realm that points elsewhere leads nobody anywhere: nobody reads it."""
    elsewhere = {"WWW-Authenticate": 'Bearer realm="https://login.evil.example/token",service="x"'}
    program.azure.fault("challenge", Status(401, elsewhere), host=host)
    assert program.get(host).login["ServerURL"] == host
    assert {r.kind for r in program.azure.requests if r.host == host} == {"connect", "exchange"}
    assert not [r for r in program.azure.requests if "evil" in r.host]


def test_f71_http_1_0(program: Program, host: str) -> None:
    """An old proxy's answer, whose end is that of the connection."""
    token = program.token(host)
    body = json.dumps({"refresh_token": token}).encode()
    head = b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n"
    program.azure.fault("exchange", Raw(head + body), host=host)
    assert program.get(host).secret == token


ACCIDENTS = [
    Status(500),
    Status(503),
    Status(429),
    Status(503, {"Retry-After": "1"}),
    Reset(),
    Cut(),
]
ACCIDENTS += [Raw(b""), Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{")]


@pytest.mark.parametrize("fault", ACCIDENTS, ids=str)
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
    ("504", "sign-in", Status(504), "entra-unavailable"),
    ("429-alone", "sign-in", Status(429), "entra-throttled"),
    ("500-600", "sign-in", Status(500, LATER), "entra-unavailable"),
    ("503-600", "sign-in", Status(503, LATER), "entra-unavailable"),
    ("504-600", "sign-in", Status(504, LATER), "entra-unavailable"),
    ("504-discovery", "discovery", Status(504), "entra-unavailable"),
    ("429-discovery", "discovery", Status(429, LATER), "entra-throttled"),
    ("403-discovery", "discovery", Status(403), "answer-unusable"),
    ("reset-discovery", "discovery", Reset(), "unreachable"),
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


BLOCKED = [Status(403), Status(503), Reset(), Garbage(CANARY_PAGE)]


@pytest.mark.parametrize("fault", BLOCKED, ids=str)
def test_f60_instance_discovery_is_blocked(program: Program, host: str, fault: Fault) -> None:
    """Microsoft's own authorities need nobody's word; for others the word is missing, and that is said."""
    program.azure.fault("instance-discovery", fault)
    assert program.get(host).login["ServerURL"] == host
    program.azure.authorities.add("login.private.example")
    other = {"AZURE_AUTHORITY_HOST": "https://login.private.example"}
    answer = program.get(f"other-{host}", **other)
    assert answer.reference in (
        "authority-unknown",
        "answer-unusable",
        "entra-unavailable",
        "unreachable",
    )
    assert program.azure.count("sign-in") == 1
    assert program.azure.count("instance-discovery") <= 2


@pytest.mark.parametrize("status", [429, 500, 503, 504])
@pytest.mark.parametrize(
    "headers", [{}, {"Retry-After": "1"}, {"Retry-After": "nonsense"}], ids=str
)
def test_f60_one_bad_answer_is_overcome(
    program: Program, host: str, status: int, headers: dict[str, str]
) -> None:
    """A pause that fits is waited for; one that is none is drawn."""
    program.azure.fault("sign-in", Status(status, headers), times=1)
    assert program.get(host).login["ServerURL"] == host
    times = [r.at for r in program.azure.requests if r.kind == "sign-in"]
    assert len(times) == 2
    assert times[1] - times[0] >= (1 if headers.get("Retry-After") == "1" else 0.2)


@pytest.mark.parametrize(
    ("error", "reference"),
    [
        ("interaction_required", "sign-in-blocked"),
        ("login_required", "sign-in-expired"),
        ("consent_required", "consent-missing"),
        ("unauthorized_client", "app-unknown"),
        ("invalid_grant", "sign-in-refused"),
        ("invalid_client", "sign-in-refused"),
        ("a_word_of_tomorrow", "sign-in-refused"),
    ],
)
@pytest.mark.parametrize("number", ["AADSTS99990: ", ""], ids=["new-number", "no-number"])
def test_f61_numbers_may_change(
    program: Program, host: str, error: str, reference: str, number: str
) -> None:
    """Microsoft says so; OAuth's own words stay."""
    body = {
        "error": error,
        "suberror": "basic_action",
        "error_description": f"{number}CANARY-words",
        "claims": '{"access_token":{"capolids":{"essential":true,"values":["CANARY"]}}}',
    }
    headers = {"Content-Type": "application/json"}
    program.azure.fault("sign-in", Status(400, headers, json.dumps(body)))
    answer = program.get(host)
    assert answer.reference == reference
    assert b"CANARY" not in answer.out
    assert (b"AADSTS99990" in answer.out) is bool(number)


@pytest.mark.parametrize("fault", [SelfSigned(), WrongName(), Expired(), NotYetValid()], ids=str)
def test_tls_at_entra(program: Program, host: str, fault: Fault) -> None:
    """A secret is not sent to somebody with a certificate that is not trusted."""
    program.azure.fault("tls", fault, host="login.microsoftonline.com")
    answer = program.get(host)
    assert answer.reference == "tls-untrusted"
    assert b"add its CA to the system's store" in answer.out
    assert program.azure.count("sign-in") == 0
    assert program.azure.count("connect") == 1, "no second try"


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


HOSTILE_TEXTS = {
    "megabyte": b"AADSTS7000215: " + b"CANARY words " * 80_000,
    "latin-1": b"AADSTS7000215: caf\xe9 \xff\xfe\x9b31m CANARY",
    "escapes": b"AADSTS7000215: \x1b]0;CANARY\x07\x1b[2J\r\n\x00\x7f",
    "bidi": "AADSTS7000215: \u202eCANARY\u2066\u200b".encode(),
}


@pytest.mark.parametrize("kind", ["sign-in", "exchange", "metadata"])
@pytest.mark.parametrize("text", HOSTILE_TEXTS.values(), ids=HOSTILE_TEXTS)
@pytest.mark.parametrize("as_json", [True, False], ids=["json", "plain"])
def test_f63_hostile_words(
    program: Program, host: str, kind: str, text: bytes, *, as_json: bool
) -> None:
    """Whoever answers, and in whatever bytes: a sentence of our own, with none of theirs."""
    content = text
    if as_json:
        words = json.dumps(text.decode("latin-1"), ensure_ascii=False).encode("latin-1")
        content = b'{"error": "invalid_client", "error_description": ' + words + b"}"
    program.azure.fault(kind, Status(401, {"Content-Type": "application/json"}, content))
    log = os.path.join(program.home, "log")
    if kind == "metadata":
        program.environ["ACR_CRED_METHOD"] = "managed-identity"
    answer = program.get(host, ACR_CRED_DEBUG=log)
    assert answer.reference  # one line, printable, short
    assert b"CANARY" not in answer.out
    with open(log, encoding="utf-8") as file:
        assert all(line[:-1].isprintable() and len(line) < 40_000 for line in file)


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


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_f57_every_spelling_of_the_variable(program: Program, host: str, name: str) -> None:
    """Each of them is heeded by itself, and named with what is wrong."""
    url = program.environ.pop("HTTPS_PROXY")
    del program.environ["https_proxy"]
    assert program.get(host, **{name: url}).login["ServerURL"] == host
    down = f"127.0.0.1:{closed_port()}"
    answer = program.get(f"other-{host}", **{name: f"http://{down}"})
    assert answer.reference == "proxy"
    assert down.encode() in answer.out


def test_f57_lower_case_comes_first(program: Program, host: str) -> None:
    """As curl and docker's own libraries have it."""
    down = f"http://127.0.0.1:{closed_port()}"
    assert program.get(host, HTTPS_PROXY=down).login["ServerURL"] == host


@pytest.mark.parametrize("scheme", ["http", "https", "socks4", "socks5", "socks5h"])
def test_f57_no_password_whatever_the_scheme(program: Program, host: str, scheme: str) -> None:
    program.secrets.add("CANARY-proxy-password")
    url = f"{scheme}://me:CANARY-proxy-password@127.0.0.1:{closed_port()}"
    assert program.get(host, HTTPS_PROXY=url, https_proxy=url).reference == "proxy"


def test_f57_a_proxy_that_wants_another_password(program: Program, host: str) -> None:
    """407: neither the one that was given nor the proxy's page is shown."""
    program.secrets.add("CANARY-proxy-password")
    page = "<html>CANARY-page of \x1b[31m the proxy"
    program.azure.fault("connect", Status(407, {"Proxy-Authenticate": "Basic realm=CANARY"}, page))
    url = program.environ["HTTPS_PROXY"].replace("://", "://me:CANARY-proxy-password@")
    answer = program.get(host, HTTPS_PROXY=url, https_proxy=url)
    assert answer.reference == "proxy"
    assert b"407" in answer.out
    assert b"CANARY" not in answer.out


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
@pytest.mark.parametrize("kind", ["missing", "empty", "directory", "pipe"])
def test_f56_trust_variables(program: Program, host: str, variable: str, kind: str) -> None:
    """A variable that names no CA file is named, instead of trusting something else or nothing."""
    path = os.path.join(program.home, kind)
    if kind == "empty":
        open(path, "wb").close()
    if kind == "directory":
        os.mkdir(path)
    if kind == "pipe":
        os.mkfifo(path)
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


BROKEN = {
    "no TOML": (b"this is = = none\n", 1),
    "a type": (b'[defaults]\ntimeout = "ten"\n', 2),
    "a key": (b'[defaults]\nmethd = "azure-cli"\n', 2),
    "a method": (b'[defaults]\nmethod = "azure-clio"\n', 2),
    "a host twice": (b'[registries."HOST"]\n[registries."HOST"]\n', 2),
    "a host twice, in capitals": (b'[registries."HOST"]\n[registries."HOST".x]\n', 2),
    "a key twice": (b"[defaults]\ntimeout = 9\ntimeout = 9\n", 3),
    "a table that is none": (b"registries = 7\n", 1),
    "a NUL": (b"[defaults]\n# \0\n", 2),
    "Latin-1": (b"[defaults]\n# caf\xe9\n", 2),
    "UTF-16": ("[defaults]\n".encode("utf-16"), 0),
    "too much": (b"#" * 10_000_000, 0),
    "too deep": (b"a = " + b"[" * 100_000 + b"]" * 100_000, 0),
    "a long number": (b"version = " + b"9" * 5000, 0),
    "an open text": (b'[defaults]\nmethod = "azure-cli\n', 2),
}


@pytest.mark.parametrize(("data", "line"), BROKEN.values(), ids=BROKEN)
def test_f80_mistakes_in_the_settings(program: Program, host: str, data: bytes, line: int) -> None:
    """One sentence with file and line; hosts of others are not concerned; `config check` shows it."""
    path = program.settings("")
    with open(path, "wb") as file:
        file.write(data.replace(b"HOST", host.encode()))
    answer = program.get(host)
    assert answer.reference == "settings-invalid", answer
    if line:
        assert f"config.toml:{line}".encode() in answer.out
    assert b"config.toml" in answer.out
    assert b"recursion" not in answer.out
    assert b"sys." not in answer.out
    assert program.azure.requests == []
    assert program.get("quay.io") == (1, NOT_FOUND, b"")
    checked = program.run("config", "check")
    assert checked[:2] == (3, b"")
    assert b"config.toml" in checked.err
    assert b"Traceback" not in checked.err


@pytest.mark.parametrize("form", ["\ufeff{}", "\ufeff", "{}\r\n", "\ufeff{}\r\n", "{}"], ids=ascii)
def test_f80_editors_of_every_system(program: Program, host: str, form: str) -> None:
    """A byte order mark and Windows' line ends are no mistakes."""
    text = form.format(f'[registries."{host}"]\nusername = "token"').replace("\n", "\r\n")
    with open(program.settings(""), "w", encoding="utf-8", newline="") as file:
        file.write(text)
    assert program.get(host).login["Username"] == ("<token>" if "{}" in form else GUID)


def open_to_the_group(path: str) -> None:
    os.chmod(path, 0o620)


def open_to_all(path: str) -> None:
    os.chmod(path, 0o602)


def of_somebody_else(path: str) -> None:
    os.chown(path, 65534, 65534)


def a_link_to_somebody_elses(path: str) -> None:
    os.rename(path, path + ".theirs")
    os.chown(path + ".theirs", 65534, 65534)
    os.symlink(path + ".theirs", path)


@pytest.mark.parametrize(
    "make", [open_to_the_group, open_to_all, of_somebody_else, a_link_to_somebody_elses]
)
def test_f82_settings_that_others_may_write(
    program: Program, host: str, make: Callable[[str], None]
) -> None:
    """They decide who gets credentials: nobody is asked, and the way out is named."""
    if os.geteuid() and make not in (open_to_the_group, open_to_all):
        pytest.skip("optional: only root can give files away")
    make(program.settings("[defaults]\ntimeout = 20\n"))
    answer = program.get(host)
    assert answer.reference == "settings-unsafe"
    assert b"run: ch" in answer.out
    assert program.azure.requests == []


PRINCIPAL = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET")


@pytest.mark.parametrize("missing", PRINCIPAL)
@pytest.mark.parametrize("value", [None, ""], ids=["unset", "empty"])
@pytest.mark.parametrize("method", ["client-secret", None], ids=["named", "automatic"])
def test_f85_what_is_missing_is_named(
    program: Program, host: str, missing: str, value: str | None, method: str | None
) -> None:
    """Two of three: the third is named, and no value of the others."""
    nowhere = {"AZURE_POD_IDENTITY_AUTHORITY_HOST": None}
    answer = program.get(host, ACR_CRED_METHOD=method, **{missing: value}, **nowhere)
    assert answer.reference == ("inputs-missing" if method else "no-method")
    assert missing.encode() in answer.out
    for name in PRINCIPAL:
        assert program.environ[name].encode() not in answer.out
    assert program.azure.count("sign-in") == 0


@pytest.mark.parametrize("form", ['"{}"', "'{}'", "{}\r", " {}", "{} #"])
def test_f85_a_secret_with_more_around_it(program: Program, host: str, form: str) -> None:
    """As env files of other programs have it: refused by Entra or before, and not shown."""
    secret = form.format(program.environ["AZURE_CLIENT_SECRET"])
    answer = program.get(host, AZURE_CLIENT_SECRET=secret)
    if answer.code:
        assert answer.reference in ("client-secret-refused", "secret-unreadable")
    else:
        assert form == "{}\r", "a line end of Windows is no part of it"


@pytest.mark.parametrize("key", ["client_secret", "password", "secret", "token"])
def test_f84_a_secret_in_the_settings(program: Program, host: str, key: str) -> None:
    """There is no key for one: the line is refused, and nothing that looks at the file shows the value."""
    method = "repository-token" if key == "password" else "client-secret"
    text = f'[registries."{host}"]\nmethod = "{method}"\n{key} = "CANARY-in-the-settings"\n'
    program.own.add(program.settings(text))
    program.secrets.add("CANARY-in-the-settings")
    answer = program.get(host)
    assert answer.reference == "settings-invalid"
    assert b"config.toml:3" in answer.out
    for verb in (("check",), ("show",), ("explain", host)):
        assert program.run("config", *verb).code == 3
    for verb in (("doctor", "--pre"), ("doctor", host), ("status",)):
        assert program.run(*verb).code in (1, 3)
