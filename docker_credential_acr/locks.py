"""The kernel's locks on files of ours: their holder signs in, everybody else waits and looks.

Nothing else decides whose turn it is: no owner's number, no age and no contents of a file. A lock that
cannot be had is done without. Imports next to nothing: 200 waiters must not keep the one who signs in
from the processor (decision 6).
"""

import os
import stat
from errno import EACCES, EAGAIN
from time import monotonic, sleep

if os.name != "nt":
    import fcntl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Look = Callable[[], bytes | None]

# How long a waiter waits for each lock. A holder that was stopped costs one sign-in per 8 s, never one
# for each waiter: only the holder of the second lock goes on, however long that takes.
PATIENCE = {".lock": 8.0, ".lock2": 60.0}  # seconds
_POLL_SECONDS = 0.1  # at most: the first looks come sooner, for who is nearly there
_FLAGS = (
    os.O_RDWR
    | os.O_CREAT
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NONBLOCK", 0)
)

_HELD = (EAGAIN, EACCES)  # the second one is some network file systems' word for the first


def take(descriptor: int) -> bool:
    """Take the lock on an open file of ours if nobody has it; tell whether that worked.

    It goes with the descriptor, or with the process. Raises OSError where there are no locks.
    """
    if os.name == "nt":
        from filelock import lock_descriptor  # noqa: PLC0415  40 ms that a hit must not pay

        return lock_descriptor(descriptor, blocking=False)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _HELD:
            raise
        return False
    return True


def wait(
    name: str, folder: "int | None", ends_at: float, look: "Look"
) -> "tuple[bytes | None, list[int], bool]":
    """Wait until *look* finds something or it is our turn for *name*.

    *name* is a path; below the descriptor *folder* if there is one. *ends_at* is of the monotonic clock.
    Returns what was found, the locks that are held, and whether it is our turn; a lock that cannot be had
    is everybody's turn. Waiters look again while they wait, so that most of them never hold a lock.
    """
    held: list[int] = []
    found = look()
    try:
        for suffix, seconds in PATIENCE.items() if found is None else ():
            descriptor = _opened(name + suffix, folder)
            if descriptor is None:
                return None, held, True
            held.append(descriptor)
            locked, found = _polled(descriptor, min(monotonic() + seconds, ends_at), look)
            if locked or found is not None:
                return found, held, locked
            if monotonic() >= ends_at:
                break  # the next lock may be free, but there is no time left to sign in
    except BaseException:
        release(held)
        raise
    return found, held, False


def release(held: "list[int]") -> None:
    """Let the locks *held* go; their files are kept, for an inode is the lock."""
    for descriptor in held:
        os.close(descriptor)


def _opened(name: str, folder: "int | None") -> "int | None":
    try:
        descriptor = os.open(name, _FLAGS, 0o600, dir_fd=folder)
    except (OSError, ValueError):
        return None
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    return None


def _polled(descriptor: int, until: float, look: "Look") -> "tuple[bool, bytes | None]":
    """Poll lock and entry; True if the lock is held, or cannot be had on this file system."""
    pause = _POLL_SECONDS / 8
    while True:
        try:
            locked = take(descriptor)
            if locked and os.utime in os.supports_fd:
                os.utime(descriptor)  # a lock in use is not swept
        except OSError:
            locked = True
        found = look()
        if locked or found is not None or monotonic() >= until:
            return locked, found
        sleep(pause)
        pause = min(2 * pause, _POLL_SECONDS)
