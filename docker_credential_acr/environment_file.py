"""`AZURE_ENVIRONMENT_FILEPATH`: one more cloud, in the form of go-autorest's ``Environment``.

AKS writes such a file on the nodes of its custom clouds, Flux and cloud-provider-azure read it. Only
the keys that registries need are looked at; as in Go, upper and lower case are one.
"""

import functools
import json
import re
from collections.abc import Mapping
from typing import Any

from docker_credential_acr import clouds, entry, trusted_files
from docker_credential_acr.clouds import Cloud
from docker_credential_acr.errors import SettingsError

VARIABLE = trusted_files.ENVIRONMENT.variable
LARGEST = 64 * 1024  # bytes; real ones have some two thousand
_SUFFIX = "containerRegistryDNSSuffix"
_AUTHORITY = "activeDirectoryEndpoint"
_ARM = "resourceManagerEndpoint"
_ARM_AUDIENCE = "tokenAudience"
_NONE = ("", "n/a")  # what go-autorest writes where a cloud has no such thing


def made(environ: Mapping[str, str]) -> tuple[Cloud, ...]:
    """Return the cloud of the file that the variable names, or nothing if it is not set.

    Raises SettingsError if the file is missing, not safe, or says something that cannot be used.
    """
    path = environ.get(VARIABLE)
    return (_cloud(path, entry.version(path)),) if path else ()


def suffixes(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return what the names of that cloud's registries end with. Raises SettingsError."""
    return tuple(cloud.suffix for cloud in made(environ) if cloud.suffix)


@functools.lru_cache(maxsize=1)  # a list of 100,000 hosts asks for each
def _cloud(path: str, version: object) -> Cloud:  # noqa: ARG001  another version, another cloud
    data = trusted_files.read(path, trusted_files.ENVIRONMENT, LARGEST)
    try:
        found = json.loads(data.decode("utf-8-sig")) if len(data) <= LARGEST else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _unusable(path, "not a JSON object", "give a file in go-autorest's form")
    table = {str(key).lower(): value for key, value in found.items()}
    suffix = _text(path, table, _SUFFIX, clouds.SUFFIX_FORM, "a suffix of at least two labels")
    if suffix is None and _SUFFIX.lower() not in table:
        raise _unusable(path, f"{_SUFFIX} is missing", f'add "{_SUFFIX}": "azurecr.NAME.example"')
    authority = _text(path, table, _AUTHORITY, clouds.ADDRESS_FORM, "an https address")
    arm = _text(path, table, _ARM, clouds.ADDRESS_FORM, "an https address")
    if authority is None and arm is None:
        raise _unusable(
            path, f"{_AUTHORITY} is missing", f"add it, or {_ARM}, which is asked for it"
        )
    audience = _text(path, table, _ARM_AUDIENCE, clouds.AUDIENCE_FORM, "an audience")
    return Cloud(
        clouds.ENVIRONMENT,
        (suffix or "").lower().removeprefix("."),
        clouds.authority_in(authority),
        arm and arm.rstrip("/"),
        discovery=False,
        arm_audience=audience,
    )


def _text(path: str, table: Mapping[str, Any], key: str, form: str, meaning: str) -> str | None:
    value = table.get(key.lower(), "")
    text = value.strip() if isinstance(value, str) else "?"  # matches no form
    if text.lower() in _NONE:
        return None
    if not re.fullmatch(form, text):
        raise _unusable(path, f"{key} is not {meaning}", "correct the value")
    return text


def _unusable(path: str, what: str, hint: str) -> SettingsError:
    return SettingsError(f"the environment file {path}: {what}", hint, "environment-file")
