"""`repository-token`: a token of the registry's own, for some repositories, with its two passwords.

Azure Resource Manager shows a password once, when it is generated, so ``get`` can only read what
somebody has kept: in a variable, a file, a command, or by ``login HOST --generate``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from docker_credential_acr.errors import MethodUnavailable, RegistryRefused, SettingsError
from docker_credential_acr.methods.contract import EntraToken, Login, Offer, SignIn
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


def username(options: Options, login_server: str) -> str | None:  # noqa: ARG001  the contract
    return options.token_name


def name_of(options: Options) -> str:
    """Return the token's name. Raises SettingsError if there is none."""
    if not options.token_name:
        raise SettingsError(
            "the repository token has no name",
            "set token_name to the name of the token in the registry",
            "settings-invalid",
        )
    return options.token_name


def offer(
    options: Options,
    sign_in: SignIn,
    arm_token: Callable[[], EntraToken],  # noqa: ARG001  its passwords cannot be read there
) -> Offer:
    name = name_of(options)
    if not options.given():
        raise MethodUnavailable(
            f"no password of the repository token {name} is at hand",
            f"run: docker-credential-acr login {sign_in.host} --generate, or set password_file",
            "password-missing",
        )
    return Offer(
        tuple(Login(name, secret) for secret in passwords(options, sign_in)),
        lambda told: told or _refused(name),
    )


def _refused(name: str) -> RegistryRefused:
    return RegistryRefused(
        f"the registry refused every password given for the repository token {name}",
        "give one that has not expired, and check that the token is enabled: az acr token show",
        "passwords-refused",
    )
