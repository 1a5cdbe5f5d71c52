"""The conformance vectors: what a client sends, and the bytes that it gets.

The numbers are those of the protocol study (V01 to V38); faults of its input have F-numbers. What needs
more than one call or one look has a function of its own below the table.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from docker_credential_acr.people import OTHERS, VERBS
from tests.stories.program import GUID, NO_SERVER, NOT_FOUND, Answer, Program

NO_USER = b"no credentials username\n"
USAGE = b"Usage: docker-credential-acr <store|get|erase|list|version>\n"


@dataclass(frozen=True)
class Login:
    """A credential; the server is echoed as it came, without white space and byte-order mark."""

    username: str = GUID

    def check(self, answer: Answer, sent: bytes) -> None:
        server = sent.removeprefix(b"\xef\xbb\xbf").strip().decode()
        assert answer.login["ServerURL"] == server
        assert answer.login["Username"] == self.username


@dataclass(frozen=True)
class Line:
    """These bytes on standard output, and nothing on standard error."""

    out: bytes
    code: int = 1

    def check(self, answer: Answer, _sent: bytes) -> None:
        assert answer == (self.code, self.out, b"")


@dataclass(frozen=True)
class Sentence:
    """A failure that names its reference."""

    reference: str

    def check(self, answer: Answer, _sent: bytes) -> None:
        assert answer.reference == self.reference


@dataclass(frozen=True)
class NoHang:
    """Not a credential, and no traceback."""

    def check(self, answer: Answer, _sent: bytes) -> None:
        assert answer.code == 1
        assert answer.out.count(b"\n") == 1
        assert b"Traceback" not in answer.err


Expectation = Login | Line | Sentence | NoHang
SILENCE = Line(b"", 0)
ABSENT = Line(NOT_FOUND)

# V01 to V08: everything that names the registry HOST gets its credential.
OURS = [
    ("V01", b"HOST"),
    ("V02-newline", b"HOST\n"),
    ("V02-crlf", b"HOST\r\n"),
    ("V02-rules_oci", b" HOST \r\n"),
    ("V03-bom", b"\xef\xbb\xbfHOST\r\n"),
    ("V04-https", b"https://HOST"),
    ("V04-http", b"http://HOST"),
    ("V04-v2", b"https://HOST/v2/"),
    ("V04-query", b"https://HOST/v1/?a=b"),
    ("V04-slashes", b"//HOST"),
    ("V04-oci", b"oci://HOST/chart"),
    ("V05-repository", b"HOST/team/app"),
    ("V06-port", b"HOST:443"),
    ("V06-url-port", b"https://HOST:443"),
    ("V07-dot", b"HOST."),
    ("V08-label", b"name-e7ggejfuhzhgedc8.azurecr.io"),
    ("V08-regional", b"my.eastus.geo.azurecr.io"),
    ("F08-path-with-at", b"HOST/a@b:c"),
]

# V09, V10 and the F-numbers: not ours, so the one line that every client understands.
FOREIGN = [
    ("V09-hub", b"https://index.docker.io/v1/"),
    ("V09-hub-name", b"docker.io"),
    ("V09-quay", b"quay.io"),
    ("V09-mcr", b"mcr.microsoft.com"),
    ("V09-local", b"localhost:5000"),
    ("V09-data", b"my.eastus.data.azurecr.io"),
    ("V10-suffix", b"x.azurecr.io.evil.example"),
    ("V10-prefix", b"evilazurecr.io"),
    ("V10-bare", b"azurecr.io"),
    ("V10-user", b"https://my.azurecr.io@evil.example/"),
    ("V10-path", b"https://evil.example/my.azurecr.io"),
    ("V10-backslash", b"https://evil.example\\@my.azurecr.io"),
    ("V10-port", b"my.azurecr.io:8443"),
    ("V10-full-width", "\uff4d\uff59.azurecr.io".encode()),
    ("V12-nul", b"my.azurecr.io\0"),
    ("V12-latin-1", b"my\xe9.azurecr.io"),
    ("V12-not-utf-8", b"\xff\xfe\x80my.azurecr.io"),
    ("F13-utf-16", b"\xff\xfe" + "my.azurecr.io\r\n".encode("utf-16-le")),
    ("F13-utf-16-be", b"\xfe\xff" + "my.azurecr.io\r\n".encode("utf-16-be")),
    ("F13-utf-16-no-bom", "my.azurecr.io".encode("utf-16-le")),
    ("F13-utf-32", "my.azurecr.io".encode("utf-32")),
    ("F13-utf-7", b"my+AC4-azurecr.io"),
    ("F13-ebcdic", "my.azurecr.io".encode("cp037")),
    ("F13-bom-behind", b"my.azurecr.io\xef\xbb\xbf"),
    ("F13-two-boms", b"\xef\xbb\xbf\xef\xbb\xbfmy.azurecr.io"),
    ("F02-joined", b"my.\nazurecr.io"),
]


@dataclass(frozen=True)
class Vector:
    """One call; HOST stands for the test's own registry."""

    number: str
    verb: tuple[str, ...]
    stdin: bytes
    expected: Expectation
    environ: tuple[tuple[str, str], ...] = ()


def login(**members: object) -> bytes:
    return json.dumps(members).encode()


VECTORS = [
    *(Vector(number, ("get",), stdin, Login()) for number, stdin in OURS),
    *(Vector(number, ("get",), stdin, ABSENT) for number, stdin in FOREIGN),
    Vector("V11-empty", ("get",), b"", Line(NO_SERVER)),
    Vector("V11-newline", ("get",), b"\n", Line(NO_SERVER)),
    Vector("V11-spaces", ("get",), b" \t \r\n", Line(NO_SERVER)),
    Vector("V11-bom", ("get",), b"\xef\xbb\xbf\r\n", Line(NO_SERVER)),
    Vector("V12-1MiB", ("get",), b"a" * 1024 * 1024, Sentence("input-too-long")),
    Vector("V12-64KiB", ("get",), b"a" * 64 * 1024, ABSENT),
    Vector("V12-host-and-1MiB", ("get",), b"HOST/" + b"a" * 2**20, Sentence("input-too-long")),
    Vector("V17-no-server", ("store",), login(Username="u", Secret="s"), Line(NO_SERVER)),
    Vector("V17-empty", ("store",), login(ServerURL="", Username="u"), Line(NO_SERVER)),
    Vector("V17-blank", ("store",), login(ServerURL=" ", Username="u"), Line(NO_SERVER)),
    Vector("V17-no-user", ("store",), login(ServerURL="HOST", Secret="s"), Line(NO_USER)),
    Vector("V17-null", ("store",), login(ServerURL="HOST", Username=None), Line(NO_USER)),
    Vector("V18-not-json", ("store",), b"hello", Sentence("bad-login")),
    Vector("V18-empty", ("store",), b"", Sentence("bad-login")),
    Vector("V18-array", ("store",), b"[]", Sentence("bad-login")),
    Vector("V18-number", ("store",), login(ServerURL="HOST", Username=7), Sentence("bad-login")),
    Vector(
        "V18-utf-16", ("store",), '{"ServerURL":"HOST"}'.encode("utf-16"), Sentence("bad-login")
    ),
    Vector("F16-nested", ("store",), b"[" * 200_000, Sentence("bad-login")),
    Vector("F16-nested-in", ("store",), b'{"a":' * 100_000, Sentence("bad-login")),
    Vector("F16-digits", ("store",), b'{"a":' + b"9" * 5000 + b"}", Sentence("bad-login")),
    Vector("F16-digits-server", ("store",), b'{"ServerURL":' + b"9" * 5000, Sentence("bad-login")),
    Vector(
        "F16-digits-secret",
        ("store",),
        b'{"ServerURL":"HOST","Username":"<token>","Secret":' + b"9" * 5000 + b"}",
        Sentence("bad-login"),
    ),
    Vector("F16-nan", ("store",), b'{"ServerURL":NaN,"Username":"u"}', Sentence("bad-login")),
    Vector(
        "F16-nested-secret",
        ("store",),
        b'{"ServerURL":"HOST","Username":"u","Secret":' + b"[" * 200_000,
        Sentence("bad-login"),
    ),
    Vector("F16-half", ("store",), b'{"ServerURL":"HOST","Username":"u', Sentence("bad-login")),
    Vector(
        "F16-10MB",
        ("store",),
        login(ServerURL="HOST", Username="<token>", Secret="s" * 10_000_000),
        Sentence("input-too-long"),
    ),
    Vector(
        "V20",
        ("store",),
        login(ServerURL="https://index.docker.io/v1/", Username="me", Secret="s"),
        Sentence("store-not-ours"),
    ),
    Vector("V21-ours", ("erase",), b"HOST", SILENCE),
    Vector("V21-http", ("erase",), b"http://HOST", SILENCE),
    Vector("V21-https", ("erase",), b"https://HOST/", SILENCE),
    Vector("V21-foreign", ("erase",), b"quay.io", SILENCE),
    Vector("V21-hub", ("erase",), b"https://index.docker.io/v1/access-token", SILENCE),
    Vector("V21-garbage", ("erase",), b"\0\xff\n\x1b[0m", SILENCE),
    Vector("V23", ("erase",), b"", Line(NO_SERVER)),
    Vector("V23-spaces", ("erase",), b" \n", Line(NO_SERVER)),
    Vector("V24-unused", ("list",), b"unused", Line(b"{}\n", 0)),
    Vector("V24-empty", ("list",), b"", Line(b"{}\n", 0)),
    Vector("V27-unknown", ("foo",), b"", Line(b"docker-credential-acr: unknown action: foo\n")),
    Vector(
        "V27-near",
        ("statsu",),
        b"",
        Line(b"docker-credential-acr: unknown action: statsu, did you mean status?\n"),
    ),
    Vector(
        "V27-near-two",
        ("confgure", "HOST"),
        b"",
        Line(b"docker-credential-acr: unknown action: confgure, did you mean configure?\n"),
    ),
    Vector("V27-none", (), b"", Line(USAGE)),
    Vector("V27-two", ("get", "extra"), b"HOST", Line(USAGE)),
    Vector("F14-two-verbs", ("list", "version"), b"", Line(USAGE)),
    Vector("F14-empty-verb", ("",), b"", Line(b"docker-credential-acr: unknown action: \n")),
    Vector("F14-GET", ("GET",), b"", Line(b"docker-credential-acr: unknown action: GET\n")),
    Vector(
        "F09-verb",
        ("\x1b[31m\u202e",),
        b"",
        Line(b"docker-credential-acr: unknown action: \\x1b[31m\\u202e\n"),
    ),
    Vector("V28-variable", ("get",), b"HOST", Login("<token>"), (("ACR_CRED_USERNAME", "token"),)),
]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.number)
def test_vector(vector: Vector, program: Program, host: str) -> None:
    """Each vector is answered as the protocol says, to the byte."""
    sent = vector.stdin.replace(b"HOST", host.encode())
    answer = program.run(*vector.verb, stdin=sent, **dict(vector.environ))
    vector.expected.check(answer, sent)
    if vector.expected is ABSENT:
        assert program.azure.requests == []
        assert program.files() == []


@pytest.mark.parametrize("verb", ["version", "--version", "-v"])
def test_v26_version(verb: str, program: Program) -> None:
    """The version is a line of the form that the reference helpers print."""
    answer = program.run(verb)
    name, package, number = answer.out.decode().split()
    assert answer[::2] == (0, b"")
    assert (name, package) == ("docker-credential-acr", "(docker_credential_acr)")
    assert number[0].isdigit()


@pytest.mark.parametrize("arguments", [("--help",), ("-h",), ("help",)])
def test_v26_help(arguments: tuple[str, ...], program: Program) -> None:
    """It begins as every helper's does, names every verb, and fits a screen."""
    answer = program.run(*arguments)
    lines = answer.out.decode().splitlines()
    assert answer[::2] == (0, b"")
    assert lines[0] + "\n" == USAGE.decode()
    assert {line.split()[0] for line in lines if line.startswith("    ")} >= {*VERBS, *OTHERS}
    assert len(lines) <= 40
    assert max(map(len, lines)) < 80


def test_v07_spellings_share_one_entry(program: Program, host: str) -> None:
    """However a client spells the host, there is one sign-in and one entry."""
    spellings = [host, host.upper(), f"https://{host}/v2/", f"{host}:443", f"{host}.", f"//{host}"]
    secrets = {program.get(spelling).secret for spelling in spellings}
    assert len(secrets) == 1
    assert len(program.entries()) == 1
    assert program.exchanges(host) == 1


def test_v13_no_identity(program: Program, host: str) -> None:
    """Without any identity the answer says what was looked for, and what to do."""
    nobody = dict.fromkeys(
        (
            "AZURE_CLIENT_ID",
            "AZURE_CLIENT_SECRET",
            "AZURE_TENANT_ID",
            "AZURE_POD_IDENTITY_AUTHORITY_HOST",
        )
    )
    answer = program.get(host, **nobody)
    assert answer.reference == "no-method"
    assert b"az login" in answer.out
    assert answer.out.startswith(host.encode())


def go_form(host: str, secret: str) -> bytes:
    user = "\\u003ctoken\\u003e"
    return f'{{"ServerURL":"{host}","Username":"{user}","Secret":"{secret}"}}\n'.encode()


def python_form(host: str, secret: str) -> bytes:
    return json.dumps({"ServerURL": host, "Username": "<token>", "Secret": secret}).encode()


def guid_form(host: str, secret: str) -> bytes:
    return json.dumps({"ServerURL": f"https://{host}", "Username": GUID, "Secret": secret}).encode()


def lower_case(host: str, secret: str) -> bytes:
    return json.dumps({"serverurl": host, "USERNAME": "<token>", "secret": secret}).encode()


def unknown_members(host: str, secret: str) -> bytes:
    more = {"Extra": {"a": [1, None]}, "Null": None}
    return json.dumps({**more, "ServerURL": host, "Username": "<token>", "Secret": secret}).encode()


def bytes_after(host: str, secret: str) -> bytes:
    return python_form(host, secret) + b"\n{]more"


def with_bom(host: str, secret: str) -> bytes:
    return b"\xef\xbb\xbf" + python_form(host, secret)


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(go_form, id="V15-go"),
        pytest.param(python_form, id="V15-docker-py"),
        pytest.param(guid_form, id="V15-guid"),
        pytest.param(lower_case, id="V16-lower-case"),
        pytest.param(unknown_members, id="V16-unknown-members"),
        pytest.param(bytes_after, id="V16-bytes-after"),
        pytest.param(with_bom, id="V16-bom"),
    ],
)
def test_v15_v16_store(form: Callable[[str, str], bytes], program: Program, host: str) -> None:
    """A registry token that `docker login` hands over is kept, and `get` answers it offline."""
    secret = program.token(host)
    assert program.run("store", stdin=form(host, secret)) == (0, b"", b"")
    assert program.get(host).login == {"ServerURL": host, "Username": GUID, "Secret": secret}
    assert program.azure.requests == []


def test_v19_store_of_a_token_that_fits_no_answer(program: Program, host: str) -> None:
    """A token so long that its answer would not fit into one pipe is refused, not lost silently."""
    answer = program.store(host, "<token>", program.token(host, padding="x" * 50_000))
    assert answer.reference == "store-not-a-token"
    assert program.entries() == []


def test_v22_erase_forgets(program: Program, host: str) -> None:
    """After `erase` the next `get` signs in anew; other hosts keep what they have."""
    other = f"other-{host}"
    first, kept = program.get(host).secret, program.get(other).secret
    assert program.erase(host) == (0, b"", b"")
    assert program.entries(host) == []
    assert program.erase(host) == (0, b"", b"")
    assert program.get(host).secret != first
    assert program.get(other).secret == kept


def test_v28_token_user_by_settings(program: Program, host: str) -> None:
    """The identity-token form is one line in the settings; nothing else changes."""
    program.settings(f'[registries."{host}"]\nusername = "token"\n')
    assert program.get(host).login["Username"] == "<token>"
    assert program.get(f"other-{host}").login["Username"] == GUID
    assert program.hosts() == {host: "<token>", f"other-{host}": GUID}
