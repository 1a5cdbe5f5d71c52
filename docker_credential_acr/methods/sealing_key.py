"""The key of a kept sign-in: 32 bytes in the platform's own store, never beside what they close.

On Linux a Docker credential helper keeps it (``secretservice``, ``pass``: ``stores``), which works without
a desktop's library. On macOS and Windows msal-extensions does (Keychain, DPAPI), as it does for the SDK's
own persistent cache.
"""

import os
import sys
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass

from docker_credential_acr import paths, private_files, stores
from docker_credential_acr.deadline import Deadline
from docker_credential_acr.errors import Failure, HelperFailed, MethodUnavailable
from docker_credential_acr.methods.contract import SignIn
from docker_credential_acr.secret import Secret
from docker_credential_acr.stores import FILE, Place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PLAIN = "none"  # there is no key, and nothing is encrypted
PLATFORM = "platform"  # msal-extensions' persistence
_USER = "docker-credential-acr"
_BYTES = 32


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose key it is, by the *file* that it closes, and how long a store may take."""

    file: str
    environ: Mapping[str, str]
    deadline: Deadline


@dataclass(frozen=True, slots=True)
class Seal:
    """A key and the store that it lies in; *fresh* if it was made just now. No key: plain text."""

    store: str
    key: Secret | None
    fresh: bool = False


def found(owner: Owner, store: str) -> Seal | None:
    """Return the seal whose key lies in *store*; None: it is not there.

    Raises HelperFailed if the store does not answer, SettingsError, OutOfTime.
    """
    if store == PLAIN:
        return Seal(PLAIN, None)
    key = _get(owner, store)
    return None if key is None else Seal(store, key)


def made(owner: Owner, before: str | None, sign_in: SignIn) -> Seal:
    """Return the seal that there is in the store *before*, else in any other, else a new one.

    The store is the one that the settings name and no other, else the first of the platform that works.
    Raises MethodUnavailable if none does and plain text is not allowed, SettingsError, OutOfTime.
    """
    reasons: list[Failure] = []
    for store in sorted(_stores(sign_in), key=lambda store: store != before):
        try:
            seal = found(owner, store)
            if seal is None:
                key = Secret(b64encode(os.urandom(_BYTES)).decode())
                seal = Seal(store, key, fresh=True)
                _put(owner, seal)
        except HelperFailed as reason:
            reasons.append(reason)
        else:
            return seal
    if sign_in.allow_unencrypted:
        return Seal(PLAIN, None)
    told = "; ".join(reason.what for reason in reasons) or "the settings name no store for its key"
    raise MethodUnavailable(
        f"a sign-in cannot be kept encrypted here ({told})",
        "install a keyring or pass, or set allow_unencrypted = true at the top of the settings",
        "sign-in-not-kept",
    )


def _stores(sign_in: SignIn) -> tuple[str, ...]:
    if sys.platform in ("darwin", "win32"):
        return (PLATFORM,)
    named = (sign_in.store,) if sign_in.store else stores.of_the_platform(sign_in.environ)
    return tuple(store for store in named if store != FILE)  # the key's own place is elsewhere


def settle(owner: Owner, seal: Seal) -> None:
    """See to it that the key of *seal* is there: a login that was stopped may have taken it away."""
    if seal.key is None:
        return
    there = _get(owner, seal.store)
    if there is None or there.reveal() != seal.key.reveal():
        _put(owner, seal)


def drop(owner: Owner, store: str) -> Failure | None:
    """Take the key out of *store*; return why that did not work, for the person."""
    try:
        if store == PLATFORM:
            _forget(owner)
        elif store != PLAIN:
            stores.take(_place(owner, store))
    except Failure as failure:
        failure.what = f"the key stays in {store}, where it opens nothing any more: {failure.what}"
        return failure
    return None


def _get(owner: Owner, store: str) -> Secret | None:
    if store == PLATFORM:
        return loaded(_persistence(owner))
    return stores.get(_place(owner, store), _USER)


def _put(owner: Owner, seal: Seal) -> None:
    assert seal.key is not None  # noqa: S101  the callers have seen to it
    if seal.store == PLATFORM:
        saved(_persistence(owner), seal.key)
    else:
        stores.put(_place(owner, seal.store), _USER, seal.key, alone=False)


def _place(owner: Owner, store: str) -> Place:
    path = paths.data_folder(owner.environ.get)
    folder = private_files.open_folder(path)
    if folder is None:
        raise stores.not_written(path)
    return Place(owner.file, store, folder, owner.environ, owner.deadline)


def _persistence(owner: Owner) -> "Any":
    from msal_extensions import build_encrypted_persistence  # noqa: PLC0415  it comes with the SDK

    return build_encrypted_persistence(_location(owner))


def _location(owner: Owner) -> str:
    return os.path.join(paths.data_folder(owner.environ.get) or "", owner.file + ".key")


def loaded(persistence: "Any") -> Secret | None:
    """Return the key that msal-extensions keeps, or None. Raises HelperFailed."""
    from msal_extensions.persistence import PersistenceNotFound  # noqa: PLC0415

    try:
        text = persistence.load()
    except PersistenceNotFound:
        return None
    except (OSError, ValueError) as error:
        raise _failed(error) from error
    return Secret(text) if text else None


def saved(persistence: "Any", key: Secret | None) -> None:
    """Have msal-extensions keep *key*, or nothing: it has no way to remove one. Raises HelperFailed."""
    try:
        persistence.save(key.reveal() if key else "")
    except (OSError, ValueError) as error:
        raise _failed(error) from error


def _forget(owner: Owner) -> None:
    if os.path.lexists(_location(owner)):
        saved(_persistence(owner), None)
        os.unlink(_location(owner))


def _failed(error: Exception) -> HelperFailed:
    return HelperFailed(
        f"the platform's store for keys failed ({type(error).__name__})",
        "unlock it, and allow this program to read what it has written there",
        "helper-failed",
    )
