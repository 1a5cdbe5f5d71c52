"""Whole processes, measured from outside, in turn; and the statistics of it.

A process is started with ``posix_spawn`` and ended with ``wait4``: nothing of ``subprocess`` is in the
time. Its standard input is a file, as a pipe would make it wait for this process.
"""

import os
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter

WARM_UP = 2  # rounds that do not count


class Unmeasured(Exception):
    """A figure that cannot be had, and why; *optional* if it is only that a peer is not there."""

    def __init__(self, reason: str, *, optional: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.optional = optional


def nothing() -> None:
    pass


@dataclass(frozen=True)
class Command:
    """One program as somebody starts it; *before* is done ahead of each run, outside the time."""

    name: str
    argv: tuple[str, ...]
    environ: Mapping[str, str]
    stdin: str = os.devnull
    code: int = 0
    before: Callable[[], object] = nothing


@dataclass(frozen=True)
class Run:
    """Seconds of one process from start to end, and of processors for it."""

    wall: float
    cpu: float


class Times:
    """The runs of some commands by name; the nth runs of all belong to one round."""

    def __init__(self, names: Iterable[str]) -> None:
        self.runs: dict[str, list[Run]] = {name: [] for name in names}

    def walls(self, name: str) -> list[float]:
        return [run.wall for run in self.runs[name]]

    def cpus(self, name: str) -> list[float]:
        return [run.cpu for run in self.runs[name]]

    def ratio(self, name: str, reference: str) -> float:
        """Return the median over the rounds of how long *name* took, in *reference*s."""
        return paired_ratio(self.walls(name), self.walls(reference))

    def cpu_ratio(self, name: str, reference: str) -> float:
        return paired_ratio(self.cpus(name), self.cpus(reference))


def paired_ratio(values: Sequence[float], references: Sequence[float]) -> float:
    return median(value / other for value, other in zip(values, references, strict=True))


def paired(commands: Sequence[Command], rounds: int, warm_up: int = WARM_UP) -> Times:
    """Run *commands* in turn, *rounds* times."""
    times = Times(command.name for command in commands)
    for number in range(-warm_up, rounds):
        for command in commands:
            run = once(command)
            if number >= 0:
                times.runs[command.name].append(run)
    return times


def once(command: Command) -> Run:
    command.before()
    begin = perf_counter()
    _, status, usage = os.wait4(start(command), 0)
    wall = perf_counter() - begin
    _check(command, status)
    return Run(wall, usage.ru_utime + usage.ru_stime)


def at_once(command: Command, number: int) -> Run:
    """Start *number* processes without waiting in between; the time until the last has ended."""
    command.before()
    begin = perf_counter()
    started = [start(command) for _ in range(number)]
    ended = [os.wait4(process, 0) for process in started]
    wall = perf_counter() - begin
    for _, status, _ in ended:
        _check(command, status)
    return Run(wall, sum(usage.ru_utime + usage.ru_stime for _, _, usage in ended))


def start(command: Command) -> int:
    """Return the id of the process just started."""
    files = (
        (os.POSIX_SPAWN_OPEN, 0, command.stdin, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
    )
    return os.posix_spawn(command.argv[0], command.argv, command.environ, file_actions=files)


def _check(command: Command, status: int) -> None:
    code = os.waitstatus_to_exitcode(status)
    if code != command.code:
        raise Unmeasured(f"{command.name} ended with {code}: {shown(answer(command))}")


def shown(said: str) -> str:
    """Return the beginning of what a program *said*: enough to see why, and no whole token."""
    return repr(said.strip()[:160])


def answer(command: Command) -> str:
    """Return what *command* says on both its channels: to see that what is measured works."""
    with open(command.stdin, "rb") as stdin:
        done = subprocess.run(
            command.argv,
            env=command.environ,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=60,
            check=False,
        )
    return done.stdout
