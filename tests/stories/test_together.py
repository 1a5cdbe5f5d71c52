"""Many processes at once, and processes that are killed or stopped in the middle."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests.azure import Delay, Hang, Status
from tests.stories.program import PATH, Answer, Program, until, waits
from tests.systems import SIGNALS, signals

MANY = 50


def all_at_once(program: Program, hosts: list[str]) -> list[Answer]:
    """One process for each of *hosts*, all of them waiting before the first is given its host."""
    processes = [program.start("get") for _ in hosts]
    for process, host in zip(processes, hosts, strict=True):
        assert process.stdin is not None
        process.stdin.write(host.encode())
        process.stdin.close()
        process.stdin = None
    return [program.finish(process) for process in processes]


def test_v31_fifty_at_once(program: Program, host: str) -> None:
    """Fifty processes on a cold cache make one sign-in and one exchange, and say the same."""
    program.azure.sign_in_delay = program.azure.exchange_delay = 0.2
    answers = all_at_once(program, [host] * MANY)
    assert answers[0].login["ServerURL"] == host
    assert set(answers) == {answers[0]}
    assert program.azure.count("sign-in") == 1
    assert program.azure.count("exchange") == 1
    assert program.unfinished() == []


def test_many_hosts_of_one_identity(program: Program, host: str) -> None:
    """Registries of one identity share its sign-in: one, and one exchange for each registry."""
    hosts = [f"r{number}-{host}" for number in range(10)] * 2
    program.azure.sign_in_delay = 0.2
    answers = all_at_once(program, hosts)
    assert {answer.login["ServerURL"] for answer in answers} == set(hosts)
    assert len({answer.secret for answer in answers}) == 10
    assert program.azure.count("sign-in") == 1
    assert program.azure.count("exchange") == 10


def test_f74_refused_together(program: Program, host: str) -> None:
    """When the registry refuses, a crowd of callers does not hammer it."""
    program.azure.fault("exchange", Status(401), host=host)
    answers = all_at_once(program, [host] * 20)
    assert {answer.reference for answer in answers} == {"registry-refused"}
    assert program.azure.count("exchange") <= 3
    assert program.azure.count("sign-in") <= 3


KILLED_AT = [
    *(("rename,renameat,renameat2", number) for number in (1, 2)),
    *(("write", number) for number in (1, 2)),
    *(("fchmod", number) for number in (1, 2)),
    ("flock,fcntl", 1),
]


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
@pytest.mark.parametrize(("call", "number"), KILLED_AT, ids=str)
def test_v32_killed_while_saving(program: Program, host: str, call: str, number: int) -> None:
    """Killed at a step of saving, it leaves nothing behind that the next call stumbles over."""
    inject = f"inject={call}:signal=SIGKILL:when={number}"
    found = subprocess.run(
        ["strace", "-f", "-o", "/dev/null", "-e", f"trace={call}", "-e", inject, PATH, "get"],
        input=host.encode(),
        capture_output=True,
        check=False,
        env=program.environ,
        timeout=30,
    )
    if b"ptrace" in found.stderr:
        pytest.skip(f"strace may not trace here: {found.stderr!r}")
    assert found.returncode != 0, "it was killed"
    assert found.stdout == b""
    started = time.monotonic()
    first = program.get(host)
    assert first.login
    assert time.monotonic() - started < 5, "no lock outlives its holder"
    assert program.get(host) == first


@pytest.mark.parametrize("number", SIGNALS)
@signals
def test_f75_stopped_by_a_signal(program: Program, host: str, number: signal.Signals) -> None:
    """During a sign-in that hangs a signal ends it at once, with a sentence and without a trace."""
    program.azure.fault("exchange", Hang(), host=host)
    process = program.asked(host)
    until(lambda: program.exchanges(host))
    answer = program.stopped(process, number)
    assert answer.reference == "stopped"
    assert program.unfinished() == []
    program.azure.clear_faults()
    assert program.get(host).login


@signals
@pytest.mark.parametrize("number", SIGNALS)
def test_f75_stopped_while_waiting(program: Program, host: str, number: signal.Signals) -> None:
    """One that waits for another's sign-in ends as quickly, and the other goes on."""
    first = program.holder(host, Delay(2))
    second = program.asked(host)
    until(lambda: waits(second.pid))
    answer = program.stopped(second, number)
    assert answer.reference == "stopped"
    assert answer.out.startswith(host.encode())
    assert program.finish(first).login


@pytest.mark.parametrize("number", SIGNALS[:2])
@signals
def test_f75_stopped_before_the_input(program: Program, number: signal.Signals) -> None:
    """Ctrl-C at a terminal, before anything was typed, gives no traceback."""
    process = program.start("get")
    until(lambda: b"pipe" in waiting_in(process.pid))
    answer = program.stopped(process, number)
    assert answer.code != 0
    assert answer.err == b""


def waiting_in(pid: int) -> bytes:
    """The kernel function that a process sleeps in, where that can be told."""
    try:
        with open(f"/proc/{pid}/wchan", "rb") as file:
            return file.read() or b"pipe"
    except OSError:
        return b"pipe"


Wait = Callable[[Program, str], AbstractContextManager[dict[str, str]]]


@contextmanager
def waiting_for_the_network(program: Program, host: str) -> Iterator[dict[str, str]]:
    program.azure.fault("exchange", Hang(), host=host)
    yield {}


@contextmanager
def waiting_for_a_lock(program: Program, host: str) -> Iterator[dict[str, str]]:
    program.azure.fault("exchange", Hang(), host=host)
    holder = program.asked(host)
    until(lambda: program.exchanges(host))
    yield {}
    holder.kill()
    program.finish(holder)


AZ = """#!/bin/sh
sleep 60 &
echo $$ $! >"$0.new"
mv "$0.new" "$0.pids"
wait
"""


@contextmanager
def waiting_for_az(program: Program, _: str) -> Iterator[dict[str, str]]:
    path = os.path.join(program.home, "az")
    with open(path, "w", encoding="utf-8") as file:
        file.write(AZ)
    os.chmod(path, 0o755)
    yield {"ACR_CRED_METHOD": "azure-cli", "PATH": f"{program.home}:/usr/bin:/bin"}


CLIENT = """
import os, subprocess, sys
helper = subprocess.Popen([sys.argv[1], "get"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
helper.stdin.write(sys.argv[2].encode())
helper.stdin.close()
print(helper.pid, flush=True)
helper.wait()
"""


@signals
@pytest.mark.parametrize("wait", [waiting_for_the_network, waiting_for_a_lock, waiting_for_az])
def test_f75_the_client_is_killed(program: Program, host: str, wait: Wait) -> None:
    """Nobody will read the answer: it ends with its client, in silence, and takes its children along.

    Whoever waits for another one's sign-in does no work, and ends when its turn comes.
    """
    pids = os.path.join(program.home, "az.pids")
    started: dict[Wait, Callable[[int], object]] = {
        waiting_for_the_network: lambda _: program.exchanges(host),
        waiting_for_a_lock: waits,
        waiting_for_az: lambda _: os.path.exists(pids),
    }
    with wait(program, host) as changes:
        client = subprocess.Popen(
            [sys.executable, "-c", CLIENT, PATH, host],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=program.variables(changes),
        )
        with client:
            assert client.stdout is not None
            assert client.stderr is not None
            helper = int(client.stdout.readline())
            until(lambda: started[wait](helper))
            client.kill()
            killed = time.monotonic()
            if wait is not waiting_for_a_lock:
                until(lambda: not alive(helper))
                assert time.monotonic() - killed < 1  # 0.5 on a machine that does nothing else
                assert client.stderr.read() == b""
    until(lambda: not alive(helper), 2)
    assert program.exchanges(host) == (wait is not waiting_for_az)
    if os.path.exists(pids):
        with open(pids, encoding="utf-8") as file:
            children = [int(pid) for pid in file.read().split()]
        until(lambda: not any(map(alive, children)), 2)
    assert program.unfinished() == []


@signals
def test_f75_children_end_with_it(program: Program, host: str) -> None:
    """A signal ends the Azure CLI that was started, and what that has started."""
    tools = os.path.join(program.home, "tools")
    os.mkdir(tools)
    pids = os.path.join(program.home, "pids")
    with open(os.path.join(tools, "az"), "w", encoding="utf-8") as file:
        file.write(
            f'#!/bin/sh\nsleep 60 &\necho $$ $! > "{pids}.new"\nmv "{pids}.new" "{pids}"\nwait\n'
        )
    os.chmod(os.path.join(tools, "az"), 0o755)
    process = program.asked(host, ACR_CRED_METHOD="azure-cli", PATH=f"{tools}:/usr/bin:/bin")
    until(lambda: os.path.exists(pids))
    with open(pids, encoding="utf-8") as file:
        children = [int(pid) for pid in file.read().split()]
    process.send_signal(signal.SIGTERM)
    sent = time.monotonic()
    assert program.finish(process).reference == "stopped"
    assert time.monotonic() - sent < 1
    until(lambda: not any(map(alive, children)), 2)


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and that nobody has waited for does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
