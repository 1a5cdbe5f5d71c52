"""`admin-user`: the registry's own admin account, with its two passwords.

They are read through Azure Resource Manager, or from wherever the settings say; never generated here,
and never taken in another method's place.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from docker_credential_acr import arm
from docker_credential_acr.errors import MethodUnavailable
from docker_credential_acr.methods.contract import EntraToken, Login, SignIn
from docker_credential_acr.methods.passwords import PasswordOptions, passwords

INPUTS: tuple[str, ...] = ()
SECRET_INPUTS: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Options(PasswordOptions):
    registry_id: str | None = None
    sign_in: str | None = None


def detect(environ: Mapping[str, str]) -> Options:  # noqa: ARG001  the contract
    raise MethodUnavailable("the admin user is not taken by itself", "name a method", "no-method")


def logins(
    options: Options, sign_in: SignIn, arm_token: Callable[[], EntraToken]
) -> Iterator[Login]:
    if options.given():
        # A registry's name has no dash: what stands behind one is its domain label's hash.
        name = sign_in.login_server.partition(".")[0].partition("-")[0]
        for secret in passwords(options, sign_in):
            yield Login(name, secret)
        return
    yield from arm.admin_logins(options.registry_id, arm.Manager(sign_in, arm_token()))
