"""Our answers beside those of the helpers that everybody uses (docker-credential-helpers, in Go).

Where both mean the same, the bytes are the same. Where we differ on purpose, the test says so and why.
`pass` is the reference for everything but what is absent: its Debian version answers with an empty
login there, which clients take for a credential; `secretservice` answers as the protocol says.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.stories.program import GUID, NOT_FOUND, Answer, Program

REQUIRED = "differential" in os.environ.get("ACR_TESTS_REQUIRE", "").split(",")
# A bus that starts nobody by itself: else two keyrings race, and the loser stays for ever.
BUS = """
<busconfig>
  <type>session</type>
  <listen>unix:dir={folder}</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""
UNLOCKED = """
printf test | gnome-keyring-daemon --foreground --unlock --components=secrets >/dev/null 2>&1 &
keyring=$!
until dbus-send --session --print-reply --dest=org.freedesktop.DBus / \\
    org.freedesktop.DBus.GetNameOwner string:org.freedesktop.secrets >/dev/null 2>&1
do kill -0 $keyring || exit 9
done
docker-credential-secretservice "$1"
code=$?
kill $keyring
exit $code
"""


@dataclass(frozen=True)
class Reference:
    """Another helper, in a home of its own."""

    name: str
    before: tuple[str, ...]
    environ: dict[str, str]

    def run(self, *verb: str, stdin: bytes = b"") -> Answer:
        found = subprocess.run(
            [*self.before, *verb],
            input=stdin,
            capture_output=True,
            check=False,
            env=self.environ,
            timeout=30,
        )
        return Answer(found.returncode, found.stdout, found.stderr)


def need(*programs: str) -> None:
    missing = [name for name in programs if not shutil.which(name)]
    if missing:
        reason = f"not installed: {', '.join(missing)}"
        if REQUIRED:
            pytest.fail(f"ACR_TESTS_REQUIRE=differential, but {reason}")
        pytest.skip(reason)


@pytest.fixture(scope="module")
def home() -> Iterator[str]:
    """A short path: gpg's sockets live below it, and their names may have 108 bytes."""
    with tempfile.TemporaryDirectory(prefix="acr", ignore_cleanup_errors=True) as folder:
        yield folder


@pytest.fixture(scope="module")
def other(home: str) -> Iterator[Reference]:
    """`docker-credential-pass` with a key and a store made for it."""
    need("docker-credential-pass", "pass", "gpg", "gpgconf")
    keys = os.path.join(home, "keys")
    os.mkdir(keys, 0o700)
    environ = {"HOME": home, "GNUPGHOME": keys, "PATH": os.environ["PATH"]}
    make = ["--batch", "--quiet", "--passphrase", "", "--quick-generate-key", "tests"]
    for command in (["gpg", *make, "default", "default", "never"], ["pass", "init", "tests"]):
        subprocess.run(command, env=environ, check=True, capture_output=True, timeout=60)
    yield Reference("docker-credential-pass", ("docker-credential-pass",), environ)
    subprocess.run(["gpgconf", "--kill", "all"], env=environ, check=False, timeout=30)


@pytest.fixture
def keyring(tmp_path: Path) -> Reference:
    """`docker-credential-secretservice` with a message bus of its own each time."""
    need("docker-credential-secretservice", "gnome-keyring-daemon", "dbus-run-session", "dbus-send")
    bus = tmp_path / "bus.conf"
    bus.write_text(BUS.format(folder=tempfile.gettempdir()))
    environ = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path), "PATH": os.environ["PATH"]}
    session = ("dbus-run-session", f"--config-file={bus}", "--", "sh", "-c", UNLOCKED, "sh")
    return Reference("docker-credential-secretservice", session, environ)


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
def test_same(other: Reference, program: Program, verb: tuple[str, ...], stdin: bytes) -> None:
    """The same bytes, but for the program's name."""
    theirs = other.run(*verb, stdin=stdin)
    ours = program.run(*verb, stdin=stdin)
    name = b"docker-credential-acr"
    assert ours == theirs._replace(out=theirs.out.replace(other.name.encode(), name))


@pytest.mark.parametrize(
    "stdin",
    [b"", b"hello", b"[]", b'"text"', b"7", b"{", b'{"ServerURL":7,"Username":"u"}', b"{]"],
    ids=str,
)
def test_not_a_login(other: Reference, program: Program, stdin: bytes) -> None:
    """Both refuse what is no login, in one line with exit code 1.

    Theirs is the text of Go's reader (`EOF`); ours is a sentence with the next step, and because Docker
    before 28.5 throws standard output away, it stands on standard error, too (design.md 4).
    """
    theirs, ours = other.run("store", stdin=stdin), program.run("store", stdin=stdin)
    assert (theirs.code, theirs.out.count(b"\n")) == (1, 1)
    assert ours.reference == "bad-login"


def test_unknown_verb(other: Reference, program: Program) -> None:
    """Both name the verb with exit code 1; the words are those of the library's newer versions."""
    theirs, ours = other.run("foo"), program.run("foo")
    assert theirs[::2] == ours[::2] == (1, b"")
    assert b"foo" in theirs.out
    assert ours.out == b"docker-credential-acr: unknown action: foo\n"


def test_version(other: Reference, program: Program) -> None:
    """Both say their version with exit code 0; name and package are of the library's newer versions."""
    theirs, ours = other.run("version"), program.run("version")
    assert theirs[::2] == ours[::2] == (0, b"")
    assert theirs.out.split()[-1][:1].isdigit()
    assert ours.out.split()[-1][:1].isdigit()
    assert theirs.out.count(b"\n") == ours.out.count(b"\n") == 1


@pytest.mark.parametrize("verb", ["--help", "-h"])
def test_help(other: Reference, program: Program, verb: str) -> None:
    """Help is their usage line with exit code 0, as newer versions have it; older know no help."""
    usage = other.run()
    assert program.run(verb) == (0, usage.out.replace(b"-pass", b"-acr"), b"")


WAYS_TO_SAY_IT = [b"%s", b"%s\n", b"%s\r\n", b" %s \r\n", b"\t%s\n\n"]


def test_store_and_get(other: Reference, program: Program, host: str) -> None:
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


def test_lenient_reading(other: Reference, program: Program, host: str) -> None:
    """Both read the first value, ignore case and unknown members, and want no line break."""
    secret = program.token(host)
    stdin = (
        f'{{"x":[1],"serverurl":"{host}","USERNAME":"{GUID}","secret":"{secret}"}} more'.encode()
    )
    assert program.run("store", stdin=stdin) == other.run("store", stdin=stdin) == (0, b"", b"")
    assert program.get(host) == other.run("get", stdin=host.encode())
    assert other.run("erase", stdin=host.encode()).code == 0


def test_absent(keyring: Reference, program: Program) -> None:
    """What is not there is told in the one line that every client knows, on standard output only."""
    theirs = keyring.run("get", stdin=b"quay.io")
    assert theirs[:2] == (1, NOT_FOUND)
    assert program.get("quay.io") == (1, NOT_FOUND, b"")


def test_erase_absent(keyring: Reference, program: Program, host: str) -> None:
    """Erasing what is not there is no error, once and twice."""
    assert keyring.run("erase", stdin=host.encode())[:2] == (0, b"")
    for server in (host, host, "quay.io", f"https://{host}"):
        assert program.erase(server) == (0, b"", b"")


# -- where we differ


def test_lines_are_not_joined(other: Reference, program: Program, host: str) -> None:
    """They join lines; we do not: a line break must not make a host of ours (design.md 3)."""
    login = f'{{"ServerURL":"{host}","Username":"u","Secret":"s"}}'.encode()
    assert other.run("store", stdin=login).code == 0
    broken = host.replace(".", ".\n", 1).encode()
    assert other.run("get", stdin=broken).code == 0
    assert program.get(broken) == (1, NOT_FOUND, b"")
    assert other.run("erase", stdin=host.encode()).code == 0


def test_other_users_are_refused(other: Reference, program: Program, host: str) -> None:
    """They keep any user and password; this version says that it does not, and drops nothing silently."""
    login = f'{{"ServerURL":"{host}","Username":"admin","Secret":"s"}}'.encode()
    assert other.run("store", stdin=login) == (0, b"", b"")
    assert program.run("store", stdin=login).reference == "store-not-kept"
    assert other.run("erase", stdin=host.encode()).code == 0


def test_foreign_hosts_are_refused(other: Reference, program: Program) -> None:
    """They keep any registry's login; without a fallback helper we refuse it (design.md 4)."""
    login = b'{"ServerURL":"https://index.docker.io/v1/","Username":"u","Secret":"s"}'
    assert other.run("store", stdin=login) == (0, b"", b"")
    assert program.run("store", stdin=login).reference == "store-not-ours"
    assert other.run("erase", stdin=b"https://index.docker.io/v1/").code == 0


def test_one_registry_has_one_login(other: Reference, program: Program, host: str) -> None:
    """They keep what they are told under that very text; for us every spelling is one registry."""
    secret = program.token(host)
    login = f'{{"ServerURL":"{host}","Username":"{GUID}","Secret":"{secret}"}}'.encode()
    assert program.run("store", stdin=login) == other.run("store", stdin=login)
    assert secret.encode() not in other.run("get", stdin=f"https://{host}/v2/".encode()).out
    assert program.get(f"https://{host}/v2/").secret == secret
    assert other.run("erase", stdin=host.encode()).code == 0


def test_identity_tokens(other: Reference, program: Program, host: str) -> None:
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
