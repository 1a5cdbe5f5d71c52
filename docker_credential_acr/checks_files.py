"""Checks of the files of this user: settings, cache, kept logins. Nobody is asked."""

import os
import stat
from collections.abc import Iterator

from docker_credential_acr import asker, cache, markers, paths, private_files
from docker_credential_acr.checks import FAILED, OK, WARNING, Check, Finding, Patient
from docker_credential_acr.deadline import Deadline
from docker_credential_acr.settings import load

_SECONDS = 10.0
_SHOWN = 5  # of files that are passed over: there may be thousands


def settings(patient: Patient) -> Iterator[Finding]:
    who = asker.who_asks(patient.environ)
    load(who.settings_path)
    yield Finding(OK, f"settings: {who.settings_path or 'none, the defaults hold'}")


def cache_folder(patient: Patient) -> Iterator[Finding]:
    path = paths.cache_folder(patient.environ.get)
    if path is None:
        fix = "unset ACR_CRED_NO_CACHE, or name a folder in ACR_CRED_CACHE_DIR"
        yield Finding(WARNING, "there is no cache: every pull signs in", fix, "no-cache")
        return
    folder = private_files.open_folder(path)
    name = f"probe.{os.getpid()}"
    if folder is None or not private_files.save(folder, name, b"probe"):
        fix = "check its owner and the space on its disk, or name another in ACR_CRED_CACHE_DIR"
        yield Finding(FAILED, f"{path} cannot be written: every pull signs in", fix, "no-cache")
        return
    with cache.turn(folder, name, Deadline.after(_SECONDS), lambda: None):
        private_files.remove(folder, name)
    private_files.remove(folder, name + ".lock")
    yield Finding(OK, f"cache: {path}, private, locks work")


def kept(patient: Patient) -> Iterator[Finding]:
    for marker in markers.every(patient.environ):
        if patient.host in (None, marker.host):
            text = f"a login of {marker.username} is kept for {marker.host} in {marker.store}"
            yield Finding(OK, f"{text}; it wins over the method")


def passed_over(patient: Patient) -> Iterator[Finding]:
    """Name what lies in the cache's folder and is never read, such as what a sudo has left there."""
    folder = private_files.open_folder(paths.cache_folder(patient.environ.get))
    if folder is None or os.name == "nt":
        return
    named = (
        (f"{folder.path}/{name}", _flaw(f"{folder.path}/{name}"))
        for name in private_files.names(folder)
    )
    found = sorted((path, flaw) for path, flaw in named if flaw)
    for path, flaw in found[:_SHOWN]:
        fix = f"remove it: sudo rm -r {path}"
        yield Finding(WARNING, f"{path} {flaw} and is passed over", fix, "cache-foreign")
    if len(found) > _SHOWN:
        yield Finding(
            WARNING, f"so are {len(found) - _SHOWN} more in {folder.path}", "", "cache-foreign"
        )


def _flaw(path: str) -> str:
    """Return why the file *path* is not believed (``entry.read_private``); nothing if it is."""
    try:
        found = os.lstat(path)
    except OSError:
        return ""
    flaws = {
        "is no plain file": not stat.S_ISREG(found.st_mode),
        f"belongs to user {found.st_uid}": found.st_uid != os.geteuid(),
        "is open to other users": bool(found.st_mode & 0o077),
        "has another name, too,": found.st_nlink > 1,
    }
    return next((text for text, is_so in flaws.items() if is_so), "")


CHECKS = (
    Check("Files", "settings", settings),
    Check("Files", "cache", cache_folder, 15.0),
    Check("Files", "cache files", passed_over),
    Check("Files", "kept logins", kept),
)
