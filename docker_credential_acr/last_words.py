"""What ends a process before it has answered, and what it says then.

For the waiting room and the watchdog alike; imports next to nothing.
"""

import _signal
import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

NO_INPUT = (
    b"no registry host came on standard input within 5 s; "
    b"try: echo HOST | docker-credential-acr get [no-input]\n"
)
STOPPED = b"stopped by a signal before an answer; run it again [stopped]\n"
_NAMES = ("SIGTERM", "SIGINT", "SIGHUP", "SIGBREAK")  # the last is Windows': Ctrl-Break, log-off
_SIGNALS = [getattr(_signal, name) for name in _NAMES if hasattr(_signal, name)]


def fail(write: "Callable[[int, bytes], bool]", sentence: bytes) -> "NoReturn":
    """Say *sentence* on both streams, as every failure is said, and end the process."""
    try:
        write(1, sentence)
        if not one_stream():
            write(2, sentence)
    finally:
        os._exit(1)


def one_stream() -> bool:
    """Tell whether standard output and error are the same: a person reads a sentence once."""
    try:
        if os.name == "nt" and not os.fstat(1).st_ino:  # no file, and they are all alike there
            return os.isatty(1) and os.isatty(2)
        return os.path.samestat(os.fstat(1), os.fstat(2))
    except OSError:
        return False


def heed_signals(action: "Callable[[int, object], object] | int") -> None:
    """Have *action* done on what ends a process, but for what its parent wants ignored (nohup, sh's jobs).

    A parent that blocks them in the thread that starts us hands that on, and means it for itself.
    """
    for number in _SIGNALS:
        if _signal.getsignal(number) != _signal.SIG_IGN:
            _signal.signal(number, action)
    if os.name != "nt":
        _signal.pthread_sigmask(_signal.SIG_UNBLOCK, (*_SIGNALS, _signal.SIGALRM))


def is_read_by_somebody() -> bool:
    """Tell whether standard output is a pipe or socket, which tell when their reader ends (POSIX only)."""
    try:
        mode = os.fstat(1).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
