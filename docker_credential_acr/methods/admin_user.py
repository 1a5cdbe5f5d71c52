"""`admin-user`: the registry's own admin account, with its two passwords.

They are read through Azure Resource Manager, or from wherever the settings say; never generated here,
and never taken in another method's place.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from docker_credential_acr import arm_registries
from docker_credential_acr.arm import Manager
from docker_credential_acr.errors import MethodUnavailable, RegistryRefused, SettingsError
from docker_credential_acr.methods.contract import EntraToken, Login, Offer, SignIn
from docker_credential_acr.methods.passwords import PasswordOptions, passwords

INPUTS: tuple[str, ...] = ()
SECRET_INPUTS: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Options(PasswordOptions):
    registry_id: str | None = None
    sign_in: str | None = None


def detect(environ: Mapping[str, str]) -> Options:  # noqa: ARG001  the contract
    raise MethodUnavailable("the admin user is not taken by itself", "name a method", "no-method")


def username(options: Options, login_server: str) -> str:  # noqa: ARG001  the contract
    """Return the registry's name; it has no dash: behind one stands its domain label's hash."""
    return login_server.partition(".")[0].partition("-")[0]


def offer(options: Options, sign_in: SignIn, arm_token: Callable[[], EntraToken]) -> Offer:
    if options.given():
        name = username(options, sign_in.login_server)
        return Offer(
            tuple(Login(name, secret) for secret in passwords(options, sign_in)),
            lambda _: _refused(name),
        )
    manager = Manager(sign_in, arm_token())
    registry, logins = arm_registries.admin_logins(options.registry_id, manager)
    if logins[0].username.lower() != username(options, sign_in.login_server):
        raise SettingsError(  # its passwords would be sent to a registry that they are not of
            f"registry_id is that of another registry than {sign_in.login_server}",
            "correct registry_id, or leave it out: the registry is found by its login server",
            "settings-invalid",
        )
    return Offer(
        logins, lambda _: arm_registries.admin_refused(registry, logins[0].username, manager)
    )


def _refused(name: str) -> RegistryRefused:
    return RegistryRefused(
        f"the registry refused every password given for its admin user {name}",
        f"give the one valid now; if it is disabled: az acr update -n {name} --admin-enabled true",
        "passwords-refused",
    )
