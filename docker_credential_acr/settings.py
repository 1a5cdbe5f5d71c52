"""TOML -> frozen settings; every mistake is named with file, line, key and nearest spelling.

A host's settings are the defaults and one table: the exact host before wildcards, longer wildcards
before shorter. Method options stand in the table that names the method, and travel with it.
"""

import fnmatch
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from docker_credential_acr import (
    clouds,
    deadline,
    environment_file,
    time_limit,
    trusted_files,
)
from docker_credential_acr.clouds import Cloud
from docker_credential_acr.errors import SettingsError
from docker_credential_acr.methods import ENTRA_METHODS, LOGIN_METHODS, METHODS
from docker_credential_acr.settings_keys import (
    DEFAULTS,
    HOST_FORM,
    REFRESHES,
    USER_NAMES,
    Common,
    meant,
    names,
    option_names,
)
from docker_credential_acr.settings_reader import Reader, not_toml

LARGEST = 4 * 1024 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class RegistrySettings:
    """What is to be done for one host: the stage between settings and methods."""

    host: str
    login_server: str
    method: str
    options: Any
    cloud: Cloud
    authority: str | None
    tenant_id: str | None
    audience: str | None
    username: str
    min_ttl: int
    password_ttl: int
    timeout: int
    refresh: str
    sign_in: tuple[str, Any]  # the method, and its options, that signs in to Azure Resource Manager
    store: str | None
    allow_unencrypted: bool

    @property
    def answers_as(self) -> str | None:
        """The user name of its answers; None where there never is one."""
        method = LOGIN_METHODS.get(self.method)
        return method.username(self.options, self.login_server) if method else self.username


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings file, checked; *path* is None where there is none."""

    path: str | None = None
    fallback: str | None = None
    store: str | None = None
    allow_unencrypted: bool = False
    defaults: Mapping[str, Any] = field(default_factory=dict)
    registries: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    clouds: tuple[Cloud, ...] = ()

    @property
    def suffixes(self) -> tuple[str, ...]:
        return tuple(cloud.suffix for cloud in self.clouds)

    @property
    def exact_hosts(self) -> tuple[str, ...]:
        return tuple(host for host in self.registries if "*" not in host)

    @property
    def longest_timeout(self) -> int:
        """The most seconds that an answer for any registry may take."""
        common: int = self.defaults.get("timeout", time_limit.DEFAULT_SECONDS)
        return max(
            (table.get("timeout", common) for table in self.registries.values()), default=common
        )

    @property
    def token_files(self) -> tuple[str, ...]:
        """The files that say who is asking; a change of theirs is another asker (``entry.stamp``)."""
        tables = (self.defaults, *self.registries.values())
        keys = ("token_file", "file")
        return tuple(dict.fromkeys(t[key] for t in tables for key in keys if t.get(key)))


def load(path: str | None) -> Settings:
    """Return the settings in the file *path*. Raises SettingsError."""
    if path is None:
        return Settings()
    return parse(trusted_files.read(path, trusted_files.SETTINGS, LARGEST), path)


def parse(data: bytes, path: str) -> Settings:
    """Return the settings in *data*; *path* is for messages. Raises SettingsError."""
    if len(data) > LARGEST:
        raise SettingsError(
            f"{path}: larger than 4 MiB", "split it or use wildcards", "settings-invalid"
        )
    import tomllib  # noqa: PLC0415  2 ms that a first get without settings need not pay

    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SettingsError(
            f"{path}:{line}: not TOML: not UTF-8", "save the file as UTF-8", "settings-invalid"
        ) from error
    try:
        tables = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise not_toml(path, text, error) from error
    reader = Reader(path, text)
    reader.top(tables)
    made = tuple(
        reader.cloud(name, table) for name, table in reader.tables(tables, ("clouds",)).items()
    )
    return Settings(
        path,
        tables.get("fallback"),
        tables.get("store"),
        tables.get("allow_unencrypted", False),
        reader.registry(reader.table(tables, (DEFAULTS,)), (DEFAULTS,), made),
        reader.registries(tables, made),
        made,
    )


def for_host(settings: Settings, host: str, environ: Mapping[str, str]) -> RegistrySettings:
    """Return what the settings, and the variables that outrank them, say about *host*.

    Raises SettingsError for a variable, or a file it names, that cannot be used.
    """
    table = settings.registries.get(match(settings, host) or "", {})
    merged = {**settings.defaults, **table}
    named = environ.get("ACR_CRED_METHOD") or merged.get("method", "automatic")
    _choice("ACR_CRED_METHOD", named, METHODS)
    own = table if "method" in table else merged
    if named != merged.get("method", "automatic"):
        own = {}  # options travel with the method that they were written for
    common = Common(**{key: merged[key] for key in names(Common) & merged.keys()})
    login_server = common.login_server or host
    made = (*settings.clouds, *environment_file.made(environ))
    cloud = (
        clouds.cloud_named(common.cloud, made)
        if common.cloud
        else clouds.cloud_of(login_server, made)
    )
    options = METHODS[named].Options
    username = environ.get("ACR_CRED_USERNAME") or common.username
    _choice("ACR_CRED_USERNAME", username, USER_NAMES)
    refresh = environ.get("ACR_CRED_REFRESH") or common.refresh
    _choice("ACR_CRED_REFRESH", refresh, REFRESHES)
    return RegistrySettings(
        host,
        login_server,
        named,
        _given(options, own),
        cloud,
        _authority(environ, cloud),
        common.tenant_id or environ.get("AZURE_TENANT_ID") or None,
        common.audience,
        USER_NAMES[username],
        common.min_ttl,
        common.password_ttl,
        deadline.seconds_asked(environ, common.timeout),
        refresh,
        _signs_in(own),
        settings.store,
        settings.allow_unencrypted,
    )


def match(settings: Settings, host: str) -> str | None:
    """Return the name of the table that counts for *host*: itself, or the longest pattern."""
    if host in settings.registries:
        return host
    patterns = [name for name in settings.registries if "*" in name]
    fitting = [name for name in patterns if fnmatch.fnmatchcase(host, name)]
    return max(fitting, key=lambda name: (len(name), name), default=None)


def _authority(environ: Mapping[str, str], cloud: Cloud) -> str | None:
    """Return the place to sign in; a private cloud is not overruled by a variable."""
    named = environ.get("AZURE_AUTHORITY_HOST", "").strip()
    if not named or not cloud.discovery:
        return cloud.authority
    host = named.removeprefix("https://").rstrip("/").lower()
    if "://" in host or not re.fullmatch(HOST_FORM, host):
        raise SettingsError(
            "AZURE_AUTHORITY_HOST is not an https address",
            "give it as https://HOST, or unset it",
            "variable-invalid",
        )
    return host


def _choice(variable: str, value: str, known: Collection[str]) -> None:
    if value not in known:
        raise SettingsError(
            f"{variable} names no known value" + meant(value, known).replace(", did", ": did"),
            f"use one of {', '.join(known)}",
            "variable-invalid",
        )


def _given(options: type[Any], table: Mapping[str, Any]) -> Any:
    given = {key: table[key] for key in option_names(options) & table.keys()}
    return options(**{k: tuple(v) if isinstance(v, list) else v for k, v in given.items()})


def _signs_in(table: Mapping[str, Any]) -> tuple[str, Any]:
    """Return who signs in where a method reads its passwords through Azure Resource Manager."""
    named = table.get("sign_in", "automatic")
    return named, _given(ENTRA_METHODS[named].Options, table if "sign_in" in table else {})
