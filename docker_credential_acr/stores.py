"""Where a kept password lies: with another credential helper, or in a file 0600 beside the markers."""

import contextlib
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from docker_credential_acr import entry, helper_program, kept_files, private_files
from docker_credential_acr.deadline import Deadline, doing
from docker_credential_acr.errors import Failure, HelperFailed, InputError
from docker_credential_acr.helper_program import OWN_SERVER, Helper
from docker_credential_acr.private_files import Folder
from docker_credential_acr.secret import Secret

FILE = "file"  # the store of last resort
_PLATFORM = {"darwin": ("osxkeychain",), "win32": ("wincred",)}
_SESSION = ("DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY")  # without one nobody answers
_PASSWORD = "@password"  # noqa: S105  the ending of a file's name
_LARGEST = 1024 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class Place:
    """What belongs to *host* in *store*; *folder* is that of the markers."""

    host: str
    store: str
    folder: Folder
    environ: Mapping[str, str]
    deadline: Deadline

    @property
    def file(self) -> str:
        return kept_files.name(self.host, _PASSWORD)

    @property
    def server(self) -> str:
        return OWN_SERVER + self.host

    def helper(self) -> Helper:
        """Return the helper of this store. Raises as ``helper_program.find``."""
        found = helper_program.find(self.store, self.environ)
        doing(f"waiting for {found.program}")
        return found


def of_the_platform(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the stores to try where the settings name none, the file last."""
    if sys.platform in _PLATFORM:
        return (*_PLATFORM[sys.platform], FILE)
    session = any(map(environ.get, _SESSION))
    return (*(("secretservice",) if session else ()), "pass", FILE)


def get(place: Place, username: str) -> Secret | None:
    """Return the password of *username*, or None if it is not there. Raises as ``helper_program.get``."""
    if place.store == FILE:
        data = entry.read_private(os.path.join(place.folder.path, place.file), _LARGEST)
        return None if data is None else Secret(data.decode("utf-8", "surrogatepass"))
    found = helper_program.get(place.helper(), place.server, place.deadline)
    return found[1] if found and found[0] == username else None


def put(place: Place, username: str, secret: Secret, *, alone: bool) -> None:
    """Put *secret* there and make sure that it can be had from there.

    *alone*: another user's, which may lie there, goes first (``pass`` would keep both and give one).
    Raises as ``helper_program.store``, InputError.
    """
    if place.store == FILE:
        data = secret.reveal().encode("utf-8", "surrogatepass")
        if not private_files.save(place.folder, place.file, data):
            raise not_written(place.folder.path)
        return
    helper = place.helper()
    if alone:
        helper_program.erase(helper, place.server, place.deadline)
    helper_program.store(helper, place.server, username, secret, place.deadline)
    try:
        found = get(place, username)
        if found is None or found.reveal() != secret.reveal():
            raise HelperFailed(
                f"{helper.program} did not give back what it was given to keep",
                "look whether it works by itself, or name another store in the settings",
                "helper-failed",
            )
    except Failure:
        with contextlib.suppress(Failure):
            helper_program.erase(helper, place.server, place.deadline)
        raise


def take(place: Place) -> None:
    """Take away what lies there, which may be nothing. Raises as ``helper_program.erase``, InputError."""
    if place.store != FILE:
        helper_program.erase(place.helper(), place.server, place.deadline)
        return
    private_files.remove(place.folder, place.file)
    if os.path.lexists(os.path.join(place.folder.path, place.file)):
        raise not_written(place.folder.path)


def not_written(path: str | None) -> InputError:
    """Return what there is to say where the folder *path* takes no change."""
    return InputError(
        f"{path or 'a folder of your own for kept logins'} cannot be written to",
        "make room there, or correct its owner and rights",
        "store-not-kept",
    )
