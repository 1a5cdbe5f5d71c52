"""Entra ID's refusals by AADSTS number: status, OAuth error, text (`acr.md` 1.9)."""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.azure.wire import Reply, json_reply


@dataclass(frozen=True)
class Problem:
    """What one number means; `text` has the request's details in braces."""

    status: int
    error: str
    text: str
    more: Mapping[str, str] = field(default_factory=dict)


NO_FEDERATED = "No matching federated identity record found for presented assertion"
NOT_INSTALLED = (
    "This can happen if the application has not been installed by the administrator of the tenant"
    " or consented to by any user in the tenant."
)

CLAIMS = {  # what the tenant's policy wants to see; the app hands it back when it asks again
    "suberror": "basic_action",
    "claims": '{"access_token":{"capolids":{"essential":true,"values":["c4nary-policy"]}}}',
}

PROBLEMS: Mapping[int, Problem] = {
    50020: Problem(
        400,
        "invalid_request",
        "User account 'dana@elsewhere.example' from identity provider does not exist in tenant 'Fake'"
        " and cannot access the application in that tenant.",
    ),
    50078: Problem(
        400,
        "interaction_required",
        "Presented multi-factor authentication has expired due to policies configured by your"
        " administrator, you must refresh your multi-factor authentication to access '{resource}'.",
    ),
    50079: Problem(
        400,
        "interaction_required",
        "Due to a configuration change made by your administrator, or because you moved to a new"
        " location, you must enroll in multi-factor authentication to access '{resource}'.",
        CLAIMS,
    ),
    50158: Problem(
        400,
        "interaction_required",
        "External security challenge was not satisfied. User will be"
        " redirected to another page or authentication provider.",
    ),
    53000: Problem(
        400,
        "interaction_required",
        "Device is not in required device state: {state}. Conditional Access policy requires a"
        " compliant device, and the device is not compliant.",
    ),
    53001: Problem(
        400,
        "interaction_required",
        "Device is not in required device state: {state}. Conditional Access policy requires a"
        " domain joined device, and the device is not domain joined.",
    ),
    70043: Problem(
        400,
        "invalid_grant",
        "The refresh token has expired or is invalid due to sign-in frequency checks by Conditional"
        " Access. The token was issued on {issued} and the maximum allowed lifetime is 1 hour.",
    ),
    900023: Problem(
        400,
        "invalid_request",
        "Specified tenant identifier '{tenant}' is neither a valid DNS name, nor a valid external"
        " domain.",
    ),
    1000502: Problem(401, "invalid_client", "The provided certificate has expired."),
    7000112: Problem(401, "unauthorized_client", "Application '{client}' is disabled."),
    50076: Problem(
        400,
        "interaction_required",
        "Due to a configuration change made by your administrator, or because you moved to a new"
        " location, you must use multi-factor authentication to access the resource.",
        CLAIMS,
    ),
    53003: Problem(
        400,
        "access_denied",
        "Access has been blocked by Conditional Access policies. The access policy does not allow"
        " token issuance.",
        CLAIMS,
    ),
    54005: Problem(
        400,
        "invalid_grant",
        "OAuth2 Authorization code was already redeemed, please retry with a new valid code.",
    ),
    65004: Problem(
        400, "access_denied", "User declined to consent to access the app.", {"suberror": "consent"}
    ),
    500112: Problem(
        400,
        "invalid_client",
        "The reply address does not match the one provided when requesting the authorization code.",
    ),
    501481: Problem(
        400,
        "invalid_grant",
        "The Code_Verifier does not match the code_challenge supplied in the authorization request.",
    ),
    700082: Problem(
        400,
        "invalid_grant",
        "The refresh token has expired due to inactivity. The token was inactive for 90 days.",
        {"suberror": "bad_token"},
    ),
    50173: Problem(
        400,
        "invalid_grant",
        "The provided grant has expired due to it being revoked, a fresh auth token is needed. The"
        " user might have changed or reset their password.",
    ),
    70016: Problem(
        400,
        "authorization_pending",
        "OAuth 2.0 device flow error. Authorization is pending. Continue polling.",
    ),
    70018: Problem(400, "authorization_declined", "The user has declined the request."),
    70020: Problem(400, "expired_token", "The provided value for the 'device_code' is expired."),
    50001: Problem(
        400,
        "invalid_resource",
        "The application named {resource} was not found in the tenant named {tenant}. "
        + NOT_INSTALLED
        + " You might have sent your authentication request to the wrong tenant.",
    ),
    50013: Problem(
        401, "invalid_client", "Assertion failed signature validation. [Reason - {reason}]"
    ),
    50027: Problem(400, "invalid_request", "JWT token is invalid or malformed."),
    50049: Problem(400, "invalid_instance", "Unknown or invalid instance."),
    70003: Problem(
        400, "unsupported_grant_type", "The app requested an unsupported grant type '{grant}'."
    ),
    70021: Problem(
        400,
        "invalid_request",
        NO_FEDERATED
        + ". Assertion Issuer: '{issuer}'. Assertion Subject: '{subject}'. Assertion Audience:"
        " '{audience}'. https://docs.microsoft.com/azure/active-directory/develop/workload-"
        "identity-federation",
    ),
    90002: Problem(
        400,
        "invalid_request",
        "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and"
        " are signing into the correct cloud. Check with your subscription administrator, this"
        " may happen if there are no active subscriptions for the tenant.",
    ),
    500011: Problem(
        400,
        "invalid_resource",
        "The resource principal named {resource} was not found in the tenant named {tenant}. "
        + NOT_INSTALLED
        + " You might have sent your authentication request to the wrong tenant.",
    ),
    700016: Problem(
        400,
        "unauthorized_client",
        "Application with identifier '{client}' was not found in the directory '{tenant}'. "
        + NOT_INSTALLED
        + " You may have sent your authentication request to the wrong tenant.",
    ),
    700024: Problem(
        401,
        "invalid_client",
        "Client assertion is not within its valid time range. Current time: {now}, assertion"
        " valid from {start}, expiry time of assertion {end}.",
    ),
    700027: Problem(
        401,
        "invalid_client",
        "The certificate with identifier used to sign the client assertion is not registered"
        " on application. [Reason - The key was not found., Thumbprint of key used by client:"
        " '{thumbprint}']",
    ),
    700211: Problem(401, "invalid_client", NO_FEDERATED + " issuer '{issuer}'."),
    700212: Problem(401, "invalid_client", NO_FEDERATED + " audience '{audience}'."),
    700213: Problem(
        401,
        "invalid_client",
        NO_FEDERATED
        + " subject '{subject}'. Check your federated identity credential Subject, Audience and"
        " Issuer against the presented assertion. https://learn.microsoft.com/entra/workload-"
        "id/workload-identity-federation",
    ),
    900144: Problem(
        400, "invalid_request", "The request body must contain the following parameter: '{name}'."
    ),
    1002012: Problem(
        400,
        "invalid_scope",
        "The provided value for scope {scope} is not valid. Client credential flows must have"
        " a scope value with /.default suffixed to the resource identifier (application ID"
        " URI).",
    ),
    7000215: Problem(
        401,
        "invalid_client",
        "Invalid client secret provided. Ensure the secret being sent in the request is the"
        " client secret value, not the client secret ID, for a secret added to app '{client}'.",
    ),
    7000218: Problem(
        401,
        "invalid_client",
        "The request body must contain the following parameter: 'client_assertion' or"
        " 'client_secret'.",
    ),
    7000222: Problem(
        401,
        "invalid_client",
        "The provided client secret keys for app '{client}' are expired. Visit the Azure"
        " portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider"
        " using certificate credentials for added security: https://aka.ms/certCreds.",
    ),
}


class Refused(Exception):
    """An AADSTS error."""

    def __init__(self, code: int, **details: object) -> None:
        super().__init__(code)
        self._code = code
        self._problem = PROBLEMS[code]
        self._details = details

    def reply(self, correlation: str) -> Reply:
        """The error object of the token endpoint."""
        trace, now = str(uuid.uuid4()), clock(time.time())
        content = {
            "error": self._problem.error,
            "error_description": self.description(trace, correlation, now),
            "error_codes": [self._code],
            "timestamp": now,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"https://login.microsoftonline.com/error?code={self._code}",
            **self._problem.more,
        }
        return json_reply(self._problem.status, content, {"x-ms-request-id": trace})

    def redirected(self) -> dict[str, str]:
        """What the browser brings back from the sign-in page."""
        ids = str(uuid.uuid4()), str(uuid.uuid4())
        told = self.description(*ids, clock(time.time()))
        return {"error": self._problem.error, "error_description": told}

    def description(self, trace: str, correlation: str, now: str) -> str:
        text = self._problem.text.format_map(self._details)
        ids = f"Trace ID: {trace} Correlation ID: {correlation} Timestamp: {now}"
        return f"AADSTS{self._code}: {text} {ids}"


def clock(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(seconds))
