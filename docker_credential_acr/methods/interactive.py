"""What `browser` and `device-code` share: whose sign-in it is, keeping it, and renewing it silently.

A person signs in once, by ``login HOST``; ``get`` never asks anybody. Both methods keep the same thing, so
either of them may renew what the other one began: a refresh token of Entra's, inside msal's own cache,
whose access tokens are taken out first. Sources: msal ``application.py`` (acquire_token_silent_with_error).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from docker_credential_acr.errors import (
    Failure,
    MethodUnavailable,
    NotSetUp,
    SignInRefused,
)
from docker_credential_acr.methods import entra, kept_sign_in
from docker_credential_acr.methods.contract import Account, EntraToken, SignIn
from docker_credential_acr.methods.kept_sign_in import Identity, how
from docker_credential_acr.secret import Secret
from docker_credential_acr.terminal import Terminal

# The Azure CLI's, which azure-identity signs developers in with (its _constants.py), too: every tenant
# knows it, and Microsoft lets it ask for the registries' audience and for Resource Manager's.
CLIENT_ID = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
TENANT = "organizations"  # the tenant of whoever signs in
_KEPT = (
    "RefreshToken",
    "Account",
    "AppMetadata",
)  # of msal's cache; what it has besides is short-lived

Ask = Callable[[Any, list[str]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Options:
    client_id: str | None = None


# AADSTS number -> what it means where a person signs in by us, the next step ("" for another sign-in) and
# the reference. What it means for every method stands in ``entra``.
_UNKNOWN = "sign in with another account, or correct tenant_id"
_REFUSALS: Mapping[str, tuple[str, str, str]] = {
    "53003": (
        "Conditional Access does not allow this sign-in",
        "device codes are often forbidden: try login with --method browser, or ask the tenant's admins",
        "sign-in-blocked",
    ),
    "50020": ("this account does not exist in the tenant", _UNKNOWN, "account-unknown"),
    "50034": ("this account does not exist in the tenant", _UNKNOWN, "account-unknown"),
    "50057": ("this account is disabled", "ask the tenant's admins", "account-unknown"),
    "50105": (
        "this account is not assigned to the app",
        "have it assigned in the enterprise application of client_id",
        "account-unknown",
    ),
    "65001": (
        "nobody has consented that the app may ask for this",
        "have an admin of the tenant consent to client_id, or leave client_id out",
        "consent-missing",
    ),
    "65004": ("the consent was declined", "", "sign-in-unfinished"),
    "70018": ("the sign-in was declined", "", "sign-in-unfinished"),
    "70020": ("the code has expired", "", "sign-in-unfinished"),
    "7000218": (
        "the client id is not one of a public client",
        "allow public client flows for its app registration, or leave client_id out",
        "app-not-public",
    ),
}


def detect(environ: Mapping[str, str]) -> Options:
    """Return options if anybody's sign-in is kept here. Raises NotSetUp."""
    if not kept_sign_in.every(environ):
        raise NotSetUp("nobody is signed in here", how("HOST"), "signed-out")
    return Options()


def identity(options: Options, sign_in: SignIn) -> Identity:
    """Return whose sign-in the settings want."""
    return Identity(
        str(sign_in.authority), sign_in.tenant_id or TENANT, options.client_id or CLIENT_ID
    )


def entra_token(options: Options, sign_in: SignIn, audience: str) -> EntraToken:
    """Return a token of the kept sign-in; a new refresh token takes the old one's place at once."""
    import msal  # noqa: PLC0415  an SDK is loaded when its method is used

    whose = identity(options, sign_in)
    kept_sign_in.check(whose, sign_in)
    with kept_sign_in.turn(whose, sign_in):
        kept, seal, text = kept_sign_in.read(whose, sign_in)
        remembered = msal.SerializableTokenCache()
        remembered.deserialize(text)
        with entra.asking(sign_in, whose.tenant) as place:
            application = msal.PublicClientApplication(
                whose.client_id, token_cache=remembered, **place
            )
            accounts = application.get_accounts()
            result = accounts and application.acquire_token_silent_with_error(
                [audience + "/.default"], account=accounts[0]
            )
        token = (result or {}).get("access_token")
        if isinstance(token, str) and token:
            # A disk that is full keeps the old one, which Entra takes for weeks to come.
            kept_sign_in.save(kept, seal, _to_keep(remembered), sign_in.environ)
            return EntraToken(Secret(token), _tenant(result))
    raise refusal(result, sign_in)


def log_in(options: Options, sign_in: SignIn, audience: str, ask: Ask) -> Account:
    """Sign a person in for *audience* and keep it; *ask* is given msal's application and the scopes.

    That it can be kept is settled before anybody is asked. Raises MethodUnavailable if it cannot,
    SignInRefused, AudienceUnknown, Unreachable, OutOfTime.
    """
    import msal  # noqa: PLC0415

    whose = identity(options, sign_in)
    with kept_sign_in.keeping(whose, sign_in) as keep:
        remembered = msal.SerializableTokenCache()
        with entra.asking(sign_in, whose.tenant) as place:
            application = msal.PublicClientApplication(
                whose.client_id, token_cache=remembered, **place
            )
            result = ask(application, [audience + "/.default"])
        token = result.get("access_token")
        if not isinstance(token, str) or not token:
            raise refusal(result, sign_in)
        Secret(token)  # no log shows it
        if "refresh_token" not in result:
            raise SignInRefused(
                "Entra gave nothing that a sign-in can be renewed with",
                "ask the tenant's admins whether client_id may have offline_access",
                "sign-in-refused",
            )
        username = _username(result)
        encrypted = keep(username, _to_keep(remembered))
    return Account(username, encrypted)


def _to_keep(remembered: Any) -> str:
    """Return what is worth keeping of msal's cache: no access token: one could manage the subscription."""
    found = json.loads(remembered.serialize())
    for secret in found.get("RefreshToken", {}).values():
        Secret(secret["secret"])  # no log shows it
    return json.dumps({kind: found.get(kind, {}) for kind in _KEPT})


def _claims(result: Mapping[str, Any]) -> Mapping[str, Any]:
    claims = result.get("id_token_claims")
    return claims if isinstance(claims, dict) else {}


def _tenant(result: Mapping[str, Any]) -> str | None:
    tenant = _claims(result).get("tid")
    return tenant if isinstance(tenant, str) else None


def _username(result: Mapping[str, Any]) -> str:
    name = _claims(result).get("preferred_username")
    return name if isinstance(name, str) and name else "an account without a name"


def refusal(result: Mapping[str, Any] | None, sign_in: SignIn) -> Failure:
    """Return what *result*, Entra's answer in msal's words, means for the person whose sign-in it is."""
    if not result:
        return MethodUnavailable(
            "the kept sign-in is empty", how(sign_in.host), "sign-in-unreadable"
        )
    again = how(sign_in.host)
    failure = entra.refusal(str(dict(result)), str(sign_in.authority), again.removeprefix("run: "))
    known = _REFUSALS.get(entra.code_in(failure.what))
    if known and isinstance(failure, SignInRefused):
        what, hint, reference = known
        ids = failure.what[failure.what.rindex(" (") :]
        return SignInRefused(what + ids, hint or again, reference)
    return failure


def name_the_app(options: Options, prompts: Terminal) -> None:
    """Say why Microsoft's page names another program, to whoever is about to read it there."""
    if prompts.lively and not options.client_id:
        prompts.note(
            "  the page asks about the Microsoft Azure CLI: this program signs in as it does"
        )


Found = TypeVar("Found")
Look = Callable[[float], Found | None]  # waits so many seconds and returns what there is by then


def waited(look: Look[Found], sign_in: SignIn, prompts: Terminal) -> Found:
    """Return what *look* finds before the deadline; on a terminal the time that is left is shown.

    Raises SignInRefused if it finds nothing.
    """
    try:
        while left := sign_in.deadline.left():
            minutes, seconds = divmod(int(left), 60)
            prompts.draw(f"waiting for you to sign in, {minutes}:{seconds:02} left; Ctrl-C stops")
            found = look(min(1.0, left))
            if found is not None:
                return found
    finally:
        prompts.draw("")
    raise SignInRefused(
        "nobody has signed in within the time limit", how(sign_in.host), "sign-in-unfinished"
    )
