"""The installed program, run the way a client runs it: a process, two pipes, an exit code."""

import json
import os
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.azure import FakeAzure
from tests.azure.faults import Fault
from tests.azure.tokens import base64url

EXE = ".exe" if os.name == "nt" else ""
# The frozen program, or another installation, if it is named; else the wheel of this Python.
PATH = os.environ.get("ACR_TESTS_PROGRAM") or os.path.join(
    sysconfig.get_path("scripts"), "docker-credential-acr" + EXE
)
FROZEN = os.path.isdir(os.path.join(os.path.dirname(os.path.realpath(PATH)), "_internal"))
GUID = "00000000-0000-0000-0000-000000000000"
NOT_FOUND = b"credentials not found in native keychain\n"
NO_SERVER = b"no credentials server URL\n"
SECONDS = 30
# Where a system keeps what programs cache, what they must not lose, and their settings, below a home.
CACHES, DATA, SETTINGS = {
    "win32": ("AppData/Local", "AppData/Local", "AppData/Roaming"),
    "darwin": ("Library/Caches", "Library/Application Support", ".config"),
}.get(sys.platform, (".cache", ".local/share", ".config"))
OWNER = (
    "" if os.name == "nt" else f"-{os.geteuid()}"
)  # Windows keeps users apart by the folder above


class Answer(NamedTuple):
    """What a client gets to see."""

    code: int
    out: bytes
    err: bytes

    @property
    def login(self) -> dict[str, str]:
        """The credential; fails unless it is one, in the one form that every client reads."""
        assert self.code == 0, self
        assert self.err == b"", self
        found: dict[str, str] = json.loads(self.out)
        compact = json.dumps(found, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
        assert compact == self.out
        assert list(found) == ["ServerURL", "Username", "Secret"]
        assert all(found.values())
        assert {type(value) for value in found.values()} == {str}
        assert len(self.out) < 60 * 1024
        return found

    @property
    def secret(self) -> str:
        return self.login["Secret"]

    @property
    def reference(self) -> str:
        """The reference of an error; fails unless this is one sentence that clients can show."""
        assert self.code == 1, self
        assert self.out == self.err, self
        line = self.out.decode("ascii")
        assert line.endswith("]\n"), self
        assert line.count("\n") == 1, self
        assert line[:-1].isprintable(), self
        assert len(line) <= 301, self
        assert NOT_FOUND.decode().strip() not in line
        assert line[0] not in '{["', "nothing that could be read as JSON"
        return line.rpartition("[")[2][:-2]


def surroundings(home: str, temporary: str | None = None) -> dict[str, str]:
    """The environment of somebody whose home is *home*: what every process has, and nothing else.

    *temporary* is a folder for temporary files, in which nothing may be left; else it is the home.
    """
    temporary = temporary or home
    if os.name != "nt":
        return {"PATH": "/usr/bin:/bin", "HOME": home, "TMPDIR": temporary}
    system = os.environ["SYSTEMROOT"]
    return {
        "SYSTEMROOT": system,  # no socket without it
        "COMSPEC": os.path.join(system, "System32", "cmd.exe"),
        "PATHEXT": ".COM;.EXE;.BAT;.CMD",
        "PATH": os.path.join(system, "System32"),
        "USERPROFILE": home,
        "APPDATA": os.path.join(home, "AppData", "Roaming"),
        "LOCALAPPDATA": os.path.join(home, "AppData", "Local"),
        "TEMP": temporary,
    }


def settings_file(home: str) -> str:
    """Where the settings of somebody with this home are."""
    return os.path.join(home, *SETTINGS.split("/"), "docker-credential-acr", "config.toml")


def new_host(suffix: str = "azurecr.io") -> str:
    """A registry that no other test knows."""
    return f"t{uuid.uuid4().hex[:12]}.{suffix}"


class Used(NamedTuple):
    """Seconds of processor time, and the most memory in KiB."""

    seconds: float
    memory: int


def used_by(process: "subprocess.Popen[bytes]") -> Used:
    """Wait for the end of *process*; what wait4 says of memory is that of the process that started it."""
    memory = 0
    while True:
        with suppress(OSError), open(f"/proc/{process.pid}/status", encoding="ascii") as file:
            peak = [line for line in file if line.startswith("VmHWM")]
            memory = int(peak[0].split()[1]) if peak else memory
        time.sleep(0.002)
        ended, status, used = os.wait4(process.pid, os.WNOHANG)
        if ended:
            process.returncode = os.waitstatus_to_exitcode(status)
            return Used(used.ru_utime + used.ru_stime, memory)


def until(happened: Callable[[], object], seconds: float = 15) -> None:
    """Wait for something that another process does."""
    ends = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.005)


def waits(pid: int) -> bool:
    """Whether a process has a lock's file open: it has the lock, or waits for it."""
    folder = f"/proc/{pid}/fd"
    if not os.path.isdir(folder):
        time.sleep(0.5)  # no such folder on this system
        return True
    try:
        return any(os.readlink(f"{folder}/{name}").endswith(".lock") for name in os.listdir(folder))
    except OSError:  # it closes one just now
        return False


@dataclass
class Program:
    """The program in a home of its own, with an environment made from nothing.

    ``own`` are files that the test itself made, which may hold secrets; ``secrets`` are more than
    Azure's; ``told`` is what it was given in variables, which it hands on.
    """

    home: str
    azure: FakeAzure
    environ: dict[str, str]
    answers: list[tuple[tuple[str, ...], Answer]] = field(default_factory=list)
    own: set[str] = field(default_factory=set)
    secrets: set[str] = field(default_factory=set)
    told: set[str] = field(default_factory=set)
    _noting: threading.Lock = field(default_factory=threading.Lock)

    @property
    def folder(self) -> str:
        """The cache."""
        return os.path.join(self.home, *CACHES.split("/"), "docker-credential-acr" + OWNER)

    @property
    def kept(self) -> str:
        """The folder of kept logins."""
        return os.path.join(self.home, *DATA.split("/"), "docker-credential-acr", "kept")

    def entries(self, host: str = "") -> list[str]:
        """The paths of cache entries, of one host or of all."""
        try:
            names = sorted(os.listdir(self.folder))
        except FileNotFoundError:
            return []
        return [
            os.path.join(self.folder, name)
            for name in names
            for owner, _, number in [name.partition("@")]
            if number and "." not in number and owner not in ("gate", "identity", "memory")
            if host in ("", owner)
        ]

    def files(self) -> list[str]:
        """Every file under the home, its path from there."""
        return sorted(
            os.path.relpath(os.path.join(root, name), self.home)
            for root, _, names in os.walk(self.home)
            for name in names
        )

    def variables(self, changes: Mapping[str, str | None]) -> dict[str, str]:
        merged: dict[str, str | None] = {**self.environ, **changes}
        given = {name: value for name, value in merged.items() if value is not None}
        self.told.update(given.values())
        return given

    def settings(self, text: str) -> str:
        """Write the settings file; its path."""
        path = settings_file(self.home)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o600)
        return path

    def start(self, *arguments: str, **changes: str | None) -> "subprocess.Popen[bytes]":
        """Start the program and leave the rest to the test; `note` what it answered."""
        return subprocess.Popen(
            [PATH, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.variables(changes),
            cwd=self.home,
        )

    def note(self, arguments: tuple[str, ...], answer: Answer) -> Answer:
        """Keep *answer* for the search for secrets."""
        with self._noting:
            self.answers.append((arguments, answer))
        return answer

    def finish(
        self, process: "subprocess.Popen[bytes]", stdin: bytes | None = None, verb: str = "get"
    ) -> Answer:
        with process:
            try:
                out, err = process.communicate(stdin, timeout=SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return self.note((verb,), Answer(process.returncode, out, err))

    def stopped(self, process: "subprocess.Popen[bytes]", number: int) -> Answer:
        """What a `get` says that the signal *number* ends; it does so within half a second."""
        process.send_signal(number)
        sent = time.monotonic()
        answer = self.finish(process)
        assert time.monotonic() - sent < 0.5
        return answer

    def run(self, *arguments: str, stdin: bytes | str = b"", **changes: str | None) -> Answer:
        """Run it to its end; a variable that is None is taken out of the environment."""
        given = stdin.encode() if isinstance(stdin, str) else stdin
        process = self.start(*arguments, **changes)
        return self.finish(process, given, arguments[0] if arguments else "")

    def measured(
        self, *arguments: str, stdin: bytes = b"", **changes: str | None
    ) -> tuple[Answer, Used]:
        """Run it to its end; its answer, and what it used of processor and memory (Linux)."""
        with tempfile.TemporaryFile() as given:
            given.write(stdin)
            given.seek(0)
            process = subprocess.Popen(
                [PATH, *arguments],
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=self.variables(changes),
                cwd=self.home,
            )
        with process:
            used = used_by(process)  # what it says fits into its pipes
            answer = Answer(process.returncode, *process.communicate())
        return self.note(arguments, answer), used

    def get(self, host: bytes | str, **changes: str | None) -> Answer:
        return self.run("get", stdin=host, **changes)

    def get_from(self, path: str, host: str, **changes: str | None) -> Answer:
        """Run `get` of the program at *path*; a relative one is found on PATH."""
        done = subprocess.run(
            [path, "get"],
            input=host.encode(),
            capture_output=True,
            env=self.variables(changes),
            cwd=self.home,
            check=False,
            timeout=SECONDS,
        )
        return self.note(("get",), Answer(done.returncode, done.stdout, done.stderr))

    def store(self, server: str, username: str, secret: str, **changes: str | None) -> Answer:
        login = {"ServerURL": server, "Username": username, "Secret": secret}
        return self.run("store", stdin=json.dumps(login), **changes)

    def erase(self, host: bytes | str, **changes: str | None) -> Answer:
        return self.run("erase", stdin=host, **changes)

    def hosts(self, **changes: str | None) -> dict[str, str]:
        answer = self.run("list", stdin=b"unused", **changes)
        assert answer.code == 0, answer
        assert answer.err == b""
        found: dict[str, str] = json.loads(answer.out)
        return found

    def token(self, audience: object, **claims: object) -> str:
        """A registry token of any content; nobody but a registry can verify one."""
        now = int(time.time())
        content = {"aud": audience, "iat": now, "exp": now + 11_700, **claims}
        head = base64url(json.dumps({"alg": "RS256", "typ": "JWT"}).encode())
        text = f"{head}.{base64url(json.dumps(content).encode())}.{base64url(os.urandom(64))}"
        self.secrets.add(text)
        return text

    def asked(self, host: str, **changes: str | None) -> "subprocess.Popen[bytes]":
        """Start `get` for *host* and return when it has the host; with `Hang`, it then waits."""
        process = self.start("get", **changes)
        assert process.stdin is not None
        process.stdin.write(host.encode())
        process.stdin.close()
        process.stdin = None
        return process

    def holder(self, host: str, fault: Fault, **changes: str | None) -> "subprocess.Popen[bytes]":
        """Start a `get` whose exchange meets *fault*, alone; return when it is there: it has the turn."""
        self.azure.fault("exchange", fault, times=1, host=host)
        process = self.asked(host, **changes)
        until(lambda: self.exchanges(host))
        return process

    def unfinished(self) -> list[str]:
        """Temporary files that somebody left behind."""
        return [name for name in self.files() if name.endswith(".tmp")]

    def exchanges(self, host: str) -> int:
        """How often a token of *host* was asked for."""
        return sum(r.kind == "exchange" and r.host == host for r in self.azure.requests)
