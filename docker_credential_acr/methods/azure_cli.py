"""`azure-cli`: the sign-in of the person who ran ``az login``.

The program is run by ourselves rather than by the SDK's class, which leaves grandchildren behind and
takes ``./az`` from a relative entry of PATH.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from docker_credential_acr import child
from docker_credential_acr.errors import AudienceUnknown, Failure, MethodUnavailable, Unreachable
from docker_credential_acr.methods import entra
from docker_credential_acr.methods.contract import EntraToken, SignIn
from docker_credential_acr.secret import Secret

INPUTS: tuple[str, ...] = ("AZURE_CONFIG_DIR",)
SECRET_INPUTS: tuple[str, ...] = ()

_SECONDS = 15.0  # az takes half a second at best, and some with a cold disk
_SIGNED_OUT = (b"az login", b"az account set")  # what its texts advise when there is no sign-in


@dataclass(frozen=True, slots=True)
class Options:
    subscription: str | None = None


def detect(environ: Mapping[str, str]) -> Options:
    _program(environ)
    return Options()


def entra_token(options: Options, sign_in: SignIn, audience: str) -> EntraToken:
    program = _program(sign_in.environ)
    arguments = [program, "account", "get-access-token", "--output", "json", "--resource", audience]
    if sign_in.tenant_id:
        arguments += ["--tenant", sign_in.tenant_id]
    if options.subscription:
        arguments += ["--subscription", options.subscription]
    quiet = {"AZURE_CORE_ONLY_SHOW_ERRORS": "true", "AZURE_CORE_NO_COLOR": "true"}
    try:
        result = child.run(arguments, sign_in.deadline, _SECONDS, {**sign_in.environ, **quiet})
    except OSError as error:
        raise MethodUnavailable(
            f"{program} cannot be started: {(error.strerror or '').lower()}",
            "check the installation with: az version",
            "az-failed",
        ) from error
    if result.code != 0:
        raise _failed(result)
    return _read(result.out)


def _program(environ: Mapping[str, str]) -> str:
    found = child.find("az", environ)
    if found is None:
        raise MethodUnavailable(
            "az is not on PATH", "install the Azure CLI and run: az login", "az-missing"
        )
    return found


def _failed(result: child.Result) -> Failure:
    """Return what it means; the program's words are not repeated: they may hold anything."""
    if result.code is None:
        return Unreachable(
            "az did not end in time",
            "run az account get-access-token by hand to see why",
            "az-timeout",
        )
    if b"AADSTS" in result.err:
        failure = entra.refusal(result.err.decode("utf-8", "replace") + " error", "az")
        if isinstance(failure, AudienceUnknown) or failure.reference != "sign-in-refused":
            return failure
        failure.hint = "sign in again with: az login"
        return failure
    if any(words in result.err for words in _SIGNED_OUT):
        return MethodUnavailable(
            "nobody is signed in to the Azure CLI", "run: az login", "az-signed-out"
        )
    return MethodUnavailable(
        f"az ended with exit code {result.code}",
        "run az account get-access-token by hand to see why",
        "az-failed",
    )


def _read(out: bytes) -> EntraToken:
    """Read the answer; warnings of extensions may stand in front of it."""
    try:
        answer = json.loads(out[max(out.find(b"{"), 0) :])
        token, tenant = answer["accessToken"], answer.get("tenant")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise MethodUnavailable(
            "az printed no token", "run az account get-access-token by hand to see why", "az-failed"
        ) from error
    if (
        not isinstance(token, str)
        or not token
        or not token.isascii()
        or any(c.isspace() for c in token)
    ):
        raise MethodUnavailable(
            "az printed no token", "run az account get-access-token by hand to see why", "az-failed"
        )
    known = isinstance(tenant, str) and tenant and tenant.isascii() and tenant.isprintable()
    return EntraToken(Secret(token), tenant if known else None)
