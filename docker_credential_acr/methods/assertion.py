"""Signing in with an assertion: a token of somebody else's, whom the app trusts, in place of a secret."""

from collections.abc import Callable

from docker_credential_acr import exchange  # which imports this package: not by its names
from docker_credential_acr.errors import SignInRefused
from docker_credential_acr.methods import entra
from docker_credential_acr.methods.contract import EntraToken, SignIn
from docker_credential_acr.secret import Secret

AUDIENCE = "api://AzureADTokenExchange"


def entra_token(
    client_id: str,
    tenant: str,
    assertion: Callable[[], Secret],
    sign_in: SignIn,
    audience: str,
) -> EntraToken:
    """Return a token for the app that trusts what *assertion* returns.

    It is asked for first, and anew for every sign-in. Raises what it raises, and SignInRefused,
    AudienceUnknown, Unreachable.
    """
    given = assertion().reveal()
    try:
        return entra.client_token(
            client_id, tenant, {"client_assertion": lambda: given}, sign_in, audience
        )
    except SignInRefused as refusal:
        claims = exchange.jwt_claims(given) or {}
        if refusal.reference == "assertion-refused" and "sub" in claims:
            refusal.hint = (
                f"the token's subject is {claims['sub']} and its issuer {claims.get('iss')}: "
                "give the app a federated credential for them"
            )
        raise
