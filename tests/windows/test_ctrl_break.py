"""F75 on Windows: Ctrl-Break, which reaches a process group as a signal does elsewhere."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from docker_credential_acr import child
from docker_credential_acr.deadline import Deadline
from tests.azure import Hang
from tests.stories.program import PATH, SECONDS, Program, until
from tests.systems import windows
from tests.windows.system import CTRL_BREAK, ends, started, watched

pytestmark = windows
# Starts a process that is in no group of its parent's and deaf to Ctrl-Break, as it is itself.
STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGBREAK, signal.SIG_IGN)
if len(sys.argv) > 1:
    other = subprocess.Popen([sys.executable, "-I", __file__], creationflags=0x200)
    with open(sys.argv[1] + ".new", "w") as file:
        file.write(f"{os.getpid()} {other.pid}")
    os.replace(sys.argv[1] + ".new", sys.argv[1])
time.sleep(60)
"""


@pytest.fixture
def pids(tmp_path: Path) -> Path:
    """Where the stubborn ones say who they are."""
    (tmp_path / "stubborn.py").write_text(STUBBORN)
    return tmp_path / "pids"


def test_f75_during_a_sign_in(program: Program, host: str) -> None:
    """A sign-in that hangs ends at once, with a sentence and without a trace."""
    program.azure.fault("exchange", Hang(), host=host)
    process = started(program, PATH, "get")
    process.stdin.write(host.encode())
    process.stdin.close()
    process.stdin = None
    until(lambda: program.exchanges(host), SECONDS)
    answer = program.stopped(process, CTRL_BREAK)
    assert answer.reference == "stopped"
    assert program.unfinished() == []
    program.azure.clear_faults()
    assert program.get(host).login


def test_f75_before_the_input(program: Program) -> None:
    """Before anything was typed it ends without a word."""
    process = started(program, PATH, "get")
    with pytest.raises(subprocess.TimeoutExpired):  # by then it waits for its input
        process.wait(2)
    answer = program.stopped(process, CTRL_BREAK)
    assert answer.code != 0
    assert b"Traceback" not in answer.err
    assert b"Secret" not in answer.out


def test_f75_children_end_with_it(program: Program, host: str, pids: Path) -> None:
    """The Azure CLI that was started, and what that has started, however deaf they are."""
    az = Path(program.home, "az.cmd")
    az.write_text(f'@"{sys.executable}" -I "{pids.parent / "stubborn.py"}" "{pids}"\n')
    path = f"{program.home}{os.pathsep}{program.environ['PATH']}"
    process = started(program, PATH, "get", ACR_CRED_METHOD="azure-cli", PATH=path)
    process.stdin.write(host.encode())
    process.stdin.close()
    process.stdin = None
    until(pids.exists, SECONDS)
    first, second = map(int, pids.read_text().split())
    with watched(first) as one, watched(second) as two:
        process.send_signal(CTRL_BREAK)
        assert program.finish(process).reference == "stopped"
        assert ends(one)
        assert ends(two)


def test_what_a_program_leaves_behind_ends_with_it(pids: Path) -> None:
    """One that is out of time ends with all that it has started; none of them holds us."""
    command = [sys.executable, "-I", str(pids.parent / "stubborn.py"), str(pids)]
    began = time.monotonic()
    result = child.run(command, Deadline.after(20), 5, os.environ)
    assert result.code is None
    assert time.monotonic() - began < 8
    until(lambda: not alive(pids))


def alive(pids: Path) -> bool:
    """Whether one of those who said so in the file *pids* still runs."""
    for pid in map(int, pids.read_text().split()):
        try:
            with watched(pid) as handle:
                if not ends(handle, 0):
                    return True
        except OSError:  # it has gone
            continue
    return False
