"""What a registry lets a credential do: a scoped access token, and the actions that stand in it.

The service grants the part of a scope that the identity has and answers 200 all the same, so only the
token's own ``access[].actions`` tell (Azure/acr Token-BasicAuth.md; ``az acr check-health`` reads them).
"""

from dataclasses import dataclass

from docker_credential_acr import registry_refusals
from docker_credential_acr.deadline import Deadline, doing
from docker_credential_acr.errors import RegistryRefused
from docker_credential_acr.exchange import basic, jwt_claims
from docker_credential_acr.methods.contract import Login
from docker_credential_acr.secret import Secret


@dataclass(frozen=True, slots=True)
class AccessToken:
    """An access token, when it expires (seconds since 1970), and what it allows: name -> actions."""

    secret: Secret
    expires: int
    allows: dict[str, frozenset[str]]


def access_token(login_server: str, login: Login, scope: str, deadline: Deadline) -> AccessToken:
    """Return a token of *login* for *scope*, such as ``repository:team/app:pull``.

    Raises RegistryRefused, Unreachable, OutOfTime.
    """
    from docker_credential_acr.transport import Session, unusable  # noqa: PLC0415  loaded when it is used

    doing("asking the registry for an access token")
    response = Session(deadline).get(
        f"https://{login_server}/oauth2/token",
        params={"service": login_server, "scope": scope},
        headers={"Authorization": basic(login)},
    )
    if response.status_code != 200:  # noqa: PLR2004  HTTP
        refused = registry_refusals.of_login(login_server, login, response)
        raise refused or RegistryRefused(
            "the registry did not accept the credential (HTTP 401)",
            "docker-credential-acr cache clear, and try again",
            "registry-refused",
        )
    try:
        text = response.json()["access_token"]
    except (ValueError, KeyError, TypeError, RecursionError):
        text = None
    claims = jwt_claims(text)
    if claims is None:
        raise unusable(response, "it holds no access token")
    expires = claims.get("exp")
    return AccessToken(
        Secret(str(text)), expires if type(expires) is int else 0, _allowed(claims.get("access"))
    )


def _allowed(access: object) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for each in access if isinstance(access, list) else []:
        if isinstance(each, dict) and isinstance(each.get("actions"), list):
            name = str(each.get("name"))
            found[name] = found.get(name, frozenset()) | {str(a) for a in each["actions"]}
    return found
