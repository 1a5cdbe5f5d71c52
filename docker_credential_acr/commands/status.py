"""``status [HOST...]``: what is known about each registry without asking anybody."""

import argparse
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from time import time

from docker_credential_acr import (
    asker,
    cache,
    client_files,
    docker_config,
    entry,
    markers,
    origins,
    private_files,
    registry,
)
from docker_credential_acr.asker import Asker
from docker_credential_acr.commands.proof import kept, ours
from docker_credential_acr.errors import Failure, HelperFailed, SettingsError, printable
from docker_credential_acr.settings import Settings, for_host, load
from docker_credential_acr.terminal import Terminal, minutes

SCHEMA_VERSION = 1
NEEDS_A_PERSON = 4  # the exit code of a sign-in that is needed
_GOOD, _IDLE, _NEEDED = "ready", "no token yet", "needs you"
_COLOURS = {_GOOD: "good", _IDLE: "dim", _NEEDED: "bad"}


@dataclass(frozen=True, slots=True)
class State:
    """One registry as the files tell; times in seconds from now, *next* the one thing to do."""

    host: str
    state: str
    method: str | None
    source: str
    identity: str | None
    token_seconds: int | None
    renewal_seconds: int | None
    login: str | None
    login_store: str | None
    login_seconds: int | None
    failure: str | None
    next: str | None
    warnings: tuple[str, ...]


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("hosts", nargs="*", metavar="HOST", help="these registries only")
    parser.add_argument("--json", action="store_true", help="for programs")


def run(given: argparse.Namespace, environ: Mapping[str, str], terminal: Terminal) -> int:
    who = asker.who_asks(environ)
    settings = load(who.settings_path)
    hosts = [ours(server, environ)[0] for server in given.hosts] or _known(settings, who)
    states = [_state(host, settings, who) for host in dict.fromkeys(hosts)]
    if given.json:
        answer = {"schema_version": SCHEMA_VERSION, "registries": [asdict(each) for each in states]}
        terminal.tell(json.dumps(answer, indent=2))
    else:
        for state in states:
            _tell(state, terminal)
        if not states:
            terminal.tell(
                "no registry is configured; try: docker-credential-acr configure NAME.azurecr.io"
            )
    return NEEDS_A_PERSON if any(each.state == _NEEDED for each in states) else 0


def _known(settings: Settings, who: Asker) -> list[str]:
    """Return the hosts that the settings name, docker sends here, or something is kept for."""
    keys = docker_config.helped_hosts(who.environ)
    helped = (registry.host_in(key.encode("utf-8", "replace")) for key in keys)
    kept_hosts = markers.hosts(who.environ)
    cached = (name.partition("@")[0].replace("+", ":") for name in private_files.names(who.folder))
    found = {*settings.exact_hosts, *filter(None, helped), *kept_hosts, *cached}
    return sorted(host for host in found if registry.is_ours(host, who.suffixes, who.named))


def _state(host: str, settings: Settings, who: Asker) -> State:
    now, marker = time(), None
    lost: Failure | None = None
    try:
        marker = markers.settled(host, who.environ)
    except HelperFailed as error:
        lost = error
    failure = cache.failure(who.folder, entry.file_name(host, who.stamped))
    times = kept(host, who)
    left = int(times[0][3] - now) if times else None
    concerns = client_files.concerns(host, who.environ)
    warnings = [f"{text}; {fix}" for text, fix in concerns]
    try:
        chosen = for_host(settings, host, who.environ)
        sources = {each.key: each.source for each in origins.of_host(settings, host, who.environ)}
        method, source = chosen.method, sources["method"]
        identity = getattr(chosen.options, "client_id", None)
    except SettingsError as error:
        method, source, identity = None, "", None
        failure = {"what": error.what, "hint": error.hint}
    told = marker.expires - now if marker and marker.expires else None
    expiring = markers.warning(marker, now) if marker else None
    if expiring:
        warnings.append(expiring)
    if lost is not None:
        failure = {"what": lost.what, "hint": lost.hint}
    good = marker is not None or (left is not None and lost is None)
    return State(
        host,
        _GOOD if good else _NEEDED if failure else _IDLE,
        method,
        source,
        identity,
        left,
        max(0, int(times[0][1] - now)) if times else None,
        marker.username if marker else None,
        marker.store if marker else None,
        int(told) if told is not None else None,
        str(failure["what"]) if failure else None,
        str(failure["hint"]) if failure else None,
        tuple(warnings),
    )


def _tell(state: State, terminal: Terminal) -> None:
    shown = terminal.paint(state.state, _COLOURS[state.state])
    terminal.tell(f"{terminal.paint(state.host, 'strong')}  {shown}")
    for name, text in _lines(state):
        terminal.tell(f"  {name:<8} {text}")


def _lines(state: State) -> Iterator[tuple[str, str]]:
    if state.login:
        yield (
            "login",
            f"{printable(state.login)}, kept in {state.login_store}; it wins over the method",
        )
    if state.method:
        of = f" ({state.identity})" if state.identity else ""
        yield "method", f"{state.method}{of}, {state.source}"
    if state.token_seconds is not None:
        renewal = f", renewed in {minutes(state.renewal_seconds or 0)}"
        yield "token", f"good for {minutes(state.token_seconds)}{renewal}"
    if state.failure:
        yield "failed", state.failure
    if state.next:
        yield "next", state.next
    for warning in state.warnings:
        yield "warning", warning
