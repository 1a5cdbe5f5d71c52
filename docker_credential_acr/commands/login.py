"""``login HOST``: a person signs in once, and pulls go on with it; for other methods a proof of theirs.

Prompts go to the terminal, never to standard output. What is kept is proved by what ``get`` does.
"""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, replace
from time import time

from docker_credential_acr import audiences, callers, managing, markers, sign_in
from docker_credential_acr.asker import Asker
from docker_credential_acr.commands.generate import DAYS, DAYS_RANGE, generate
from docker_credential_acr.commands.proof import ours, prove
from docker_credential_acr.deadline import Deadline
from docker_credential_acr.errors import (
    AudienceUnknown,
    MethodUnavailable,
    NoCredential,
    OutOfTime,
    SignInRefused,
    printable,
)
from docker_credential_acr.methods import INTERACTIVE_METHODS, LOGIN_METHODS
from docker_credential_acr.methods.contract import Account
from docker_credential_acr.settings import RegistrySettings, for_host, load
from docker_credential_acr.terminal import Terminal, minutes

_SECONDS = (30, 900)  # a device code is good for a quarter of an hour


@dataclass(frozen=True, slots=True)
class _Way:
    """How a person signs in for a host, and whether ``get`` goes the same way."""

    chosen: RegistrySettings
    audiences: list[str]
    used: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("host", metavar="HOST", help="a registry, such as NAME.azurecr.io")
    way = parser.add_mutually_exclusive_group()
    way.add_argument(
        "--method",
        choices=tuple(INTERACTIVE_METHODS),
        help="a browser on this machine, or a code for one on any machine",
    )
    way.add_argument(
        "--generate",
        action="store_true",
        help="make a new password of the host's repository token, and keep it",
    )
    add(
        "--expires-in",
        type=_days,
        metavar="DAYS",
        help=f"how long the new password is good (default: {DAYS})",
    )
    add(
        "--timeout",
        type=_seconds,
        default=_SECONDS[1],
        metavar="SECONDS",
        help=f"how long to wait for you, {_SECONDS[0]} to {_SECONDS[1]} (default: {_SECONDS[1]})",
    )
    parser.set_defaults(refuse=parser.error)


def _seconds(text: str) -> int:
    low, high = _SECONDS
    if not (text.isascii() and text.isdecimal() and len(text) < 5 and low <= int(text) <= high):  # noqa: PLR2004  digits
        raise argparse.ArgumentTypeError(f"{text!a} is no number of seconds from {low} to {high}")
    return int(text)


def _days(text: str) -> int:
    low, high = DAYS_RANGE
    if not (text.isascii() and text.isdecimal() and len(text) < 5 and low <= int(text) <= high):  # noqa: PLR2004  digits
        raise argparse.ArgumentTypeError(f"{text!a} is no number of days from {low} to {high}")
    return int(text)


def run(given: argparse.Namespace, environ: Mapping[str, str], terminal: Terminal) -> int:
    if given.expires_in and not given.generate:
        given.refuse("--expires-in is how long a password is good that --generate makes")
    host, who = ours(given.host, environ)
    chosen = for_host(load(who.settings_path), host, environ)
    if given.generate:
        return generate(chosen, who, given.expires_in or DAYS, terminal)
    deadline = Deadline.after(given.timeout)
    way = _way(managing.with_endpoints(chosen, who, deadline), who, given.method)
    if way is None:
        return _proved(host, who, chosen, terminal)
    account = _signed_in(way, who, deadline, terminal)
    terminal.tell(f"{host}: signed in as {printable(account.username)}")
    if not account.encrypted:
        terminal.note("  it is kept in a file that is not encrypted, as allow_unencrypted says")
    who = ours(host, environ)[1]  # another one, now that somebody has signed in
    if way.used:
        return _proved(host, who, chosen, terminal)
    sign_in.registry_token(way.chosen, who, Deadline.after(chosen.timeout))
    terminal.tell(f"{host}: accepts that, but pulls do not use it: their method is {chosen.method}")
    terminal.note(f"  next: docker-credential-acr configure {host} --method {way.chosen.method}")
    return 0


def _way(chosen: RegistrySettings, who: Asker, method: str | None) -> _Way | None:
    """Return how a person signs in, or None where the host has no use for one."""
    person = callers.person(chosen)
    if person is not None:
        wanted, options = method or person[0], person[1]
    elif method is not None:
        wanted, options = method, INTERACTIVE_METHODS[method].Options()
    else:
        return None
    told = replace(chosen, method=wanted, options=options)
    if person and chosen.method in LOGIN_METHODS:  # whose passwords are read from there
        return _Way(told, [str(chosen.cloud.for_arm)], used=True)
    return _Way(told, audiences.wanted(told, audiences.memory(told, who)), person is not None)


def _signed_in(way: _Way, who: Asker, deadline: Deadline, terminal: Terminal) -> Account:
    prompts = terminal.prompting()
    told = callers.request(way.chosen, who, deadline)
    options, log_in = way.chosen.options, INTERACTIVE_METHODS[way.chosen.method].log_in
    *first, last = way.audiences
    try:
        for audience in first:
            try:
                return log_in(options, told, audience, prompts)
            except AudienceUnknown:
                prompts.note(
                    f"Entra does not know {audience} here, so once more for the other one:"
                )
        return log_in(options, told, last, prompts)
    except OutOfTime as late:
        raise SignInRefused(
            "nobody has signed in within the time limit",
            "run it again; --timeout gives more time",
            "sign-in-unfinished",
        ) from late


def _proved(host: str, who: Asker, chosen: RegistrySettings, terminal: Terminal) -> int:
    """Tell that ``get`` has a credential for *host*. Raises Failure if it has none."""
    marker = markers.find(host, who.environ)
    if marker is not None:
        terminal.note(f"a login kept for {printable(marker.username)} comes first; without it:")
        terminal.note(f"  next: docker logout {host}")
        warning = markers.warning(marker, time())
        if warning:
            terminal.note(warning)
    try:
        proof = prove(host, who)
    except NoCredential:
        terminal.tell(f"{host}: is pulled from without a credential, as the settings say")
        return 0
    except MethodUnavailable as reason:
        if chosen.method == "automatic" and reason.reference == "no-method":
            reason.hint = f"run: docker-credential-acr login {host} --method browser"
        raise
    told = f"{host}: pulls have a credential, by {proof.method}"
    if not proof.is_password:
        told += f": good for {minutes(proof.expires - time())}, then renewed by itself"
    terminal.tell(told)
    return 0
