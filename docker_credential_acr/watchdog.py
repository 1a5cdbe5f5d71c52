"""The bound on every wait, and the lock on the answer.

Nobody upstream bounds the time of a credential helper: Docker waits for ever. One thread therefore
ends the process when the main thread cannot, be it stuck in a resolver, a TLS handshake or a lock.
Whoever takes the answer's lock first writes, so two answers never mix. Behind the thread stands the
kernel's alarm, which needs nothing of ours to work.
"""

import _signal
import os
import sys
from _thread import allocate_lock, start_new_thread
from contextlib import suppress
from time import monotonic, sleep

from docker_credential_acr.last_words import (
    STOPPED,
    heed_signals,
    is_read_by_somebody,
    one_stream,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Write = Callable[[int, bytes], bool]
    Sentence = Callable[[], bytes]

GRACE = 2.0  # seconds for an answer that is being written to a reader who has stopped reading
_SOON = 0.1  # the same after a signal: whoever sent it waits for our end, not for that reader
_BEHIND = 4  # seconds from the thread's turn to the alarm's
_UNHEARD = b""  # there is nobody to say anything to


class Watchdog:
    """A thread that says *sentence* and ends the process after *seconds*."""

    def __init__(self, seconds: float, sentence: "Sentence", write: "Write") -> None:
        self.at_end: list[Callable[[], object]] = []  # what must not be left behind
        self.host = b""  # as a sentence begins
        self.out_is_for_answers = False  # else a sentence is said on both streams
        self._write = write
        self._answering = allocate_lock()
        self._changed = allocate_lock()
        self._changed.acquire()
        self._gone = allocate_lock()  # held until the thread has retired
        self._gone.acquire()
        self._retired = False
        self._wakeup = self._alarm = -1  # ends of the pipe that signals are written to
        self._reader = False  # whether the end of who reads the answer is ours, too
        self.rearm(seconds, sentence)
        self._awake = True
        try:
            start_new_thread(self._watch, ())
        except RuntimeError:  # no thread to be had: the alarm is left
            self._awake = False

    def rearm(self, seconds: float, sentence: "Sentence", last_answer: bytes | None = None) -> None:
        """Start a new bound of *seconds* from now; main thread only.

        *last_answer* is what a client gets when the time is up, rather than a sentence.
        """
        self._sentence = sentence
        self._last_answer = last_answer
        self._ends_at = monotonic() + seconds
        if os.name != "nt":
            _signal.signal(_signal.SIGALRM, _signal.SIG_DFL)
            _signal.alarm(int(seconds) + _BEHIND)
        self._look_again()

    def _look_again(self) -> None:
        if self._alarm >= 0:
            os.write(self._alarm, b"\0")
        elif self._changed.locked():  # only the main thread releases it: it stays so for this line
            self._changed.release()

    def watch_signals(self) -> None:
        """End the process on what ends one (``last_words``) even while the main thread cannot be woken.

        Python runs its handlers between byte codes of the main thread only; the byte that it writes to
        the wakeup descriptor at once is what this thread waits for. Main thread only.
        """
        if not self._awake:
            return
        try:
            import select  # noqa: F401, PLC0415  now: the thread must not fail for want of a descriptor

            reader, writer = os.pipe()
            if os.name == "nt":  # select knows no pipes there: one more thread waits for the byte
                start_new_thread(self._listen, (reader,))
        except (OSError, ImportError, RuntimeError):  # signals end us as they end any other
            return
        if os.name != "nt":
            os.set_blocking(writer, False)
        _signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        heed_signals(lambda *_: None)
        if os.name == "nt":
            return
        self._wakeup, self._alarm = reader, writer
        if self._changed.locked():
            self._changed.release()

    def watch_reader(self) -> None:
        """End the process once nobody can read its answer: the client has ended. POSIX only."""
        if self._wakeup >= 0:
            self._reader = is_read_by_somebody()
            self._look_again()

    def answer(self, out: bytes, err: bytes = b"") -> bool:
        """Write the answer, once; tell whether the client could be given all of it."""
        if not self._answering.acquire(blocking=False):
            sleep(GRACE)  # the watchdog is answering and ends the process
            return False
        said = not err or (out == err and one_stream())
        return self._write(1, out) and (said or self._write(2, err))

    def retire(self) -> None:
        """Let the thread end by itself: ending it at exit takes a library that may not be loadable."""
        self._retired = True
        if self._awake:
            self._look_again()
            self._gone.acquire(timeout=GRACE)

    def _watch(self) -> None:
        told: bytes | None = None
        while told is None and (left := self._ends_at - monotonic()) > 0:
            if self._retired:
                self._gone.release()
                return
            if self._wakeup < 0:
                self._changed.acquire(timeout=left)
            else:
                told = self._told(left)
        self._end(told)

    def _listen(self, reader: int) -> None:
        os.read(reader, 1)
        self._end(STOPPED)

    def _end(self, told: bytes | None) -> None:
        """End the process: *told* is what is to be said of a signal; None: the time is up."""
        code, patience = 1, GRACE if told is None else _SOON
        if not self._answering.acquire(blocking=False):
            sleep(patience)
        elif told is not None:
            self._say(told and self.host + told, patience)
        elif self._last_answer is not None:
            code = 0 if self._write(1, self._last_answer) else 1
        else:
            self._say(self.host + self._sentence(), patience)
        for act in list(self.at_end):  # after the answer: a file system may hang here
            with suppress(Exception):  # whatever it is: the process must end
                act()
        os._exit(code)

    def _say(self, sentence: bytes, patience: float) -> None:
        for descriptor in (2,) if self.out_is_for_answers else (1,) if one_stream() else (1, 2):
            if _has_room(descriptor, patience):
                self._write(descriptor, sentence)

    def _told(self, left: float) -> bytes | None:
        """Wait for *left* seconds at most; return what is to be said of a signal or a client's end."""
        from select import POLLERR, POLLHUP, POLLIN, poll  # noqa: PLC0415  a shared library in some builds

        waiting = poll()
        waiting.register(self._wakeup, POLLIN)
        if self._reader:
            waiting.register(1, 0)
        found = dict(waiting.poll(left * 1000))
        if found.get(1, 0) & (POLLERR | POLLHUP):
            return _UNHEARD
        signalled = self._wakeup in found and os.read(self._wakeup, 1) != b"\0"
        return STOPPED if signalled else None


def _has_room(descriptor: int, seconds: float) -> bool:
    """Tell whether a sentence can be written within *seconds*: a full pipe that nobody reads takes none."""
    if os.name == "nt":  # where only sockets can be asked
        return True
    try:
        from select import select  # noqa: PLC0415  a shared library in some builds of Python

        return bool(select([], [descriptor], [], seconds)[1])
    except (OSError, ValueError, ImportError):  # closed: writing tells; or no room for that library
        return True


def open_standard_streams() -> None:
    """Open the null device for each closed one of 0 to 2, so that no file of ours gets its number."""
    for descriptor, stream in enumerate((sys.stdin, sys.stdout, sys.stderr)):
        if stream is None and (opened := os.open(os.devnull, os.O_RDWR)) != descriptor:
            os.close(opened)  # something else has the number by now
