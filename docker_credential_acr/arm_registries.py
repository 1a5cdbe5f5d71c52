"""A registry in Azure Resource Manager: where it is, its admin user, its tokens' passwords.

Paths and answers: Azure/azure-rest-api-specs, Microsoft.ContainerRegistry 2025-11-01. Two pairs of names:
the admin user has password and password2, a repository token password1 and password2.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from docker_credential_acr import exchange
from docker_credential_acr.arm import PROVIDER, Manager, admin_disabled, call, items, no_answer
from docker_credential_acr.errors import (
    Failure,
    MethodUnavailable,
    OutOfTime,
    RegistryRefused,
)
from docker_credential_acr.log import log
from docker_credential_acr.methods.contract import Login
from docker_credential_acr.secret import Secret

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SUBSCRIPTIONS_VERSION = "2022-12-01"
_REMEMBERED_SECONDS = 24 * 3600.0
SLOTS = ("password1", "password2")
ADMIN_SLOTS = ("password", "password2")


@dataclass(frozen=True, slots=True)
class Slot:
    """One password of a repository token as it is listed: without its value. Times are ISO 8601 texts."""

    name: str
    made: str
    expires: str | None


def ask(
    verb: str,
    what: str,
    registry_id: str | None,
    manager: Manager,
    body: "dict[str, Any] | None" = None,
) -> "tuple[str, dict[str, Any]]":
    """Ask for *what* of the registry, such as ``/listCredentials``; return its id and the answer.

    Without *registry_id* it is looked for by its login server, and remembered. Raises Failure.
    """
    memory = manager.sign_in.memory
    noted = f"registry id of {manager.sign_in.login_server}"
    known = registry_id or memory.recall(noted)
    if known:
        try:
            return known, call(verb, known + what, manager, body)
        except MethodUnavailable:  # moved to another group, perhaps
            if registry_id:
                raise
    found = find(manager)
    memory.remember(noted, found, _REMEMBERED_SECONDS)
    return found, call(verb, found + what, manager, body)


def find(manager: Manager) -> str:
    """Return the resource id of the registry behind the login server that *manager* is asked for.

    It is matched by login server, not by name: a domain label's hash cannot be derived from the name.
    Raises MethodUnavailable if no subscription that the identity can see has it.
    """
    wanted = exchange.global_name(manager.sign_in.login_server)
    try:
        for registry in _every_registry(manager):
            server, path = _table(registry, "properties").get("loginServer"), registry.get("id")
            if str(server).lower() == wanted and isinstance(path, str):
                return path
    except OutOfTime as late:
        late.hint = "give the registry's resource id by registry_id: looking for it takes too long"
        raise
    raise MethodUnavailable(
        f"no subscription that this identity can read has the registry {wanted}",
        "give its resource id by registry_id, or the identity the role Reader on it",
        "registry-not-found",
    )


def _every_registry(manager: Manager) -> "Iterator[dict[str, Any]]":
    """Yield the registries of all subscriptions; one that may not be looked into is passed over."""
    for subscription in items("/subscriptions", manager, _SUBSCRIPTIONS_VERSION):
        name = subscription.get("subscriptionId")
        try:
            yield from items(f"/subscriptions/{name}/providers/{PROVIDER}/registries", manager)
        except (RegistryRefused, MethodUnavailable) as refusal:
            if refusal.reference == "arm-identity":
                raise
            log.debug("subscription %s: %s", name, refusal.what)


def admin_logins(registry_id: str | None, manager: Manager) -> tuple[str, tuple[Login, ...]]:
    """Return the registry's id and the logins of its admin user, by ``listCredentials``.

    Raises Failure, with the reference admin-disabled where that is what the answer says.
    """
    found, answer = ask("POST", "/listCredentials", registry_id, manager)
    name, values = answer.get("username"), _values(answer)
    if not isinstance(name, str) or not name or not values:
        raise no_answer(manager)
    return found, tuple(Login(name, secret) for secret in values.values())


def admin_refused(registry_id: str, name: str, manager: Manager) -> Failure:
    """Return why the registry took no password of its admin user *name*: it may be disabled."""
    try:
        _, answer = ask("GET", "", registry_id, manager)
        enabled = _table(answer, "properties").get("adminUserEnabled")
    except Failure as failure:  # who may list credentials need not be allowed to read the rest
        log.debug("whether the admin user is enabled: %s", failure.what)
        enabled = None
    if enabled is False:
        return admin_disabled(name)
    return RegistryRefused(
        f"the registry refused every password of its admin user {name}",
        f"check that it is enabled: az acr update -n {name} --admin-enabled true",
        "passwords-refused",
    )


def admin_enabled(registry_id: str | None, manager: Manager) -> tuple[str, bool]:
    """Return the registry's id and whether its admin user is enabled. Raises Failure."""
    found, answer = ask("GET", "", registry_id, manager)
    return found, _table(answer, "properties").get("adminUserEnabled") is True


def set_admin(registry_id: str, manager: Manager, *, enabled: bool) -> None:
    """Enable or disable the admin user of the registry. Raises Failure."""
    ask("PATCH", "", registry_id, manager, {"properties": {"adminUserEnabled": enabled}})


def admin_slots(registry_id: str, manager: Manager) -> dict[str, Secret]:
    """Return the admin user's passwords by their names, ADMIN_SLOTS. Raises Failure."""
    _, answer = ask("POST", "/listCredentials", registry_id, manager)
    return _values(answer)


def new_admin_password(registry_id: str, slot: str, manager: Manager) -> Login:
    """Make a new password for *slot* of the admin user; what was there stops working. Raises Failure."""
    _, answer = ask("POST", "/regenerateCredential", registry_id, manager, {"name": slot})
    name, secret = answer.get("username"), _values(answer).get(slot)
    if not isinstance(name, str) or secret is None:
        raise no_answer(manager)
    return Login(name, secret)


def token_slots(registry_id: str | None, name: str, manager: Manager) -> tuple[str, list[Slot]]:
    """Return the registry's id, and the passwords that its token *name* has now. Raises Failure."""
    found, answer = ask("GET", f"/tokens/{name}", registry_id, manager)
    properties = _table(answer, "properties")
    if str(properties.get("status", "")).lower() == "disabled":
        raise RegistryRefused(
            f"the repository token {name} is disabled",
            f"run: az acr token update --name {name} --registry NAME --status enabled",
            "token-disabled",
        )
    listed = _table(properties, "credentials").get("passwords")
    return found, [
        Slot(each["name"], str(each.get("creationTime") or ""), each.get("expiry") or None)
        for each in _dicts(listed)
        if each.get("name") in SLOTS
    ]


def new_token_password(
    registry_id: str, name: str, slot: str, expires: str, manager: Manager
) -> Login:
    """Make a new password for *slot* of the repository token *name*; what was there stops working.

    *expires* is an ISO 8601 text. Raises Failure.
    """
    body = {"tokenId": f"{registry_id}/tokens/{name}", "name": slot, "expiry": expires}
    _, answer = ask("POST", "/generateCredentials", registry_id, manager, body)
    secret = _values(answer).get(slot)
    if secret is None:
        raise no_answer(manager)
    return Login(name, secret)


def _values(answer: "dict[str, Any]") -> dict[str, Secret]:
    """Return the passwords in *answer* that have a value, by the names of their slots."""
    return {
        str(each.get("name")): Secret(each["value"])
        for each in _dicts(answer.get("passwords"))
        if isinstance(each.get("value"), str) and each["value"]
    }


def _table(answer: "dict[str, Any]", name: str) -> "dict[str, Any]":
    found = answer.get(name)
    return found if isinstance(found, dict) else {}


def _dicts(found: object) -> "list[dict[str, Any]]":
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
