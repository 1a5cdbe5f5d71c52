"""Entra token -> registry token, at the registry itself and nowhere else.

``POST https://{login server}/oauth2/exchange`` with ``grant_type=access_token`` (Azure/acr
docs/AAD-OAuth.md). The challenge's realm is not asked for, so nobody else can name the place; the
answer has no ``expires_in``, so its times come from the token.
"""

import json
from base64 import b64encode, urlsafe_b64decode
from dataclasses import dataclass

from docker_credential_acr import registry_refusals
from docker_credential_acr.deadline import Deadline
from docker_credential_acr.errors import Unreachable
from docker_credential_acr.methods.contract import GUID_USER, TOKEN_USER, EntraToken, Login
from docker_credential_acr.secret import Secret

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

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
        claims = jwt_claims(token.secret.reveal()) or {}
        form["tenant"] = str(claims.get("tid") or token.tenant)  # the settings may give a domain
    response = Session(deadline).post(f"https://{login_server}/oauth2/exchange", data=form)
    if response.status_code != 200:  # noqa: PLR2004  HTTP
        raise registry_refusals.of_exchange(login_server, response)
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

    Nothing is asked for but the answer itself. Raises RegistryRefused if the registry does not know
    the name or has not looked at it, Unreachable, OutOfTime.
    """
    from docker_credential_acr.transport import Session  # noqa: PLC0415

    response = Session(deadline).get(
        f"https://{login_server}/oauth2/token",
        params={"service": login_server},
        headers={"Authorization": basic(login)},
    )
    if response.status_code == 200:  # noqa: PLR2004  HTTP
        return True
    refusal = registry_refusals.of_login(login_server, login, response)
    if refusal is not None:
        raise refusal
    return False


def user_name(login: Login) -> str:
    """Return the name under which a registry knows *login*; the other one is of Docker's clients."""
    return GUID_USER if login.username == TOKEN_USER else login.username


def basic(login: Login) -> str:
    """Return what the header ``Authorization`` holds for *login*."""
    pair = f"{user_name(login)}:{login.secret.reveal()}".encode()
    return f"Basic {b64encode(pair).decode()}"


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
