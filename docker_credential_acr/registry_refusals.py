"""What a registry's refusal means: which words of its answers are known, and the next step.

Statuses and texts: acr.md 1.9, which says where each was seen. No word of an answer is repeated but an
address and an id, each in its own form.
"""

import ipaddress
import re

from docker_credential_acr.errors import Failure, RegistryRefused, Unreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from requests import Response

    from docker_credential_acr.methods.contract import Login

_MISSING: tuple[type[Failure], str, str, str] = (
    Unreachable,
    "no registry answers under this name (HTTP {status})",
    "check the spelling, the hash after a dash, and whether it still exists",
    "registry-missing",
)
_BY_STATUS: dict[int, tuple[type[Failure], str, str, str]] = {
    400: (
        RegistryRefused,
        "the registry did not accept the exchange (HTTP 400)",
        "check login_server and tenant_id in the settings",
        "registry-refused",
    ),
    401: (
        RegistryRefused,
        "the registry did not accept the identity (HTTP 401)",
        "check the tenant, and that the identity has a role such as AcrPull on this registry",
        "registry-refused",
    ),
    403: (
        RegistryRefused,
        "the registry's network rules do not admit {address} (HTTP 403)",
        "ask its owner to allow {address}, or use the private endpoint",
        "registry-firewall",
    ),
    404: _MISSING,
    405: _MISSING,
}
# The registry takes a name that it does not know for a service principal, and says so in these words.
_UNKNOWN_NAMES = (
    (
        "client id must be guid",
        "the registry has no user or token called {name}",
        "check the name; the admin user may be disabled; a service principal's name is its client id",
    ),
    (
        "Application not registered with AAD",
        "the registry takes {name} for a service principal, and its tenant has none of this name",
        "check the name; a person's e-mail and password do not work here: sign in with Entra",
    ),
)
_ADDRESS = re.compile(r"client with IP '([0-9A-Fa-f:.]{2,45})'")


def of_exchange(login_server: str, response: "Response") -> Failure:
    """Return what the answer to an exchange means that is no token."""
    from docker_credential_acr.transport import (  # noqa: PLC0415  loaded when it is used
        correlation,
        retry_after,
        unusable,
    )

    status = response.status_code
    correlated = correlation(response)
    if status in _BY_STATUS:
        kind, what, hint, reference = _BY_STATUS[status]
        known = {"status": status, "address": _address(response)}
        return kind(what.format_map(known) + correlated, hint.format_map(known), reference)
    if status == 429:  # noqa: PLR2004  HTTP
        seconds = retry_after(response)
        wait = f"try again in {seconds:.0f} s" if seconds is not None else "try again in a minute"
        return Unreachable(
            f"the registry is throttling sign-ins (HTTP 429){correlated}",
            wait,
            "registry-throttled",
        )
    if status >= 500:  # noqa: PLR2004  HTTP
        return Unreachable(
            f"the registry has a fault of its own (HTTP {status}){correlated}",
            "try again in a minute; look at the Azure status page if it stays",
            "registry-unavailable",
        )
    return unusable(response, f"HTTP {status} from {login_server}")


def of_login(login_server: str, login: "Login", response: "Response") -> Failure | None:
    """Return what the answer to *login* means that is no token; None: its password was refused."""
    if response.status_code != 401:  # noqa: PLR2004  HTTP
        return of_exchange(login_server, response)
    from docker_credential_acr.transport import correlation  # noqa: PLC0415

    correlated = correlation(response)
    for words, what, hint in _UNKNOWN_NAMES:
        if words in response.text:
            return RegistryRefused(
                what.format(name=login.username) + correlated, hint, "login-unknown"
            )
    return None


def _address(response: "Response") -> str:
    """Return the client's address as the registry saw it: behind a proxy or NAT nobody else knows it."""
    found = _ADDRESS.search(response.text)
    try:
        return str(ipaddress.ip_address(found[1])) if found else "this address"
    except ValueError:
        return "this address"
