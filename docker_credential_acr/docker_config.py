"""Docker's config.json: which registries it sends to this program. Read only, so far."""

import json
import os
from collections.abc import Mapping

from docker_credential_acr import paths

_LARGEST = 4 * 1024 * 1024  # bytes


def helped_hosts(environ: Mapping[str, str], helper: str = "acr") -> list[str]:
    """Return the keys of ``credHelpers`` that name *helper*; an unreadable file has none."""
    folder = environ.get("DOCKER_CONFIG") or f"{paths.home(environ.get) or ''}/.docker"
    try:
        path = os.path.join(folder, "config.json")
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))  # not for a FIFO
        with os.fdopen(descriptor, "rb") as file:
            helpers = json.loads(file.read(_LARGEST)).get("credHelpers")
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return []
    if not isinstance(helpers, dict):
        return []
    return [host for host, name in helpers.items() if name in (helper, helper + ".exe")]
