"""Nothing hangs: every wait has an end, and what the end says helps.

These stories take seconds by their nature, so they run side by side: each in a home of its own, each
with a registry and, where Entra is at fault, with a cloud of its own.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.azure import Delay, Endless, Hang, Slow, Status
from tests.azure.faults import Fault
from tests.stories.program import PATH, Program, new_host, until

if sys.platform != "win32":
    import pty

FIVE = {"ACR_CRED_TIMEOUT": "5"}
SLOW = 10  # five, two more of the watchdog's, and a start on a busy machine


@dataclass(frozen=True)
class Story:
    """A slow story, and the seconds between which it must end."""

    tell: Callable[[Program], None]
    least: float
    most: float


def no_input(verb: str) -> Callable[[Program], None]:
    """Standard input that neither sends nor closes."""

    def tell(program: Program) -> None:
        process = program.start(verb)
        stdin, process.stdin = process.stdin, None
        answer = program.finish(process, verb=verb)
        assert stdin is not None
        stdin.close()
        assert answer.reference == "no-input"

    return tell


def half_input(program: Program) -> None:
    """A host, and then an input that stays open."""
    process = program.start("get")
    stdin, process.stdin = process.stdin, None
    assert stdin is not None
    stdin.write(new_host().encode() + b"\n")
    stdin.flush()
    assert program.finish(process).reference == "no-input"
    stdin.close()


def at_a_terminal(program: Program) -> None:
    """A person who typed the verb alone reads what is missing, and reads it once."""
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb") as screen, os.fdopen(theirs, "rb") as terminal:
        process = subprocess.Popen(
            [PATH, "get"], stdin=terminal, stdout=terminal, stderr=terminal, env=program.environ
        )
        assert process.wait(30) == 1
        assert os.read(screen.fileno(), 4096).count(b"[no-input]") == 1


def registry(fault: Fault, *references: str, kind: str = "exchange") -> Callable[[Program], None]:
    def tell(program: Program) -> None:
        host = new_host()
        program.azure.fault(kind, fault, host=host)
        answer = program.get(host, **FIVE)
        assert answer.reference in references, answer
        assert host.encode() in answer.out
        assert program.unfinished() == []

    return tell


def entra(fault: Fault, kind: str, suffix: str, authority: str) -> Callable[[Program], None]:
    def tell(program: Program) -> None:
        host = new_host(suffix)
        program.azure.fault(kind, fault, host=authority)
        answer = program.get(host, **FIVE)
        assert answer.reference in ("no-answer", "out-of-time"), answer

    return tell


def retry_after_3(program: Program) -> None:
    host = new_host()
    program.azure.fault("exchange", Status(429, {"Retry-After": "3"}), times=1, host=host)
    assert program.get(host).login
    assert program.exchanges(host) == 2


def stopped_holder(program: Program) -> None:
    """Whoever signs in is stopped: the waiters get an answer from one of them, after 8 s."""
    host = new_host()
    program.azure.fault("exchange", Delay(60), times=1, host=host)
    holder = program.asked(host)
    until(lambda: program.exchanges(host))
    os.kill(holder.pid, signal.SIGSTOP)
    try:
        waiters = [program.asked(host) for _ in range(4)]
        answers = [program.finish(waiter) for waiter in waiters]
    finally:
        holder.kill()
        program.finish(holder)
    assert answers[0].login
    assert set(answers) == {answers[0]}
    assert program.exchanges(host) == 2


def impatient_waiter(program: Program) -> None:
    """Who waits for a stopped holder gives up when the settings say so."""
    host = new_host()
    program.settings("[defaults]\ntimeout = 5\n")
    program.azure.fault("exchange", Delay(60), times=1, host=host)
    holder = program.asked(host)
    until(lambda: program.exchanges(host))
    os.kill(holder.pid, signal.SIGSTOP)
    try:
        assert program.get(host).reference == "out-of-time"
    finally:
        holder.kill()
        program.finish(holder)


STORIES = {
    "get without input": Story(no_input("get"), 4, 6),
    "store without input": Story(no_input("store"), 4, 6),
    "erase without input": Story(no_input("erase"), 4, 6),
    "get with half an input": Story(half_input, 4, 6),
    "registry hangs": Story(registry(Hang(), "no-answer", "out-of-time"), 4, SLOW),
    "registry drips": Story(registry(Slow(2), "no-answer", "out-of-time"), 4, SLOW),
    "registry floods": Story(registry(Endless(), "answer-unusable", "out-of-time"), 0, SLOW),
    "handshake hangs": Story(registry(Hang(), "no-answer", "out-of-time", kind="tls"), 4, SLOW),
    "proxy hangs": Story(
        registry(Hang(), "no-answer", "out-of-time", "proxy", kind="connect"), 2, SLOW
    ),
    "Entra hangs": Story(entra(Hang(), "sign-in", "azurecr.cn", "login.chinacloudapi.cn"), 4, SLOW),
    "Entra's discovery hangs": Story(
        entra(Hang(), "discovery", "azurecr.us", "login.microsoftonline.us"), 4, SLOW
    ),
    "Entra drips": Story(
        entra(Slow(2), "sign-in", "azurecr.sovcloud-azure.fr", "login.sovcloud-identity.fr"),
        4,
        SLOW,
    ),
    "Retry-After that fits": Story(retry_after_3, 3, SLOW),
}
if os.name != "nt":  # it has no terminals to hold the other end of, and stops nobody
    STORIES |= {
        "get at a terminal": Story(at_a_terminal, 4, 6),
        "impatient waiter": Story(impatient_waiter, 4, 14),
        "stopped holder": Story(stopped_holder, 7, 13),
    }


def test_deadlines(programs: Callable[[], Program]) -> None:
    """Each slow story ends in its time and with its answer."""
    homes = {name: programs() for name in STORIES}

    def tell(name: str) -> float:
        started = time.monotonic()
        STORIES[name].tell(homes[name])
        return time.monotonic() - started

    with ThreadPoolExecutor(len(STORIES)) as pool:
        running = {name: pool.submit(tell, name) for name in STORIES}
    broken = {name: story.exception() for name, story in running.items() if story.exception()}
    assert broken == {}
    took = {name: story.result() for name, story in running.items()}
    late = {
        name: seconds
        for name, seconds in took.items()
        if not STORIES[name].least <= seconds <= STORIES[name].most
    }
    assert late == {}
