"""What every authentication method is, and what it is given.

A method is one module and one row of the table. The module has ``Options`` (a frozen dataclass whose
fields are keys of the settings), ``INPUTS`` and ``SECRET_INPUTS`` (the variables it reads),
``detect`` (cheap local signals only, for ``automatic``) and ``entra_token``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from docker_credential_acr.clouds import Cloud
from docker_credential_acr.deadline import Deadline
from docker_credential_acr.secret import Secret


@dataclass(frozen=True, slots=True)
class EntraToken:
    """An Entra ID access token; *tenant* is its directory where that is known."""

    secret: Secret
    tenant: str | None = None


@dataclass(frozen=True, slots=True)
class SignIn:
    """What a method is told: for whom to sign in, where, and how long it may take."""

    host: str
    cloud: Cloud
    authority: str | None  # host name; None where a cloud has none of its own on record
    tenant_id: str | None
    environ: Mapping[str, str]
    deadline: Deadline
    proof: Secret | None = None  # the caller's assertion, where it has been looked at already


class Method(Protocol):
    """The contract, held by modules."""

    INPUTS: tuple[str, ...]
    SECRET_INPUTS: tuple[str, ...]
    Options: type[Any]

    def detect(self, environ: Mapping[str, str]) -> Any:
        """Return the options that local signals suggest. Raises MethodUnavailable with the reason."""

    def entra_token(self, options: Any, sign_in: SignIn, audience: str) -> EntraToken:
        """Sign in for *audience*.

        Raises MethodUnavailable if there is nothing to try with here, SignInRefused if it was tried
        and refused, AudienceUnknown if only the audience was, Unreachable if nothing answered.
        """
