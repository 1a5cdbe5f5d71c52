"""`workload-identity`: a projected service-account token, as the AKS webhook arranges it.

With identity bindings the webhook names a proxy, which is asked in place of Entra.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from docker_credential_acr.errors import MethodUnavailable, NotSetUp
from docker_credential_acr.methods import assertion, identity_bindings, sources
from docker_credential_acr.methods.client_secret import needed
from docker_credential_acr.methods.contract import EntraToken, SignIn
from docker_credential_acr.secret import Secret

_WEBHOOK = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE")
INPUTS: tuple[str, ...] = (*_WEBHOOK, *identity_bindings.INPUTS)
SECRET_INPUTS: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Options:
    client_id: str | None = None
    token_file: str | None = None
    bindings: identity_bindings.Place | None = None  # set by the kubelet's verb, not by settings


def detect(environ: Mapping[str, str]) -> Options:
    missing = [name for name in _WEBHOOK if not environ.get(name)]
    if missing:
        # The file is the sign of the webhook; the other two have their uses without it.
        kind = NotSetUp if _WEBHOOK[-1] in missing else MethodUnavailable
        raise kind(
            f"no {' and '.join(missing)}",
            "give the pod the label azure.workload.identity/use and an annotated service account",
            "inputs-missing",
        )
    return Options()


def entra_token(options: Options, sign_in: SignIn, audience: str) -> EntraToken:
    client_id = needed(options.client_id, "client_id", "AZURE_CLIENT_ID", sign_in)
    tenant = needed(sign_in.tenant_id, "tenant_id", "AZURE_TENANT_ID", sign_in)
    where = options.bindings or identity_bindings.place(sign_in.environ)
    if where is not None:
        client = identity_bindings.Client(client_id, tenant, _token(options, sign_in))
        return identity_bindings.entra_token(where, client, sign_in, audience)
    return assertion.entra_token(
        client_id, tenant, lambda: _token(options, sign_in), sign_in, audience
    )


def _token(options: Options, sign_in: SignIn) -> Secret:
    if sign_in.proof is not None:
        return sign_in.proof
    path = needed(options.token_file, "token_file", "AZURE_FEDERATED_TOKEN_FILE", sign_in)
    return sources.from_file(path, "federated token")
