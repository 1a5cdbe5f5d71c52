"""A change of Docker's config and of our settings: planned, shown, carried out, undone.

What stood there before is noted, so that undoing brings it back: the helper that a host had, and the
table that the settings had for it. Neither is a secret.
"""

import contextlib
import difflib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from docker_credential_acr import (
    cache,
    docker_config,
    entry,
    paths,
    private_files,
    settings_text,
    trusted_files,
)
from docker_credential_acr.deadline import Deadline
from docker_credential_acr.docker_config import HELPER, ConfigFile
from docker_credential_acr.errors import SettingsError
from docker_credential_acr.settings import LARGEST, parse

_NOTES = "configured.json"
_TURN_SECONDS = 60.0

Notes = dict[
    str, dict[str, Any]
]  # "helper PATH" or "table PATH" -> host -> what stood there before


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to become of both files: docker's or podman's, and our settings at *path*."""

    config: ConfigFile
    changed: ConfigFile
    path: str
    settings_before: str
    settings_changed: str
    notes: Notes


def adding(
    hosts: Sequence[str], keys: Mapping[str, Any], environ: Mapping[str, str], *, podman: bool
) -> Plan:
    """Return the plan that sends *hosts* here and gives each *keys* in the settings.

    Raises SettingsError.
    """
    plan = _untouched(environ, podman=podman)
    for host in hosts:
        before = docker_config.helper_of(plan.changed, host)
        if before != HELPER:
            plan.notes.setdefault(_about("helper", plan.config.real), {})[host] = before
        plan = replace(plan, changed=docker_config.with_helper(plan.changed, host))
    for host in hosts if keys else ():
        made = settings_text.with_registry(plan.settings_changed, plan.path, host, keys)
        if made != plan.settings_changed:
            tables = parse(plan.settings_changed.encode(), plan.path).registries
            noted = plan.notes.setdefault(_about("table", plan.path), {})
            noted.setdefault(host, tables.get(host))
        plan = replace(plan, settings_changed=made)
    return plan


def removing(hosts: Sequence[str], environ: Mapping[str, str], *, podman: bool) -> Plan:
    """Return the plan that brings back what stood there for *hosts* before. Raises SettingsError."""
    plan = _untouched(environ, podman=podman)
    helpers = plan.notes.get(_about("helper", plan.config.real), {})
    tables = plan.notes.get(_about("table", plan.path), {})
    for host in hosts:
        if docker_config.helper_of(plan.changed, host) == HELPER:
            before = helpers.pop(host, None)
            changed = (
                docker_config.with_helper(plan.changed, host, before)
                if before
                else docker_config.without_helper(plan.changed, host)
            )
            plan = replace(plan, changed=changed)
        if host in tables:
            table = tables.pop(host)
            text = settings_text.without_registry(plan.settings_changed, plan.path, host)
            if table is not None:
                before = plan.settings_changed
                text = settings_text.with_registry(before, plan.path, host, table, whole=True)
            plan = replace(plan, settings_changed=text)
    return plan


def _about(what: str, path: str) -> str:
    return f"{what} {path}"


def _untouched(environ: Mapping[str, str], *, podman: bool) -> Plan:
    file = docker_config.podman_file if podman else docker_config.docker_file
    config = docker_config.read(file(environ))
    stamp = entry.settings_stamp(environ.get)
    path = str(stamp[0]) if stamp else paths.settings_files(environ.get)[0]
    text = _settings_text(path)
    return Plan(config, config, path, text, text, _noted(environ))


def _settings_text(path: str) -> str:
    if not os.path.exists(path):
        return ""
    return trusted_files.read(path, trusted_files.SETTINGS, LARGEST).decode("utf-8-sig")


def logins(plan: Plan, hosts: Sequence[str]) -> Mapping[str, str]:
    """Return the hosts for which the config itself holds a login, with its key there."""
    found = {host: docker_config.stored_login(plan.changed, host) for host in hosts}
    return {host: key for host, key in found.items() if key}


def without_login(plan: Plan, key: str) -> Plan:
    """Return *plan* with the login *key* taken out of the config."""
    return replace(plan, changed=docker_config.without_login(plan.changed, key))


def differences(plan: Plan) -> Iterator[str]:
    """Yield what changes, as a unified diff; of Docker's config only helpers are shown."""
    for path, before, after in (
        (plan.config.path, *map(docker_config.shown, (plan.config, plan.changed))),
        (plan.path, plan.settings_before, plan.settings_changed),
    ):
        old, new = (text.splitlines(keepends=True) for text in (before, after))
        for line in difflib.unified_diff(old, new, path, path):
            yield line if line.endswith("\n") else line + "\n"


def carry_out(plan: Plan, environ: Mapping[str, str]) -> Iterator[str]:
    """Write both files, the settings first, and yield a line about each. Raises SettingsError.

    What is needed to undo it is noted before anything is written, and forgotten afterwards.
    """
    noted = _noted(environ)
    both = {
        what: {**noted.get(what, {}), **plan.notes.get(what, {})} for what in noted | plan.notes
    }
    _note(both, environ)
    if plan.settings_before != plan.settings_changed:
        _save_settings(plan)
        yield f"changed {plan.path}"
    if plan.config.text != plan.changed.text:
        copy = docker_config.save(plan.config, plan.changed)
        yield f"changed {plan.config.path}" + (f" (before: {copy})" if copy else "")
    if plan.settings_before == plan.settings_changed and plan.config.text == plan.changed.text:
        yield "nothing to change"
    _note(plan.notes, environ)


@contextlib.contextmanager
def turn(environ: Mapping[str, str]) -> Iterator[None]:
    """Wait until nobody else plans and carries out a change. Raises OutOfTime."""
    folder = private_files.open_folder(paths.data_folder(environ.get))
    with cache.turn(folder, _NOTES, Deadline.after(_TURN_SECONDS), lambda: None):
        yield


def _note(notes: Notes, environ: Mapping[str, str]) -> None:
    folder = private_files.open_folder(paths.data_folder(environ.get))
    if folder is not None and notes != _noted(environ):
        private_files.save(folder, _NOTES, json.dumps(notes).encode())


def _save_settings(plan: Plan) -> None:
    if _settings_text(plan.path) != plan.settings_before:
        raise SettingsError(
            f"{plan.path} was changed by another program just now", "try again", "docker-config"
        )
    folder, name = os.path.split(os.path.realpath(plan.path))
    try:
        if not plan.settings_changed:  # it was made by us, and nothing is left in it
            os.unlink(plan.path)
            return
        os.makedirs(folder, mode=0o700, exist_ok=True)
        mode = os.stat(plan.path).st_mode & 0o7777 if os.path.exists(plan.path) else 0o600
        private_files.replace(folder, name, plan.settings_changed.encode(), mode)
    except OSError as error:
        raise SettingsError(
            f"{plan.path} cannot be written: {(error.strerror or '').lower()}",
            "run it as the file's owner, or name a file of your own in ACR_CRED_CONFIG",
            "settings-missing",
        ) from error


def _noted(environ: Mapping[str, str]) -> Notes:
    folder = paths.data_folder(environ.get)
    data = entry.read_private(os.path.join(folder, _NOTES)) if folder else None
    try:
        found = json.loads(data) if data else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
