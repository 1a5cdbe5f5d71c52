"""Checks the tables of a settings file and says where they are wrong: file, line, key, what is near."""

import dataclasses
import re
import types
from collections.abc import Mapping
from typing import Any, get_type_hints

from docker_credential_acr import clouds
from docker_credential_acr.clouds import Cloud
from docker_credential_acr.errors import SettingsError
from docker_credential_acr.settings_keys import (
    CLOUD_FORMS,
    DEFAULTS,
    FORMS,
    HELPER_FORM,
    NAME_FORM,
    RANGES,
    SECRETS,
    STORES,
    TOP,
    CloudTable,
    choices,
    hints,
    meant,
    nearest,
    shared_options,
    single_options,
    taken_options,
)

_LONGEST_PATH = 60  # characters: in one sentence the place must survive, which stands behind it


def not_toml(path: str, text: str, error: ValueError | RecursionError) -> SettingsError:
    """Return what *error*, tomllib's about *text*, means for a person: file, line, column and the line."""
    from docker_credential_acr.toml_lines import excerpt  # noqa: PLC0415  mistakes only

    what, place = str(error), re.search(r" \(at line (\d+), column (\d+)\)$", str(error))
    at = ""
    if isinstance(error, RecursionError):  # Python's own words would be about Python
        what = "tables or lists are nested too deeply"
    elif "digits" in what and not place:
        what = "a number is too long"
    if place:
        what, at = what[: place.start()], f":{place[1]}:{place[2]}"
    mistake = SettingsError(
        f"{_short(path)}{at}: not TOML: {what[:1].lower()}{what[1:]}",
        "correct the line; https://toml.io shows the form",
        "settings-invalid",
    )
    if place:
        line, column = int(place[1]), int(place[2])
        begun = "\n".join(text.split("\n")[: line - 1])
        if not any(begun.count(quotes) % 2 for quotes in ('"""', "'''")):  # else it is a value
            mistake.excerpt = excerpt(text, line, column)
    return mistake


def _short(path: str) -> str:
    return path if len(path) <= _LONGEST_PATH else "..." + path[3 - _LONGEST_PATH :]


class Reader:
    """Checks tables and says where they are wrong; it lives as long as one file is read."""

    def __init__(self, path: str, text: str) -> None:
        self._path = _short(path)
        self._text = text

    def fail(self, where: tuple[str, ...], what: str, hint: str) -> None:
        from docker_credential_acr.toml_lines import excerpt, places  # noqa: PLC0415  mistakes only

        found = places(self._text)
        inside = (place for path, place in found.items() if path[: len(where)] == where)
        place = found.get(where) or next(inside, None)  # of a dotted header the whole has a place
        at = f":{place[0]}:{place[1]}" if place else ""
        table = ".".join(_quoted(part) for part in where[:-1])
        key = f"[{table}] {where[-1]}" if table else where[-1]
        mistake = SettingsError(f"{self._path}{at}: {key}: {what}", hint, "settings-invalid")
        if place:
            mistake.excerpt = excerpt(self._text, *place, told=what)
        raise mistake

    def known(
        self, table: Mapping[str, Any], where: tuple[str, ...], keys: "tuple[str, ...]"
    ) -> None:
        for key, value in table.items():
            if key in SECRETS:
                hint = f"give {key}_file, {key}_env or {key}_command"
                self.fail((*where, key), "secrets are not written into this file", hint)
            if key not in keys and isinstance(value, dict) and where[:1] == ("registries",):
                self.fail(
                    (*where, key), "a host has dots", 'quote it: [registries."NAME.azurecr.io"]'
                )
            if key not in keys:
                near = nearest(key, keys)
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
        if not table.get("suffix"):
            self.fail(where, "suffix is missing", 'add suffix = "..."')
        if not table.get("authority") and not table.get("arm_endpoint"):
            hint = 'add authority = "...", or arm_endpoint = "...", which is asked for it'
            self.fail(where, "authority is missing", hint)
        made = CloudTable(**table)
        if name == clouds.ENVIRONMENT:
            what = "this is the name of the cloud that AZURE_ENVIRONMENT_FILEPATH describes"
            self.fail(where, what, "give it another name")
        for key, (form, what, example) in CLOUD_FORMS.items():
            if key in table and not re.fullmatch(form, table[key]):
                self.fail((*where, key), what, f'for example "{example}"')
        return Cloud(
            name,
            made.suffix.lower().removeprefix("."),
            clouds.authority_in(made.authority),
            made.arm_endpoint and made.arm_endpoint.rstrip("/"),
            made.audience or clouds.REGISTRY_AUDIENCE,
            made.instance_discovery,
            made.arm_audience,
        )

    def registry(
        self, table: Mapping[str, Any], where: tuple[str, ...], made: tuple[Cloud, ...]
    ) -> Mapping[str, Any]:
        common, every = hints()
        self.known(table, where, (*common, *(key for key in every if key not in common)))
        for key, value in table.items():
            self.typed((*where, key), value, {**every, **common}[key])
        self._choices(table, where, made)
        self._forms(table, where)
        self._options(table, where, common)
        if where == (DEFAULTS,) or "*" in where[-1]:
            for key in ("login_server", *sorted(single_options(table.get("method")))):
                if key in table:
                    what = "this belongs to one registry, and this table is for many"
                    self.fail((*where, key), what, "give the host a table of its own")
        return dict(table)

    def _options(
        self, table: Mapping[str, Any], where: tuple[str, ...], common: Mapping[str, Any]
    ) -> None:
        """Refuse an option that the table's own method does not take.

        Without a method of its own the table takes none: who is signed in with them must stand beside.
        """
        method, taken = table.get("method"), sorted(taken_options(table))
        for key in table:
            if key not in common and method is None:
                what = "an option stands beside the method that takes it"
                self.fail((*where, key), what, 'add method = "..." to this table')
            if key not in common and key not in taken:
                hint = f"it takes {', '.join(taken)}" if taken else "it takes no options"
                self.fail((*where, key), f"the method {method} does not take this", hint)
        if "sign_in" in table and method is not None:
            for key in sorted(shared_options(method, table["sign_in"]) & table.keys()):
                what = f"{method} and {table['sign_in']} both take this"
                self.fail((*where, key), what, "sign in with a certificate that needs no password")

    def _choices(
        self, table: Mapping[str, Any], where: tuple[str, ...], made: tuple[Cloud, ...]
    ) -> None:
        for key, known in choices(made).items():
            if key in table and table[key] not in known:
                near = meant(table[key], known)  # without one it may be anything, a secret too
                what = f'unknown {key} "{table[key]}"{near}' if near else f"unknown {key}"
                self.fail((*where, key), what, f"use one of {', '.join(known)}")

    def _forms(self, table: Mapping[str, Any], where: tuple[str, ...]) -> None:
        for key, (low, high) in RANGES.items():
            if key in table and not low <= table[key] <= high:
                self.fail(
                    (*where, key), "out of range", f"give a number of seconds from {low} to {high}"
                )
        for key, (form, what, example) in FORMS.items():
            if key in table and not re.fullmatch(form, table[key]):
                self.fail((*where, key), what, f'for example "{example}"')

    def top(self, tables: Mapping[str, Any]) -> None:
        """Check the keys that stand above every table."""
        self.known(tables, (), TOP)
        if tables.get("version", 1) != 1 or isinstance(tables.get("version"), bool):
            hint = "write version = 1 or leave it out"
            self.fail(("version",), "this program reads version 1", hint)
        if "allow_unencrypted" in tables:
            self.typed(("allow_unencrypted",), tables["allow_unencrypted"], bool)
        for key, example in (("fallback", "desktop"), ("store", STORES[-2])):
            if key in tables:
                self.typed((key,), tables[key], str)
                self._helper(key, tables[key], example)

    def _helper(self, key: str, name: str, example: str) -> None:
        hint = f'the end of its name: "{example}" for docker-credential-{example}'
        if not re.fullmatch(HELPER_FORM, name):
            self.fail((key,), "not the name of a credential helper", hint)
        if name.removesuffix(".exe") == "acr":
            self.fail((key,), "that is this program itself", hint)

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
