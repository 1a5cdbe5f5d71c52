"""A folder that is ours alone: made, opened, and made private whatever the umask was.

Imports next to nothing: who waits for another process's sign-in needs it, too (``waiting_room``).
"""

import os
import stat

_PRIVATE = 0o700
_FAULTS = (OSError, ValueError, RecursionError)  # the last one for a thousand folders in a path


def make(path: str) -> bool:
    """Make the folder *path* and those above it, if they are not there; tell whether that worked."""
    try:
        os.makedirs(os.path.dirname(path), mode=_PRIVATE, exist_ok=True)
        os.mkdir(path, _PRIVATE)
    except FileExistsError:  # it is there; else a file is in the place of one above it
        return os.path.lexists(path)
    except _FAULTS:
        return False
    return True


def opened(path: str) -> "int | None":
    """Return a descriptor of the folder *path*, made 0700 or made so (POSIX only).

    None: it cannot be had, is a link, or belongs to somebody else.
    """
    if not make(path):
        return None
    try:
        descriptor = _opened(path)
    except _FAULTS:
        return None
    found = os.fstat(descriptor)
    try:
        if found.st_uid == os.geteuid():
            # Whatever the umask, then or when it was made.
            if stat.S_IMODE(found.st_mode) != _PRIVATE:
                os.fchmod(descriptor, _PRIVATE)
            return descriptor
    except OSError:  # a file system that does not change modes
        pass
    os.close(descriptor)
    return None


def _opened(path: str) -> int:
    """Open the folder *path*, which is not a link; one of ours that is closed to us is opened up first."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(path, flags)
    except PermissionError:
        found = os.lstat(path)
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise
        os.chmod(path, _PRIVATE)
        return os.open(path, flags)
