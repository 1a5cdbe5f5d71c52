"""`anonymous`: registries that anybody may pull from; clients go on without a credential."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from docker_credential_acr.errors import MethodUnavailable, NoCredential
from docker_credential_acr.methods.contract import EntraToken, Offer, SignIn

INPUTS: tuple[str, ...] = ()
SECRET_INPUTS: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Options:
    pass


def detect(environ: Mapping[str, str]) -> Options:  # noqa: ARG001  the contract
    raise MethodUnavailable("anonymous is not tried by itself", "set it as the method", "no-method")


def username(options: Options, login_server: str) -> None:
    pass


def offer(
    options: Options,  # noqa: ARG001  the contract
    sign_in: SignIn,
    arm_token: Callable[[], EntraToken],  # noqa: ARG001  the contract
) -> Offer:
    raise NoCredential(
        f"{sign_in.host} is pulled from without a credential",
        "set another method for it to sign in",
        "anonymous-pull",
    )
