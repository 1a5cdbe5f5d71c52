"""`repository-token`: a token of the registry's own, for some repositories, with its two passwords.

Azure Resource Manager shows a password once, when it is generated, so ``get`` can only read what
somebody has kept: in a variable, a file, a command, or by ``login HOST --generate``.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from docker_credential_acr.errors import MethodUnavailable, SettingsError
from docker_credential_acr.methods.contract import EntraToken, Login, SignIn
from docker_credential_acr.methods.passwords import PasswordOptions, passwords

INPUTS: tuple[str, ...] = ()
SECRET_INPUTS: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Options(PasswordOptions):
    token_name: str | None = None
    registry_id: str | None = None
    sign_in: str | None = None


def detect(environ: Mapping[str, str]) -> Options:  # noqa: ARG001  the contract
    raise MethodUnavailable(
        "a repository token is not taken by itself", "name a method", "no-method"
    )


def logins(
    options: Options,
    sign_in: SignIn,
    arm_token: Callable[[], EntraToken],  # noqa: ARG001  its passwords cannot be read there
) -> Iterator[Login]:
    if not options.token_name:
        raise SettingsError(
            "the repository token has no name",
            "set token_name to the name of the token in the registry",
            "settings-invalid",
        )
    if not options.given():
        raise MethodUnavailable(
            f"no password of the repository token is kept for {sign_in.host}",
            f"run: docker-credential-acr login {sign_in.host} --generate, or set password_file",
            "password-missing",
        )
    for secret in passwords(options, sign_in):
        yield Login(options.token_name, secret)
