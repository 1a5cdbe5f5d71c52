"""The bound on every wait, and the lock on the answer.

Nobody upstream bounds the time of a credential helper: Docker waits for ever. One thread therefore
ends the process when the main thread cannot, be it stuck in a resolver, a TLS handshake or a lock.
Whoever takes the answer's lock first writes, so two answers never mix.
"""

import os
import sys
from _thread import allocate_lock, start_new_thread
from contextlib import suppress
from time import monotonic, sleep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

GRACE = 2.0  # seconds for an answer that is being written to a reader who has stopped reading


class Watchdog:
    """A thread that answers with *sentence* and ends the process after *seconds*."""

    def __init__(
        self, seconds: float, sentence: bytes, write: "Callable[[int, bytes], bool]"
    ) -> None:
        self._write = write
        self.at_end: list[Callable[[], object]] = []  # what must not be left behind
        self._answering = allocate_lock()
        self._changed = allocate_lock()
        self._changed.acquire()
        self._wakeup = self._alarm = -1  # ends of the pipe that signals are written to
        self._ends_at = monotonic() + seconds
        self._sentence = sentence
        start_new_thread(self._watch, ())

    def rearm(self, seconds: float, sentence: bytes) -> None:
        """Start a new bound of *seconds* from now."""
        self._sentence = sentence
        self._ends_at = monotonic() + seconds
        self._look_again()

    def watch_signals(self) -> None:
        """End the process on SIGTERM, SIGINT and SIGHUP even while the main thread cannot be woken.

        Python runs its handlers between byte codes of the main thread only; the byte that it writes to
        the wakeup descriptor at once is what this thread waits for. Main thread only, POSIX only.
        """
        if os.name == "nt":
            return
        import fcntl  # noqa: PLC0415  not for the fast staircase
        import signal  # noqa: PLC0415

        reader, writer = (fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 3) for end in os.pipe())
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup, and sh's background jobs
                signal.signal(number, lambda *_: None)
        self._wakeup, self._alarm = reader, writer
        if self._changed.locked():
            self._changed.release()

    def _look_again(self) -> None:
        if self._alarm >= 0:
            os.write(self._alarm, b"\0")
        elif (
            self._changed.locked()
        ):  # only this thread releases it, so it stays so until the next line
            self._changed.release()

    def answer(self, out: bytes, err: bytes = b"") -> bool:
        """Write the answer, once; tell whether the client could be given all of it."""
        if not self._answering.acquire(blocking=False):
            sleep(GRACE)  # the watchdog is answering and ends the process
            return False
        return self._write(1, out) and (not err or self._write(2, err))

    def _watch(self) -> None:
        reason = None
        while reason is None:
            left = self._ends_at - monotonic()
            if left <= 0:
                reason = self._sentence
            elif self._wakeup < 0:
                self._changed.acquire(timeout=left)
            else:
                reason = self._signalled(left)
        # First: a child that ends by our hand must not become the main thread's answer.
        first = self._answering.acquire(blocking=False)
        for act in list(self.at_end):
            with suppress(Exception):  # whatever it is: the process must end
                act()
        if first:
            self._write(1, reason)
            self._write(2, reason)
        else:
            sleep(GRACE)
        os._exit(1)

    def _signalled(self, left: float) -> bytes | None:
        from select import select  # noqa: PLC0415  a shared library in some builds of Python

        if select([self._wakeup], [], [], left)[0] and os.read(self._wakeup, 1) != b"\0":
            return b"stopped by a signal before an answer was found [stopped]\n"
        return None


def open_standard_streams() -> None:
    """Open the null device for each closed one of 0 to 2, so that no file of ours gets its number."""
    for descriptor, stream in enumerate((sys.stdin, sys.stdout, sys.stderr)):
        if stream is None and (opened := os.open(os.devnull, os.O_RDWR)) != descriptor:
            os.close(opened)  # something else has the number by now
