"""``config path | show | check [FILE] | explain HOST | schema``: the settings, and why."""

import argparse
import json
from collections.abc import Callable, Mapping

from docker_credential_acr import entry, origins, paths, schema, trusted_files
from docker_credential_acr.commands.proof import ours
from docker_credential_acr.settings import LARGEST, load
from docker_credential_acr.terminal import Terminal

SCHEMA_VERSION = 1


def arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(
        dest="what", required=True, metavar="path | show | check | explain | schema"
    )
    verbs.add_parser("path", help="the settings file in force, or where one would be")
    verbs.add_parser("show", help="the settings file in force, as it is")
    check = verbs.add_parser("check", help="whether a settings file is right, and where it is not")
    check.add_argument("file", nargs="?", metavar="FILE", help="another one than that in force")
    explain = verbs.add_parser("explain", help="what counts for a registry, and which line says so")
    explain.add_argument("host", metavar="HOST", help="a registry, such as NAME.azurecr.io")
    explain.add_argument("--json", action="store_true", help="for programs")
    verbs.add_parser("schema", help="the JSON Schema of the settings file, for editors")


def run(given: argparse.Namespace, environ: Mapping[str, str], terminal: Terminal) -> int:
    return _VERBS[given.what](given, environ, terminal)


def _in_force(environ: Mapping[str, str]) -> str | None:
    stamp = entry.settings_stamp(environ.get)
    return str(stamp[0]) if stamp else None


def _path(_: argparse.Namespace, environ: Mapping[str, str], terminal: Terminal) -> int:
    path = _in_force(environ)
    terminal.tell(path or paths.settings_files(environ.get)[0])
    if path is None:
        terminal.note("there is no settings file: the defaults hold")
    return 0


def _show(_: argparse.Namespace, environ: Mapping[str, str], terminal: Terminal) -> int:
    path = _in_force(environ)
    if path is None:
        terminal.note("there is no settings file: the defaults hold")
        return 0
    load(path)  # what is no key of ours may be a secret: such a file is not shown
    data = trusted_files.read(path, trusted_files.SETTINGS, LARGEST)
    terminal.out.write(data.decode("utf-8-sig", "replace"))
    return 0


def _check(given: argparse.Namespace, environ: Mapping[str, str], terminal: Terminal) -> int:
    path = given.file or _in_force(environ)
    settings = load(path)
    if path is None:
        terminal.tell("there is no settings file: the defaults hold")
        return 0
    tables = len(settings.registries)
    terminal.tell(f"{path}: good, {tables} registr{'y' if tables == 1 else 'ies'}")
    return 0


def _explain(given: argparse.Namespace, environ: Mapping[str, str], terminal: Terminal) -> int:
    host, who = ours(given.host, environ)
    found = list(origins.of_host(load(who.settings_path), host, environ))
    if given.json:
        keys = {each.key: {"value": each.value, "source": each.source} for each in found}
        answer = {"schema_version": SCHEMA_VERSION, "host": host, "keys": keys}
        terminal.tell(json.dumps(answer, indent=2))
        return 0
    wide = max(len(each.key) for each in found)
    values = [
        each.value if isinstance(each.value, str) else json.dumps(each.value) for each in found
    ]
    across = max(map(len, values))
    for each, value in zip(found, values, strict=True):
        terminal.tell(
            f"{each.key:<{wide}}  {value:<{across}}  {terminal.paint(each.source, 'dim')}"
        )
    return 0


def _schema(_: argparse.Namespace, __: Mapping[str, str], terminal: Terminal) -> int:
    terminal.out.write(schema.text())
    return 0


_VERBS: Mapping[str, Callable[[argparse.Namespace, Mapping[str, str], Terminal], int]] = {
    "path": _path,
    "show": _show,
    "check": _check,
    "explain": _explain,
    "schema": _schema,
}
