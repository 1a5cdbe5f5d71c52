"""The marker of a kept login: a small file of ours that says for which host, for whom and in which store.

Nothing in it is secret. It is looked for whenever an answer is about to be found elsewhere, so to tell
that there is none costs a look at one file.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from docker_credential_acr import entry, kept_files, paths, private_files
from docker_credential_acr.errors import HelperFailed
from docker_credential_acr.private_files import Folder

_DAY = 24 * 3600
_SOON_SECONDS = 14 * _DAY


@dataclass(frozen=True, slots=True)
class Marker:
    """A login is kept for *host*; *expires* is in seconds since 1970 where that is known.

    While it is *pending* somebody is just keeping it, or was ended while doing so.
    """

    host: str
    username: str
    store: str
    pending: bool = False
    expires: int | None = None


def exists(host: str, environ: Mapping[str, str]) -> bool:
    """Tell whether a login is kept for *host*, by a look at one file."""
    return kept_files.has_login(environ.get, host)


def find(host: str, environ: Mapping[str, str]) -> Marker | None:
    """Return the marker of *host*, or None. Raises HelperFailed if there is one that cannot be read."""
    if not exists(host, environ):
        return None
    found = _read(paths.data_folder(environ.get) or "", kept_files.name(host))
    if found is None:
        raise HelperFailed(
            "the note that says where this registry's login is kept cannot be read",
            f"run: docker logout {host}, and log in again if it is still needed",
            "login-lost",
        )
    return found


def settled(host: str, environ: Mapping[str, str]) -> Marker | None:
    """Return the marker of *host*, or None. Raises HelperFailed, also if it is pending."""
    marker = find(host, environ)
    if marker is not None and marker.pending:
        raise HelperFailed(
            f"the login of {marker.username} was stopped while it was being kept",
            f"run: docker logout {host}, and log in again if it is still needed",
            "login-lost",
        )
    return marker


def every(environ: Mapping[str, str]) -> list[Marker]:
    """Return all markers; those that cannot be read are passed over."""
    folder = paths.data_folder(environ.get) or ""
    found = [_read(folder, name) for name in private_files.files(folder, kept_files.LOGIN)]
    return [marker for marker in found if marker is not None]


def hosts(environ: Mapping[str, str]) -> list[str]:
    """Return the hosts that have a marker, also one that cannot be read."""
    found = private_files.files(paths.data_folder(environ.get), kept_files.LOGIN)
    return [name.removesuffix(kept_files.LOGIN).replace("+", ":") for name in found]


def _read(folder: str, name: str) -> Marker | None:
    data = entry.read_private(os.path.join(folder, name))
    try:
        marker = Marker(**json.loads(data or b""))
    except (ValueError, TypeError, RecursionError):
        return None
    texts = marker.host, marker.username, marker.store
    right = all(isinstance(text, str) for text in texts) and isinstance(marker.pending, bool)
    expires = type(marker.expires) in (int, type(None))
    return marker if right and expires and kept_files.name(marker.host) == name else None


def warning(marker: Marker, now: float) -> str | None:
    """Return a sentence about a password that expires within a fortnight of *now*, or has expired."""
    if marker.expires is None or marker.expires - now >= _SOON_SECONDS:
        return None
    if marker.expires <= now:
        return f"the password kept for {marker.username} has expired"
    days = int((marker.expires - now) // _DAY)
    left = f"in {days} days" if days > 1 else "within two days"
    return f"the password kept for {marker.username} expires {left}"


def write(folder: Folder, marker: Marker) -> bool:
    """Write *marker*; tell whether that worked."""
    return private_files.save(
        folder, kept_files.name(marker.host), json.dumps(asdict(marker)).encode()
    )


def remove(folder: Folder, host: str) -> None:
    private_files.remove(folder, kept_files.name(host))
