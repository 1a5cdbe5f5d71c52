"""SIGKILL at every system call between the lock and the answer: nothing is broken, nothing is stuck."""

import os
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.tools import Call, inject, long, needs, trace
from tests.stories.program import Program, new_host

HERE = ("azurecr.io@", "identity@", "docker-credential-acr-", "swept")
SECONDS_STUCK = 6.0  # less than a waiter waits for a lock that nobody gives back


def critical(program: Program) -> tuple[list[Call], list[Call]]:
    """The calls on the cache, and all the others, from the folder's first to the last.

    But for those with which threads wait for each other: there are more or less of them each time.
    """
    calls = [call for call in trace(program, new_host()) if call.name != "futex"]
    ours = [
        number
        for number, call in enumerate(calls)
        if any(words in call.text for words in HERE) and "site-packages" not in call.text
    ]
    section = calls[ours[0] : ours[-1] + 1]
    on_cache = [calls[number] for number in ours]
    chosen = {(call.name, call.number) for call in on_cache}
    return on_cache, [call for call in section if (call.name, call.number) not in chosen]


def kill_at(program: Program, call: Call) -> str:
    """Kill a `get` at *call*, then ask again; what was wrong, or nothing."""
    host = new_host()
    killed = inject(program, host, call.name, "signal=SIGKILL", when=str(call.number))
    if killed.out and not killed.out.endswith(b'"}\n'):
        return f"{call}: half an answer {killed.out!r}"
    if killed.code == 0:
        return f"{call}: not killed"
    began = time.monotonic()
    again = program.get(host)
    if time.monotonic() - began > SECONDS_STUCK:
        return f"{call}: stuck"
    if again.code or again.err or again.login["ServerURL"] != host:
        return f"{call}: {again}"
    if program.get(host) != again:
        return f"{call}: what was kept is not what was answered"
    return ""


def kill(program: Program, calls: list[Call]) -> None:
    with ThreadPoolExecutor(4) as pool:
        wrong = [found for found in pool.map(lambda call: kill_at(program, call), calls) if found]
    assert wrong == []
    leftovers_are_swept(program)


def leftovers_are_swept(program: Program) -> None:
    """What killed writers left goes with the first save an hour later."""
    old = time.time() - 2 * 3600
    for name in os.listdir(program.folder):
        if name.endswith(".tmp") or name == "swept":
            os.utime(os.path.join(program.folder, name), (old, old))
    left = len(program.unfinished())
    for _ in range(left // 20 + 2):
        os.utime(os.path.join(program.folder, "swept"), (old, old))
        program.get(new_host())
    names = len(os.listdir(program.folder))
    assert len(program.unfinished()) <= (0 if names < 200 else left)


@needs("strace")
def test_f33_killed_anywhere(programs: Callable[[], Program]) -> None:
    """Forty kills: most of them at calls on the cache, whose sign-in is shared already or is not."""
    program = programs()
    program.get(new_host())
    on_cache, others = critical(program)
    some = random.Random(33)
    kill(program, on_cache[:: max(1, len(on_cache) // 24)] + some.sample(others, 6))


@needs("strace")
def test_f33_killed_before_anything_was_shared(programs: Callable[[], Program]) -> None:
    """Ten kills of a first sign-in, each in a home of its own."""
    on_cache, _ = critical(programs())
    shared = [call for call in on_cache if "identity@" in call.text]
    assert shared
    calls = shared[:: max(1, len(shared) // 8)][:10]
    homes = [programs() for _ in calls]
    with ThreadPoolExecutor(4) as pool:
        wrong = [found for found in pool.map(kill_at, homes, calls) if found]
    assert wrong == []


@long
@needs("strace")
@pytest.mark.timeout(900)
def test_f33_a_thousand_kills(programs: Callable[[], Program]) -> None:
    """Every call on the cache again and again, and every other one of the critical section."""
    program = programs()
    program.get(new_host())
    on_cache, others = critical(program)
    calls = [*on_cache, *others, *(on_cache * 1000)][:1000]
    kill(program, calls)
