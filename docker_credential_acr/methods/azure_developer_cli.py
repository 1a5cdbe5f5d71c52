"""`azure-developer-cli`: the sign-in of the person who ran ``azd auth login``."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from docker_credential_acr.errors import MethodUnavailable, NotSetUp
from docker_credential_acr.methods.cli_program import CliProgram
from docker_credential_acr.methods.contract import EntraToken, SignIn

INPUTS: tuple[str, ...] = ()
SECRET_INPUTS: tuple[str, ...] = ()

AZD = CliProgram(
    name="azd",
    product="Azure Developer CLI",
    login="azd auth login",
    by_hand="azd auth token",
    signed_out=(b"azd auth login", b"not logged in"),
    references=("azd-missing", "azd-signed-out", "azd-failed", "azd-timeout"),
)


@dataclass(frozen=True, slots=True)
class Options:
    pass


def detect(environ: Mapping[str, str]) -> Options:
    try:
        AZD.path(environ)
    except MethodUnavailable as absent:  # few people have it: nothing that everybody needs to read
        raise NotSetUp(absent.what, absent.hint, absent.reference) from None
    return Options()


def entra_token(options: Options, sign_in: SignIn, audience: str) -> EntraToken:  # noqa: ARG001  the contract
    arguments = ["auth", "token", "--output", "json", "--no-prompt", "--scope"]
    arguments.append(audience + "/.default")
    if sign_in.tenant_id:
        arguments += ["--tenant-id", sign_in.tenant_id]
    return AZD.ask(arguments, sign_in, {"NO_COLOR": "true"}, _read)


def _read(out: bytes) -> tuple[object, object]:
    """Read the answer; notices of new versions may stand in front of it."""
    return json.loads(out[max(out.find(b"{"), 0) :])["token"], None
