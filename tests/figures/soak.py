"""A day in minutes: one call a second, faults at random, and every answer is looked at."""

import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.azure import Cut, Delay, FakeAzure, Garbage, Reset, Status
from tests.azure.faults import Fault
from tests.azure.tokens import peek
from tests.entries import times_of, with_times
from tests.faults.tools import run
from tests.stories.program import Answer, Program, new_host

FAULTS: tuple[tuple[str, Fault], ...] = (
    ("exchange", Status(500)),
    ("exchange", Status(429, {"Retry-After": "600"})),
    ("exchange", Cut()),
    ("exchange", Reset()),
    ("exchange", Garbage()),
    ("exchange", Delay(2)),
    ("sign-in", Status(503)),
    ("sign-in", Reset()),
    ("connect", Reset()),
)
SHARE = 0.05  # of the calls meet a fault; another twentieth finds its entry damaged or gone
BETWEEN = 1.0  # seconds from call to call


@dataclass
class Soak:
    """What happened; the lists hold what must not happen."""

    calls: int = 0
    failures: int = 0
    wrong: list[str] = field(default_factory=list)
    unrecovered: list[str] = field(default_factory=list)
    noisy: list[str] = field(default_factory=list)
    temporary: int = 0
    memory: list[int] = field(default_factory=list)  # KiB, the largest of each call


def soak(program: Program, seconds: float, seed: int = 19) -> Soak:
    """Call once a second for *seconds*, with five registries and two identities."""
    some = random.Random(seed)
    hosts = [new_host() for _ in range(5)]
    found = Soak()
    begin = time.monotonic()
    while time.monotonic() - begin < seconds:
        due = begin + found.calls * BETWEEN
        time.sleep(max(0.0, due - time.monotonic()))
        host = some.choice(hosts)
        if some.random() < SHARE:
            damage(program, some, host)
        with trouble(program.azure, some, host) as faulty:
            answer = asked(program, host, found)
        check(program, host, answer, found, faulty=faulty)
    found.temporary = len(program.unfinished())
    for host in hosts:
        forget_notes(program)
        if program.get(host).code:
            found.unrecovered.append(host)
    return found


@contextmanager
def trouble(azure: FakeAzure, some: random.Random, host: str) -> Iterator[bool]:
    faulty = some.random() < SHARE
    if faulty:
        kind, fault = some.choice(FAULTS)
        azure.fault(kind, fault, host=host if kind == "exchange" else None)
    yield faulty
    azure.clear_faults()


def damage(program: Program, some: random.Random, host: str) -> None:
    """Cut, age, expire or remove the entry, and forget who was signed in."""
    for path in program.entries(host):
        with open(path, "rb") as file:
            data = file.read()
        kind = some.randrange(4)
        if kind == 0:
            data = data[: some.randrange(len(data))]
        elif kind < 3:
            issued, _, until, expires = times_of(data)
            age = (expires - issued) if kind == 1 else 0
            data = with_times(data, [issued - age, issued - age, until - age, expires - age])
        else:
            os.remove(path)
            continue
        with open(path, "wb") as file:
            file.write(data)
    if some.random() < 0.3:
        for name in os.listdir(program.folder) if os.path.isdir(program.folder) else []:
            if name.startswith("identity@"):
                os.remove(os.path.join(program.folder, name))


def asked(program: Program, host: str, found: Soak) -> Answer:
    """One call, with its largest memory; GNU time is the parent, which is small."""
    report = os.path.join(program.home, "memory")
    found.calls += 1
    command = ["/usr/bin/time", "--quiet", "--format=%M", f"--output={report}"]
    answer = run(program, command if os.access(command[0], os.X_OK) else [], host, PATH=os.defpath)
    if os.path.exists(report):
        with open(report, encoding="ascii") as file:
            found.memory.append(int(file.read().split()[-1]))
    return answer


def check(program: Program, host: str, answer: Answer, found: Soak, *, faulty: bool) -> None:
    del program.answers[:]
    if answer.code:
        found.failures += 1
        if answer.code != 1 or answer.out != answer.err:
            found.wrong.append(f"{host}: exit {answer.code}")
        elif not faulty and b"(a moment ago)" not in answer.out:
            found.unrecovered.append(f"{host}: {answer.out.decode('ascii', 'replace')}")
        return
    if answer.err:
        found.noisy.append(host)
    claims = peek(answer.secret)[1]
    if claims["aud"] != host or claims["exp"] <= time.time():
        found.wrong.append(host)


def forget_notes(program: Program) -> None:
    """Ten seconds later."""
    for name in program.files():
        if name.endswith(".failed"):
            os.remove(os.path.join(program.home, name))
