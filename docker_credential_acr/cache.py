"""The writing side of the cache: folder, lock, save, erase, list, sweep.

The cache makes things quick and is never needed: without a folder, a lock or a free byte on the disk
the answer is given all the same. Readers take no lock (``entry``), so what they can see is only ever
replaced whole.
"""

import contextlib
import json
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping

from docker_credential_acr import entry, private_files
from docker_credential_acr.deadline import Deadline, doing
from docker_credential_acr.errors import Failure
from docker_credential_acr.private_files import NO_FOLLOW, TEMPORARY, Folder, names, remove

# How long a waiter waits for each lock. A holder that was stopped costs one sign-in per 8 s, never one
# for each waiter: only the holder of the second lock goes on, however long that takes.
_LOCKS = {".lock": 8.0, ".lock2": 60.0}
_POLL_SECONDS = 0.05
FAILURE_SECONDS = 10.0  # two tries, then silence: three calls at most in any ten seconds
IDENTITY = "identity"  # stands where an entry has its host: a token that registries share
MEMORY = "memory"  # the same, for what methods remember
_FAILED = ".failed"
_AGO = " (a moment ago)"
_CODES = 128  # exit codes above are of signals
_SWEEP_MARK = "swept"
_SWEEP_EVERY = 3600.0  # seconds
_SWEEP_NAMES = 200
_DEAD_AFTER = 24 * 3600.0  # seconds since the last change; no token lives that long


def rendered(username: str, secret: str) -> bytes:
    """Return user name and secret as they stand in the answer."""
    return f'"Username":{json.dumps(username)},"Secret":{json.dumps(secret)}}}'.encode()


def body(times: tuple[int, int, int, int], answer: bytes, notes: Mapping[str, object]) -> bytes:
    """Return what follows an entry's head (``entry``); *times* are seconds since 1970."""
    half = "{} {} {} {}\n".format(*times).encode() + answer + b"\n"
    return half + half + json.dumps(notes).encode() + b"\n"


def save(folder: Folder | None, name: str, data: bytes) -> None:
    """Replace the file *name* whole; a full disk or a read-only home is not an error here."""
    if folder is not None:
        private_files.save(folder, name, data)
        _sweep(folder)


@contextlib.contextmanager
def turn(
    folder: Folder | None, name: str, deadline: Deadline, look: Callable[[], bytes | None]
) -> Iterator[bytes | None]:
    """Wait for the turn to sign in for *name*; give what *look* finds, or None: it is our turn.

    Waiters look again while they wait, so that most of them never hold a lock.
    Raises OutOfTime if the turn does not come.
    """
    held = []
    found = look()
    try:
        for suffix, seconds in _LOCKS.items() if folder is not None and found is None else ():
            descriptor = _open_lock(folder, name + suffix)
            if descriptor is None:
                break  # no lock to be had: go on without
            held.append(descriptor)
            locked, found = _wait(descriptor, Deadline.after(deadline.share(seconds)), look)
            if locked or found is not None:
                break
        else:
            if held:
                deadline.check()  # two holders that do not move: nobody else goes on without a turn
        yield found
    finally:
        for descriptor in held:
            os.close(descriptor)  # which releases the lock; the file is kept: its inode is the lock


def _open_lock(folder: Folder | None, name: str) -> int | None:
    if folder is None:
        return None
    flags = os.O_RDWR | os.O_CREAT | NO_FOLLOW | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(folder.name(name), flags, 0o600, dir_fd=folder.fd)
    except (OSError, ValueError):
        return None
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    return None


def _wait(
    descriptor: int, until: Deadline, look: Callable[[], bytes | None]
) -> tuple[bool, bytes | None]:
    """Poll lock and entry; True if the lock is held or cannot be had on this file system."""
    from filelock import lock_descriptor  # noqa: PLC0415  40 ms that a hit must not pay

    doing("waiting for another process that signs in")
    while True:
        try:
            locked = lock_descriptor(descriptor, blocking=False)
            if locked and os.utime in os.supports_fd:
                os.utime(descriptor)  # a lock in use is not swept
        except OSError:
            locked = True
        found = look()
        if locked or found is not None or not until.left():
            return locked, found
        time.sleep(_POLL_SECONDS)


def erase(folder: Folder | None, host: str) -> None:
    """Remove all entries and failure notes of *host*, whoever asked; locks stay.

    The identities' shared tokens go as well, and what methods remember: who erases wants the next
    sign-in to be a new one.
    """
    begins = tuple(map(_prefix, (host, IDENTITY, MEMORY)))
    for name in names(folder):
        if name.startswith(begins) and not name.endswith(tuple(_LOCKS)):
            remove(folder, name)


def holds(folder: Folder | None, name: str, data: bytes) -> bool:
    """Tell whether the file *name* is there with *data*, for a login that must not be lost silently."""
    return folder is not None and entry.read_private(os.path.join(folder.path, name)) == data


def knows(folder: Folder | None, host: str) -> bool:
    """Tell whether anything is kept for *host*."""
    return any(name.startswith(_prefix(host)) for name in names(folder))


def _prefix(host: str) -> str:
    return entry.file_name(host, b"").partition("@")[0] + "@"


def note_failure(folder: Folder | None, name: str, failed: Failure) -> None:
    """Remember that *name* failed, so that a storm of callers does not hammer those who refuse."""
    note = {
        "at": time.time(),
        "what": failed.what.removesuffix(_AGO),  # an identity's note may become a host's
        "hint": failed.hint,
        "reference": failed.reference,
        "code": failed.exit_code,
    }
    save(folder, name + _FAILED, json.dumps(note).encode() + b"\n")


def raise_remembered(folder: Folder | None, name: str) -> None:
    """Fail like the caller before us did, for a few seconds: a storm must not hammer Entra."""
    note = failure(folder, name)
    if note is None:
        return
    at, what, hint, reference = (note.get(key) for key in ("at", "what", "hint", "reference"))
    if isinstance(at, int | float) and 0 <= time.time() - at < FAILURE_SECONDS:
        again = Failure(f"{what}{_AGO}", str(hint), str(reference))
        code = note.get("code")
        again.exit_code = code if type(code) is int and 0 < code < _CODES else Failure.exit_code
        raise again


def failure(folder: Folder | None, name: str) -> dict[str, object] | None:
    """Return what note_failure wrote about *name*, or None; it counts until the next success."""
    if folder is None:
        return None
    data = entry.read_private(os.path.join(folder.path, name + _FAILED))
    try:
        found = json.loads(data) if data else None
    except ValueError:
        return None
    at = found.get("at") if isinstance(found, dict) else None
    return found if isinstance(at, int | float) and 0 <= at < 2**53 else None  # more is no time


def forget_failure(folder: Folder | None, name: str) -> None:
    remove(folder, name + _FAILED)


def _sweep(folder: Folder) -> None:
    """Remove old temporary files and dead entries: 200 names at most, at most once an hour."""
    now = time.time()
    try:
        if now - os.stat(folder.name(_SWEEP_MARK), dir_fd=folder.fd).st_mtime < _SWEEP_EVERY:
            return
        os.utime(folder.name(_SWEEP_MARK), dir_fd=folder.fd)
    except FileNotFoundError:
        with contextlib.suppress(OSError):
            flags = os.O_WRONLY | os.O_CREAT | NO_FOLLOW
            os.close(os.open(folder.name(_SWEEP_MARK), flags, 0o600, dir_fd=folder.fd))
        return
    except OSError:
        return
    with (
        contextlib.suppress(OSError),
        os.scandir(folder.fd if folder.fd is not None else folder.path) as found,
    ):
        for _, item in zip(range(_SWEEP_NAMES), found, strict=False):
            limit = _SWEEP_EVERY if item.name.endswith(TEMPORARY) else _DEAD_AFTER
            if now - item.stat(follow_symlinks=False).st_mtime > limit:
                remove(folder, item.name)  # a lock, too: at worst two sign in where one would do
