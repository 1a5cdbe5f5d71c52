"""Other credential helpers: the real ones of Debian with stores made for a test, and scripts."""

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.stories.canary import CHILD
from tests.stories.program import Answer, Program, until
from tests.systems import need_scripts

REQUIRED = "differential" in os.environ.get("ACR_TESTS_REQUIRE", "").split(",")
OWN_SERVER = "https://docker-credential-acr.invalid/"
# A bus that starts nobody by itself: else two keyrings race, and the loser stays for ever.
_BUS = """
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


def need(*programs: str) -> None:
    missing = [name for name in programs if not shutil.which(name)]
    if missing:
        reason = f"not installed: {', '.join(missing)}"
        if REQUIRED:
            pytest.fail(f"ACR_TESTS_REQUIRE=differential, but {reason}")
        pytest.skip(reason)


@dataclass(frozen=True)
class Helper:
    """Another helper; *environ* is what it and whoever asks it need, beside HOME and PATH."""

    name: str
    home: str
    environ: dict[str, str]

    def run(self, *verb: str, stdin: bytes | str = b"") -> Answer:
        given = stdin.encode() if isinstance(stdin, str) else stdin
        environ = {"HOME": self.home, "PATH": os.environ["PATH"], **self.environ}
        program = f"docker-credential-{self.name}"
        found = subprocess.run(
            [program, *verb], input=given, capture_output=True, check=False, env=environ, timeout=30
        )
        return Answer(found.returncode, found.stdout, found.stderr)

    def keep(self, server: str, username: str, secret: str) -> None:
        login = {"ServerURL": server, "Username": username, "Secret": secret}
        assert self.run("store", stdin=json.dumps(login)).code == 0

    def secret(self, server: str) -> str:
        """What it has for *server*; empty where it has nothing."""
        answer = self.run("get", stdin=server)
        return "" if answer.code else str(json.loads(answer.out)["Secret"])

    def servers(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self.run("list").out)
        return found


@contextlib.contextmanager
def pass_store() -> Iterator[Helper]:
    """`docker-credential-pass` with a key and a store made for it.

    A short path: gpg's sockets live below it, and their names may have 108 bytes.
    """
    need("docker-credential-pass", "pass", "gpg", "gpgconf")
    with tempfile.TemporaryDirectory(prefix="acr", ignore_cleanup_errors=True) as home:
        keys = os.path.join(home, "keys")
        os.mkdir(keys, 0o700)
        own = {"GNUPGHOME": keys, "PASSWORD_STORE_DIR": os.path.join(home, "store")}
        environ = {"HOME": home, "PATH": os.environ["PATH"], **own}
        make = ["--batch", "--quiet", "--passphrase", "", "--quick-generate-key", "tests"]
        for command in (["gpg", *make, "default", "default", "never"], ["pass", "init", "tests"]):
            subprocess.run(command, env=environ, check=True, capture_output=True, timeout=60)
        yield Helper("pass", home, own)
        subprocess.run(["gpgconf", "--kill", "all"], env=environ, check=False, timeout=30)


@dataclass(frozen=True)
class Keyring(Helper):
    """A headless gnome-keyring on a message bus of its own."""

    def call(self, method: str, argument: str) -> None:
        """Call the service that keeps the secrets."""
        service = ["--dest=org.freedesktop.secrets", "/org/freedesktop/secrets"]
        subprocess.run(
            ["dbus-send", "--session", "--print-reply", *service, method, argument],
            env={"PATH": os.environ["PATH"], **self.environ},
            check=True,
            capture_output=True,
            timeout=30,
        )

    def lock(self) -> None:
        """Lock it, as a desktop does; nobody is there who could be asked to unlock it."""
        collection = "array:objpath:/org/freedesktop/secrets/collection/login"
        self.call("org.freedesktop.Secret.Service.Lock", collection)


@contextlib.contextmanager
def keyring() -> Iterator[Keyring]:
    """`docker-credential-secretservice` with a keyring that is unlocked."""
    need("docker-credential-secretservice", "gnome-keyring-daemon", "dbus-daemon", "dbus-send")
    with contextlib.ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory(prefix="acr"))
        config = os.path.join(home, "bus.conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write(_BUS.format(folder=home))
        environ = {"HOME": home, "XDG_RUNTIME_DIR": home, "PATH": os.environ["PATH"]}

        def start(*command: str, unlock: bytes = b"") -> "subprocess.Popen[bytes]":
            process = stack.enter_context(
                subprocess.Popen(
                    command,
                    env=environ,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                )
            )
            stack.callback(process.kill)
            assert process.stdin
            process.stdin.write(unlock)
            process.stdin.close()
            return process

        bus = start("dbus-daemon", f"--config-file={config}", "--nofork", "--print-address=1")
        assert bus.stdout
        address = bus.stdout.readline().decode().strip()
        environ["DBUS_SESSION_BUS_ADDRESS"] = address
        daemon = ("gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets")
        start(*daemon, unlock=b"test")
        found = Keyring("secretservice", home, {"DBUS_SESSION_BUS_ADDRESS": address})
        until(lambda: found.run("list").code == 0)
        yield found


@dataclass(frozen=True)
class Script:
    """A helper made of a few lines of shell, which notes how it is called."""

    path: str
    notes: str

    def calls(self) -> list[str]:
        """The verbs that it was called with."""
        return [verb for verb, _, _ in self.heard()]

    def heard(self) -> list[tuple[str, bytes, str]]:
        """Of each call the verb, standard input, and ACR_CRED_NESTED; oldest first."""
        found: list[tuple[int, tuple[str, bytes, str]]] = []
        for name in os.listdir(self.notes):
            if name.endswith(".verb"):
                begin = os.path.join(self.notes, name.removesuffix("verb"))
                parts: list[Any] = []
                for part in ("verb", "stdin", "nested"):
                    with open(begin + part, "rb") as file:
                        parts.append(file.read())
                moment = os.stat(begin + "verb").st_mtime_ns
                found.append((moment, (parts[0].decode(), parts[1], parts[2].decode())))
        return [call for _, call in sorted(found)]


def script(program: Program, name: str, does: str) -> Script:
    """Give *program* a helper `docker-credential-NAME` that *does* something, in shell.

    `$verb`, `$given` (the file with its standard input) and `$notes` (a folder) are there for it.
    """
    need_scripts()
    folder = os.path.join(program.home, "bin")
    notes = os.path.join(program.home, f"notes-{name}")
    os.makedirs(folder, exist_ok=True)
    os.makedirs(notes, exist_ok=True)
    path = os.path.join(folder, f"docker-credential-{name}")
    with open(path, "w", encoding="utf-8") as file:
        file.write(
            textwrap.dedent(f"""\
                #!/bin/sh
                verb=$1 notes={notes}
                given=$notes/$$.stdin
                cat >"$given"
                {{ printf '%s\\n' "$0" "$@"; env; }} >"$notes/$$.child"
                printf %s "$ACR_CRED_NESTED" >"$notes/$$.nested"
                printf %s "$1" >"$notes/$$.verb"
                """)
        )
        file.write(textwrap.dedent(does) + "\n")
    os.chmod(path, 0o755)
    if folder not in program.environ["PATH"]:
        program.environ["PATH"] = f"{folder}:{program.environ['PATH']}"
    return Script(path, notes)


# Keeps one login in plain text, as far as a test of the protocol needs it.
KEEPS = """
kept=$notes/kept
case $verb in
    store) cp "$given" "$kept" ;;
    get) [ -f "$kept" ] && cat "$kept" || { echo "credentials not found in native keychain"; exit 1; } ;;
    erase) rm -f "$kept" ;;
    list) echo '{}' ;;
esac
"""


def own(program: Program, helper: Script) -> None:
    """Tell the search for secrets that the test's helper was given them."""
    for name in os.listdir(helper.notes):
        if not name.endswith(CHILD):
            program.own.add(os.path.join(helper.notes, name))
