"""TOML -> frozen settings; every mistake is named with file, line, key and nearest spelling.

A host's settings are the defaults and one table: the exact host before wildcards, longer wildcards
before shorter. Method options stand in the table that names the method, and travel with it.
"""

import dataclasses
import fnmatch
import functools
import os
import re
import stat
import types
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_type_hints

from docker_credential_acr import clouds, deadline
from docker_credential_acr.clouds import Cloud
from docker_credential_acr.errors import SettingsError
from docker_credential_acr.methods import METHODS

LARGEST = 4 * 1024 * 1024  # bytes
REFRESHES = ("background", "inline")
USER_NAMES = {"guid": "00000000-0000-0000-0000-000000000000", "token": "<token>"}
DEFAULTS = "defaults"
_SECRETS = ("client_secret",)
_LONGEST_PATH = 60  # characters: in one sentence the place must survive, which stands behind it
_INSECURE_BITS = stat.S_IWGRP | stat.S_IWOTH

# What a text must match in full; settings.schema.json is rendered from the same expressions.
HOST_FORM = r"(?!.*:443$)[a-z0-9_-]+(\.[a-z0-9_-]+)*(:[0-9]+)?"
NAME_FORM = r"(?!.*:443$)(?![.*]+$)[A-Za-z0-9_*-]+(\.[A-Za-z0-9_*-]+)*(:[0-9*]+)?"
SUFFIX_FORM = r"\.?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+"
ADDRESS_FORM = r"https://[A-Za-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9._/-]*)?"
AUDIENCE_FORM = r"(https|api)://.+"
RANGES = {"min_ttl": (60, 10800), "timeout": deadline.RANGE}  # seconds


@dataclass(frozen=True, slots=True)
class Common:
    """The keys that every method shares; times in seconds."""

    method: str = "automatic"
    username: str = "guid"
    login_server: str | None = None
    cloud: str | None = None
    audience: str | None = None
    tenant_id: str | None = None
    min_ttl: int = 900
    timeout: int = deadline.DEFAULT_SECONDS
    refresh: str = "background"


@dataclass(frozen=True, slots=True)
class CloudTable:
    """The keys of ``[clouds.NAME]``; addresses are https URLs."""

    suffix: str
    authority: str
    arm_endpoint: str | None = None
    audience: str | None = None
    instance_discovery: bool = False


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
    timeout: int
    refresh: str


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings file, checked; *path* is None where there is none."""

    path: str | None = None
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
    def token_files(self) -> tuple[str, ...]:
        """The files that say who is asking; a change of theirs is another asker (``entry.stamp``)."""
        tables = (self.defaults, *self.registries.values())
        keys = ("token_file", "file")
        return tuple(dict.fromkeys(t[key] for t in tables for key in keys if t.get(key)))


def load(path: str | None) -> Settings:
    """Return the settings in the file *path*. Raises SettingsError."""
    return Settings() if path is None else parse(_read(path), path)


def _read(path: str) -> bytes:
    """Read the file if nobody else can have written it; checked on the open file, not on its name."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(file.fileno())
            if stat.S_ISFIFO(found.st_mode):  # it can be read once, and they are read more often
                raise ValueError("a pipe")  # noqa: TRY301  told below
            if os.name != "nt" and stat.S_ISREG(found.st_mode):
                _check_owner(path, found)
            return file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"the settings file {path} cannot be read: "
            + (getattr(error, "strerror", None) or str(error)).lower(),
            "check the path, ACR_CRED_CONFIG and who may read it",
            "settings-missing",
        ) from error


def _check_owner(path: str, found: os.stat_result) -> None:
    if found.st_uid not in (0, os.geteuid()):
        raise SettingsError(
            f"the settings file {path} belongs to another user",
            f"run: chown {os.geteuid()} {path}",
            "settings-unsafe",
        )
    if found.st_mode & _INSECURE_BITS:
        raise SettingsError(
            f"the settings file {path} can be changed by other users",
            f"run: chmod go-w {path}",
            "settings-unsafe",
        )


def parse(data: bytes, path: str) -> Settings:
    """Return the settings in *data*; *path* is for messages. Raises SettingsError."""
    if len(data) > LARGEST:
        raise SettingsError(
            f"{path}: larger than 4 MiB", "split it or use wildcards", "settings-invalid"
        )
    import tomllib  # noqa: PLC0415  2 ms that a first get without settings need not pay

    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
        tables = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise SettingsError(
            f"{path}: not TOML: {error}",
            "correct the line; https://toml.io shows the form",
            "settings-invalid",
        ) from error
    reader = _Reader(path, text)
    reader.known(tables, (), ("version", DEFAULTS, "registries", "clouds"))
    if tables.get("version", 1) != 1 or isinstance(tables.get("version"), bool):
        reader.fail(
            ("version",), "this program reads version 1", "write version = 1 or leave it out"
        )
    made = tuple(
        reader.cloud(name, table) for name, table in reader.tables(tables, ("clouds",)).items()
    )
    return Settings(
        path,
        reader.registry(reader.table(tables, (DEFAULTS,)), (DEFAULTS,), made),
        reader.registries(tables, made),
        made,
    )


def for_host(settings: Settings, host: str, environ: Mapping[str, str]) -> RegistrySettings:
    """Return what the settings, and the variables that outrank them, say about *host*.

    Raises SettingsError for a variable that cannot be used.
    """
    table = settings.registries.get(_match(settings, host) or "", {})
    merged = {**settings.defaults, **table}
    named = environ.get("ACR_CRED_METHOD") or merged.get("method", "automatic")
    _choice("ACR_CRED_METHOD", named, METHODS)
    own = table if "method" in table else merged
    if named != merged.get("method", "automatic"):
        own = {}  # options travel with the method that they were written for
    common = Common(**{key: merged[key] for key in names(Common) & merged.keys()})
    login_server = common.login_server or host
    cloud = (
        clouds.cloud_named(common.cloud, settings.clouds)
        if common.cloud
        else clouds.cloud_of(login_server, settings.clouds)
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
        options(**{key: _frozen(own[key]) for key in option_names(options) & own.keys()}),
        cloud,
        _authority(environ, cloud),
        common.tenant_id or environ.get("AZURE_TENANT_ID") or None,
        common.audience,
        USER_NAMES[username],
        common.min_ttl,
        deadline.seconds_asked(environ, common.timeout),
        refresh,
    )


def _match(settings: Settings, host: str) -> str | None:
    if host in settings.registries:
        return host
    patterns = [name for name in settings.registries if "*" in name]
    fitting = [name for name in patterns if fnmatch.fnmatchcase(host, name)]
    return max(fitting, key=lambda name: (len(name), name), default=None)


def _authority(environ: Mapping[str, str], cloud: Cloud) -> str | None:
    """Return the authority's host name; a cloud of the settings is not overruled by a variable."""
    named = environ.get("AZURE_AUTHORITY_HOST", "").strip()
    if not named or not cloud.discovery:
        return cloud.authority
    host = named.removeprefix("https://").rstrip("/").lower()
    if "://" in host or not _is_host(host):
        raise SettingsError(
            "AZURE_AUTHORITY_HOST is not an https address",
            "give it as https://HOST, or unset it",
            "variable-invalid",
        )
    return host


def _choice(variable: str, value: str, known: Collection[str]) -> None:
    if value not in known:
        near = _nearest(value, known)
        raise SettingsError(
            f"{variable} names no known value" + (f': did you mean "{near[0]}"?' if near else ""),
            f"use one of {', '.join(known)}",
            "variable-invalid",
        )


def _nearest(value: str, known: Iterable[str]) -> list[str]:
    import difflib  # noqa: PLC0415  mistakes only

    return difflib.get_close_matches(value, list(known), 1)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def names(kind: type[Any]) -> set[str]:
    return {item.name for item in dataclasses.fields(kind)}


def option_names(kind: type[Any]) -> set[str]:
    """Return the keys of a method's Options that settings may give; flags of ``detect`` are not."""
    return names(kind) - {"probe"}


@functools.cache  # there may be 100,000 tables
def _hints() -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the types of the keys that every method shares, and of all methods' options."""
    every: dict[str, Any] = {}
    for method in METHODS.values():
        hints = get_type_hints(method.Options)
        every |= {key: hints[key] for key in sorted(option_names(method.Options))}
    return get_type_hints(Common), every


def _is_host(text: str) -> bool:
    return re.fullmatch(HOST_FORM, text) is not None


class _Reader:
    """Checks tables and says where they are wrong; it lives as long as one file is read."""

    def __init__(self, path: str, text: str) -> None:
        self._path = path if len(path) <= _LONGEST_PATH else "..." + path[3 - _LONGEST_PATH :]
        self._text = text

    def fail(self, where: tuple[str, ...], what: str, hint: str) -> None:
        from docker_credential_acr.toml_lines import places  # noqa: PLC0415  mistakes only

        found = places(self._text)
        inside = (place for path, place in found.items() if path[: len(where)] == where)
        place = found.get(where) or next(inside, None)  # of a dotted header the whole has a place
        at = f":{place[0]}:{place[1]}" if place else ""
        table = ".".join(_quoted(part) for part in where[:-1])
        key = f"[{table}] {where[-1]}" if table else where[-1]
        raise SettingsError(f"{self._path}{at}: {key}: {what}", hint, "settings-invalid")

    def known(
        self, table: Mapping[str, Any], where: tuple[str, ...], keys: "tuple[str, ...]"
    ) -> None:
        for key, value in table.items():
            if key in _SECRETS:
                hint = f"give {key}_file, {key}_env or {key}_command"
                self.fail((*where, key), "secrets are not written into this file", hint)
            if key not in keys and isinstance(value, dict) and where[:1] == ("registries",):
                self.fail(
                    (*where, key), "a host has dots", 'quote it: [registries."NAME.azurecr.io"]'
                )
            if key not in keys:
                near = _nearest(key, keys)
                self.fail(
                    (*where, key),
                    "unknown key" + (f', did you mean "{near[0]}"?' if near else ""),
                    f"write {near[0]}" if near else f"known here: {', '.join(keys)}",
                )

    def table(self, tables: Mapping[str, Any], where: tuple[str, ...]) -> Mapping[str, Any]:
        found = tables.get(where[-1], {})
        if not isinstance(found, dict):
            self.fail(where, "this is a table", f"write [{'.'.join(where)}] on a line of its own")
        return found if isinstance(found, dict) else {}

    def tables(
        self, tables: Mapping[str, Any], where: tuple[str, ...]
    ) -> Mapping[str, Mapping[str, Any]]:
        found = self.table(tables, where)
        return {name: self.table(found, (*where, name)) for name in found}

    def registries(
        self, tables: Mapping[str, Any], made: tuple[Cloud, ...]
    ) -> Mapping[str, Mapping[str, Any]]:
        found: dict[str, Mapping[str, Any]] = {}
        for name, table in self.tables(tables, ("registries",)).items():
            where = ("registries", name)
            host = self.host(name)
            if host in found:
                self.fail(where, "this host has a table already", "keep one of the two")
            found[host] = self.registry(table, where, made)
        return found

    def host(self, name: str) -> str:
        where = ("registries", name)
        if not re.fullmatch(NAME_FORM, name):
            self.fail(
                where,
                "not a registry host",
                'write "NAME.azurecr.io" or "*.azurecr.io", without https:// or a path',
            )
        return name.lower()

    def cloud(self, name: str, table: Mapping[str, Any]) -> Cloud:
        where = ("clouds", name)
        self.known(table, where, tuple(item.name for item in dataclasses.fields(CloudTable)))
        for key, kind in get_type_hints(CloudTable).items():
            if key in table:
                self.typed((*where, key), table[key], kind)
        for key in ("suffix", "authority"):
            if not table.get(key):
                self.fail(where, f"{key} is missing", f'add {key} = "..."')
        made = CloudTable(**table)
        if not re.fullmatch(SUFFIX_FORM, made.suffix):
            self.fail(
                (*where, "suffix"),
                "a suffix has at least two labels",
                'for example "azurecr.factory.example"',
            )
        for key, form, example in (
            ("authority", ADDRESS_FORM, "https://login.factory.example"),
            ("arm_endpoint", ADDRESS_FORM, "https://management.factory.example"),
            ("audience", AUDIENCE_FORM, clouds.REGISTRY_AUDIENCE),
        ):
            if key in table and not re.fullmatch(form, table[key]):
                self.fail((*where, key), "this is an https address", f'for example "{example}"')
        return Cloud(
            name,
            made.suffix.lower().removeprefix("."),
            made.authority.removeprefix("https://").rstrip("/").lower(),
            made.arm_endpoint and made.arm_endpoint.rstrip("/"),
            made.audience or clouds.REGISTRY_AUDIENCE,
            made.instance_discovery,
        )

    def registry(
        self, table: Mapping[str, Any], where: tuple[str, ...], made: tuple[Cloud, ...]
    ) -> Mapping[str, Any]:
        common, every = _hints()
        self.known(table, where, (*common, *(key for key in every if key not in common)))
        for key, value in table.items():
            self.typed((*where, key), value, {**every, **common}[key])
        self._choices(table, where, made)
        self._ranges(table, where)
        self._options(table, where, common)
        if "login_server" in table and (where == (DEFAULTS,) or "*" in where[-1]):
            what = "this names the registry behind one host, not behind many"
            self.fail((*where, "login_server"), what, "give the host a table of its own")
        return dict(table)

    def _options(
        self, table: Mapping[str, Any], where: tuple[str, ...], common: Mapping[str, Any]
    ) -> None:
        """Refuse an option that the table's own method does not take.

        Without a method of its own the table takes none: who is signed in with them must stand beside.
        """
        method = table.get("method")
        taken = sorted(option_names(METHODS[method].Options)) if method else []
        for key in table:
            if key not in common and method is None:
                what = "an option stands beside the method that takes it"
                self.fail((*where, key), what, 'add method = "..." to this table')
            if key not in common and key not in taken:
                hint = f"it takes {', '.join(taken)}" if taken else "it takes no options"
                self.fail((*where, key), f"the method {method} does not take this", hint)

    def _choices(
        self, table: Mapping[str, Any], where: tuple[str, ...], made: tuple[Cloud, ...]
    ) -> None:
        for key, known in (
            ("method", tuple(METHODS)),
            ("username", tuple(USER_NAMES)),
            ("refresh", REFRESHES),
            ("cloud", tuple(cloud.name for cloud in (*clouds.CLOUDS, *made))),
        ):
            if key in table and table[key] not in known:
                near = _nearest(table[key], known)
                self.fail(
                    (*where, key),
                    f'unknown {key} "{table[key]}"'
                    + (f', did you mean "{near[0]}"?' if near else ""),
                    f"use one of {', '.join(known)}",
                )

    def _ranges(self, table: Mapping[str, Any], where: tuple[str, ...]) -> None:
        for key, (low, high) in RANGES.items():
            if key in table and not low <= table[key] <= high:
                self.fail(
                    (*where, key), "out of range", f"give a number of seconds from {low} to {high}"
                )
        if "audience" in table and not re.fullmatch(AUDIENCE_FORM, table["audience"]):
            self.fail(
                (*where, "audience"), "not an audience", f'for example "{clouds.REGISTRY_AUDIENCE}"'
            )
        server = table.get("login_server")
        if server is not None and not _is_host(server):
            self.fail((*where, "login_server"), "not a host name", 'for example "team.azurecr.io"')

    def typed(self, where: tuple[str, ...], value: Any, kind: Any) -> None:
        """Refuse a value of another type than *kind*: str, int, bool or a list of strings."""
        wanted = next(k for k in _alternatives(kind) if k is not type(None))
        if wanted in (str, int, bool):
            right = type(value) is wanted and value != ""
            text = {str: "a text in quotes", int: "a whole number", bool: "true or false"}[wanted]
        else:
            right = (
                isinstance(value, list)
                and bool(value)
                and all(isinstance(v, str) and v for v in value)
            )
            text = 'a list of texts, such as ["program", "argument"]'
        if not right:
            self.fail(where, f"this must be {text}", "correct the value")


def _alternatives(kind: Any) -> tuple[Any, ...]:
    return kind.__args__ if isinstance(kind, types.UnionType) else (kind,)


def _quoted(part: str) -> str:
    return part if part.replace("-", "").replace("_", "").isalnum() else f'"{part}"'
