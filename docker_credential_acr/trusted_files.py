"""Files that decide who gets a credential: read only if nobody else can have written them."""

import os
import stat
from dataclasses import dataclass

from docker_credential_acr.errors import SettingsError

_INSECURE_BITS = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True)
class Kind:
    """What a file is called in messages, and which variable may name it."""

    name: str
    variable: str


SETTINGS = Kind("settings file", "ACR_CRED_CONFIG")
ENVIRONMENT = Kind("environment file", "AZURE_ENVIRONMENT_FILEPATH")


def read(path: str, kind: Kind, largest: int) -> bytes:
    """Return at most one byte more than *largest* of the file *path*.

    It must belong to this user or to root, and nobody else may be able to change it; that is checked
    on the open file, not on its name, and links are followed. Raises SettingsError.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(file.fileno())
            if stat.S_ISFIFO(found.st_mode):  # it can be read once, and they are read more often
                raise ValueError("a pipe")  # noqa: TRY301  told below
            if os.name != "nt" and stat.S_ISREG(found.st_mode):
                _check_owner(path, kind, found)
            return file.read(largest + 1)
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"the {kind.name} {path} cannot be read: "
            + (getattr(error, "strerror", None) or str(error)).lower(),
            f"check the path, {kind.variable} and who may read it",
            "settings-missing",
        ) from error


def _check_owner(path: str, kind: Kind, found: os.stat_result) -> None:
    if found.st_uid not in (0, os.geteuid()):
        raise SettingsError(
            f"the {kind.name} {path} belongs to another user",
            f"run: chown {os.geteuid()} {path}",
            "settings-unsafe",
        )
    if found.st_mode & _INSECURE_BITS:
        raise SettingsError(
            f"the {kind.name} {path} can be changed by other users",
            f"run: chmod go-w {path}",
            "settings-unsafe",
        )
