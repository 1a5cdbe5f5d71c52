"""The one use case: obtain the answer for a registry host, or renew it.

Look, take a turn, look again, sign in, exchange, save. Nothing of an SDK, of the settings or of logging
is imported before it is certain that this process is the one that signs in.
"""

import json
import os
import random
from collections.abc import Callable
from contextlib import nullcontext
from time import time

from docker_credential_acr import cache, entry, markers, private_files, renewal, waiting_room
from docker_credential_acr.asker import Asker
from docker_credential_acr.deadline import Deadline
from docker_credential_acr.errors import Failure, NoCredential

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_acr.methods.contract import Login
    from docker_credential_acr.settings import RegistrySettings

_JITTER = 0.1  # of a life of 3 h: 18 minutes
# What stands in place of an entry that nobody is to wait for; no reader takes it for one.
_EACH_CALLER = cache.body(waiting_room.NO_TIMES, b"", {"caller": "each"})  # only their proof tells
_NO_CREDENTIAL = cache.body(waiting_room.NO_TIMES, b"", {"caller": "none"})


class _EachCaller(Exception):
    """Who is asking is not settled by the stamp (decision 12)."""


def obtain(
    host: str, who: Asker, deadline: Deadline, prepare: Callable[["RegistrySettings"], Deadline]
) -> bytes:
    """Return the rendered answer for *host* (``entry``), from the cache or by signing in.

    *prepare* is told the host's settings before the sign-in and returns the deadline that they ask for.
    An old token that nobody could renew is served while it is still good. Raises Failure.
    """
    try:
        return _obtained(host, who, deadline, prepare)
    except _EachCaller:
        pass
    except Exception as error:  # a broken library, too, is no reason to refuse a good token
        old = still_good(host, who)
        if old is None:
            raise
        what = error.what if isinstance(error, Failure) else type(error).__name__
        _log(f"{host}: served the old token, renewal failed: {what}")
        return old
    return obtain(host, _told_apart(host, who, prepare), deadline, prepare)


def _told_apart(host: str, who: Asker, prepare: Callable[["RegistrySettings"], Deadline]) -> Asker:
    from docker_credential_acr.callers import told_apart  # noqa: PLC0415  the slow path

    chosen = _settings(host, who)
    return told_apart(chosen, who, prepare(chosen))


def _settings(host: str, who: Asker) -> "RegistrySettings":
    from docker_credential_acr.settings import for_host, load  # noqa: PLC0415  the slow path

    chosen = for_host(load(who.settings_path), host, who.environ)
    return who.adjust(chosen) if who.adjust else chosen


def still_good(host: str, who: Asker) -> bytes | None:
    """Return the answer of an old entry that has at least a minute left."""
    return waiting_room.still_good(_data(host, who), entry.head(host, who.stamped))


def _data(host: str, who: Asker) -> bytes | None:
    if who.folder is None:
        return None
    return entry.read_private(os.path.join(who.folder.path, entry.file_name(host, who.stamped)))


def _obtained(
    host: str, who: Asker, deadline: Deadline, prepare: Callable[["RegistrySettings"], Deadline]
) -> bytes:
    name = entry.file_name(host, who.stamped)
    begins = entry.head(host, who.stamped)
    before = _data(host, who)

    def look() -> bytes | None:
        data = _data(host, who)
        if data == begins + _EACH_CALLER:
            raise _EachCaller
        return waiting_room.answer(data, begins, before)

    # Who wants no credential never has an entry: nobody is to wait for one.
    anonymous = before == begins + _NO_CREDENTIAL
    turn = nullcontext() if anonymous else cache.turn(who.folder, name, deadline, look)
    with turn as found:
        if found is not None:
            return found
        cache.raise_remembered(who.folder, name)
        try:
            answer, data = _new_entry(host, who, prepare)
        except NoCredential:  # nothing failed
            if not anonymous:
                cache.save(who.folder, name, begins + _NO_CREDENTIAL)
            raise
        except _EachCaller:
            # The next ones need no turn to find out.
            cache.save(who.folder, name, begins + _EACH_CALLER)
            raise
        except Failure as failure:
            if look() is None:  # else another one had more luck meanwhile, and its answer counts
                cache.note_failure(who.folder, name, failure)
            raise
        save(host, who, data)
        cache.forget_failure(who.folder, name)
        return answer


def save(host: str, who: Asker, data: bytes) -> None:
    """Save the entry *data* of *host*, unless a login is kept for the host and counts for *who*.

    The entry would be found before the login. Who keeps one writes its marker before the entries are
    erased; so whoever looks for the marker after saving leaves no entry behind.
    """
    name = entry.file_name(host, who.stamped)
    if not (who.logins and markers.exists(host, who.environ)):
        cache.save(who.folder, name, data)
    if who.logins and markers.exists(host, who.environ):
        private_files.remove(who.folder, name)


def renew(
    host: str, who: Asker, deadline: Deadline, prepare: Callable[["RegistrySettings"], Deadline]
) -> None:
    """Renew the entry of *host* if it is ageing and its renewal is still claimed (``renewal``).

    Raises Failure; the entry then stays as it is, and the claim as it is, too: that is the back-off.
    """
    folder = who.folder
    name = entry.file_name(host, who.stamped)

    def look() -> bytes | None:
        found = entry.served(folder.path, host, who.stamped, time()) if folder else None
        return found[0] if found and not found[1] else None

    def claimed() -> bool:
        return folder is not None and os.path.lexists(
            os.path.join(folder.path, renewal.marker(name))
        )

    with cache.turn(folder, name, deadline, look) as fresh:
        if fresh is None and folder is not None and claimed():
            _, data = _new_entry(host, who, prepare)
            if claimed():  # an erase or a login in between ends the right to save
                save(host, who, data)
        private_files.remove(folder, renewal.marker(name))


def _new_entry(
    host: str, who: Asker, prepare: Callable[["RegistrySettings"], Deadline]
) -> tuple[bytes, bytes]:
    """Sign in and exchange; return the rendered answer and the whole entry."""
    from docker_credential_acr import callers, sign_in  # noqa: PLC0415  this process signs in

    chosen = _settings(host, who)
    if callers.each_caller(chosen, who):
        raise _EachCaller
    deadline = prepare(chosen)
    begins = entry.head(host, who.stamped)
    found = sign_in.obtain(chosen, who, deadline, *_last(_data(host, who), begins))
    answer = cache.rendered(found.username, found.secret.reveal())
    _log(f"{host}: credential obtained with {chosen.method}, good until {found.expires}")
    prompts = _runs_commands(chosen) or callers.person(chosen)  # a keyring may ask for its password
    ahead = chosen.refresh == "background" and not prompts
    body = cache.body(
        times(found.issued, found.expires, found.min_ttl, ahead=ahead), answer, found.notes
    )
    return answer, begins + body


def _runs_commands(chosen: "RegistrySettings") -> bool:
    """Tell whether a ``_command`` option is set: nobody wants its prompt out of nowhere."""
    return any(
        getattr(options, key)
        for options in (chosen.options, chosen.sign_in[1])
        for key in dir(options)
        if key.endswith("_command")
    )


def times(issued: int, expires: int, min_ttl: int, *, ahead: bool) -> tuple[int, int, int, int]:
    """Return when a credential was issued, ages, may no longer be served and expires.

    *ahead* says that a process of its own renews it once it ages: after half its life and a part of
    the rest that is drawn here, so that a fleet that started together does not renew together.
    """
    until, life = expires - min_ttl, expires - issued
    ages = issued + life / 2 + life * _JITTER * random.random()  # noqa: S311  no secret
    return issued, min(until, int(ages)) if ahead else until, until, expires


def _last(data: bytes | None, begins: bytes) -> "tuple[dict[str, object], Login | None]":
    """Return the notes of this asker's last entry, and its answer, even of one that has expired."""
    from docker_credential_acr.methods.contract import Login  # noqa: PLC0415  this process signs in
    from docker_credential_acr.secret import Secret  # noqa: PLC0415

    if data is None or not data.startswith(begins):
        return {}, None
    try:
        _, answer, _, again, told = data[len(begins) :].split(b"\n", 4)
        notes, found = json.loads(told), json.loads(b"{" + answer)
        login = Login(found["Username"], Secret(found["Secret"])) if answer == again else None
    except (ValueError, LookupError, TypeError, RecursionError):
        return {}, None
    return (notes if isinstance(notes, dict) else {}), login


def _log(text: str) -> None:
    from docker_credential_acr.log import log  # noqa: PLC0415  waiters do not load logging

    log.debug("%s", text)
