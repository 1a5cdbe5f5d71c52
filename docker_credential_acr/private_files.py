"""Files that are ours alone: a folder 0700, files 0600 that are only ever replaced whole."""

import contextlib
import os
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass

from docker_credential_acr import own_folder

TEMPORARY = ".tmp"
NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
# Seconds in which others may let go of a file. On Windows one cannot be replaced or removed while somebody
# has it open who does not share that: each reader for a moment, a virus scanner for longer.
PATIENCE = 1.0 if os.name == "nt" else 0.0
_PAUSE = 0.02


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Folder:
    """The cache folder; *fd* keeps it the same one whatever happens to its name (POSIX only)."""

    path: str
    fd: int | None

    def name(self, name: str) -> str:
        return name if self.fd is not None else os.path.join(self.path, name)


def open_folder(path: str | None) -> Folder | None:
    """Return the folder *path*, created 0700 or made so; None if it cannot be had or is not ours."""
    if not path:
        return None
    if os.name == "nt":
        return Folder(path, None) if own_folder.make(path) else None
    fd = own_folder.opened(path)
    if fd is None:
        return None
    folder = Folder(path, fd)
    weakref.finalize(folder, os.close, fd)  # descriptors are few, and a folder is opened many times
    return folder


def patiently(act: Callable[[], None], seconds: float = PATIENCE) -> None:
    """Do *act*, again and again for *seconds* while it is denied. Raises OSError."""
    ends_at = time.monotonic() + seconds
    while True:
        try:
            act()
        except PermissionError:
            if time.monotonic() >= ends_at:
                raise
        else:
            return
        time.sleep(_PAUSE)


def save(folder: Folder, name: str, data: bytes) -> bool:
    """Replace the file *name* whole; tell whether that worked."""
    temporary = f"{name}.{os.getpid():x}{time.monotonic_ns():x}{TEMPORARY}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | NO_FOLLOW | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(folder.name(temporary), flags, 0o600, dir_fd=folder.fd)
    except (OSError, ValueError):
        return False
    _unfinished.add((folder, temporary))
    try:
        with os.fdopen(descriptor, "wb") as file:
            if os.name != "nt":
                os.fchmod(descriptor, 0o600)  # whatever the umask
            file.write(data)
        patiently(lambda: _rename(folder, temporary, name))
    except OSError:
        remove(folder, temporary)
        return False
    except BaseException:  # Ctrl-C in that very moment: what is in it would stay
        remove(folder, temporary)
        raise
    finally:
        _unfinished.discard((folder, temporary))
    return True


def _rename(folder: Folder, old: str, new: str) -> None:
    os.replace(folder.name(old), folder.name(new), src_dir_fd=folder.fd, dst_dir_fd=folder.fd)


def replace(folder: str, name: str, data: bytes, mode: int) -> None:
    """Replace a file of the person's own, whole and under *mode*, and have it written out to the disk.

    Its owner and group stay where that can be done. Raises OSError.
    """
    path = os.path.join(folder, name)
    opened = Folder(folder, None)
    temporary = f"{name}.{os.getpid():x}{time.monotonic_ns():x}{TEMPORARY}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | NO_FOLLOW | getattr(os, "O_BINARY", 0)
    descriptor = os.open(opened.name(temporary), flags, 0o600)
    _unfinished.add((opened, temporary))
    try:
        with os.fdopen(descriptor, "wb") as file:
            _dress(descriptor, path, mode)
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        patiently(lambda: os.replace(opened.name(temporary), path))
    except BaseException:  # Ctrl-C, too
        remove(opened, temporary)
        raise
    finally:
        _unfinished.discard((opened, temporary))


def _dress(descriptor: int, path: str, mode: int) -> None:
    if os.name == "nt":
        return
    with contextlib.suppress(
        OSError
    ):  # root keeps the file the person's; others cannot and need not
        found = os.stat(path)
        os.fchown(descriptor, found.st_uid, found.st_gid)
    os.fchmod(descriptor, mode)


_unfinished: set[tuple[Folder, str]] = set()


def drop_unfinished() -> None:
    """Remove temporary files of a write that will not be finished: for the watchdog."""
    for folder, temporary in list(_unfinished):
        remove(folder, temporary, seconds=0)


def remove(folder: Folder | None, name: str, seconds: float = PATIENCE) -> None:
    if folder is None:
        return
    with contextlib.suppress(OSError, ValueError):
        patiently(lambda: os.unlink(folder.name(name), dir_fd=folder.fd), seconds)


def files(path: str | None, ending: str) -> list[str]:
    """Return the sorted names in the folder *path* that end with *ending*; none if it is not there."""
    try:
        return sorted(name for name in os.listdir(path) if name.endswith(ending)) if path else []
    except OSError:
        return []


def names(folder: Folder | None) -> list[str]:
    if folder is None:
        return []
    try:
        return os.listdir(folder.path if folder.fd is None else folder.fd)
    except OSError:
        return []
