"""Azure Resource Manager: how it is asked, what its refusals mean, and operations that take a while.

Entra logins need none of it; only the admin user, repository tokens and the verbs for people do. Answers:
the ARM resource provider contract (Azure/azure-resource-manager-rpc, async-api-reference.md).
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from docker_credential_acr.deadline import doing
from docker_credential_acr.errors import Failure, MethodUnavailable, RegistryRefused, Unreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from requests import Response

    from docker_credential_acr.methods.contract import EntraToken, SignIn

VERSION = "2025-11-01"  # of Microsoft.ContainerRegistry, Azure/azure-rest-api-specs
PROVIDER = "Microsoft.ContainerRegistry"
_PAGES = 20  # of one listing: some thousand things
_ADMIN_DISABLED = "unauthorizedforcredentialoperations"  # an error's code, in lower case
_PAUSE = 1.0  # seconds between two looks at an operation, where nothing is asked for
_SHORTEST, _LONGEST = 0.1, 10.0  # seconds: bounds of what is asked for
_LONGEST_CODE = 60  # characters
_RIGHTS = {"GET": "read", "PATCH": "write", "PUT": "write", "POST": "action"}


@dataclass(frozen=True, slots=True)
class Manager:
    """Who asks, and with which token of the Resource Manager's audience."""

    sign_in: "SignIn"
    token: "EntraToken"


def call(
    verb: str,
    path: str,
    manager: Manager,
    body: "dict[str, Any] | None" = None,
    version: str = VERSION,
) -> "dict[str, Any]":
    """Ask the cloud's Resource Manager for *path* and return the JSON object of its answer.

    An operation that takes a while is waited for, within the deadline.
    Raises RegistryRefused, MethodUnavailable, Unreachable, OutOfTime.
    """
    address = f"{manager.sign_in.cloud.arm}{path}?api-version={version}"
    response = _sent(verb, address, manager, body)
    if response.status_code == 202:  # noqa: PLR2004  HTTP
        return _result(response, manager)
    return _object(response, manager)


def items(path: str, manager: Manager, version: str = VERSION) -> "Iterator[dict[str, Any]]":
    """Yield what the listing at *path* has, page by page. Raises what ``call`` raises."""
    answer = call("GET", path, manager, version=version)
    for _ in range(_PAGES):
        values = answer.get("value")
        yield from (each for each in values or () if isinstance(each, dict))
        link = answer.get("nextLink")
        if not link:
            return
        answer = _object(_sent("GET", _same_place(link, manager), manager), manager)


def admin_disabled(name: str) -> RegistryRefused:
    return RegistryRefused(
        f"the admin user of the registry {name} is disabled",
        f"run: az acr update -n {name} --admin-enabled true",
        "admin-disabled",
    )


def no_answer(manager: Manager) -> Unreachable:
    return Unreachable(
        f"{_host(manager)} gave no usable answer",
        "check for a proxy or a login page that answers in its place",
        "answer-unusable",
    )


def _sent(
    verb: str, address: str, manager: Manager, body: "dict[str, Any] | None" = None
) -> "Response":
    from docker_credential_acr.transport import Session  # noqa: PLC0415  loaded when it is used

    doing("asking Azure Resource Manager")
    headers = {"Authorization": f"Bearer {manager.token.secret.reveal()}"}
    response = Session(manager.sign_in.deadline).request(verb, address, headers=headers, json=body)
    if response.status_code not in (200, 202):
        raise _refusal(verb, address, response, manager)
    return response


def _object(response: "Response", manager: Manager) -> "dict[str, Any]":
    try:
        found = response.json()
    except (ValueError, RecursionError) as error:
        raise no_answer(manager) from error
    if not isinstance(found, dict):
        raise no_answer(manager)
    return found


def _result(response: "Response", manager: Manager) -> "dict[str, Any]":
    """Wait for the operation that *response* announces, and return its result.

    Where Azure-AsyncOperation says how far it is, the result is at Location all the same; without it
    Location answers 202 until there is a result.
    """
    state, place = (response.headers.get(name) for name in ("Azure-AsyncOperation", "Location"))
    if state:
        response = _looked_at(state, response, manager, lambda seen: not _ended(seen, manager))
        if not place:
            return _object(response, manager).get("properties") or {}
    response = _looked_at(place, response, manager, lambda seen: seen.status_code == 202)  # noqa: PLR2004  HTTP
    return _object(response, manager)


def _looked_at(
    link: object, last: "Response", manager: Manager, goes_on: "Callable[[Response], bool]"
) -> "Response":
    """Ask for *link* until what it answers is the end; *last* says how long to wait before."""
    from docker_credential_acr.transport import retry_after  # noqa: PLC0415

    address = _same_place(link, manager)
    while True:
        asked = retry_after(last)
        pause = _PAUSE if asked is None else min(max(asked, _SHORTEST), _LONGEST)
        time.sleep(manager.sign_in.deadline.share(pause))
        last = _sent("GET", address, manager)
        if not goes_on(last):
            return last


def _ended(response: "Response", manager: Manager) -> bool:
    """Tell whether the operation has succeeded. Raises RegistryRefused if it has failed."""
    answer = _object(response, manager)
    state = str(answer.get("status", "")).lower()
    if state in ("failed", "canceled"):
        raise RegistryRefused(
            f"Azure Resource Manager could not do it ({_code(answer) or state})",
            "look at the registry's activity log, and try again",
            "arm-refused",
        )
    return state == "succeeded"


def _same_place(link: object, manager: Manager) -> str:
    """Return *link* if it leads to the Resource Manager itself: a token goes nowhere else."""
    if isinstance(link, str) and _origin(link) == _origin(manager.sign_in.cloud.arm or ""):
        return link
    raise no_answer(manager)


def _origin(address: str) -> tuple[str, str | None, int]:
    try:
        parts = urlsplit(address)
        port = parts.port or 443
    except ValueError:
        return "", None, 0
    return parts.scheme, parts.hostname, port


def _host(manager: Manager) -> str:
    return urlsplit(manager.sign_in.cloud.arm or "").netloc


def _refusal(verb: str, address: str, response: "Response", manager: Manager) -> Failure:
    from docker_credential_acr.transport import correlation, retry_after  # noqa: PLC0415

    status, code = response.status_code, _code(_readable(response))
    told = f"HTTP {status}, {code}" if code else f"HTTP {status}"
    told = f"({told}){correlation(response)}"
    if code.lower() == _ADMIN_DISABLED:
        return admin_disabled(address.partition(f"{PROVIDER}/registries/")[2].partition("/")[0])
    if status == 429 or status >= 500:  # noqa: PLR2004  HTTP
        seconds = retry_after(response)
        wait = "in a minute" if seconds is None else f"in {seconds:.0f} s"
        what = "is throttling requests" if status == 429 else "has a fault of its own"  # noqa: PLR2004  HTTP
        return Unreachable(
            f"{_host(manager)} {what} {told}", f"try again {wait}", "arm-unavailable"
        )
    if status == 401:  # noqa: PLR2004  HTTP
        return RegistryRefused(
            f"Azure Resource Manager did not accept the identity {told}",
            "check sign_in and tenant_id in the settings",
            "arm-identity",
        )
    if status == 403:  # noqa: PLR2004  HTTP
        return RegistryRefused(
            f"the identity may not do this in Azure Resource Manager {told}",
            f"grant it {_action(verb, urlsplit(address).path)}",
            "arm-denied",
        )
    if status == 404:  # noqa: PLR2004  HTTP
        token = "/tokens/" in address
        return MethodUnavailable(
            f"Azure Resource Manager knows no such {'token' if token else 'registry'} {told}",
            "check token_name" if token else "check registry_id",
            "registry-not-found",
        )
    return RegistryRefused(
        f"Azure Resource Manager refused the request {told}",
        "az rest shows its whole answer; a lock on the registry or its state may be the reason",
        "arm-refused",
    )


def _action(verb: str, path: str) -> str:
    """Return what a role must allow for *verb* on *path*, where kinds and names take turns."""
    kinds = path.partition(PROVIDER + "/")[2].split("/")[::2]
    if kinds == [""]:
        return "Microsoft.Resources/subscriptions/read"
    return "/".join([PROVIDER, *kinds, _RIGHTS[verb]])


def _readable(response: "Response") -> object:
    try:
        return response.json()
    except (ValueError, RecursionError):
        return None


def _code(answer: object) -> str:
    """Return the error's code in *answer*, a word; its text is not ours to show."""
    error = answer.get("error") if isinstance(answer, dict) else None
    code = error.get("code") if isinstance(error, dict) else None
    plain = (
        isinstance(code, str) and code.isascii() and code.isalnum() and len(code) <= _LONGEST_CODE
    )
    return code if isinstance(code, str) and plain else ""
