"""Whose sign-in it is: what a method is told, and callers that only their own token tells apart."""

from dataclasses import replace
from typing import Any

from docker_credential_acr import exchange
from docker_credential_acr.asker import Asker
from docker_credential_acr.deadline import Deadline
from docker_credential_acr.memory import Remembered
from docker_credential_acr.methods import INTERACTIVE_METHODS, federated_token
from docker_credential_acr.methods.contract import SignIn
from docker_credential_acr.settings import RegistrySettings


def request(chosen: RegistrySettings, who: Asker, deadline: Deadline) -> SignIn:
    """Return what the method of *chosen* is told."""
    return SignIn(
        chosen.host,
        chosen.login_server,
        chosen.cloud,
        chosen.authority,
        chosen.tenant_id,
        who.environ,
        deadline,
        Remembered(who.folder, who.stamped),
        who.proof,
        chosen.store,
        chosen.allow_unencrypted,
    )


def person(chosen: RegistrySettings) -> tuple[str, Any] | None:
    """Return method and options with which a person has to sign in for *chosen*, if one has to.

    It is the host's own method, or the one by which its passwords are read.
    """
    for method, options in ((chosen.method, chosen.options), chosen.sign_in):
        if method in INTERACTIVE_METHODS:
            return method, options
    return None


def each_caller(chosen: RegistrySettings, who: Asker) -> bool:
    """Tell whether the stamp of *who* does not say which caller this is, only what it brings does."""
    bringing = _bringing(chosen)
    if who.proof is not None or bringing is None:
        return False
    return federated_token.each_caller(bringing, who.environ)


def _bringing(chosen: RegistrySettings) -> federated_token.Options | None:
    """Return how the caller's own token is had, for the host's method or for who signs in for it."""
    for options in (chosen.options, chosen.sign_in[1]):
        if isinstance(options, federated_token.Options):
            return options
    return None


def told_apart(chosen: RegistrySettings, who: Asker, deadline: Deadline) -> Asker:
    """Return *who* with issuer and subject of what it brings in its stamp, if it is ``each_caller``.

    The fast staircase does not know that stamp, so it never answers. What is no JWT with both has no
    cache at all. Raises Failure if the proof cannot be had.
    """
    bringing = _bringing(chosen)
    if bringing is None or not each_caller(chosen, who):
        return who
    proof = federated_token.proof(bringing, request(chosen, who, deadline))
    claims = exchange.jwt_claims(proof.reveal()) or {}
    named = claims.get("iss"), claims.get("sub")
    if not all(isinstance(part, str) and part for part in named):
        return replace(who, proof=proof, folder=None)
    return replace(who, proof=proof, stamped=who.stamped + ascii(named).encode())
