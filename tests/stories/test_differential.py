"""Our answers beside those of the helpers that everybody uses (docker-credential-helpers, in Go).

Where both mean the same, the bytes are the same. Where we differ on purpose, the test says so and why.
`pass` is the reference for everything but what is absent: its Debian version answers with an empty
login there, which clients take for a credential; `secretservice` answers as the protocol says.
"""

import json
from collections.abc import Iterator

import pytest

from tests.stories.other_helpers import OWN_SERVER, Helper, keyring, pass_store
from tests.stories.program import GUID, NOT_FOUND, Program


@pytest.fixture(scope="module")
def other() -> Iterator[Helper]:
    with pass_store() as found:
        yield found


@pytest.fixture(scope="module")
def rings() -> Iterator[Helper]:
    with keyring() as found:
        yield found


SAME = [
    (("get",), b""),
    (("get",), b"\n"),
    (("get",), b" \t\r\n"),
    (("store",), b'{"Username":"u","Secret":"s"}'),
    (("store",), b'{"ServerURL":"","Username":"u"}'),
    (("store",), b'{"ServerURL":null,"Username":"u"}'),
    (("store",), b'{"ServerURL":"my.azurecr.io","Secret":"s"}'),
    (("store",), b'{"ServerURL":"my.azurecr.io","Username":""}'),
    (("store",), b'{"ServerURL":"my.azurecr.io","Username":null}'),
    (("store",), b"{}"),
    (("erase",), b""),
    (("erase",), b" \n"),
    ((), b""),
    (("get", "extra"), b""),
    (("store", "a", "b"), b""),
    (("list",), b""),
    (("list",), b"unused"),
]


@pytest.mark.parametrize(("verb", "stdin"), SAME, ids=str)
def test_same(other: Helper, program: Program, verb: tuple[str, ...], stdin: bytes) -> None:
    """The same bytes, but for the program's name."""
    theirs = other.run(*verb, stdin=stdin)
    ours = program.run(*verb, stdin=stdin)
    name = b"docker-credential-acr"
    assert ours == theirs._replace(
        out=theirs.out.replace(f"docker-credential-{other.name}".encode(), name)
    )


@pytest.mark.parametrize(
    "stdin",
    [b"", b"hello", b"[]", b'"text"', b"7", b"{", b'{"ServerURL":7,"Username":"u"}', b"{]"],
    ids=str,
)
def test_not_a_login(other: Helper, program: Program, stdin: bytes) -> None:
    """Both refuse what is no login, in one line with exit code 1.

    Theirs is the text of Go's reader (`EOF`); ours is a sentence with the next step, and because Docker
    before 28.5 throws standard output away, it stands on standard error, too (design.md 4).
    """
    theirs, ours = other.run("store", stdin=stdin), program.run("store", stdin=stdin)
    assert (theirs.code, theirs.out.count(b"\n")) == (1, 1)
    assert ours.reference == "bad-login"


def test_unknown_verb(other: Helper, program: Program) -> None:
    """Both name the verb with exit code 1; the words are those of the library's newer versions."""
    theirs, ours = other.run("foo"), program.run("foo")
    assert theirs[::2] == ours[::2] == (1, b"")
    assert b"foo" in theirs.out
    assert ours.out == b"docker-credential-acr: unknown action: foo\n"


def test_version(other: Helper, program: Program) -> None:
    """Both say their version with exit code 0; name and package are of the library's newer versions."""
    theirs, ours = other.run("version"), program.run("version")
    assert theirs[::2] == ours[::2] == (0, b"")
    assert theirs.out.split()[-1][:1].isdigit()
    assert ours.out.split()[-1][:1].isdigit()
    assert theirs.out.count(b"\n") == ours.out.count(b"\n") == 1


@pytest.mark.parametrize("verb", ["--help", "-h"])
def test_help(other: Helper, program: Program, verb: str) -> None:
    """Help begins with their usage line, exit code 0 as newer versions have it; older know no help."""
    usage = other.run()
    answer = program.run(verb)
    assert answer[::2] == (0, b"")
    assert answer.out.startswith(usage.out.replace(b"-pass", b"-acr"))


WAYS_TO_SAY_IT = [b"%s", b"%s\n", b"%s\r\n", b" %s \r\n", b"\t%s\n\n"]


def test_store_and_get(other: Helper, program: Program, host: str) -> None:
    """What was stored is answered with the same bytes, however white space surrounds the host."""
    login = program.token(host)
    stdin = f'{{"ServerURL":"{host}","Username":"{GUID}","Secret":"{login}"}}\n'.encode()
    assert program.run("store", stdin=stdin) == other.run("store", stdin=stdin) == (0, b"", b"")
    for way in WAYS_TO_SAY_IT:
        sent = way % host.encode()
        assert program.get(sent) == other.run("get", stdin=sent)
    assert program.run("list") == other.run("list") == (0, f'{{"{host}":"{GUID}"}}\n'.encode(), b"")
    assert program.erase(host) == other.run("erase", stdin=host.encode()) == (0, b"", b"")
    assert program.run("list") == other.run("list") == (0, b"{}\n", b"")


def test_lenient_reading(other: Helper, program: Program, host: str) -> None:
    """Both read the first value, ignore case and unknown members, and want no line break."""
    secret = program.token(host)
    stdin = (
        f'{{"x":[1],"serverurl":"{host}","USERNAME":"{GUID}","secret":"{secret}"}} more'.encode()
    )
    assert program.run("store", stdin=stdin) == other.run("store", stdin=stdin) == (0, b"", b"")
    assert program.get(host) == other.run("get", stdin=host.encode())
    assert other.run("erase", stdin=host.encode()).code == 0


def test_absent(rings: Helper, program: Program) -> None:
    """What is not there is told in the one line that every client knows, on standard output only."""
    theirs = rings.run("get", stdin=b"quay.io")
    assert theirs[:2] == (1, NOT_FOUND)
    assert program.get("quay.io") == (1, NOT_FOUND, b"")


def test_erase_absent(rings: Helper, program: Program, host: str) -> None:
    """Erasing what is not there is no error, once and twice."""
    assert rings.run("erase", stdin=host.encode())[:2] == (0, b"")
    for server in (host, host, "quay.io", f"https://{host}"):
        assert program.erase(server) == (0, b"", b"")


# -- where we differ


def test_lines_are_not_joined(other: Helper, program: Program, host: str) -> None:
    """They join lines; we do not: a line break must not make a host of ours (design.md 3)."""
    login = f'{{"ServerURL":"{host}","Username":"u","Secret":"s"}}'.encode()
    assert other.run("store", stdin=login).code == 0
    broken = host.replace(".", ".\n", 1).encode()
    assert other.run("get", stdin=broken).code == 0
    assert program.get(broken) == (1, NOT_FOUND, b"")
    assert other.run("erase", stdin=host.encode()).code == 0


def test_other_users(other: Helper, program: Program, host: str) -> None:
    """They keep any user and password, and so do we, with them; under a name that none of theirs has."""
    program.settings('store = "pass"\n')
    program.environ |= other.environ
    program.secrets.add("CANARY-s")
    login = f'{{"ServerURL":"{host}","Username":"admin","Secret":"CANARY-s"}}'.encode()
    assert program.run("store", stdin=login) == other.run("store", stdin=login) == (0, b"", b"")
    assert program.get(host) == other.run("get", stdin=host)
    assert program.hosts() == {host: "admin"}
    assert other.servers().items() >= {host: "admin", OWN_SERVER + host: "admin"}.items()
    assert program.erase(host) == other.run("erase", stdin=host) == (0, b"", b"")
    assert not {host, OWN_SERVER + host} & other.servers().keys()


def test_foreign_hosts_are_refused(other: Helper, program: Program) -> None:
    """They keep any registry's login; without a fallback helper we refuse it (design.md 4)."""
    login = b'{"ServerURL":"https://index.docker.io/v1/","Username":"u","Secret":"s"}'
    assert other.run("store", stdin=login) == (0, b"", b"")
    assert program.run("store", stdin=login).reference == "store-not-ours"
    assert other.run("erase", stdin=b"https://index.docker.io/v1/").code == 0


def test_one_registry_has_one_login(other: Helper, program: Program, host: str) -> None:
    """They keep what they are told under that very text; for us every spelling is one registry."""
    secret = program.token(host)
    login = f'{{"ServerURL":"{host}","Username":"{GUID}","Secret":"{secret}"}}'.encode()
    assert program.run("store", stdin=login) == other.run("store", stdin=login)
    assert secret.encode() not in other.run("get", stdin=f"https://{host}/v2/".encode()).out
    assert program.get(f"https://{host}/v2/").secret == secret
    assert other.run("erase", stdin=host.encode()).code == 0


def test_identity_tokens(other: Helper, program: Program, host: str) -> None:
    """They give `<token>` back as it was stored; we give the user name that the settings choose.

    The zero GUID is the form that every client understands; one line in the settings changes it.
    """
    secret = program.token(host)
    login = f'{{"ServerURL":"{host}","Username":"<token>","Secret":"{secret}"}}'.encode()
    assert program.run("store", stdin=login) == other.run("store", stdin=login) == (0, b"", b"")
    theirs = other.run("get", stdin=host.encode())
    assert json.loads(theirs.out)["Username"] == "<token>"
    assert program.get(host).login["Username"] == GUID
    assert other.run("erase", stdin=host.encode()).code == 0
