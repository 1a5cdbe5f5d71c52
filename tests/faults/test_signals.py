"""Signals at any moment: the program is gone at once, says nothing odd and leaves nothing behind."""

import os
import random
import re
import signal
import time
from collections.abc import Callable

import pytest

from tests.faults.tools import LONG
from tests.stories.program import Answer, Program, until
from tests.stories.test_refresh_ahead import age
from tests.stories.test_together import alive

TIMES = 150 if LONG else 15  # of each stage
SOON = 0.5  # seconds
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
SLOW_AZ = '#!/bin/sh\nsleep 60 &\necho $$ $! >> "{}"\nwait\n'


def slow_az(program: Program) -> str:
    """An Azure CLI that starts another program and does not end; the file that has their numbers."""
    tools = os.path.join(program.home, "tools")
    os.mkdir(tools)
    pids = os.path.join(program.home, "pids")
    with open(os.path.join(tools, "az"), "w", encoding="utf-8") as file:
        file.write(SLOW_AZ.format(pids))
    os.chmod(os.path.join(tools, "az"), 0o755)
    program.environ |= {"ACR_CRED_METHOD": "azure-cli", "PATH": f"{tools}:/usr/bin:/bin"}
    return pids


def cold(program: Program, _host: str) -> None:
    """A sign-in and an exchange, each of which takes a while."""
    program.azure.sign_in_delay = program.azure.exchange_delay = 0.05


def cached(program: Program, host: str) -> None:
    assert program.get(host).login


def ageing(program: Program, host: str) -> None:
    """An answer, and a process that is started in the background."""
    assert program.get(host).login
    age(program, host)


def child(program: Program, _host: str) -> None:
    slow_az(program)


STAGES: list[tuple[Callable[[Program, str], None], float]] = [
    (cold, 0.5),  # seconds within which the signal comes: somewhat more than all of it takes
    (cached, 0.03),
    (ageing, 0.05),
    (child, 0.8),
]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("stage", "seconds"), STAGES, ids=[s.__name__ for s, _ in STAGES])
def test_f75_at_any_moment(
    program: Program, host: str, stage: Callable[[Program, str], None], seconds: float
) -> None:
    """However far it has got: gone within half a second, and nothing left of it."""
    chance = random.Random(f"{stage.__name__}, the same moments in every run")
    stage(program, host)
    late = []
    for _ in range(TIMES):
        if stage is cold:
            host = f"x{host}"[-40:]
        number, delay = chance.choice(SIGNALS), chance.uniform(0, seconds)
        process = program.asked(host)
        time.sleep(delay)
        process.send_signal(number)
        sent = time.monotonic()
        answer = program.finish(process)
        took = time.monotonic() - sent
        late += [(took, delay, number)] if took > SOON else []
        check(program, answer, number, host)
        assert program.unfinished() == []
        assert [name for name in program.files() if name.endswith(".failed")] == []
    assert len(late) <= TIMES // 15, late  # where others take the processor for a while
    if stage is child:
        with open(os.path.join(program.home, "pids"), encoding="utf-8") as file:
            started = [int(pid) for pid in file.read().split()]
        assert started
        until(lambda: not any(map(alive, started)), 2)
    else:
        assert program.get(host).login


def check(program: Program, answer: Answer, number: int, host: str) -> None:
    """It is a whole answer, one sentence, or nothing; what runs as ours gives no traceback.

    Python itself, while it starts and before our first line, says so when Ctrl-C stops it.
    """
    if answer.code == 1 and answer.out:
        assert answer.reference == "stopped"
        return
    assert answer.code in (0, 1, -number), answer
    if answer.out:  # killed after its answer perhaps: while it started a renewal
        program.answers.remove((("get",), answer))
        answer = program.note(("get",), answer._replace(code=0))
        assert answer._replace(err=b"").login["ServerURL"] == host
    assert not answer.err or (number == signal.SIGINT and b"KeyboardInterrupt" in answer.err)
    assert not re.search(rb'docker_credential_acr/\S+", line \d+, in (?!<module>)', answer.err)
