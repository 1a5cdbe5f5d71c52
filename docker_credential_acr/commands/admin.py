"""``admin show | enable | disable | rotate HOST``: the admin user, through Azure Resource Manager."""

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from docker_credential_acr import arm_registries, credentials
from docker_credential_acr.arm import Manager
from docker_credential_acr.arm_registries import ADMIN_SLOTS
from docker_credential_acr.asker import Asker
from docker_credential_acr.commands.proof import ours
from docker_credential_acr.deadline import Deadline
from docker_credential_acr.errors import printable
from docker_credential_acr.managing import manager
from docker_credential_acr.methods import ENTRA_METHODS
from docker_credential_acr.settings import RegistrySettings, for_host, load
from docker_credential_acr.terminal import Terminal

_SECONDS = 120.0  # regenerating may take a while, and a person is waiting


@dataclass(frozen=True, slots=True)
class _Desk:
    """The registry that is managed, and who does it."""

    host: str
    chosen: RegistrySettings
    who: Asker
    registry_id: str
    enabled: bool
    manager: Manager


def arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="what", required=True, metavar=" | ".join(_VERBS))
    for name, (_, summary) in _VERBS.items():
        verb = verbs.add_parser(name, help=summary, description=summary)
        verb.add_argument("host", metavar="HOST", help="a registry, such as NAME.azurecr.io")
        verb.add_argument(
            "--sign-in", choices=tuple(ENTRA_METHODS), metavar="METHOD", help="who manages it"
        )
        verb.add_argument("--registry-id", metavar="ID", help="its resource id, /subscriptions/...")
        if name == "show":
            verb.add_argument("--password", action="store_true", help="print the passwords, too")
        if name == "rotate":
            verb.add_argument(
                "--which", choices=ADMIN_SLOTS, help="without it, the one that is not in use"
            )
            verb.add_argument("--password", action="store_true", help="print the new password")


def run(given: argparse.Namespace, environ: Mapping[str, str], terminal: Terminal) -> int:
    host, who = ours(given.host, environ)
    chosen = for_host(load(who.settings_path), host, environ)
    deadline = Deadline.after(_SECONDS)
    managing = manager(chosen, who, deadline, given.sign_in)
    named = given.registry_id or getattr(chosen.options, "registry_id", None)
    registry_id, enabled = arm_registries.admin_enabled(named, managing)
    act, _ = _VERBS[given.what]
    return act(given, _Desk(host, chosen, who, registry_id, enabled, managing), terminal)


def _show(given: argparse.Namespace, desk: _Desk, terminal: Terminal) -> int:
    terminal.tell(f"{desk.host}: the admin user is {'enabled' if desk.enabled else 'disabled'}")
    if given.password:
        for slot, secret in arm_registries.admin_slots(desk.registry_id, desk.manager).items():
            terminal.out.write(f"{slot:<9}  {secret.reveal()}\n")
    return 0


def _enable(_: argparse.Namespace, desk: _Desk, terminal: Terminal) -> int:
    return _set(desk, terminal, enabled=True)


def _disable(_: argparse.Namespace, desk: _Desk, terminal: Terminal) -> int:
    return _set(desk, terminal, enabled=False)


def _set(desk: _Desk, terminal: Terminal, *, enabled: bool) -> int:
    word = "enabled" if enabled else "disabled"
    if desk.enabled is enabled:
        terminal.tell(f"{desk.host}: the admin user is {word} already")
        return 0
    arm_registries.set_admin(desk.registry_id, desk.manager, enabled=enabled)
    terminal.tell(f"{desk.host}: the admin user is {word} now")
    if enabled:
        terminal.note(
            "everybody who has its password is the same user; prefer a sign-in of its own for each"
        )
    return 0


def _rotate(given: argparse.Namespace, desk: _Desk, terminal: Terminal) -> int:
    if not desk.enabled:
        terminal.note(
            f"{desk.host}: the admin user is disabled; its password is renewed all the same"
        )
    slot = given.which or _not_in_use(desk)
    login = arm_registries.new_admin_password(desk.registry_id, slot, desk.manager)
    terminal.tell(
        f"{desk.host}: {slot} of {printable(login.username)} is new; the old one stopped working"
    )
    if given.password:
        terminal.out.write(login.secret.reveal() + "\n")
    other = next(each for each in ADMIN_SLOTS if each != slot)
    wait = max(1, desk.chosen.password_ttl // 60)
    terminal.note(
        f"the registry takes about a minute to know it everywhere, and machines with this program up\n"
        f"to {wait} min to serve it; the other one then: "
        f"docker-credential-acr admin rotate {desk.host} --which {other}"
    )
    return 0


def _not_in_use(desk: _Desk) -> str:
    """Return the password that this machine does not serve, the second one if it serves none."""
    answer = credentials.still_good(desk.host, desk.who)
    served = json.loads(b"{" + answer)["Secret"] if answer else None
    slots = arm_registries.admin_slots(desk.registry_id, desk.manager)
    used = next(
        (slot for slot, secret in slots.items() if secret.reveal() == served), ADMIN_SLOTS[0]
    )
    return next(slot for slot in ADMIN_SLOTS if slot != used)


_VERBS: Mapping[str, tuple[Callable[[argparse.Namespace, _Desk, Terminal], int], str]] = {
    "show": (_show, "whether it is enabled"),
    "enable": (_enable, "let the registry take its passwords"),
    "disable": (_disable, "let the registry refuse them"),
    "rotate": (_rotate, "renew one of its two passwords"),
}
