"""A report to share: what `doctor` found and what it looked at, without a secret in it."""

import io
import json
import os
import platform
import sys
import zipfile
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import docker_credential_acr
from docker_credential_acr import docker_config, entry, log
from docker_credential_acr.errors import InputError, SettingsError
from docker_credential_acr.settings import load

_PACKAGES = (
    "msal",
    "requests",
    "urllib3",
    "truststore",
    "filelock",
    "cryptography",
)
_SHOWN_VALUES = ("ACR_CRED_", "AZURE_CLOUD")  # of all others only whether they are set
_NAMED = (
    *map(bytes.decode, entry.VARIABLES),
    *map(bytes.decode, entry.SECRET_VARIABLES),
    *("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "no_proxy", "ALL_PROXY"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "DOCKER_CONFIG", "DOCKER_AUTH_CONFIG"),
    *(
        "ACR_CRED_CONFIG",
        "ACR_CRED_CACHE_DIR",
        "ACR_CRED_NO_CACHE",
        "ACR_CRED_TIMEOUT",
        "ACR_CRED_DEBUG",
    ),
    *("CI", "GITHUB_ACTIONS", "TF_BUILD", "GITLAB_CI", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR"),
)
_HIDDEN = "(set)"


def write(path: str, report: Mapping[str, object], environ: Mapping[str, str]) -> None:
    """Write the zip *path*, 0600; a file that is there already is left alone. Raises InputError."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as made:
        for name, text in _parts(report, environ):
            made.writestr(name, log.redact(text))
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data.getvalue())
    except OSError as error:
        raise InputError(
            f"{path} cannot be written: {(error.strerror or '').lower()}",
            "name a new file in a folder of yours",
            "bundle-not-written",
        ) from error


def _parts(report: Mapping[str, object], environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the files of the bundle: name and text."""
    yield "doctor.json", _json(report)
    yield "versions.json", _json(_versions())
    yield (
        "environment.json",
        _json({name: _value(name, environ) for name in _NAMED if environ.get(name)}),
    )
    yield "settings.json", _json(_settings(environ))
    yield "docker-config.json", _json(_clients(environ))


def _versions() -> dict[str, str]:
    found = {"docker-credential-acr": docker_credential_acr.__version__}
    found |= {"python": sys.version, "system": platform.platform()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _value(name: str, environ: Mapping[str, str]) -> str:
    return environ[name] if name.startswith(_SHOWN_VALUES) else _HIDDEN


def _settings(environ: Mapping[str, str]) -> object:
    """Return what the settings say; the words of commands are left out, they may hold anything."""
    stamp = entry.settings_stamp(environ.get)
    if stamp is None:
        return "there is no settings file"
    try:
        settings = load(str(stamp[0]))
    except SettingsError as error:
        return error.what
    tables = {"defaults": settings.defaults, **settings.registries}
    return {
        name: {key: _setting(key, value) for key, value in table.items()}
        for name, table in tables.items()
    }


def _setting(key: str, value: object) -> object:
    return _HIDDEN if key.endswith(("_command", "_env")) else value


def _clients(environ: Mapping[str, str]) -> object:
    """Return which helpers docker and podman are told to ask, and for whom a login lies in the file."""
    found: dict[str, Any] = {}
    for name, path in (
        ("docker", docker_config.docker_file(environ)),
        ("podman", docker_config.podman_file(environ)),
    ):
        try:
            content = docker_config.read(path).content
        except SettingsError as error:
            found[name] = error.what
            continue
        logins, helpers = content.get("auths"), content.get(docker_config.HELPERS)
        pairs = helpers.items() if isinstance(helpers, dict) else ()
        found[name] = {
            "credHelpers": {key: _text(value) for key, value in pairs},
            "credsStore": _text(content.get("credsStore")),
            "logins": sorted(logins) if isinstance(logins, dict) else [],
        }
    return found


def _text(value: object) -> object:
    """Return *value* if it is a name; what is none there may hold anything."""
    return value if value is None or isinstance(value, str) else _HIDDEN


def _json(found: object) -> str:
    return json.dumps(found, indent=2, default=str) + "\n"
