"""The programs of our name on PATH: other projects ship one, too, and clients call whichever is first."""

import os
from collections.abc import Mapping

from docker_credential_acr import child
from docker_credential_acr.deadline import Deadline

PROGRAM = "docker-credential-acr"
_OURS = b"(docker_credential_acr)"  # what `version` of this project says, and no namesake's
_SECONDS = 10.0


def programs(environ: Mapping[str, str]) -> list[str]:
    """Return the paths of the different programs of our name on PATH, that which clients call first."""
    found: dict[str, str] = {}
    for folder in environ.get("PATH", "").split(os.pathsep):
        path = child.find(PROGRAM, {**environ, "PATH": folder})
        if path is not None:
            found.setdefault(os.path.realpath(path), path)
    return list(found.values())


def is_ours(path: str, environ: Mapping[str, str]) -> bool:
    """Tell whether the program *path* is of this project; one that cannot be run is not."""
    try:
        told = child.run([path, "version"], Deadline.after(_SECONDS), _SECONDS, environ).out
    except OSError:
        return False
    return _OURS in told
