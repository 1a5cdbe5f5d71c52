"""The kept sign-in of a person: one file of ours for each authority, tenant and client id.

``<number>@sign-in`` in ``paths.data_folder``::

    docker-credential-acr sign-in 1
    {"authority": ..., "tenant": ..., "client_id": ..., "username": ..., "store": ...}
    <AES-GCM of what msal has to remember, base64>

The key lies in the platform's store and not beside it (``sealing_key``); it is of this file alone, and the
first two lines are authenticated with the rest. What cannot be opened is left as it is: signing in again
replaces it. The file is replaced whole at every renewal, so what a cached answer depends on is another
one, ``paths.SIGN_INS``, which changes when somebody signs in or out.
"""

import json
import os
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from time import time_ns

from docker_credential_acr import cache, entry, paths, private_files
from docker_credential_acr.deadline import Deadline
from docker_credential_acr.errors import Failure, MethodUnavailable
from docker_credential_acr.methods import sealing_key
from docker_credential_acr.methods.contract import SignIn
from docker_credential_acr.methods.sealing_key import PLAIN, Owner, Seal
from docker_credential_acr.secret import Secret

_FORMAT = b"docker-credential-acr sign-in 1\n"
_ENDING = "@sign-in"
_NONCE = 12  # bytes, as AES-GCM wants it
_UNDO_SECONDS = 10  # for what a sign-in that came to nothing leaves in a store


@dataclass(frozen=True, slots=True)
class Identity:
    """As whom nobody else is kept: one sign-in page, one directory, one app."""

    authority: str
    tenant: str
    client_id: str

    @property
    def file(self) -> str:
        import hashlib  # noqa: PLC0415  for those who are signed in

        named = ascii((self.authority, self.tenant.lower(), self.client_id.lower()))
        return hashlib.sha256(named.encode()).hexdigest()[:32] + _ENDING


@dataclass(frozen=True, slots=True)
class Kept:
    """The head of the file: nothing secret. *store* is where its key lies, or ``sealing_key.PLAIN``."""

    authority: str
    tenant: str
    client_id: str
    username: str
    store: str

    @property
    def identity(self) -> Identity:
        return Identity(self.authority, self.tenant, self.client_id)


def turn(identity: Identity, sign_in: SignIn) -> AbstractContextManager[bytes | None]:
    """Wait until nobody else renews, replaces or forgets this sign-in. Raises OutOfTime."""
    return _turn(Owner(identity.file, sign_in.environ, sign_in.deadline))


def _turn(owner: Owner) -> AbstractContextManager[bytes | None]:
    folder = private_files.open_folder(paths.data_folder(owner.environ.get))
    return cache.turn(folder, owner.file, owner.deadline, lambda: None)


def read(identity: Identity, sign_in: SignIn) -> tuple[Kept, Seal, str]:
    """Return what is kept of *identity*, and what closes it again.

    Raises MethodUnavailable if there is nothing, or nothing that can be opened; HelperFailed if the
    store of the key does not answer.
    """
    check(identity, sign_in)
    data = entry.read_private(_path(identity.file, sign_in.environ))
    kept = head(data)
    if data is None or kept is None or kept.identity != identity:
        raise _unreadable(sign_in, "is not what was written, or not a private file of yours")
    if kept.store == PLAIN and not sign_in.allow_unencrypted:
        raise _unreadable(sign_in, "is not encrypted, which the settings do not allow")
    seal = sealing_key.found(Owner(identity.file, sign_in.environ, sign_in.deadline), kept.store)
    if seal is None:
        raise _unreadable(sign_in, f"cannot be opened: its key is not in {kept.store} any more")
    text = _opened(data, seal)
    if text is None:
        raise _unreadable(sign_in, "cannot be opened: it or its key is not what was written")
    return kept, seal, text


def check(identity: Identity, sign_in: SignIn) -> None:
    """Raise MethodUnavailable if nothing is kept of *identity*."""
    if not os.path.lexists(_path(identity.file, sign_in.environ)):
        raise MethodUnavailable(
            "nobody is signed in here for this registry", how(sign_in.host), "signed-out"
        )


def _path(file: str, environ: Mapping[str, str]) -> str:
    return os.path.join(paths.data_folder(environ.get) or "", file)


def how(host: str) -> str:
    """Return what signs a person in."""
    return f"run: docker-credential-acr login {host}"


def _unreadable(sign_in: SignIn, why: str) -> MethodUnavailable:
    return MethodUnavailable(f"the kept sign-in {why}", how(sign_in.host), "sign-in-unreadable")


def head(data: bytes | None) -> Kept | None:
    """Return the head of a file with *data*, or None if it has none."""
    if data is None or not data.startswith(_FORMAT):
        return None
    try:
        kept = Kept(**json.loads(data[len(_FORMAT) :].partition(b"\n")[0]))
    except (ValueError, TypeError, RecursionError):
        return None
    return kept if all(isinstance(value, str) for value in asdict(kept).values()) else None


def _opened(data: bytes, seal: Seal) -> str | None:
    begins = _begins(data)
    try:
        sealed = b64decode(data[len(begins) :].removesuffix(b"\n"), validate=True)
        if seal.key is None:
            return sealed.decode()
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415  it comes with msal
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

        try:
            opened = AESGCM(_bytes(seal.key)).decrypt(sealed[:_NONCE], sealed[_NONCE:], begins)
        except InvalidTag:
            return None
        return opened.decode()
    except ValueError:
        return None


def _begins(data: bytes) -> bytes:
    first, second, *_ = data.split(b"\n", 2)
    return first + b"\n" + second + b"\n"


def _bytes(key: Secret) -> bytes:
    return b64decode(key.reveal())


def save(kept: Kept, seal: Seal, text: str, environ: Mapping[str, str]) -> bool:
    """Replace what is kept by *text*; tell whether that worked. Only who has the ``turn`` does so."""
    begins = _FORMAT + json.dumps(asdict(kept)).encode() + b"\n"
    content = text.encode()
    if seal.key is not None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

        nonce = os.urandom(_NONCE)
        content = nonce + AESGCM(_bytes(seal.key)).encrypt(nonce, content, begins)
    folder = private_files.open_folder(paths.data_folder(environ.get))
    data = begins + b64encode(content) + b"\n"
    return folder is not None and private_files.save(folder, kept.identity.file, data)


@contextmanager
def keeping(identity: Identity, sign_in: SignIn) -> Iterator[Callable[[str, str], bool]]:
    """Give what keeps a user name and a text, and tells whether they are encrypted.

    That there is a store for the key is settled before.

    Nothing is left behind if it is not called. Raises MethodUnavailable if nothing can be kept here.
    """
    environ = sign_in.environ
    owner = Owner(identity.file, environ, sign_in.deadline)
    if private_files.open_folder(paths.data_folder(environ.get)) is None:
        raise _not_kept(environ)
    with turn(identity, sign_in):
        seal = sealing_key.made(owner, _store_of(identity.file, environ), sign_in)
    done = False

    def keep(username: str, text: str) -> bool:
        nonlocal done
        kept = Kept(identity.authority, identity.tenant, identity.client_id, username, seal.store)
        with turn(identity, sign_in):
            sealing_key.settle(owner, seal)
            if not save(kept, seal, text, environ):
                raise _not_kept(environ)
            mark(environ)
        done = True
        return seal.key is not None

    try:
        yield keep
    finally:
        if seal.fresh and not done:
            soon = Owner(identity.file, environ, Deadline.after(_UNDO_SECONDS))
            with _turn(soon):
                if _store_of(identity.file, environ) != seal.store:  # another login may need it
                    sealing_key.drop(soon, seal.store)


def _store_of(file: str, environ: Mapping[str, str]) -> str | None:
    kept = head(entry.read_private(_path(file, environ)))
    return None if kept is None else kept.store


def _not_kept(environ: Mapping[str, str]) -> MethodUnavailable:
    folder = paths.data_folder(environ.get) or "a folder of your own"
    return MethodUnavailable(
        f"what is kept of a sign-in cannot be changed: {folder} cannot be written to",
        "make room there, or correct its owner and rights",
        "sign-in-not-kept",
    )


def mark(environ: Mapping[str, str]) -> None:
    """Have every cached answer looked for anew: another person may be signed in."""
    folder = private_files.open_folder(paths.data_folder(environ.get))
    if folder is not None:
        private_files.save(folder, paths.SIGN_INS, b"%d\n" % time_ns())


def every(environ: Mapping[str, str]) -> list[tuple[str, Kept | None]]:
    """Return the files of all kept sign-ins with their heads; None: it has none that can be read."""
    folder = paths.data_folder(environ.get) or ""
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(_ENDING))
    except OSError:
        return []
    return [(name, head(entry.read_private(_path(name, environ)))) for name in names]


def forget(file: str, environ: Mapping[str, str], deadline: Deadline) -> Failure | None:
    """Forget the kept sign-in in *file*; return what the person has to be told of its key.

    Raises MethodUnavailable if it could not be removed, OutOfTime.
    """
    owner = Owner(file, environ, deadline)
    folder = private_files.open_folder(paths.data_folder(environ.get))
    with _turn(owner):
        store = _store_of(file, environ)
        private_files.remove(folder, file)
        if os.path.lexists(_path(file, environ)):
            raise _not_kept(environ)
        mark(environ)
        return sealing_key.drop(owner, store) if store else None
