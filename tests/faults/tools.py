"""Tools that make faults: strace for system calls, unshare for networks and disks, faketime for clocks."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

import pytest

from tests.stories.program import PATH, SECONDS, Answer, Program
from tests.systems import IS_ROOT

REQUIRED = "faults" in os.environ.get("ACR_TESTS_REQUIRE", "").split(",")
LONG = os.environ.get("ACR_TESTS_LONG") == "1"
SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
UNSHARE = ("unshare", "--mount", "--net")

long = pytest.mark.skipif(not LONG, reason="optional: takes minutes, runs with ACR_TESTS_LONG=1")


def which(name: str) -> str | None:
    """Find a program of the system, not one that happens to be on the caller's PATH."""
    return shutil.which(name, path=SYSTEM_PATH)


@cache
def absent(tool: str) -> str | None:
    """Why *tool* cannot be used here, or None."""
    tries = {
        "root": ["true"],
        "strace": ["strace", "-f", "-o", "/dev/null", "-e", "inject=flock:error=EIO", "true"],
        "unshare": [*UNSHARE, "sh", "-c", "ip link set lo up && mount -t tmpfs tmpfs /mnt"],
        "faketime": ["faketime", "-f", "+1d", "true"],
        "setpriv": ["setpriv", "--reuid=65532", "--regid=65532", "--clear-groups", "true"],
    }
    if tool == "root" and not IS_ROOT:
        return "needs root"
    if not which(tries[tool][0]):
        return f"no {tool} here"
    tried = subprocess.run(
        tries[tool], check=False, capture_output=True, text=True, env={"PATH": SYSTEM_PATH}
    )
    return None if tried.returncode == 0 else f"{tool} may not work here: {tried.stderr.strip()}"


def needs(*tools: str) -> pytest.MarkDecorator:
    """Skip with the reason where one of *tools* is missing; fail where that is not allowed."""
    reasons = [reason for tool in tools if (reason := absent(tool))]
    return pytest.mark.skipif(bool(reasons) and not REQUIRED, reason=f"optional: {reasons}")


def run(program: Program, command: Iterable[str], host: str, **changes: str | None) -> Answer:
    """Run `get` for *host* by way of *command*, whose last arguments it becomes."""
    return run_verb(program, command, ("get",), host, changes)


def run_verb(
    program: Program,
    command: Iterable[str],
    arguments: tuple[str, ...],
    given: str,
    changes: Mapping[str, str | None],
) -> Answer:
    """Run the program with any *arguments* by way of *command*; *given* is its standard input."""
    found = subprocess.run(
        [*command, PATH, *arguments],
        input=given.encode(),
        capture_output=True,
        check=False,
        timeout=SECONDS + 30,
        env=program.variables({"PATH": SYSTEM_PATH, **changes}),
        cwd=program.home,
    )
    return program.note(arguments, Answer(found.returncode, found.stdout, found.stderr))


def in_shell(program: Program, script: str, host: str, **changes: str | None) -> Answer:
    """Run `get` after *script*, in the same shell; the script sees the home as $HOME."""
    command = ["/bin/sh", "-c", f'{script}\nexec "$@"', "sh"]
    return run(program, command, host, **changes)


def in_namespaces(program: Program, script: str, host: str, **changes: str | None) -> Answer:
    """Run `get` after *script* with a network and mounts of its own."""
    command = [*UNSHARE, "/bin/sh", "-c", f'set -e\n{script}\nexec "$@"', "sh"]
    return run(program, command, host, **changes)


@dataclass(frozen=True)
class Call:
    """The *number*-th system call *name* of the main thread, from 1."""

    name: str
    number: int
    text: str


ALIKE: dict[str, str | None] = {
    "PYTHONHASHSEED": "0"
}  # so that a number means the same call in every run


def trace(
    program: Program,
    given: str,
    arguments: tuple[str, ...] = ("get",),
    changes: Mapping[str, str | None] = MappingProxyType({}),
) -> list[Call]:
    """Run `get` for the host *given*, or anything else; every system call of its main thread."""
    log = os.path.join(program.home, "strace.log")
    command = ["strace", "-f", "-y", "-s", "300", "-o", log]
    assert run_verb(program, command, arguments, given, ALIKE | dict(changes)).code == 0
    with open(log, encoding="utf-8", errors="replace") as file:
        lines = [line.split(None, 1) for line in file]
    os.remove(log)
    counts: dict[str, int] = {}
    calls = []
    main = lines[0][0]
    for pid, text in lines:
        found = re.match(r"([a-z_0-9]+)\(", text)
        if pid != main or not found:
            continue
        name = found[1]
        counts[name] = counts.get(name, 0) + 1
        calls.append(Call(name, counts[name], text))
    return calls


def inject(  # noqa: PLR0913  a fault and its place
    program: Program, host: str, call: str, what: str, *, when: str = "1+", log: str = "/dev/null"
) -> Answer:
    """Run `get` for *host* with a fault in the system call *call*."""
    command = ["strace", "-f", "-o", log, "-s", "300", "-e", f"trace={call}"]
    command += ["-e", f"inject={call}:{what}:when={when}"]
    return run(program, command, host, **ALIKE)
