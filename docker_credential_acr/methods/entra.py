"""Entra ID as the service-principal methods meet it: one token request, and what a refusal means."""

import re
from contextlib import contextmanager

from docker_credential_acr.errors import (
    AudienceUnknown,
    Failure,
    SettingsError,
    SignInRefused,
    Unreachable,
)
from docker_credential_acr.methods.contract import EntraToken, SignIn
from docker_credential_acr.secret import Secret

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

# Microsoft says that the numbers may change: they choose the words, never what is done next (but for
# the audience, where the only thing that is done is another try).
_REFUSALS: dict[str, tuple[str, str, str]] = {
    "7000215": (
        "Entra refused the client secret",
        "give the secret's value, not its id, and check that it belongs to this client id",
        "client-secret-refused",
    ),
    "7000222": (
        "the client secret has expired",
        "create a new secret for the app registration and give that one",
        "client-secret-expired",
    ),
    "700027": (
        "Entra does not know the certificate as one of this client id",
        "upload the certificate to the app registration, or give the one that is there",
        "certificate-refused",
    ),
    "1000502": (
        "the certificate has expired or is not valid yet",
        "create a new one, upload it to the app registration and give that one",
        "certificate-refused",
    ),
    "700016": (
        "Entra does not know the client id in this tenant",
        "check client_id and tenant_id; an app of another tenant needs its service principal here",
        "app-unknown",
    ),
    "90002": ("Entra does not know the tenant", "check tenant_id and the cloud", "tenant-unknown"),
    "900023": ("Entra does not know the tenant", "check tenant_id and the cloud", "tenant-unknown"),
    "70021": (
        "no federated credential of the app matches the assertion",
        "compare issuer, subject and audience of the app's federated credential with the token's",
        "assertion-refused",
    ),
    "700211": (
        "no federated credential of the app matches the assertion's issuer",
        "compare the issuer of the app's federated credential with the token's",
        "assertion-refused",
    ),
    "700212": (
        "no federated credential of the app matches the assertion's audience",
        "the audience is api://AzureADTokenExchange unless the app's federated credential says otherwise",
        "assertion-refused",
    ),
    "700213": (
        "no federated credential of the app matches the assertion's subject",
        "compare the subject of the app's federated credential with the token's",
        "assertion-refused",
    ),
    "700024": (
        "the federated token is outside the time in which it is valid",
        "check this machine's clock, and that the token file is renewed",
        "assertion-expired",
    ),
    "50013": (
        "Entra cannot verify the federated token",
        "check that the issuer's keys are public and that the token is of this issuer",
        "assertion-refused",
    ),
    "7000112": (
        "the app is disabled in this tenant",
        "have its owner enable it, or give another client id",
        "app-disabled",
    ),
    "53003": (
        "Conditional Access does not allow this sign-in",
        "ask whoever runs the tenant's policies",
        "sign-in-blocked",
    ),
    "53000": (
        "Conditional Access wants a device that the tenant manages",
        "sign in on such a device, or use a method without a person",
        "sign-in-blocked",
    ),
    "53001": (
        "Conditional Access wants a device that the tenant manages",
        "sign in on such a device, or use a method without a person",
        "sign-in-blocked",
    ),
    "50076": (
        "a second factor is needed, which cannot be given here",
        "{again}, or use a method without a person",
        "sign-in-blocked",
    ),
    "50078": (
        "the second factor has expired",
        "{again}, or use a method without a person",
        "sign-in-blocked",
    ),
    "50079": (
        "a second factor is to be set up, which cannot be done here",
        "{again}, or use a method without a person",
        "sign-in-blocked",
    ),
    "50158": (
        "the tenant asks for one more step, which cannot be done here",
        "{again}, or use a method without a person",
        "sign-in-blocked",
    ),
    "50173": ("the sign-in was revoked", "{again}", "sign-in-expired"),
    "70043": ("the tenant wants a new sign-in after this time", "{again}", "sign-in-expired"),
    "700082": ("the sign-in has expired", "{again}", "sign-in-expired"),
}
# What stays when numbers change: OAuth's own words (RFC 6749 5.2, OpenID Connect Core 3.1.2.6).
_ERRORS: dict[str, tuple[str, str, str]] = {
    "interaction_required": (
        "Entra asks for something that only a person can give",
        "{again}, or use a method without a person",
        "sign-in-blocked",
    ),
    "login_required": ("the sign-in has ended", "{again}", "sign-in-expired"),
    "consent_required": (
        "the app may not do this in the tenant without consent",
        "ask an administrator of the tenant to consent to the app",
        "consent-missing",
    ),
    "unauthorized_client": (
        "Entra does not let this app sign in in this tenant",
        "check client_id and tenant_id",
        "app-unknown",
    ),
}
_ERROR = re.compile(r"""["']error["']: *["']([a-z_]{1,40})["']""")
_AUDIENCE_UNKNOWN = frozenset({"500011", "50001"})
_CODE = re.compile(r"AADSTS(\d{4,8})")
_CORRELATION = re.compile(r"(?i)correlation[ _]?id\W{1,4}([0-9a-f-]{36})")


def client_token(
    client_id: str,
    tenant: str,
    credential: "str | dict[str, Any]",
    sign_in: SignIn,
    audience: str,
) -> EntraToken:
    """Return a token of the client-credentials grant; *credential* as msal takes it.

    Raises SignInRefused, AudienceUnknown, Unreachable.
    """
    import msal  # noqa: PLC0415  an SDK is loaded when its method is used

    with asking(sign_in, tenant) as place:
        result: dict[str, Any] = msal.ConfidentialClientApplication(
            client_id,
            client_credential=credential,
            azure_region=False,  # MSAL_FORCE_REGION would name another host
            **place,
        ).acquire_token_for_client([audience + "/.default"])
    token = result.get("access_token")
    if isinstance(token, str) and token:
        return EntraToken(Secret(token), tenant)
    raise refusal(str(result), str(sign_in.authority))


@contextmanager
def asking(sign_in: SignIn, tenant: str) -> "Iterator[dict[str, Any]]":
    """Give what an application of msal has to know of *tenant*'s authority, and of the way to it.

    msal directly: it is what azure-identity itself calls, at half the time to import.
    Raises SettingsError if there is no authority, Unreachable, and in place of msal's own errors what
    ``refusal`` makes of the last answer.
    """
    from docker_credential_acr.transport import Session  # noqa: PLC0415

    if sign_in.authority is None:
        raise SettingsError(
            f"the sign-in address of the cloud {sign_in.cloud.name} is not on record",
            f'give it: [clouds.NAME] with suffix = "{sign_in.cloud.suffix}" and authority = "https://..."',
            "settings-invalid",
        )
    session = _Remembering(Session(sign_in.deadline), sign_in.authority, sign_in.cloud.discovery)
    try:
        yield {
            "authority": _address(sign_in.authority, tenant),
            "instance_discovery": None if sign_in.cloud.discovery else False,
            "http_client": session,
        }
    except (ValueError, LookupError, RuntimeError, TypeError, AttributeError) as error:
        # Discovery was refused, or an answer is not JSON or not an object.
        raise refusal(session.last_text or str(error), sign_in.authority) from error


def _address(authority: str, tenant: str) -> str:
    """Return the authority's address; AD FS, which Azure Stack may have instead, knows no tenants."""
    return (
        f"https://{authority}" if authority.endswith("/adfs") else f"https://{authority}/{tenant}"
    )


class _Remembering:
    """The session as msal sees it; keeps the last answer, which msal drops when discovery fails.

    It lets a secret go only to hosts of Microsoft's, to an authority that Microsoft vouches for, or to
    that of a cloud in the settings: msal itself asks nobody about tenants such as ``adfs``, and posts to
    whatever host the authority names.
    """

    def __init__(self, session: "Any", authority: str, discovery: bool) -> None:  # noqa: FBT001  of the cloud
        self._session = session
        self._authority = authority.partition("/")[0]
        self._vouched = not discovery
        self.last_text = ""

    def get(self, url: str, **options: "Any") -> "Any":
        response = self._noted(self._session.get(url, **options))
        asked = str((options.get("params") or {}).get("authorization_endpoint", ""))
        if asked.startswith(f"https://{self._authority}/"):  # msal goes on if the answer is yes
            self._vouched = True
        return response

    def post(self, url: str, **options: "Any") -> "Any":
        from msal.authority import WELL_KNOWN_AUTHORITY_HOSTS  # noqa: PLC0415  msal is loaded by now

        host = url.removeprefix("https://").partition("/")[0].lower().removesuffix(":443")
        own = self._vouched and host == self._authority.removesuffix(":443")
        if not own and host not in WELL_KNOWN_AUTHORITY_HOSTS:
            raise SettingsError(
                f"Microsoft does not vouch for {host}, where {self._authority} wants the sign-in sent",
                "check AZURE_AUTHORITY_HOST and tenant_id; define a private cloud in [clouds.NAME]",
                "authority-unknown",
            )
        return self._noted(self._session.post(url, **options))

    def close(self) -> None:
        self._session.close()

    def _noted(self, response: "Any") -> "Any":
        from docker_credential_acr.transport import correlation, host_of, retry_after  # noqa: PLC0415

        status = response.status_code
        if status == 429 or status >= 500:  # noqa: PLR2004  HTTP
            raise unavailable(
                host_of(response.request), status, retry_after(response), correlation(response)
            )
        self.last_text = response.text
        return response


def unavailable(host: str, status: int, seconds: float | None, correlated: str) -> Unreachable:
    if status == 429:  # noqa: PLR2004  HTTP
        wait = f"try again in {seconds:.0f} s" if seconds is not None else "try again in a minute"
        return Unreachable(
            f"{host} is throttling sign-ins (HTTP 429){correlated}", wait, "entra-throttled"
        )
    return Unreachable(
        f"{host} has a fault of its own (HTTP {status}){correlated}",
        "try again in a minute; look at the Azure status page if it stays",
        "entra-unavailable",
    )


def code_in(text: str) -> str:
    """Return the first AADSTS number in *text*, or nothing."""
    found = _CODE.search(text)
    return found[1] if found else ""


def refusal(text: str, where: str, again: str | None = None) -> Failure:
    """Return what Entra's answer *text* means, without any of its words but numbers and ids.

    *again* is the command with which a person signs in anew, for the methods that go by one.
    """
    anew = f"run: {again}" if again else "sign in again"
    number = code_in(text)
    correlated = _CORRELATION.search(text)
    suffix = f" (AADSTS{number}" if number else f" ({where}"
    suffix += f", correlation id {correlated[1]})" if correlated else ")"
    if number in _AUDIENCE_UNKNOWN:
        return AudienceUnknown(
            "Entra does not know the registry audience in this tenant or cloud" + suffix,
            "set audience in the settings to one that it knows",
            "audience-unknown",
        )
    if "invalid_instance" in text:
        return SettingsError(
            f"Microsoft does not vouch for the authority {where}",
            "if it is the sign-in address of a private cloud, define it in [clouds.NAME]",
            "authority-unknown",
        )
    error = _ERROR.search(text)
    known = _REFUSALS.get(number) or (_ERRORS.get(error[1]) if error else None)
    if known:
        what, hint, reference = known
        return SignInRefused(what + suffix, hint.format(again=anew), reference)
    object_with_error = text.lstrip().startswith("{") and re.search("[\"']error[\"']", text)
    if not number and not object_with_error and not again:
        return Unreachable(
            f"{where} gave no usable answer",
            "check for a proxy or a login page that answers in its place",
            "answer-unusable",
        )
    hint = "check tenant_id and client_id" if not again else anew
    if number and not again:
        hint = "look the number up at https://login.microsoftonline.com/error"
    return SignInRefused("Entra refused the sign-in" + suffix, hint, "sign-in-refused")
