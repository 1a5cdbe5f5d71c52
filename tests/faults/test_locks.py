"""Locks that cannot be had, and holders that die: a lock saves work and is never needed."""

import os
import subprocess
import threading
import time

import pytest

from tests.faults.tools import SYSTEM_PATH, inject, needs
from tests.stories.program import PATH, Program, until


@needs("strace")
@pytest.mark.parametrize("error", ["ENOSYS", "ENOLCK", "EIO", "EPERM", "ESTALE", "EOPNOTSUPP"])
def test_f34_no_lock_to_be_had(program: Program, host: str, error: str) -> None:
    """On a file system without locks it goes on without, at once, and puts no other lock in place."""
    program.get(f"first-{host}")  # its sign-in is shared
    began = time.monotonic()
    usual = inject(program, f"usual-{host}", "flock", "delay_enter=0")
    usually, began = time.monotonic() - began, time.monotonic()
    answer = inject(program, host, "flock", f"error={error}")
    assert time.monotonic() - began < 2 * usually + 1  # strace on a busy machine takes its time
    assert usual.login
    assert answer.login["ServerURL"] == host
    assert program.get(host) == answer, "it is kept all the same"
    left = {
        name: os.path.getsize(os.path.join(program.folder, name))
        for name in os.listdir(program.folder)
        if "lock" in name
    }
    assert set(left.values()) == {0}, "a lock that says who holds it would outlive its holder"
    assert all(name.endswith(".lock") for name in left), "and the second lock was not waited for"


@needs("strace")
def test_f34_together_without_locks(program: Program, host: str) -> None:
    """Without locks a crowd signs in as often as it must; nobody fails and the entry stays whole."""
    found = []

    def ask() -> None:
        found.append(inject(program, host, "flock", "error=ENOLCK"))

    crowd = [threading.Thread(target=ask) for _ in range(4)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    secrets = {answer.secret for answer in found}
    assert program.get(host).secret in secrets
    assert program.exchanges(host) <= 4


@needs("strace")
def test_f36_the_holder_dies_before_it_has_saved(program: Program, host: str) -> None:
    """A holder that is killed between its sign-in and its entry is followed by the next at once."""
    program.get(f"first-{host}")  # its sign-in is shared: the rename is the host's entry
    program.azure.exchange_delay = 1
    calls = "rename,renameat,renameat2"
    command = ["strace", "-f", "-o", "/dev/null", "-e", f"trace={calls}"]
    command += ["-e", f"inject={calls}:signal=SIGKILL:when=1", PATH, "get"]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=program.variables({"PATH": SYSTEM_PATH}),
    ) as holder:
        assert holder.stdin is not None
        holder.stdin.write(host.encode())
        holder.stdin.close()
        until(lambda: program.exchanges(host))
        waiter = program.asked(host)
        assert holder.wait(20) != 0
        died = time.monotonic()
        program.azure.exchange_delay = 0
        answer = program.finish(waiter)
        seconds = time.monotonic() - died
    assert answer.login["ServerURL"] == host
    assert program.exchanges(host) == 2
    assert seconds < 2, "its turn came when the holder had gone"


def test_f36b_what_a_lock_file_holds_means_nothing(program: Program, host: str) -> None:
    """A lock file of a dead process, another host or another version is no lock."""
    program.get(host)
    for path in program.entries():
        os.remove(path)
    for name in os.listdir(program.folder):
        if name.endswith(".lock"):
            with open(os.path.join(program.folder, name), "wb") as file:
                file.write(b"1\nsome-other-host\n\xff\x00garbage")
    began = time.monotonic()
    assert program.get(host).login
    assert time.monotonic() - began < 5
