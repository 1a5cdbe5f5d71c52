"""What it means when a managed identity's endpoint refuses, breaks, or is none at all.

A *probe* looks for an endpoint that only a chassis tag announced: for it, absence is nothing to try.
"""

from docker_credential_acr.errors import (
    AudienceUnknown,
    Failure,
    MethodUnavailable,
    SignInRefused,
    Unreachable,
)
from docker_credential_acr.methods import entra

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

ELSEWHERE = 'not on Azure? set method = "azure-cli" or another one in the settings'
SILENT = "no metadata service answers on this machine"
_UNUSABLE = "the metadata service gave no usable answer"
_AUDIENCE_UNKNOWN = (
    "AADSTS500011",
    "AADSTS50001:",
    "invalid_resource",
    "An unexpected error occurred while fetching the AAD Token",  # App Service is that vague
)
_AMBIGUOUS = "Multiple user assigned identities exist"
_TOLD_AS_THEY_ARE = ("answer-unusable", "redirect-refused", "tls-settings")


def absent(what: str, reference: str, *, probe: bool) -> Failure:
    """Return the failure for an endpoint that does not answer as one."""
    kind: type[Failure] = MethodUnavailable if probe else Unreachable
    return kind(what, ELSEWHERE, reference)


def fault(error: Exception, last: "Any | None", *, probe: bool) -> Failure:
    """Return what *error* of msal or of the session says; *last* is the answer before it, if any."""
    if isinstance(error, Unreachable):
        told = ("tls-settings",) if probe else _TOLD_AS_THEY_ARE
        known = error.reference in told
        return error if known else absent(SILENT, "metadata-unreachable", probe=probe)
    if isinstance(error, OSError) and not isinstance(error, ValueError):
        return _of_system(error, probe=probe)
    if "Azure Arc did not confirm" in str(error):  # an old agent answers with the machine's own
        return SignInRefused(
            "the Azure Arc agent of this machine knows no user-assigned identities",
            "update the agent (azcmagent), or remove client_id from the settings",
            "identity-not-found",
        )
    if last is None:  # nobody was asked: no URL, no thumbprint
        return SignInRefused(
            "the managed identity source of this machine cannot be used",
            "check the IDENTITY_* variables of this machine",
            "metadata-refused",
        )
    return _troubled(last) or absent(_UNUSABLE, "answer-unusable", probe=probe)


def _of_system(error: OSError, *, probe: bool) -> Failure:
    """Arc's key file, or the connection of a session that msal made (Service Fabric)."""
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
    return absent(what, "metadata-unreachable", probe=probe)


def refused(given: "Mapping[str, str]", text: str, last: "Any | None", *, probe: bool) -> Failure:
    """Tell an audience that is not known from an identity that is not there, or is one of several.

    *given* is what selects the identity, *text* the endpoint's answer, and *last* all of it.
    """
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
    if last is not None and last.status_code == 200:  # noqa: PLR2004  HTTP; but no token is in it
        return absent(_UNUSABLE, "answer-unusable", probe=probe)
    which = " and ".join(f"{key} {value}" for key, value in given.items()) or "system-assigned"
    what = f"this machine has no such managed identity ({which})"
    hint = (
        "assign it to this machine, or correct the settings"
        if given
        else "assign one, or name a user-assigned identity by client_id in the settings"
    )
    kind: type[Failure] = MethodUnavailable if probe else SignInRefused
    return _troubled(last) or kind(what, hint, "identity-not-found")


def _troubled(response: "Any | None") -> Failure | None:
    """Return the failure of a metadata service that is busy or broken; it says nothing of identities."""
    from docker_credential_acr.transport import correlation, host_of, retry_after  # noqa: PLC0415

    status = response.status_code if response is not None else 0
    if response is None or (status not in (410, 429) and status < 500):  # noqa: PLR2004  HTTP
        return None
    return entra.unavailable(
        host_of(response.request), status, retry_after(response), correlation(response)
    )
