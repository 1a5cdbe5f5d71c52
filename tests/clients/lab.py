"""The lab as tests see it: run a program inside, learn what it asked of Azure."""

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from tests.clients import namespace

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
TIMEOUT = 30.0
STOP = 20.0


@dataclasses.dataclass(frozen=True, repr=False)
class Seen:
    """One request, as the fake Azure saw it."""

    kind: str
    method: str
    host: str
    path: str
    status: int
    form: dict[str, str]

    def __repr__(self) -> str:
        return f"{self.method} https://{self.host}{self.path} {self.status} ({self.kind})"


@dataclasses.dataclass(frozen=True, repr=False)
class Ran:
    """One program, run to its end."""

    exit: int
    stdout: str
    stderr: str
    seconds: float
    requests: list[Seen]

    def __repr__(self) -> str:
        return "\n".join(
            [f"exit {self.exit} after {self.seconds:.2f} s", self.stdout, self.stderr]
            + [repr(request) for request in self.requests]
        )

    def count(self, kind: str) -> int:
        """Count what Azure was asked of this kind."""
        return sum(request.kind == kind for request in self.requests)


class Lab:
    """The other end of the world's standard input and output."""

    def __init__(self, process: subprocess.Popen[str], log: str) -> None:
        self._process = process
        self._log = log
        self._answer()

    def run(
        self,
        argv: list[str],
        env: dict[str, str],
        cwd: str,
        stdin: str = "",
        timeout: float = TIMEOUT,
    ) -> Ran:
        """Run a program with exactly this environment."""
        said = self._ask("run", argv=argv, env=env, cwd=cwd, stdin=stdin, timeout=timeout)
        said["requests"] = [Seen(**request) for request in said["requests"]]
        return Ran(**said)

    def identity(self) -> dict[str, str]:
        """Answer the variables of a service principal that may pull and push."""
        variables: dict[str, str] = self._ask("identity")
        return variables

    def secrets(self) -> set[str]:
        """Answer every secret that Azure has given or issued so far."""
        return set(self._ask("secrets"))

    def admin(self, host: str) -> tuple[str, str]:
        """Switch a registry's admin user on; answer user name and password."""
        user, password = self._ask("admin", host=host)
        return user, password

    def repository_token(self, host: str, name: str) -> str:
        """Make a repository token that may pull; answer its password."""
        password: str = self._ask("repository_token", host=host, name=name)
        return password

    @contextlib.contextmanager
    def registry(self, host: str, **settings: object) -> Iterator[None]:
        """Let a registry behave differently for a while."""
        before = self._ask("change", host=host, settings=settings)
        try:
            yield
        finally:
            self._ask("change", host=host, settings=before)

    def engine(self, env: dict[str, str]) -> str:
        """Start one more docker engine, with this added to its environment; answer its address."""
        address: str = self._ask("engine", env=env)
        return address

    def _ask(self, question: str, **arguments: object) -> Any:
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"ask": question, "arguments": arguments}) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            with open(self._log) as log:
                raise RuntimeError(f"the lab has ended:\n{log.read()}")
        said = json.loads(line)
        if "error" in said:
            raise RuntimeError(said["error"])
        return said["answer"]


@contextlib.contextmanager
def opened(folder: str) -> Iterator[Lab]:
    """Open a lab; nothing of it outlives the block."""
    log = os.path.join(folder, "world.log")
    with (
        open(log, "wb") as words,
        subprocess.Popen(
            [*namespace.UNSHARE, sys.executable, "-m", "tests.clients.world", folder],
            env={"PATH": namespace.PATH},
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=words,
            text=True,
        ) as process,
    ):
        try:
            yield Lab(process, log)
        finally:
            assert process.stdin
            process.stdin.close()
            try:
                process.wait(STOP)
            except subprocess.TimeoutExpired:
                process.kill()  # and with it, its namespaces
