"""`workload-identity`: a projected service-account token, as the AKS webhook arranges it."""

from collections.abc import Mapping
from dataclasses import dataclass

from docker_credential_acr.errors import MethodUnavailable, NotSetUp
from docker_credential_acr.methods import assertion, sources
from docker_credential_acr.methods.client_secret import needed
from docker_credential_acr.methods.contract import EntraToken, SignIn

INPUTS: tuple[str, ...] = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE")
SECRET_INPUTS: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Options:
    client_id: str | None = None
    token_file: str | None = None


def detect(environ: Mapping[str, str]) -> Options:
    missing = [name for name in INPUTS if not environ.get(name)]
    if missing:
        # The file is the sign of the webhook; the other two have their uses without it.
        kind = NotSetUp if INPUTS[-1] in missing else MethodUnavailable
        raise kind(
            f"no {' and '.join(missing)}",
            "give the pod the label azure.workload.identity/use and an annotated service account",
            "inputs-missing",
        )
    return Options()


def entra_token(options: Options, sign_in: SignIn, audience: str) -> EntraToken:
    path = needed(options.token_file, "token_file", "AZURE_FEDERATED_TOKEN_FILE", sign_in)
    return assertion.entra_token(
        needed(options.client_id, "client_id", "AZURE_CLIENT_ID", sign_in),
        needed(sign_in.tenant_id, "tenant_id", "AZURE_TENANT_ID", sign_in),
        lambda: sources.from_file(path, "federated token"),
        sign_in,
        audience,
    )
