"""Docker's config.json and podman's auth.json: which registries they send here, and changing that.

The file belongs to the person. It is changed by one member at a time (``json_text``), replaced whole
under its own mode, with a copy beside it; what cannot be read as JSON is left alone.
"""

import json
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from docker_credential_acr import json_text, paths, private_files
from docker_credential_acr.errors import SettingsError
from docker_credential_acr.json_text import NotEditable

HELPER = "acr"
HELPERS = "credHelpers"
_LARGEST = 4 * 1024 * 1024  # bytes
_BACKUP = ".before-acr"
_BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A config as it was read: *path* as it is named, *real* where links lead, *mode* None if it is new."""

    path: str
    real: str
    text: str
    mode: int | None

    @property
    def content(self) -> Mapping[str, object]:
        found: dict[str, object] = json.loads(self.text.removeprefix(_BOM))
        return found


def docker_file(environ: Mapping[str, str]) -> str:
    """Return the config that Docker's client reads."""
    folder = environ.get("DOCKER_CONFIG") or f"{paths.home(environ.get) or ''}/.docker"
    return os.path.join(folder, "config.json")


def podman_file(environ: Mapping[str, str]) -> str:
    """Return the auth.json of podman, buildah and skopeo that outlives the session.

    The one in XDG_RUNTIME_DIR, which ``podman login`` writes, is gone after the next start of the
    machine (containers-auth.json(5)).
    """
    named = environ.get("REGISTRY_AUTH_FILE")
    if named:
        return named
    config = environ.get("XDG_CONFIG_HOME") or f"{paths.home(environ.get) or ''}/.config"
    return os.path.join(config, "containers", "auth.json")


def read(path: str) -> ConfigFile:
    """Return the config *path*; one that is not there is empty. Raises SettingsError."""
    real = os.path.realpath(path)
    try:
        descriptor = os.open(real, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))  # not for a FIFO
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            data = file.read(_LARGEST + 1)
    except FileNotFoundError:
        return ConfigFile(path, real, "{}\n", None)
    except (OSError, ValueError) as error:
        raise _unusable(
            path, f"cannot be read: {(getattr(error, 'strerror', '') or '').lower()}"
        ) from error
    if not stat.S_ISREG(found.st_mode) or len(data) > _LARGEST:
        raise _unusable(path, "is no file of a usual size")
    try:
        text = data.decode()
        text = text if text.strip(_BOM + " \t\r\n") else "{}\n"
        config = ConfigFile(path, real, text, stat.S_IMODE(found.st_mode))
        content = config.content
    except (ValueError, RecursionError) as error:
        raise _unusable(path, f"is not JSON{_place(error)}") from error
    if not isinstance(content, dict):
        raise _unusable(path, "is not a JSON object")
    return config


def _place(error: Exception) -> str:
    return f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""


def _unusable(path: str, what: str) -> SettingsError:
    return SettingsError(
        f"{path} {what}", "correct it by hand; it was left as it is", "docker-config"
    )


def helper_of(config: ConfigFile, host: str) -> str | None:
    """Return the helper that *config* names for *host*."""
    helpers = config.content.get(HELPERS)
    found = helpers.get(host) if isinstance(helpers, dict) else None
    return found if isinstance(found, str) else None


def stored_login(config: ConfigFile, host: str) -> str | None:
    """Return the key of ``auths`` under which a login for *host* lies in the file itself.

    An empty entry is a mark that docker sets when a helper keeps the login; it is none.
    """
    logins = config.content.get("auths")
    if not isinstance(logins, dict):
        return None
    for key in (host, f"https://{host}", f"https://{host}/", f"{host}/"):
        if logins.get(key):
            return key
    return None


def with_helper(config: ConfigFile, host: str, helper: str = HELPER) -> ConfigFile:
    """Return *config* with *host* sent to *helper*. Raises SettingsError."""
    return _changed(config, json_text.with_member, (HELPERS, host), helper)


def without_helper(config: ConfigFile, host: str) -> ConfigFile:
    """Return *config* without a helper for *host*, and without an object that is empty then."""
    if helper_of(config, host) is None:
        return config
    left = _changed(config, json_text.without_member, (HELPERS, host))
    return left if left.content[HELPERS] else _changed(left, json_text.without_member, (HELPERS,))


def without_login(config: ConfigFile, key: str) -> ConfigFile:
    """Return *config* without the login that lies in it under *key*."""
    return _changed(config, json_text.without_member, ("auths", key))


def shown(config: ConfigFile) -> str:
    """Return the text with nothing but the helpers' names: the rest may hold logins, headers, proxies."""
    return _changed(config, json_text.without_texts, (HELPERS, "credsStore")).text


def _changed(config: ConfigFile, edit: Callable[..., str], *what: object) -> ConfigFile:
    bom = _BOM if config.text.startswith(_BOM) else ""
    try:
        return replace(config, text=bom + edit(config.text.removeprefix(bom), *what))
    except NotEditable as error:
        raise _unusable(config.path, f"cannot be changed: {error}") from error


def save(before: ConfigFile, after: ConfigFile) -> str | None:
    """Replace the file with *after* and return the path of the copy of *before*, if there was one.

    Raises SettingsError if somebody else has changed it meanwhile, or if it cannot be written.
    """
    if before.text == after.text:
        return None
    if read(before.path).text != before.text:
        raise SettingsError(
            f"{before.path} was changed by another program just now", "try again", "docker-config"
        )
    folder, name = os.path.split(before.real)
    try:
        if before.mode is None:
            os.makedirs(folder, mode=0o700, exist_ok=True)
        else:
            private_files.replace(folder, name + _BACKUP, before.text.encode(), before.mode)
        private_files.replace(folder, name, after.text.encode(), before.mode or 0o600)
    except OSError as error:
        raise SettingsError(
            f"{before.path} cannot be written: {(error.strerror or '').lower()}",
            "check who may write there; it was left as it is",
            "docker-config",
        ) from error
    return None if before.mode is None else before.real + _BACKUP


def helped_hosts(environ: Mapping[str, str], helper: str = HELPER) -> list[str]:
    """Return the keys of ``credHelpers`` that name *helper*; an unreadable file has none."""
    try:
        helpers = read(docker_file(environ)).content.get(HELPERS)
    except SettingsError:
        return []
    if not isinstance(helpers, dict):
        return []
    return [host for host, name in helpers.items() if name in (helper, helper + ".exe")]
