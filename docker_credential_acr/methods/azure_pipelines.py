"""`azure-pipelines`: the job's token for a service connection, a fresh one for every sign-in.

The request is that of azure-identity's ``AzurePipelinesCredential``. The tasks AzureCLI and
AzurePowerShell name their service connection, its app and tenant in ``AZURESUBSCRIPTION_*``.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from docker_credential_acr.errors import MethodUnavailable
from docker_credential_acr.methods import assertion
from docker_credential_acr.methods.client_secret import needed
from docker_credential_acr.methods.contract import EntraToken, SignIn
from docker_credential_acr.methods.job import JobTokens

_CONNECTION = "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID"
_CLIENT = "AZURESUBSCRIPTION_CLIENT_ID"
_TENANT = "AZURESUBSCRIPTION_TENANT_ID"

# The address is the run's and the job's, and is in every stamp.
INPUTS: tuple[str, ...] = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", _CONNECTION, _CLIENT, _TENANT)
SECRET_INPUTS: tuple[str, ...] = ("SYSTEM_ACCESSTOKEN",)

JOB = JobTokens(
    url="SYSTEM_OIDCREQUESTURI",
    bearer="SYSTEM_ACCESSTOKEN",
    method="POST",
    member="oidcToken",
    advice="give the step env SYSTEM_ACCESSTOKEN: $(System.AccessToken), and check service_connection_id",
    headers={
        "Content-Type": "application/json",
        "X-TFS-FedAuthRedirect": "Suppress",  # else a refusal leads to the login page
    },
)


@dataclass(frozen=True, slots=True)
class Options:
    client_id: str | None = None
    service_connection_id: str | None = None


def detect(environ: Mapping[str, str]) -> Options:
    JOB.check(environ, in_job=bool(environ.get("SYSTEM_JOBID")))
    pairs = (("AZURE_TENANT_ID", _TENANT), ("AZURE_CLIENT_ID", _CLIENT), (_CONNECTION,))
    missing = [pair[0] for pair in pairs if not any(environ.get(name) for name in pair)]
    if missing:
        raise MethodUnavailable(
            f"no {' and '.join(missing)}",
            "set service_connection_id, tenant_id and client_id, or run it in the task AzureCLI",
            "inputs-missing",
        )
    return Options()


def entra_token(options: Options, sign_in: SignIn, audience: str) -> EntraToken:
    environ = sign_in.environ
    client_id, tenant = options.client_id, sign_in.tenant_id or environ.get(_TENANT)
    if not options.service_connection_id:  # whose app the task names beside it
        client_id = client_id or environ.get(_CLIENT)
    connection = needed(
        options.service_connection_id, "service_connection_id", _CONNECTION, sign_in
    )
    parameters = {"api-version": "7.1", "serviceConnectionId": connection}
    return assertion.entra_token(
        needed(client_id, "client_id", "AZURE_CLIENT_ID", sign_in),
        needed(tenant, "tenant_id", "AZURE_TENANT_ID", sign_in),
        lambda: JOB.fetch(parameters, sign_in),
        sign_in,
        audience,
    )
