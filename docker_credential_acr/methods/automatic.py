"""`automatic`: the first method that has something to try, by cheap local signals only.

It never opens a browser, never takes the admin user, and never waits for a metadata address that
nothing announced. A method that was tried and refused ends the search: a wrong secret must not turn
silently into somebody else's sign-in.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from docker_credential_acr.errors import AudienceUnknown, MethodUnavailable, NotSetUp, SignInRefused
from docker_credential_acr.log import log
from docker_credential_acr.methods import (
    aks_node,
    azure_cli,
    azure_developer_cli,
    azure_pipelines,
    azure_powershell,
    client_certificate,
    client_secret,
    github_actions,
    managed_identity,
    workload_identity,
)
from docker_credential_acr.methods.contract import EntraMethod, EntraToken, SignIn

INPUTS: tuple[str, ...] = ()
SECRET_INPUTS: tuple[str, ...] = ()

ORDER: Mapping[str, EntraMethod] = {
    "client-secret": client_secret,
    "client-certificate": client_certificate,
    "workload-identity": workload_identity,
    "github-actions": github_actions,
    "azure-pipelines": azure_pipelines,
    "managed-identity": managed_identity,
    "aks-node": aks_node,
    "azure-cli": azure_cli,
    "azure-powershell": azure_powershell,
    "azure-developer-cli": azure_developer_cli,
}


@dataclass(frozen=True, slots=True)
class Options:
    pass


def detect(environ: Mapping[str, str]) -> Options:  # noqa: ARG001  the contract
    raise MethodUnavailable("automatic is not tried by itself", "name a method", "no-method")


def entra_token(options: Options, sign_in: SignIn, audience: str) -> EntraToken:  # noqa: ARG001  the contract
    reasons: dict[str, MethodUnavailable] = {}
    for name, method in ORDER.items():
        try:
            token = method.entra_token(method.detect(sign_in.environ), sign_in, audience)
        except MethodUnavailable as reason:
            log.debug("%s: %s", name, reason.what)
            reasons[name] = reason
            continue
        except AudienceUnknown:
            raise
        except SignInRefused as refusal:
            refusal.what = f"{name}: {refusal.what}"  # nobody has named it
            raise
        log.debug("%s: signed in", name)
        return token
    raise _nothing_found(reasons)


def _nothing_found(reasons: Mapping[str, MethodUnavailable]) -> MethodUnavailable:
    """Return every attempt with its reason, what is not set up at all last and together."""
    absent = [name for name, reason in reasons.items() if isinstance(reason, NotSetUp)]
    tried = [(name, reason) for name, reason in reasons.items() if name not in absent]
    told = [f"{name}: {reason.what}" for name, reason in tried]
    if absent:
        told.append(f"not set up: {', '.join(absent)}")
    hint = tried[-1][1].hint if tried else "run az login"
    return MethodUnavailable(
        "no way to sign in (" + "; ".join(told) + ")",
        f"{hint}, or set a method",
        "no-method",
    )
