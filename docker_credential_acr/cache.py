"""The writing side of the cache: folder, lock, save, erase, list, sweep.

The cache makes things quick and is never needed: without a folder, a lock or a free byte on the disk
the answer is given all the same. Readers take no lock (``entry``), so what they can see is only ever
replaced whole.
"""

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping

from docker_credential_acr import entry, locks, private_files, time_limit, waiting_room
from docker_credential_acr.deadline import Deadline, doing
from docker_credential_acr.errors import Failure
from docker_credential_acr.private_files import NO_FOLLOW, TEMPORARY, Folder, names, remove
from docker_credential_acr.waiting_room import FAILED, FAILURE_SECONDS

IDENTITY = "identity"  # stands where an entry has its host: a token that registries share
MEMORY = "memory"  # the same, for what methods remember
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
    if folder is None:
        return
    if not private_files.save(folder, name, data):
        from docker_credential_acr.log import log  # noqa: PLC0415  waiters do not load logging

        log.debug("%s could not be saved in the cache", name)
    _sweep(folder)


@contextlib.contextmanager
def turn(
    folder: Folder | None, name: str, deadline: Deadline, look: Callable[[], bytes | None]
) -> Iterator[bytes | None]:
    """Wait for the turn to sign in for *name*; give what *look* finds, or None: it is our turn.

    It may have been taken in the waiting room already. Raises OutOfTime if the turn does not come.
    """
    held = waiting_room.taken(os.path.join(folder.path, name)) if folder else []
    try:
        found, ours = look(), True
        if found is None and folder is not None and not held:
            doing(time_limit.WAITING)
            found, held, ours = locks.wait(folder.name(name), folder.fd, deadline.ends_at, look)
        if found is None and not ours:
            deadline.check()  # two holders that do not move: nobody else goes on without a turn
        doing("")
        yield found
    finally:
        locks.release(held)


def erase(folder: Folder | None, host: str) -> None:
    """Remove all entries and failure notes of *host*, whoever asked; locks stay.

    The identities' shared tokens go as well, and what methods remember: who erases wants the next
    sign-in to be a new one.
    """
    begins = tuple(map(_prefix, (host, IDENTITY, MEMORY)))
    for name in names(folder):
        if name.startswith(begins) and not name.endswith(tuple(locks.PATIENCE)):
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
    save(folder, name + FAILED, json.dumps(note).encode() + b"\n")


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
    data = entry.read_private(os.path.join(folder.path, name + FAILED))
    try:
        found = json.loads(data) if data else None
    except (ValueError, RecursionError):
        return None
    at = found.get("at") if isinstance(found, dict) else None
    return found if isinstance(at, int | float) and 0 <= at < 2**53 else None  # more is no time


def forget_failure(folder: Folder | None, name: str) -> None:
    remove(folder, name + FAILED)


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
                # A lock, too: at worst two sign in where one would do.
                remove(folder, item.name, seconds=0)
