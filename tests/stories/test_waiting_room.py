"""Who has to wait for another process's sign-in waits before anything slow is loaded."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

from docker_credential_acr import deadline, locks, time_limit
from tests.azure import Delay, Status
from tests.entries import redate
from tests.stories.program import Program, new_host, until, waits
from tests.systems import linux, posix

pytestmark = posix("waiting room")
FIVE = {"ACR_CRED_TIMEOUT": "5"}


@contextmanager
def stopped(program: Program, host: str, **changes: str | None) -> Iterator[None]:
    """A process that has the turn and does not go on."""
    process = program.holder(host, Delay(60), **changes)
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        process.kill()
        program.finish(process)


def age(program: Program, host: str, left: int) -> None:
    """Change the entry of *host* into one of a token that has *left* seconds to live."""
    (path,) = program.entries(host)
    now = time.time()
    redate(path, lambda times: [each - int(times[3] - now - left) for each in times])


def loaded(pid: int) -> set[str]:
    """The shared libraries and extension modules that a process has loaded."""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
        return {os.path.basename(line.split()[-1]) for line in file if ".so" in line}


@linux
def test_a_waiter_loads_next_to_nothing(program: Program, host: str) -> None:
    """Neither TLS nor a parser of JSON, neither settings nor a library of anybody else."""
    first = program.holder(host, Delay(1.5))
    second = program.asked(host)
    until(lambda: waits(second.pid))
    mine, its = loaded(second.pid), loaded(first.pid)
    assert "libssl" not in " ".join(mine)
    assert len(mine) <= len(its) / 2
    assert program.finish(second) == program.finish(first)
    assert program.exchanges(host) == 1


def test_another_spelling_waits_for_the_same_and_is_echoed(program: Program, host: str) -> None:
    first = program.holder(host, Delay(1))
    second = program.asked(f"https://{host.upper()}/v2/")
    assert program.finish(second).login["ServerURL"] == f"https://{host.upper()}/v2/"
    assert program.finish(first).login
    assert program.exchanges(host) == 1


class TestWhenTheTimeIsOver:
    def test_it_says_what_everybody_says(self, program: Program, host: str) -> None:
        with stopped(program, host):
            began = time.monotonic()
            answer = program.get(host, **FIVE)
            assert 4.5 < time.monotonic() - began < 7
        assert answer.reference == "out-of-time"
        deadline.doing(time_limit.WAITING)
        assert answer.out == f"{host}: ".encode() + deadline.sentence()

    def test_an_old_token_that_is_still_good_is_served(self, program: Program, host: str) -> None:
        first = program.get(host)
        age(program, host, 600)
        with stopped(program, host):
            assert program.get(host, **FIVE) == first

    def test_never_one_that_has_expired(self, program: Program, host: str) -> None:
        program.get(host)
        age(program, host, 30)
        with stopped(program, host):
            assert program.get(host, **FIVE).reference == "out-of-time"

    def test_what_it_waited_is_part_of_the_limit(self, program: Program, host: str) -> None:
        """Whose turn comes late has only what is left: nine seconds less eight."""
        with stopped(program, host):
            program.azure.fault("exchange", Delay(5), host=host)
            began = time.monotonic()
            assert program.get(host, ACR_CRED_TIMEOUT="9").reference in ("no-answer", "out-of-time")
            assert time.monotonic() - began < 12


class TestNobodyWaits:
    """There are hosts that never have an entry, and one caller's slowness is not another one's."""

    def test_for_what_has_just_failed(self, program: Program, host: str) -> None:
        program.azure.fault("exchange", Status(403), host=host)
        assert program.get(host).reference == "registry-firewall"
        began = time.monotonic()
        waiters = [program.asked(host) for _ in range(5)]
        answers = {program.finish(each).reference for each in waiters}
        assert answers == {"registry-firewall"}
        assert time.monotonic() - began < 4
        assert program.exchanges(host) == 1

    def test_for_a_host_that_wants_no_credential(self, program: Program, host: str) -> None:
        program.settings(f'[registries."{host}"]\nmethod = "anonymous"\n')
        for _ in range(2):
            assert program.get(host).out == b"credentials not found in native keychain\n"
        (path,) = program.entries(host)
        written = os.stat(path).st_mtime_ns
        with open(f"{path}.lock", "rb") as lock:
            assert locks.take(lock.fileno())
            began = time.monotonic()
            assert program.get(host).code == 1
            assert time.monotonic() - began < 4, "the lock was not waited for"
        assert os.stat(path).st_mtime_ns == written, "written once"

    def test_with_a_limit_that_is_none(self, program: Program, host: str) -> None:
        with stopped(program, host):
            began = time.monotonic()
            answer = program.get(host, ACR_CRED_TIMEOUT="soon")
            assert time.monotonic() - began < 3
        assert answer.reference == "variable-invalid"


def test_a_folder_that_others_may_open_is_made_private_first(program: Program, host: str) -> None:
    program.get(new_host())
    os.chmod(program.folder, 0o755)
    with stopped(program, host):
        assert os.stat(program.folder).st_mode & 0o777 == 0o700
        assert program.get(host, **FIVE).reference == "out-of-time"
