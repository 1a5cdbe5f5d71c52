"""What every authentication method is, and what it is given.

A method is one module and one row of the table. The module has ``Options`` (a frozen dataclass whose
fields are keys of the settings), ``INPUTS`` and ``SECRET_INPUTS`` (the variables it reads),
``detect`` (cheap local signals only, for ``automatic``), and one of the two kinds of result:
``entra_token``, which is exchanged at the registry, or ``offer``, finished user names and passwords.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from docker_credential_acr.clouds import Cloud
from docker_credential_acr.deadline import Deadline
from docker_credential_acr.errors import Failure
from docker_credential_acr.secret import Secret
from docker_credential_acr.terminal import Terminal

# The two user names of a registry token: a registry's own, and Docker's, whose clients alone know it.
GUID_USER = "00000000-0000-0000-0000-000000000000"
TOKEN_USER = "<token>"  # noqa: S105  no secret


@dataclass(frozen=True, slots=True)
class EntraToken:
    """An Entra ID access token; *tenant* is its directory where that is known."""

    secret: Secret
    tenant: str | None = None


@dataclass(frozen=True, slots=True)
class Login:
    """A user name and a password that the registry itself knows."""

    username: str
    secret: Secret


@dataclass(frozen=True, slots=True)
class Offer:
    """The logins of a host in the order in which they are tried, at least one; each is verified.

    *refused* tells why the registry took none of them; it is given what the registry said, if it was
    more than that the password is wrong.
    """

    logins: tuple[Login, ...]
    refused: Callable[[Failure | None], Failure]


class Memory(Protocol):
    """What a method may leave for its next run: nothing secret, lost at any time."""

    def recall(self, name: str) -> str | None:
        """Return what was remembered as *name* and has not run out, or None."""

    def remember(self, name: str, text: str, seconds: float) -> None:
        """Keep *text* as *name* for *seconds*."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """What a method is told: for whom to sign in, where, and how long it may take."""

    host: str
    login_server: str
    cloud: Cloud
    authority: str | None  # host name; None where a cloud has none of its own on record
    tenant_id: str | None
    environ: Mapping[str, str]
    deadline: Deadline
    memory: Memory
    proof: Secret | None = None  # the caller's assertion, where it has been looked at already
    store: str | None = None  # the credential helper that the settings name for what is kept
    allow_unencrypted: bool = False  # whether a sign-in may be kept in plain text


class _Described(Protocol):
    INPUTS: tuple[str, ...]
    SECRET_INPUTS: tuple[str, ...]
    Options: type[Any]

    def detect(self, environ: Mapping[str, str]) -> Any:
        """Return the options that local signals suggest. Raises MethodUnavailable with the reason."""


class EntraMethod(_Described, Protocol):
    """Signs in to Entra ID; held by modules."""

    def entra_token(self, options: Any, sign_in: SignIn, audience: str) -> EntraToken:
        """Sign in for *audience*.

        Raises MethodUnavailable if there is nothing to try with here, SignInRefused if it was tried
        and refused, AudienceUnknown if only the audience was, Unreachable if nothing answered.
        """


@dataclass(frozen=True, slots=True)
class Account:
    """The person who has signed in, as Entra writes the name, and whether that is kept encrypted."""

    username: str
    encrypted: bool


class InteractiveMethod(EntraMethod, Protocol):
    """Signs in with what a person did once; held by modules."""

    def log_in(self, options: Any, sign_in: SignIn, audience: str, prompts: Terminal) -> Account:
        """Have a person sign in for *audience*, and keep it, so that ``entra_token`` asks nobody.

        Raises MethodUnavailable if it cannot be kept or done here, and what ``entra_token`` raises.
        """


class LoginMethod(_Described, Protocol):
    """Brings user names and passwords that need no sign-in; held by modules."""

    def username(self, options: Any, login_server: str) -> str | None:
        """Return the user name of its answers without asking anybody; None if it never has one."""

    def offer(self, options: Any, sign_in: SignIn, arm_token: Callable[[], EntraToken]) -> Offer:
        """Return the logins of the host.

        *arm_token* signs in to Azure Resource Manager, the way the settings' ``sign_in`` says.
        Raises MethodUnavailable if there is none, and what ``entra_token`` and ``arm`` raise.
        """


Method = EntraMethod | LoginMethod
