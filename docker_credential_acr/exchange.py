"""Entra token -> registry token, at the registry itself and nowhere else.

``POST https://{login server}/oauth2/exchange`` with ``grant_type=access_token`` (Azure/acr
docs/AAD-OAuth.md). The challenge's realm is not asked for, so nobody else can name the place; the
answer has no ``expires_in``, so its times come from the token.
"""

import json
from base64 import b64encode, urlsafe_b64decode
from dataclasses import dataclass

from docker_credential_acr.deadline import Deadline
from docker_credential_acr.errors import Failure, RegistryRefused, Unreachable
from docker_credential_acr.methods.contract import EntraToken, Login
from docker_credential_acr.secret import Secret

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from requests import Response

_LONGEST = 60 * 1024  # bytes; the whole answer has to fit into one pipe buffer


@dataclass(frozen=True, slots=True)
class RegistryToken:
    """A registry's refresh token and its times, in seconds since 1970."""

    secret: Secret
    issued: int
    expires: int


def registry_token(login_server: str, token: EntraToken, deadline: Deadline) -> RegistryToken:
    """Trade *token* for a refresh token of *login_server*.

    Raises RegistryRefused, Unreachable, OutOfTime.
    """
    from docker_credential_acr.transport import Session, unusable  # noqa: PLC0415

    form = {
        "grant_type": "access_token",
        "service": login_server,
        "access_token": token.secret.reveal(),
    }
    if token.tenant:
        form["tenant"] = token.tenant
    response = Session(deadline).post(f"https://{login_server}/oauth2/exchange", data=form)
    if response.status_code != 200:  # noqa: PLR2004  HTTP
        raise _refusal(login_server, response)
    try:
        text = json.loads(response.content)["refresh_token"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise unusable(response, "it holds no refresh token") from error
    found = read(text, login_server)
    if found is None:
        raise Unreachable(
            f"{login_server} gave a token that is not one of its own",
            "check for a proxy or a private DNS zone that answers in its place",
            "token-unusable",
        )
    return found


def accepts(login_server: str, login: Login, deadline: Deadline) -> bool:
    """Tell whether the registry takes *login*: what clients do with it (Azure/acr Token-BasicAuth.md).

    Nothing is asked for but the answer itself. Raises RegistryRefused, Unreachable, OutOfTime.
    """
    from docker_credential_acr.transport import Session  # noqa: PLC0415

    pair = f"{login.username}:{login.secret.reveal()}".encode()
    response = Session(deadline).get(
        f"https://{login_server}/oauth2/token",
        params={"service": login_server},
        headers={"Authorization": f"Basic {b64encode(pair).decode()}"},
    )
    if response.status_code in (200, 401):
        return response.status_code == 200  # noqa: PLR2004  HTTP
    raise _refusal(login_server, response)


def read(text: object, login_server: str) -> RegistryToken | None:
    """Return *text* as a refresh token of *login_server*, or None if it is not one.

    A JWT is parsed and not verified: the keys are not published for clients. A regional endpoint
    (``name.region.geo.suffix``) may give the token of the registry's global login server.
    """
    claims = jwt_claims(text)
    if claims is None or not isinstance(text, str) or len(text) > _LONGEST:
        return None
    issued, expires = claims.get("iat"), claims.get("exp")
    if type(issued) is not int or type(expires) is not int or not 0 < issued < expires < 2**53:
        return None
    accepted = {login_server, global_name(login_server)}
    audience = claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    if not any(isinstance(host, str) and host.lower() in accepted for host in named):
        return None
    return RegistryToken(Secret(text), issued, expires)


def global_name(login_server: str) -> str:
    """Return the registry's global login server, for a regional endpoint (``name.region.geo.suffix``)."""
    name, geo, suffix = login_server.partition(".geo.")
    return f"{name.partition('.')[0]}.{suffix}" if geo else login_server


def jwt_claims(text: object) -> "dict[str, Any] | None":
    """Return the claims of the JWT *text*, unverified, or None if it is not a JWT."""
    if not isinstance(text, str) or not text.isascii() or text.count(".") != 2:  # noqa: PLR2004
        return None
    if not text.replace("-", "").replace("_", "").replace(".", "").isalnum():
        return None
    payload = text.split(".")[1]
    try:
        claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, RecursionError):
        return None
    return claims if isinstance(claims, dict) else None


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
        "the registry's network rules do not admit this address (HTTP 403)",
        "ask its owner to allow it, or use the private endpoint",
        "registry-firewall",
    ),
    404: (
        Unreachable,
        "no registry answers under this name (HTTP 404)",
        "check the spelling, the hash after a dash, and whether it still exists",
        "registry-missing",
    ),
}


def _refusal(login_server: str, response: "Response") -> Failure:
    from docker_credential_acr.transport import correlation, retry_after, unusable  # noqa: PLC0415

    status = response.status_code
    correlated = correlation(response)
    if status in _BY_STATUS:
        kind, what, hint, reference = _BY_STATUS[status]
        return kind(what + correlated, hint, reference)
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
