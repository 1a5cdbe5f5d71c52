"""`managed-identity`: VM, scale set, App Service, Functions, Container Apps, Machine Learning, Arc ...

msal finds the source (its ``managed_identity.py``) and speaks to it through our metadata session, which
knows no proxy: with ``HTTP_PROXY`` set the SDK would send the request for the token there.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from docker_credential_acr.errors import (
    AudienceUnknown,
    Failure,
    MethodUnavailable,
    NotSetUp,
    OutOfTime,
    SettingsError,
    SignInRefused,
    Unreachable,
)
from docker_credential_acr.methods import entra
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
_AUDIENCE_UNKNOWN = (
    "AADSTS500011",
    "AADSTS50001:",
    "invalid_resource",
    "An unexpected error occurred while fetching the AAD Token",  # App Service is that vague
)
_AMBIGUOUS = "Multiple user assigned identities exist"
_PROBE_SECONDS = 2.0  # hosted runners look like Azure, too, and have nobody who answers
_METADATA_SECONDS = 8.0
_NOBODY = "managed-identity"  # the name under which it is remembered that a probe found none
_NOBODY_SECONDS = 600.0
_SILENT = "no metadata service answers on this machine"
_ELSEWHERE = 'not on Azure? set method = "azure-cli" or another one in the settings'
_TOLD_AS_THEY_ARE = ("answer-unusable", "redirect-refused", "tls-settings")


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
        raise MethodUnavailable(what, _ELSEWHERE, reference)
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
        raise _absent(options, _SILENT, "metadata-unreachable") from error
    except (Unreachable, OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise _fault(options, session.last, error) from error
    token = result.get("access_token")
    if isinstance(token, str) and token:
        return EntraToken(Secret(token))
    refused = _refused(options, given, str(result))
    if isinstance(refused, AudienceUnknown):
        raise refused
    raise _troubled(session.last) or refused


def _ask(
    session: "Any", environ: Mapping[str, str], given: dict[str, str], audience: str
) -> "dict[str, Any]":
    import msal  # noqa: PLC0415  an SDK is loaded when its method is used

    from docker_credential_acr.transport import bound_foreign_sessions  # noqa: PLC0415

    if _in_cloud_shell(environ):
        return _cloud_shell(session, environ["MSI_ENDPOINT"], audience, given)
    if environ.get("IDENTITY_SERVER_THUMBPRINT"):  # Service Fabric: msal makes a session of its own
        bound_foreign_sessions()
    who = (
        msal.UserAssignedManagedIdentity(**given) if given else msal.SystemAssignedManagedIdentity()
    )
    client = msal.ManagedIdentityClient(who, http_client=session)
    found: dict[str, Any] = client.acquire_token_for_client(resource=audience)
    return found


def _fault(options: Options, last: "Any | None", error: Exception) -> Failure:
    """Return what *error* of msal or of the session says; *last* is the answer before it, if any."""
    if isinstance(error, Unreachable):
        told = ("tls-settings",) if options.probe else _TOLD_AS_THEY_ARE
        known = error.reference in told
        return error if known else _absent(options, _SILENT, "metadata-unreachable")
    if isinstance(error, OSError) and not isinstance(error, ValueError):
        if isinstance(error.filename, str):
            return MethodUnavailable(
                "Azure Arc's key file cannot be read",
                "add this user to the group himds and start a new session",
                "metadata-refused",
            )
        if "thumbprint" in str(error):
            return SignInRefused(
                "the managed identity endpoint is not the one of IDENTITY_SERVER_THUMBPRINT",
                "restart the app so that Service Fabric sets its variables anew",
                "metadata-refused",
            )
        what = "the managed identity endpoint of this machine does not answer"
        return _absent(options, what, "metadata-unreachable")
    if last is None:  # nobody was asked: no URL, no thumbprint
        return SignInRefused(
            "the managed identity source of this machine cannot be used",
            "check the IDENTITY_* variables of this machine",
            "metadata-refused",
        )
    what = "the metadata service gave no usable answer"
    return _troubled(last) or _absent(options, what, "answer-unusable")


def _in_cloud_shell(environ: Mapping[str, str]) -> bool:
    return bool(
        environ.get("MSI_ENDPOINT")
        and not environ.get("MSI_SECRET")
        and not environ.get("IDENTITY_ENDPOINT")
    )


def _cloud_shell(
    session: "Any", endpoint: str, audience: str, given: dict[str, str]
) -> "dict[str, Any]":
    """Ask Cloud Shell, which speaks for the person who is signed in to the portal and nobody else."""
    if given:
        raise SignInRefused(
            f"Cloud Shell has no managed identity to select ({', '.join(given)})",
            "remove it from the settings, or unset AZURE_CLIENT_ID",
            "identity-not-found",
        )
    response = session.post(endpoint, data={"resource": audience}, headers={"Metadata": "true"})
    found: dict[str, Any] = dict(response.json())
    return found


def _absent(options: Options, what: str, reference: str) -> Failure:
    kind: type[Failure] = MethodUnavailable if options.probe else Unreachable
    return kind(what, _ELSEWHERE, reference)


def _troubled(response: "Any | None") -> Failure | None:
    """Return the failure of a metadata service that is busy or broken; it says nothing of identities."""
    from docker_credential_acr.transport import correlation, host_of, retry_after  # noqa: PLC0415

    status = response.status_code if response is not None else 0
    if response is None or (status not in (410, 429) and status < 500):  # noqa: PLR2004  HTTP
        return None
    return entra.unavailable(
        host_of(response.request), status, retry_after(response), correlation(response)
    )


def _refused(options: Options, given: dict[str, str], text: str) -> Failure:
    """Tell an identity that is not there from an audience that is not known."""
    if any(words in text for words in _AUDIENCE_UNKNOWN):
        return AudienceUnknown(
            "the managed identity's tenant or cloud does not know the registry audience",
            "set audience in the settings to one that it knows",
            "audience-unknown",
        )
    if _AMBIGUOUS in text:  # nobody is to guess which of them
        return SignInRefused(
            "this machine has several managed identities, and nothing says which one is meant",
            'name it in the settings: method = "managed-identity" and client_id',
            "identity-ambiguous",
        )
    which = " and ".join(f"{key} {value}" for key, value in given.items()) or "system-assigned"
    what = f"this machine has no such managed identity ({which})"
    hint = (
        "assign it to this machine, or correct the settings"
        if given
        else "assign one, or name a user-assigned identity by client_id in the settings"
    )
    if options.probe:
        return MethodUnavailable(what, hint, "identity-not-found")
    return SignInRefused(what, hint, "identity-not-found")
