"""`azure-cli`: the sign-in of the person who ran ``az login``.

The program is run by ourselves rather than by the SDK's class, which leaves grandchildren behind and
takes ``./az`` from a relative entry of PATH.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from docker_credential_acr.methods.cli_program import CliProgram
from docker_credential_acr.methods.contract import EntraToken, SignIn

INPUTS: tuple[str, ...] = ("AZURE_CONFIG_DIR",)
SECRET_INPUTS: tuple[str, ...] = ()

AZ = CliProgram(
    name="az",
    product="Azure CLI",
    login="az login",
    by_hand="az account get-access-token",
    signed_out=(b"az login", b"az account set"),
    references=("az-missing", "az-signed-out", "az-failed", "az-timeout"),
)


@dataclass(frozen=True, slots=True)
class Options:
    subscription: str | None = None


def detect(environ: Mapping[str, str]) -> Options:
    AZ.path(environ)
    return Options()


def entra_token(options: Options, sign_in: SignIn, audience: str) -> EntraToken:
    arguments = ["account", "get-access-token", "--output", "json", "--resource", audience]
    if sign_in.tenant_id:
        arguments += ["--tenant", sign_in.tenant_id]
    if options.subscription:
        arguments += ["--subscription", options.subscription]
    quiet = {"AZURE_CORE_ONLY_SHOW_ERRORS": "true", "AZURE_CORE_NO_COLOR": "true"}
    return AZ.ask(arguments, sign_in, quiet, _read)


def _read(out: bytes) -> tuple[object, object]:
    """Read the answer; warnings of extensions may stand in front of it."""
    answer = json.loads(out[max(out.find(b"{"), 0) :])
    return answer["accessToken"], answer.get("tenant")
