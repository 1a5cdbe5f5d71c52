"""`federated-token`: any JWT whose issuer the app trusts: GitLab, Terraform Cloud, SPIFFE, GCP, AWS ...

A file is watched by the stamp like every token file. What comes from a variable or a command says only by
its content who is calling: see ``each_caller``.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from docker_credential_acr.errors import NotSetUp, SettingsError
from docker_credential_acr.methods import assertion, sources
from docker_credential_acr.methods.client_secret import needed
from docker_credential_acr.methods.contract import EntraToken, SignIn
from docker_credential_acr.secret import Secret

INPUTS: tuple[str, ...] = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID")
SECRET_INPUTS: tuple[str, ...] = ()  # the token's issuer and subject tell more than that it is set

VARIABLE = "AZURE_FEDERATED_TOKEN"
_MEANING = "federated token"
# With one of them the stamp says which job it is.
_JOBS = ("GITHUB_RUN_ID", "SYSTEM_OIDCREQUESTURI", "CI_JOB_ID")


@dataclass(frozen=True, slots=True)
class Options:
    client_id: str | None = None
    token_env: str | None = None
    token_file: str | None = None
    token_command: tuple[str, ...] | None = None


def detect(environ: Mapping[str, str]) -> Options:
    if not environ.get(VARIABLE):
        raise NotSetUp(f"no {VARIABLE}", f"set {VARIABLE}, or token_env", "inputs-missing")
    return Options()


def each_caller(options: Options, environ: Mapping[str, str]) -> bool:
    """Tell whether the token alone says who is calling, so that the stamp cannot."""
    if options.token_file:
        return False
    return bool(options.token_command) or not any(environ.get(name) for name in _JOBS)


def proof(options: Options, sign_in: SignIn) -> Secret:
    """Return the caller's token. Raises MethodUnavailable, SettingsError."""
    given = [key for key in ("token_env", "token_file", "token_command") if getattr(options, key)]
    if len(given) > 1:
        raise SettingsError(
            f"{' and '.join(given)} name one token each",
            "give only one of them",
            "settings-invalid",
        )
    if options.token_file:
        return sources.from_file(options.token_file, _MEANING)
    if options.token_command:
        return sources.from_command(options.token_command, sign_in, _MEANING)
    if options.token_env:
        return sources.from_variable(options.token_env, sign_in, _MEANING, "token_env")
    return sources.from_variable(VARIABLE, sign_in, _MEANING)


def entra_token(options: Options, sign_in: SignIn, audience: str) -> EntraToken:
    return assertion.entra_token(
        needed(options.client_id, "client_id", "AZURE_CLIENT_ID", sign_in),
        needed(sign_in.tenant_id, "tenant_id", "AZURE_TENANT_ID", sign_in),
        lambda: sign_in.proof or proof(options, sign_in),
        sign_in,
        audience,
    )
