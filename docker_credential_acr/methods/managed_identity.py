"""`managed-identity`: VM, scale set, App Service, Functions, Container Apps, Machine Learning, Arc ...

msal finds the source (its ``managed_identity.py``) and speaks to it through our metadata session, which
knows no proxy: with ``HTTP_PROXY`` set the SDK would send the request for the token there.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from docker_credential_acr.errors import (
    MethodUnavailable,
    NotSetUp,
    OutOfTime,
    SettingsError,
    SignInRefused,
    Unreachable,
)
from docker_credential_acr.methods import metadata_faults as faults
from docker_credential_acr.methods.contract import EntraToken, SignIn
from docker_credential_acr.secret import Secret

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

INPUTS: tuple[str, ...] = (
    "IDENTITY_ENDPOINT",
    "IDENTITY_SERVER_THUMBPRINT",
    "IMDS_ENDPOINT",
    "MSI_ENDPOINT",
    "AZURE_POD_IDENTITY_AUTHORITY_HOST",
    "AZURE_CLIENT_ID",
)
SECRET_INPUTS: tuple[str, ...] = ("IDENTITY_HEADER", "MSI_SECRET")

SELECTORS = ("client_id", "resource_id", "object_id")
_SIGNALS = ("IDENTITY_ENDPOINT", "MSI_ENDPOINT", "AZURE_POD_IDENTITY_AUTHORITY_HOST")
_CHASSIS = "/sys/class/dmi/id/chassis_asset_tag"
_AZURE_CHASSIS = "7783-7084-3265-9085-8269-3286-77"  # the same on every Azure machine
_PROBE_SECONDS = 2.0  # hosted runners look like Azure, too, and have nobody who answers
_METADATA_SECONDS = 8.0
_NOBODY = "managed-identity"  # the name under which it is remembered that a probe found none
_NOBODY_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Options:
    client_id: str | None = None
    resource_id: str | None = None
    object_id: str | None = None
    probe: bool = False  # set by detect, not by settings: only a chassis tag speaks for it


def detect(environ: Mapping[str, str]) -> Options:
    client_id = environ.get("AZURE_CLIENT_ID")
    if any(environ.get(name) for name in _SIGNALS):
        return Options(client_id=client_id)
    try:
        with open(_CHASSIS, encoding="ascii") as file:
            tag = file.read(64).strip()
    except (OSError, ValueError):
        tag = ""
    if tag == _AZURE_CHASSIS:
        return Options(client_id=client_id, probe=True)
    raise NotSetUp(
        "no sign of one on this machine",
        'on an Azure machine set method = "managed-identity"',
        "inputs-missing",
    )


def entra_token(options: Options, sign_in: SignIn, audience: str) -> EntraToken:
    if not options.probe:
        return _entra_token(options, sign_in, audience)
    reference = sign_in.memory.recall(_NOBODY)
    if reference:
        what = "none answered on this machine in the last ten minutes"
        raise MethodUnavailable(what, faults.ELSEWHERE, reference)
    try:
        return _entra_token(options, sign_in, audience)
    except MethodUnavailable as absent:
        sign_in.memory.remember(_NOBODY, absent.reference, _NOBODY_SECONDS)
        raise


def _entra_token(options: Options, sign_in: SignIn, audience: str) -> EntraToken:
    from docker_credential_acr.deadline import Deadline  # noqa: PLC0415
    from docker_credential_acr.transport import Session  # noqa: PLC0415

    given = {name: getattr(options, name) for name in SELECTORS if getattr(options, name)}
    if len(given) > 1:
        raise SettingsError(
            f"{' and '.join(given)} name one identity each",
            "give only one of them",
            "settings-invalid",
        )
    most = _PROBE_SECONDS if options.probe else _METADATA_SECONDS
    session = Session(Deadline.after(sign_in.deadline.share(most)), metadata=True)
    try:
        result = _ask(session, sign_in.environ, given, audience)
    except OutOfTime as error:
        sign_in.deadline.check()  # else it was the metadata service's share only
        reference = "metadata-unreachable"
        raise faults.absent(faults.SILENT, reference, probe=options.probe) from error
    except (Unreachable, OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise faults.fault(error, session.last, probe=options.probe) from error
    token = result.get("access_token")
    if isinstance(token, str) and token:
        return EntraToken(Secret(token))
    raise faults.refused(given, str(result), session.last, probe=options.probe)


def _ask(
    session: "Any", environ: Mapping[str, str], given: dict[str, str], audience: str
) -> "dict[str, Any]":
    import msal  # noqa: PLC0415  an SDK is loaded when its method is used

    from docker_credential_acr.transport import bound_foreign_sessions  # noqa: PLC0415

    if _in_cloud_shell(environ):
        # It speaks for the person who is signed in to the portal and nobody else.
        _nothing_to_select("Cloud Shell", given)
        endpoint, headers = environ["MSI_ENDPOINT"], {"Metadata": "true"}
        return dict(session.post(endpoint, data={"resource": audience}, headers=headers).json())
    if environ.get("IDENTITY_SERVER_THUMBPRINT"):
        _nothing_to_select("Service Fabric", given)  # the cluster selects, msal drops what we say
        bound_foreign_sessions()  # msal makes a session of its own
    who = (
        msal.UserAssignedManagedIdentity(**given) if given else msal.SystemAssignedManagedIdentity()
    )
    client = msal.ManagedIdentityClient(who, http_client=session)
    found: dict[str, Any] = client.acquire_token_for_client(resource=audience)
    return found


def _in_cloud_shell(environ: Mapping[str, str]) -> bool:
    return bool(
        environ.get("MSI_ENDPOINT")
        and not environ.get("MSI_SECRET")
        and not environ.get("IDENTITY_ENDPOINT")
    )


def _nothing_to_select(place: str, given: dict[str, str]) -> None:
    if given:
        raise SignInRefused(
            f"{place} has no managed identity to select ({', '.join(given)})",
            "remove it from the settings, or unset AZURE_CLIENT_ID",
            "identity-not-found",
        )
