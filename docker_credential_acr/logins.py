"""What ``docker login`` gave us to keep: a marker for each host, and the password in a store.

A kept login wins over the host's method until it is erased. So while there is a marker, no entry of
the host may lie in the cache, where it would be found first: who keeps a login writes the marker before
the entries are erased, and who saves an entry looks for the marker again afterwards (``credentials.save``).
"""

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from docker_credential_acr import cache, kept_files, markers, paths, private_files, stores
from docker_credential_acr.deadline import Deadline
from docker_credential_acr.errors import Failure, HelperFailed
from docker_credential_acr.helper_program import nested
from docker_credential_acr.markers import Marker
from docker_credential_acr.private_files import Folder
from docker_credential_acr.secret import Secret
from docker_credential_acr.stores import FILE, Place

_TRIAL = "docker-credential-acr trial"


@dataclass(frozen=True, slots=True)
class Person:
    """Who logs in, logs out or asks; *store* is the one that the settings name."""

    environ: Mapping[str, str]
    deadline: Deadline
    store: str | None = None

    def folder(self) -> Folder:
        """Return the folder of kept logins. Raises InputError if it cannot be had."""
        path = paths.data_folder(self.environ.get)
        found = private_files.open_folder(path)
        if found is None:
            raise stores.not_written(path)
        return found

    def place(self, host: str, store: str) -> Place:
        return Place(host, store, self.folder(), self.environ, self.deadline)


def read(host: str, person: Person) -> tuple[str, Secret] | None:
    """Return user name and password kept for *host*; None: nothing is kept.

    Raises HelperFailed if the store does not answer or has lost it, SettingsError, InputError, OutOfTime.
    """
    if not markers.exists(host, person.environ):
        return None
    found = _looked(host, person)
    if found is not None:
        return found
    with _turn(host, person):  # whoever is keeping or erasing it just now holds the turn
        marker = markers.find(host, person.environ)
        found = _looked(host, person)
    if marker is not None and found is None:
        raise HelperFailed(
            f"the login kept for {marker.username} is not in its store ({marker.store}) any more",
            f"run: docker logout {host}, and log in again if it is still needed",
            "login-lost",
        )
    return found


def _looked(host: str, person: Person) -> tuple[str, Secret] | None:
    """Return what the store has; None if that is not what the marker says, or it has just changed."""
    marker = markers.find(host, person.environ)
    if marker is None or marker.pending:
        return None
    try:
        secret = stores.get(person.place(host, marker.store), marker.username)
    except HelperFailed as failure:
        if markers.find(host, person.environ) != marker:
            return None
        failure.what = f"the login kept for {marker.username} cannot be read: {failure.what}"
        failure.hint += f"; or do without it: docker logout {host}"
        raise
    return None if secret is None else (marker.username, secret)


@contextlib.contextmanager
def _turn(host: str, person: Person) -> Iterator[None]:
    name = kept_files.name(host)
    with cache.turn(person.folder(), name, person.deadline, lambda: None):
        yield


def keep(login: Marker, secret: Secret, person: Person, cached: Folder | None) -> list[Failure]:
    """Keep *secret* for host and user name of *login*; return what the person has to be told.

    The store is the one that the settings name and no other, else the platform's first that takes the
    login and gives it back, else a file. What was kept for the host before is forgotten, and all its
    entries leave the cache folder *cached*.
    Raises HelperFailed, SettingsError, InputError, OutOfTime: then the login is not kept.
    """
    with _turn(login.host, person):
        before = _before(login.host, person)
        old = _old_secret(before, person)
        try:
            kept = _put_first(login, secret, person, before, cached)
        except Failure:
            _put_back(before, old, person)
            if before is None or not markers.write(person.folder(), before):
                markers.remove(person.folder(), login.host)
            raise
        told = [_in_a_file(person)] if kept.store == FILE and person.store is None else []
        if before and before.store != kept.store:
            try:
                stores.take(person.place(before.host, before.store))
            except Failure as failure:
                failure.what = f"the login kept before stays in {before.store}: {failure.what}"
                told.append(failure)
        return told


def _before(host: str, person: Person) -> Marker | None:
    try:
        return markers.find(host, person.environ)
    except HelperFailed:  # nobody can say where it lies
        return None


def _old_secret(before: Marker | None, person: Person) -> Secret | None:
    """Return what the store that the settings name has to give up for a new login."""
    if before is None or before.pending or before.store != person.store:
        return None
    with contextlib.suppress(Failure):
        return stores.get(person.place(before.host, before.store), before.username)
    return None


def _put_back(before: Marker | None, old: Secret | None, person: Person) -> None:
    if before is None or old is None:
        return
    place = person.place(before.host, before.store)
    with contextlib.suppress(Failure):
        there = stores.get(place, before.username)
        if there is None or there.reveal() != old.reveal():
            stores.put(place, before.username, old, alone=False)


def _in_a_file(person: Person) -> Failure:
    return HelperFailed(
        f"no store for passwords works here: this one lies unencrypted in {person.folder().path}",
        "install pass or a keyring and log in again, or set store in the settings",
        "login-in-file",
    )


def _put_first(
    login: Marker, secret: Secret, person: Person, before: Marker | None, cached: Folder | None
) -> Marker:
    """Put the login into the first store that works; return its marker."""
    from docker_credential_acr.log import log  # noqa: PLC0415  a get does not come here

    for store in (person.store,) if person.store else stores.of_the_platform(person.environ):
        kept = replace(login, store=store, pending=False)
        _mark(person, replace(kept, pending=True))
        cache.erase(cached, kept.host)
        own = before and (before.store, before.username) == (store, kept.username)
        try:
            stores.put(person.place(kept.host, store), kept.username, secret, alone=not own)
        except HelperFailed as failure:
            log.debug("%s: not kept with %s: %s", kept.host, store, failure.what)
            if person.store or nested(person.environ):  # a file is for want of a store only
                raise
            continue
        _mark(person, kept)
        return kept
    raise AssertionError("the last of the platform's stores is a file")


def check(host: str, person: Person) -> None:
    """See to it that a login for *host* could be kept now: a password may be shown only once.

    A store that the settings name is given something to keep and to forget; the others may fail, for
    behind them there is a file. Raises HelperFailed, SettingsError, InputError, OutOfTime.
    """
    folder, trial = person.folder(), kept_files.name(host, "@trial")
    written = private_files.save(folder, trial, b"")
    private_files.remove(folder, trial)
    if not written:
        raise stores.not_written(folder.path)
    if person.store not in (None, FILE):
        place = person.place(f"trial/{host}", str(person.store))
        stores.put(place, _TRIAL, Secret(f"{_TRIAL} {os.urandom(8).hex()}"), alone=False)
        stores.take(place)


def _mark(person: Person, marker: Marker) -> None:
    folder = person.folder()
    if not markers.write(folder, marker):
        raise stores.not_written(folder.path)


def forget(host: str, person: Person) -> None:
    """Forget what is kept for *host*, if anything is.

    Raises HelperFailed, SettingsError, InputError, OutOfTime: then it is still kept.
    """
    if not markers.exists(host, person.environ):
        return
    with _turn(host, person):
        marker = _before(host, person)
        if marker is not None:
            stores.take(person.place(host, marker.store))
        else:
            for store in stores.of_the_platform(person.environ):
                with contextlib.suppress(Failure):
                    stores.take(person.place(host, store))
        markers.remove(person.folder(), host)
        if markers.exists(host, person.environ):
            raise stores.not_written(person.folder().path)
