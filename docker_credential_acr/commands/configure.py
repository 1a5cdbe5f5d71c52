"""``configure HOST...``: Docker's config and our settings, changed together, proved, and undone again."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from time import time
from typing import Any

from docker_credential_acr import configuring, installed, paths
from docker_credential_acr.asker import Asker, who_asks
from docker_credential_acr.commands.proof import prove
from docker_credential_acr.configuring import Plan
from docker_credential_acr.errors import Failure, InputError, SettingsError
from docker_credential_acr.registry import host_in, is_ours
from docker_credential_acr.schema import REGISTRY
from docker_credential_acr.settings_keys import choices, hints
from docker_credential_acr.terminal import Terminal, minutes

_SHOWN = ("method", "tenant_id", "client_id", "login_server", "sign_in")  # in --help; docs have all


def arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("hosts", nargs="+", metavar="HOST", help="a registry, such as NAME.azurecr.io")
    add(
        "--region", action="append", default=[], help="its endpoint of this region, too; repeatable"
    )
    add(
        "--podman",
        action="store_true",
        help="auth.json of podman, buildah and skopeo, not docker's",
    )
    add("--replace", action="store_true", help="remove logins that lie in that file in plain text")
    add("--remove", action="store_true", help="undo it: take HOST out of both files")
    add("--dry-run", action="store_true", help="show what would change, and change nothing")
    add("--no-verify", action="store_true", help="do not prove the sign-in")
    group = parser.add_argument_group(
        "how to sign in (every key of the settings is an option: docker-credential-acr config schema)"
    )
    for key, kind in _keys().items():
        shown = REGISTRY[key] if key in _SHOWN else argparse.SUPPRESS
        _add_key(group, key, kind, shown)


def _add_key(group: "argparse._ArgumentGroup", key: str, kind: Any, shown: str) -> None:
    option = "--" + key.replace("_", "-")
    if kind is bool:
        group.add_argument(option, action="store_const", const=True, help=shown)
    elif "tuple" in str(kind):
        group.add_argument(option, nargs="+", metavar="WORD", help=shown)
    else:
        known = choices(()).get(key) if key != "cloud" else None  # a cloud may be the settings' own
        number = int if kind is int else str
        group.add_argument(option, type=number, choices=known, metavar="VALUE", help=shown)


def _keys() -> Mapping[str, Any]:
    common, every = hints()
    return {**common, **every}


def run(given: argparse.Namespace, environ: Mapping[str, str], terminal: Terminal) -> int:
    keys = {key: value for key in _keys() if (value := getattr(given, key)) is not None}
    hosts = _hosts(
        given.hosts, given.region, own="login_server" in keys or given.remove, environ=environ
    )
    if not given.remove:
        _check_program(environ)

    def planned() -> Plan:
        if given.remove:
            return configuring.removing(hosts, environ, podman=given.podman)
        return configuring.adding(hosts, keys, environ, podman=given.podman)

    plan = planned()  # what cannot be done is said before anything is made
    if given.dry_run:
        plan = _without_logins(plan, hosts, given, terminal)
        terminal.tell("".join(configuring.differences(plan)) or "nothing to change")
        return 0
    _check_home(environ)
    with configuring.turn(environ):
        plan = _without_logins(planned(), hosts, given, terminal)
        for line in configuring.carry_out(plan, environ):
            terminal.tell(line)
    if given.remove or given.no_verify:
        return 0
    return max(_proved(host, environ, terminal) for host in hosts)


def _check_home(environ: Mapping[str, str]) -> None:
    """Refuse to write into somebody else's home: with sudo, docker's config would then be root's."""
    home = paths.home(environ.get)
    if os.name == "nt" or home is None or not os.path.isdir(home):
        return
    if os.stat(home).st_uid not in (os.geteuid(), 0):
        raise SettingsError(
            f"{home} is another user's home, who could not read what is written there",
            "run it as that user, without sudo",
            "home-of-another",
        )


def _hosts(
    servers: Sequence[str], regions: Sequence[str], *, own: bool, environ: Mapping[str, str]
) -> list[str]:
    """Return the hosts that *servers* name; *own* admits a domain of the person's own.

    Whoever mistypes one of Azure's names does not say --login-server: a token must not go there.
    """
    who = who_asks(environ)
    found = []
    for server in servers:
        host = host_in(server.encode("utf-8", "surrogatepass"))
        if host is None or not (own or is_ours(host, who.suffixes, who.named)):
            raise InputError(
                f"{server[:80]!a} is no Azure container registry",
                "give its login server, such as NAME.azurecr.io; "
                "for a domain of your own give --login-server, too",
                "host-not-ours",
            )
        found += [host, *(_regional(host, region, who) for region in regions)]
    return list(dict.fromkeys(found))


def _regional(host: str, region: str, who: Asker) -> str:
    name, _, suffix = host.partition(".")
    made = f"{name}.{region.lower()}.geo.{suffix}"
    if not is_ours(made, who.suffixes):
        raise InputError(
            f"{host} has no endpoint of a region {region[:40]!a}",
            "give the name of an Azure region, such as westeurope",
            "host-not-ours",
        )
    return made


def _check_program(environ: Mapping[str, str]) -> None:
    """Refuse to point docker at a program that is not there, or is another project's of the same name.

    Docker before 20.10.9 sent the credentials to Docker Hub instead (CVE-2021-41092).
    """
    path = next(iter(installed.programs(environ)), None)
    if path is None:
        raise Failure(
            f"{installed.PROGRAM} is not on PATH, where docker looks for it",
            "install it there, or add its folder to PATH, and try again",
            "program-missing",
        )
    if not installed.is_ours(path, environ):
        raise Failure(
            f"{path} is another project's program of the same name, and docker would call it",
            "remove it, or put this one in front of it on PATH",
            "program-foreign",
        )


def _without_logins(
    plan: Plan, hosts: Sequence[str], given: argparse.Namespace, terminal: Terminal
) -> Plan:
    """Take logins out of the config that other clients would go on to use, if the person wants that."""
    if given.remove:
        return plan
    for host, key in configuring.logins(plan, hosts).items():
        if given.replace or _agreed(f"{plan.config.path} holds a login for {host}. Remove it?"):
            plan = configuring.without_login(plan, key)
            terminal.note(
                f"{host}: its login stays in the copy of that file; delete it once you pull"
            )
        else:
            file = plan.config.path
            terminal.note(f"warning: {file} still holds a login for {host}; --replace removes it")
    return plan


def _agreed(question: str) -> bool:
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _proved(host: str, environ: Mapping[str, str], terminal: Terminal) -> int:
    try:
        proof = prove(host, who_asks(environ))
    except Failure as failure:
        terminal.note(f"{host}: configured, but the sign-in failed")
        terminal.explain(failure)
        return failure.exit_code
    left = f", good for {minutes(proof.expires - time())}" if proof.expires else ""
    terminal.tell(f"{host}: signed in with {proof.method}{left}")
    return 0
