"""`client-secret`: a service principal with a client secret."""

from collections.abc import Mapping
from dataclasses import dataclass

from docker_credential_acr.errors import MethodUnavailable, NotSetUp
from docker_credential_acr.methods import entra, sources
from docker_credential_acr.methods.contract import EntraToken, SignIn
from docker_credential_acr.secret import Secret

INPUTS: tuple[str, ...] = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID")
SECRET_INPUTS: tuple[str, ...] = ("AZURE_CLIENT_SECRET",)


@dataclass(frozen=True, slots=True)
class Options:
    client_id: str | None = None
    client_secret_env: str | None = None
    client_secret_file: str | None = None
    client_secret_command: tuple[str, ...] | None = None


def detect(environ: Mapping[str, str]) -> Options:
    missing = [name for name in (*INPUTS, *SECRET_INPUTS) if not environ.get(name)]
    if missing:
        none = len(missing) == len(INPUTS) + len(SECRET_INPUTS)
        kind = NotSetUp if none else MethodUnavailable
        raise kind(
            f"no {' and '.join(missing)}",
            f"set {' and '.join(missing)}",
            "inputs-missing",
        )
    return Options()


def entra_token(options: Options, sign_in: SignIn, audience: str) -> EntraToken:
    return entra.client_token(
        needed(options.client_id, "client_id", "AZURE_CLIENT_ID", sign_in),
        needed(sign_in.tenant_id, "tenant_id", "AZURE_TENANT_ID", sign_in),
        _secret(options, sign_in).reveal(),
        sign_in,
        audience,
    )


def needed(value: str | None, key: str, variable: str, sign_in: SignIn) -> str:
    """Return *value*, else the variable's. Raises MethodUnavailable if there is neither."""
    found = value or sign_in.environ.get(variable)
    if not found:
        raise MethodUnavailable(
            f"no {key.replace('_', ' ')} is given", f"set {key} or {variable}", "inputs-missing"
        )
    return found


def _secret(options: Options, sign_in: SignIn) -> Secret:
    if options.client_secret_file:
        return sources.from_file(options.client_secret_file, "client secret")
    if options.client_secret_command:
        return sources.from_command(options.client_secret_command, sign_in, "client secret")
    if options.client_secret_env:
        key = "client_secret_env"
        return sources.from_variable(options.client_secret_env, sign_in, "client secret", key)
    return sources.from_variable("AZURE_CLIENT_SECRET", sign_in, "client secret")
