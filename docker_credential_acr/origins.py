"""Which value counts for a host and why: the variable, the line of the settings, or the default."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from docker_credential_acr import settings as settings_room
from docker_credential_acr import trusted_files
from docker_credential_acr.settings import LARGEST, RegistrySettings, Settings, match
from docker_credential_acr.settings_keys import DEFAULTS, Common, taken_options
from docker_credential_acr.toml_lines import Path, places

_VARIABLES = {  # which outrank the file
    "method": "ACR_CRED_METHOD",
    "username": "ACR_CRED_USERNAME",
    "timeout": "ACR_CRED_TIMEOUT",
    "refresh": "ACR_CRED_REFRESH",
}
_OTHERWISE = {"tenant_id": "AZURE_TENANT_ID"}  # which stand in for what the file does not say


DEFAULT = "default"  # the source of what nobody has set


@dataclass(frozen=True, slots=True)
class Origin:
    """A key of the settings, its value, and its source: ``FILE:LINE``, a variable's name, or default."""

    key: str
    value: Any
    source: str


def of_host(settings: Settings, host: str, environ: Mapping[str, str]) -> Iterator[Origin]:
    """Yield the keys that have a value for *host*, the method first. Raises SettingsError."""
    chosen = settings_room.for_host(settings, host, environ)
    places_of = _places(settings)
    for key in (*(field.name for field in fields(Common)), *sorted(_options(chosen, settings))):
        variable = _VARIABLES.get(key, "")
        where = _where(settings, host, key)
        if environ.get(variable):
            yield Origin(key, environ[variable], variable)
        elif where is not None:
            line = places_of.get(where, (0, 0))[0]
            yield Origin(key, _table(settings, where[:-1])[key], f"{settings.path}:{line}")
        elif environ.get(_OTHERWISE.get(key, "")):
            yield Origin(key, environ[_OTHERWISE[key]], _OTHERWISE[key])
        elif getattr(Common(), key, None) is not None:
            yield Origin(key, getattr(Common(), key), DEFAULT)


def _options(chosen: RegistrySettings, settings: Settings) -> set[str]:
    """Return the method's options that the file gives; they travel with the method's own table."""
    table = settings.registries.get(match(settings, chosen.host) or "", {})
    own = table if "method" in table else {**settings.defaults, **table}
    if own.get("method", "automatic") != chosen.method:
        return set()
    return taken_options(own) & own.keys()


def _where(settings: Settings, host: str, key: str) -> Path | None:
    """Return the path of the key that counts for *host*, or None."""
    named = match(settings, host)
    for table in ([("registries", named)] if named else []) + [(DEFAULTS,)]:
        if key in _table(settings, table):
            return (*table, key)
    return None


def _table(settings: Settings, path: Path) -> Mapping[str, Any]:
    return settings.defaults if path == (DEFAULTS,) else settings.registries[path[1]]


def _places(settings: Settings) -> Mapping[Path, tuple[int, int]]:
    if settings.path is None:
        return {}
    data = trusted_files.read(settings.path, trusted_files.SETTINGS, LARGEST)
    found = places(data.decode("utf-8-sig").replace("\r\n", "\n"))
    return {_lower(path): place for path, place in found.items()}


def _lower(path: Path) -> Path:
    """Hosts are compared in lower case, however they are written."""
    return (
        (path[0], path[1].lower(), *path[2:]) if path[:1] == ("registries",) and path[1:] else path
    )
