"""`github-actions`: the job's own OIDC token, a fresh one for every sign-in.

The token lives a few minutes, so that it can neither be kept nor handed on: the runner's address is
asked anew (GitHub's "OpenID Connect reference", acr.md 3.1).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from docker_credential_acr.errors import MethodUnavailable
from docker_credential_acr.methods import assertion
from docker_credential_acr.methods.client_secret import needed
from docker_credential_acr.methods.contract import EntraToken, SignIn
from docker_credential_acr.methods.job import JobTokens

# The address has the job in it, so that two jobs of a matrix are two askers.
INPUTS: tuple[str, ...] = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "ACTIONS_ID_TOKEN_REQUEST_URL")
SECRET_INPUTS: tuple[str, ...] = ("ACTIONS_ID_TOKEN_REQUEST_TOKEN",)

JOB = JobTokens(
    url="ACTIONS_ID_TOKEN_REQUEST_URL",
    bearer="ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    method="GET",
    member="value",
    advice="give the job the permission: id-token: write",
)


@dataclass(frozen=True, slots=True)
class Options:
    client_id: str | None = None


def detect(environ: Mapping[str, str]) -> Options:
    JOB.check(environ, in_job=bool(environ.get("GITHUB_JOB")))
    missing = [name for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID") if not environ.get(name)]
    if missing:
        raise MethodUnavailable(
            f"no {' and '.join(missing)}",
            f"set {' and '.join(missing)} in the workflow's env",
            "inputs-missing",
        )
    return Options()


def entra_token(options: Options, sign_in: SignIn, audience: str) -> EntraToken:
    return assertion.entra_token(
        needed(options.client_id, "client_id", "AZURE_CLIENT_ID", sign_in),
        needed(sign_in.tenant_id, "tenant_id", "AZURE_TENANT_ID", sign_in),
        lambda: JOB.fetch({"audience": assertion.AUDIENCE}, sign_in),
        sign_in,
        audience,
    )
