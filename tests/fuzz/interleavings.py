"""FZ10: three callers, one step at a time, in an order that a seed decides.

`python -m tests.fuzz.interleavings --seed 7 --number 1 --trace` shows one order. The callers are threads
of one process that run the program's own code on real files, real locks (one `flock` each, so they
exclude each other like processes do) and a real fake Azure. Python's audit hooks tell each opening,
locking, renaming and removing of a file in the cache: there a caller stops, and the scheduler says who
goes on. Between two such points nobody else runs, so an order can be had again. A caller may be killed
at a point: its locks are gone, as the kernel would do it, and its files are left as they are.

What it does not do: reorder what happens inside a point, or inside Azure; tests/faults/test_kills.py
kills processes at every system call instead.
"""

import argparse
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

from docker_credential_acr import (
    asker,
    cache,
    credentials,
    entry,
    locks,
    private_files,
    renewal,
    waiting_room,
)
from docker_credential_acr.commands import docker_logout
from docker_credential_acr.deadline import Deadline
from docker_credential_acr.private_files import Folder
from docker_credential_acr.watchdog import Watchdog
from tests.azure import FakeAzure
from tests.entries import ageing, times_of, with_times
from tests.stories.program import new_host

POINTS = {"open", "os.rename", "os.remove", "os.listdir", "fcntl.flock", "time.sleep"}
STEPS = 5000  # more than any order of callers that get on takes


class Killed(BaseException):
    """SIGKILL, as far as one thread can meet it."""


@dataclass
class Caller:
    """One thread, and what came of it."""

    name: str
    act: Callable[[], object]
    go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    result: object = None
    at: str = "start"
    killed: bool = False
    ended: bool = False


class Scheduler:
    """Lets one caller at a time run from one point to the next."""

    def __init__(self, some: random.Random, *, trace: bool) -> None:
        self._some = some
        self._trace = trace
        self._callers: dict[int, Caller] = {}
        self._stopped = threading.Semaphore(0)
        self.order: list[str] = []  # in which callers ended

    def hook(self, event: str, arguments: tuple[object, ...]) -> None:
        if event not in POINTS:
            return
        caller = self._callers.get(threading.get_ident())
        if caller is None:
            return
        if event == "open" and not any(words in str(arguments[0]) for words in ("@", "swept")):
            return
        self._stop(caller, f"{event} {arguments[0]}")

    def _stop(self, caller: Caller, at: str) -> None:
        caller.at = at
        self._stopped.release()
        caller.go.acquire()
        if caller.killed:
            raise Killed

    def _run(self, caller: Caller) -> None:
        self._callers[threading.get_ident()] = caller
        try:
            self._stop(caller, "start")
            caller.result = caller.act()
        except Killed:
            caller.result = Killed
        except Exception as error:  # noqa: BLE001  it is looked at
            caller.result = error
        del self._callers[threading.get_ident()]
        caller.ended = True
        self._stopped.release()

    def play(self, callers: list[Caller], kill_at: int | None) -> None:
        """Run *callers* to their ends; the one who has the turn at step *kill_at* is killed."""
        self.order = []
        threads = [threading.Thread(target=self._run, args=(caller,)) for caller in callers]
        for thread in threads:
            thread.start()
            assert self._stopped.acquire(timeout=30)
        for step in range(STEPS):
            waiting = [caller for caller in callers if not caller.ended]
            if not waiting:
                break
            caller = self._some.choice(waiting)
            caller.killed = step == kill_at
            if self._trace:
                print(f"{step:>4} {caller.name}: {caller.at}{' KILLED' * caller.killed}")
            caller.go.release()
            assert self._stopped.acquire(timeout=30), f"{caller.name} is stuck at {caller.at}"
            if caller.ended:
                self.order.append(caller.name)
        else:
            raise AssertionError("they do not get on")
        for thread in threads:
            thread.join()


scheduling: list[Scheduler | None] = [None]  # audit hooks stay for the rest of a process


def hook(event: str, arguments: tuple[object, ...]) -> None:
    if scheduling[0]:
        scheduling[0].hook(event, arguments)


@dataclass
class Stage:
    """Where the callers meet: one host in one cache, and a fake Azure that counts."""

    azure: FakeAzure
    who: asker.Asker
    folder: Folder
    trace: bool

    def play(self, seed: int) -> None:
        """One order of one cast of callers, and what must hold after it."""
        some = random.Random(seed)
        act = some.choice([self.gets, self.gets, self.erase, self.renewal])
        self.azure.forget()
        scheduler = Scheduler(some, trace=self.trace)
        scheduling[0] = scheduler
        act(new_host(), scheduler, some)
        for name in private_files.names(self.folder):
            if name.endswith(".tmp"):  # of one who was killed
                private_files.remove(self.folder, name)

    def gets(self, host: str, scheduler: Scheduler, some: random.Random) -> None:
        """All have the same answer from one exchange; one more if somebody was killed on the way."""
        callers = [Caller(name, lambda: self.get(host)) for name in ("a", "b", "c")]
        kill_at = some.choice([None, some.randrange(45)])
        scheduler.play(callers, kill_at)
        answers = {caller.result for caller in callers if caller.result is not Killed}
        killed = sum(caller.result is Killed for caller in callers)
        assert len(answers) == 1, "they were given different tokens"
        assert answers == {self.kept(host)}
        assert self.azure.count("exchange") <= 1 + killed
        assert {self.get(host)} == answers, "the next call is right"
        assert self.azure.count("exchange") <= 1 + killed

    def erase(self, host: str, scheduler: Scheduler, some: random.Random) -> None:
        """What was there when `erase` had ended is not there any more; nobody gets a failure."""
        if some.random() < 0.5:
            self.get(host)
        one, other = (Caller(name, lambda: self.get(host)) for name in ("a", "b"))
        forgetting = Caller("erase", lambda: self.forget(host))
        scheduler.play([one, other, forgetting], None)
        answers = [one.result, other.result]
        assert all(isinstance(answer, bytes) for answer in answers), answers
        assert self.kept(host) in (None, *answers)
        assert forgetting.result == 0, forgetting.result
        if scheduler.order[-1] == "erase":
            assert self.kept(host) is None
        assert self.azure.count("exchange") <= 3

    def renewal(self, host: str, scheduler: Scheduler, some: random.Random) -> None:
        """An ageing token is renewed once; an `erase` ends the renewal's right to save."""
        old = self.get(host)
        name = entry.file_name(host, self.who.stamped)
        data = entry.read_private(os.path.join(self.folder.path, name)) or b""
        cache.save(self.folder, name, with_times(data, ageing(times_of(data))))
        cache.save(self.folder, renewal.marker(name), b"")
        reader = Caller("a", lambda: self.get(host))
        renewing = Caller("renew", lambda: self.renew(host))
        forgetting = Caller("erase", lambda: self.forget(host))
        erased = some.random() < 0.5
        kill_at = None if erased else some.choice([None, some.randrange(30)])
        last = forgetting if erased else Caller("b", lambda: self.get(host))
        scheduler.play([reader, renewing, last], kill_at)
        assert not isinstance(renewing.result, Exception), renewing.result
        if erased:
            assert self.kept(host) in (None, reader.result), "saved without the right to"
            assert scheduler.order[-1] != "erase" or self.kept(host) is None
        elif kill_at is None:
            assert self.kept(host) not in (None, old), "no update is lost"
            assert {reader.result, last.result} <= {old, self.kept(host)}
            assert self.azure.count("exchange") == 2
        else:
            assert {reader.result, last.result} <= {old, self.kept(host), Killed}

    def get(self, host: str) -> bytes:
        """Wait in the waiting room, and go on behind it whoever has the turn, as the program does."""
        path = self.folder.path
        try:
            ends_at = time.monotonic() + 20
            found = waiting_room.wait(path, host, self.who.stamped, ends_at, lambda: None)
            return self.obtain(host) if found is None else found
        except Killed:  # the kernel lets go what a process has held
            name = entry.file_name(host, self.who.stamped)
            locks.release(waiting_room.taken(os.path.join(path, name)))
            raise

    def obtain(self, host: str) -> bytes:
        return credentials.obtain(host, self.who, Deadline.after(20), lambda _: Deadline.after(20))

    def renew(self, host: str) -> None:
        credentials.renew(host, self.who, Deadline.after(20), lambda _: Deadline.after(20))

    def forget(self, host: str) -> int:
        nobody = cast("Watchdog", SimpleNamespace(host=b"", at_end=[]))  # it is told and not asked
        return docker_logout.erase(host.encode(), os.environ, nobody).code

    def kept(self, host: str) -> bytes | None:
        name = entry.file_name(host, self.who.stamped)
        data = entry.read_private(os.path.join(self.folder.path, name))
        found = entry.parse(data, entry.head(host, self.who.stamped), time.time())
        return None if found is None else found[1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--number", type=int, default=100)
    parser.add_argument("--trace", action="store_true")
    options = parser.parse_args()
    sys.addaudithook(hook)
    vars(locks)["_POLL_SECONDS"] = 0  # who waits is not waited for
    with tempfile.TemporaryDirectory() as home, FakeAzure(os.path.join(home, "azure")) as azure:
        for name in tuple(os.environ):
            del os.environ[name]
        os.environ |= azure.environ() | azure.service_principal_environ()
        os.environ |= {"HOME": home, "PATH": os.defpath, "ACR_CRED_METHOD": "client-secret"}
        who = asker.who_asks(os.environ)
        assert who.folder
        stage = Stage(azure, who, who.folder, options.trace)
        stage.get(new_host())  # its Entra token is shared: what is played is the host's own
        for seed in range(options.seed, options.seed + options.number):
            try:
                stage.play(seed)
            except AssertionError as error:
                print(f"seed {seed}: {error!r}", file=sys.stderr)
                raise
    print(options.number)
    return 0


if __name__ == "__main__":
    sys.exit(main())
