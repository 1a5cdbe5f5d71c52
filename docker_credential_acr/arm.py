"""Azure Resource Manager, as far as registries and their passwords go.

Api versions and answers: Azure/azure-rest-api-specs, Microsoft.ContainerRegistry 2025-11-01. An Entra
login needs none of this; only the admin user, repository tokens and the verbs for people do.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from docker_credential_acr.deadline import doing
from docker_credential_acr.errors import Failure, MethodUnavailable, RegistryRefused, Unreachable
from docker_credential_acr.methods.contract import EntraToken, Login, SignIn
from docker_credential_acr.secret import Secret

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from requests import Response

_VERSION = "2025-11-01"
_SUBSCRIPTIONS_VERSION = "2022-12-01"
_PROVIDER = "providers/Microsoft.ContainerRegistry/registries"
_PAGES = 20  # of one listing: some thousand registries


@dataclass(frozen=True, slots=True)
class Manager:
    """Who asks, and with which token of the Resource Manager's audience."""

    sign_in: SignIn
    token: EntraToken


def admin_logins(registry_id: str | None, manager: Manager) -> Iterator[Login]:
    """Yield the admin user's logins: ``listCredentials``, which answers even while it is disabled.

    *registry_id* is the registry's resource id; without it the registry is looked for by its login
    server. Raises Failure.
    """
    found = registry_id or find(manager)
    answer = call("POST", f"{found}/listCredentials", manager)
    try:
        name = str(answer["username"])
        values = [str(each["value"]) for each in answer["passwords"] if each.get("value")]
    except (KeyError, TypeError, AttributeError) as error:
        raise _no_answer(manager) from error
    for value in values:
        yield Login(name, Secret(value))


def find(manager: Manager) -> str:
    """Return the resource id of the registry behind the login server that *manager* is asked for.

    It is matched by login server, not by name: a domain label's hash cannot be derived from the name.
    Raises MethodUnavailable if no subscription that the identity can see has it.
    """
    login_server = manager.sign_in.login_server
    for subscription in _items("/subscriptions", manager, _SUBSCRIPTIONS_VERSION):
        path = f"/subscriptions/{subscription.get('subscriptionId')}/{_PROVIDER}"
        for registry in _items(path, manager):
            server = (registry.get("properties") or {}).get("loginServer")
            if isinstance(server, str) and server.lower() == login_server:
                return str(registry["id"])
    raise MethodUnavailable(
        f"no subscription that this identity can read has the registry {login_server}",
        "give its resource id by registry_id, or the identity the role Reader on it",
        "registry-not-found",
    )


def _items(path: str, manager: Manager, version: str = _VERSION) -> "Iterator[dict[str, Any]]":
    where: str | None = path
    for _ in range(_PAGES):
        answer = call("GET", where, manager, version=version) if where else {}
        values = answer.get("value")
        yield from (each for each in values or [] if isinstance(each, dict))
        where = _next(answer.get("nextLink"), manager)
        if where is None:
            return


def _next(link: object, manager: Manager) -> str | None:
    """Return the path and query of the next page if it is one of the same place."""
    if not isinstance(link, str) or not link.startswith(f"{manager.sign_in.cloud.arm}/"):
        return None
    parts = urlsplit(link)
    return f"{parts.path}?{parts.query}"


def call(
    verb: str,
    path: str,
    manager: Manager,
    body: "dict[str, Any] | None" = None,
    version: str = _VERSION,
) -> "dict[str, Any]":
    """Ask the cloud's Resource Manager for *path* and return the JSON object of its answer.

    Raises RegistryRefused, MethodUnavailable, Unreachable, OutOfTime.
    """
    from docker_credential_acr.transport import Session  # noqa: PLC0415  loaded when it is used

    doing("asking Azure Resource Manager")
    address = f"{manager.sign_in.cloud.arm}{path}"
    if "api-version=" not in address:
        address += f"?api-version={version}"
    headers = {"Authorization": f"Bearer {manager.token.secret.reveal()}"}
    response = Session(manager.sign_in.deadline).request(verb, address, headers=headers, json=body)
    if response.status_code != 200:  # noqa: PLR2004  HTTP
        raise _refusal(response)
    try:
        found = response.json()
    except (ValueError, RecursionError) as error:
        raise _no_answer(manager) from error
    if not isinstance(found, dict):
        raise _no_answer(manager)
    return found


def _no_answer(manager: Manager) -> Unreachable:
    return Unreachable(
        f"{manager.sign_in.cloud.arm} gave no usable answer",
        "check for a proxy or a login page that answers in its place",
        "answer-unusable",
    )


def _refusal(response: "Response") -> Failure:
    from docker_credential_acr.methods.entra import unavailable  # noqa: PLC0415
    from docker_credential_acr.transport import correlation, host_of, retry_after  # noqa: PLC0415

    status, correlated = response.status_code, correlation(response)
    host = host_of(response.request)
    if status == 429 or status >= 500:  # noqa: PLR2004  HTTP
        return unavailable(host, status, retry_after(response), correlated)
    if status == 403:  # noqa: PLR2004  HTTP
        return RegistryRefused(
            f"the identity may not do this in Azure Resource Manager (HTTP 403){correlated}",
            "grant it Microsoft.ContainerRegistry/registries/listCredentials/action on the registry",
            "arm-denied",
        )
    if status == 404:  # noqa: PLR2004  HTTP
        return MethodUnavailable(
            f"Azure Resource Manager knows no such registry or token (HTTP 404){correlated}",
            "check registry_id and token_name",
            "registry-not-found",
        )
    return RegistryRefused(
        f"{host} refused the request (HTTP {status}){correlated}",
        "check sign_in and tenant_id in the settings",
        "arm-refused",
    )
