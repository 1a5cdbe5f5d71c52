"""Managed identity endpoints: VM (IMDS), App Service, Arc, Service Fabric ... (`acr.md` 3.1, 3.3)."""

import json
import os
import time
import uuid
from collections.abc import Mapping

from tests.azure.aadsts import Refused, clock
from tests.azure.directory import Directory, ManagedIdentity
from tests.azure.wire import Call, Reply, json_reply

TOKEN_LIFE = 86_399
SEVERAL = (
    "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity"
    " in the token request"
)
ARC_KEYS = "/var/opt/azcmagent/tokens"  # where a client of Arc looks for its key on Linux
SELECTORS = {  # what the SDKs call an identity -> our field
    "client_id": "client_id",
    "clientid": "client_id",  # Azure ML
    "object_id": "object_id",
    "principal_id": "object_id",
    "msi_res_id": "resource_id",  # VM, Arc
    "mi_res_id": "resource_id",  # App Service
}


class Metadata:
    """One address for all of them: path and headers say which one is meant."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self.header = directory.keep(f"CANARY-identity-header-{uuid.uuid4().hex}")
        self.arc_keys = ""  # the folder that the machine has at ARC_KEYS, "" for none
        self.arc_agent_is_old = False  # one that knows no user-assigned identities
        self._arc_keys: set[str] = set()

    def environ(self, base: str) -> Mapping[str, Mapping[str, str]]:
        """Environment name -> the variables that make azure-identity believe in it."""
        url = f"{base}/msi/token"
        return {
            "vm": {"AZURE_POD_IDENTITY_AUTHORITY_HOST": base},
            "app-service": {"IDENTITY_ENDPOINT": url, "IDENTITY_HEADER": self.header},
            "machine-learning": {"MSI_ENDPOINT": url, "MSI_SECRET": self.header},
            "cloud-shell": {"MSI_ENDPOINT": url},
            "arc": {"IDENTITY_ENDPOINT": f"{base}/arc/token", "IMDS_ENDPOINT": base},
        }

    def fabric_environ(self, base: str, thumbprint: str) -> Mapping[str, str]:
        """The variables of an application in Service Fabric, whose endpoint is pinned."""
        return {
            "IDENTITY_ENDPOINT": f"{base}/fabric/token",
            "IDENTITY_HEADER": self.header,
            "IDENTITY_SERVER_THUMBPRINT": thumbprint,
        }

    def answer(self, call: Call) -> Reply:
        if call.path == "/metadata/identity/oauth2/token":
            return self._imds(call)
        if call.path == "/msi/token":
            return self._by_header(call)
        if call.path == "/arc/token":
            return self._arc(call)
        if call.path == "/fabric/token":
            return self._fabric(call)
        return json_reply(404, {"error": "not_found"})

    def _by_header(self, call: Call) -> Reply:
        if "x-identity-header" in call.headers:
            return self._app_service(call, call.headers["x-identity-header"])
        if "secret" in call.headers:
            return self._app_service(call, call.headers["secret"])
        return self._imds(call)  # Cloud Shell: a form, but the rest is the same

    def _imds(self, call: Call) -> Reply:
        asked = {**call.query, **call.form}
        if call.headers.get("metadata", "").lower() != "true":
            return invalid("invalid_request", "Required metadata header not specified")
        return self._issued(asked)

    def _issued(self, asked: Mapping[str, str]) -> Reply:
        if not asked.get("resource"):
            return invalid("invalid_request", "Required audience parameter not specified")
        identity = self._identity(asked)
        if (
            identity is None
            and not selected(asked)
            and len(self._directory.managed_identities()) > 1
        ):
            return invalid("invalid_request", SEVERAL)
        if identity is None:
            return invalid("invalid_request", "Identity not found")
        if not self._directory.knows(asked["resource"]):
            return invalid("invalid_resource", self._unknown(asked["resource"]))
        return json_reply(200, self._token(identity, asked["resource"]))

    def _arc(self, call: Call) -> Reply:
        """A key in a folder that only administrators and the group himds can read is the proof."""
        if call.headers.get("metadata", "").lower() != "true":
            return invalid("invalid_request", "Required metadata header not specified")
        scheme, _, key = call.headers.get("authorization", "").partition(" ")
        if scheme != "Basic":
            return Reply(401, {"WWW-Authenticate": f"Basic realm={self._new_arc_key()}"})
        if key not in self._arc_keys:
            return invalid("unauthorized_client", "The key does not match")
        self._arc_keys.discard(key)  # good for one request
        if not self.arc_agent_is_old:
            return self._issued(call.query)
        known = self._issued({"resource": call.query.get("resource", "")})
        return json_reply(known.status, {**json.loads(b"".join(known.pieces())), "client_id": None})

    def _new_arc_key(self) -> str:
        name = f"{uuid.uuid4()}.key"
        key = self._directory.keep(f"CANARY-arc-{uuid.uuid4().hex}")
        self._arc_keys.add(key)
        if self.arc_keys:
            with open(os.path.join(self.arc_keys, name), "w", encoding="ascii") as file:
                file.write(key)
        return f"{ARC_KEYS}/{name}"

    def _fabric(self, call: Call) -> Reply:
        """Service Fabric: the cluster says who the application is, so nothing selects an identity."""
        if call.headers.get("secret") != self.header:
            return fabric_error(400, "SecretHeaderNotFound", "Secret is not found in the headers.")
        identity = self._identity({})
        if identity is None:
            return fabric_error(404, "ManagedIdentityNotFound", "Managed identity is not found.")
        resource = call.query.get("resource", "")
        if not self._directory.knows(resource):
            return fabric_error(400, "InvalidResource", self._unknown(resource))
        token = self._token(identity, resource)
        return json_reply(200, {**token, "expires_on": int(token["expires_on"])})

    def _app_service(self, call: Call, header: str) -> Reply:
        """App Service, and Azure ML, which descends from it."""
        if header != self.header:
            return problem(401, "The identity header does not match")
        identity = self._identity(call.query)
        if identity is None:
            return problem(
                400,
                "No User Assigned or Delegated Managed Identity found for specified"
                " ClientId/ResourceId/PrincipalId.",
            )
        resource = call.query.get("resource", "")
        if not self._directory.knows(resource):  # vague in reality too, says msal's source
            return problem(500, "An unexpected error occurred while fetching the AAD Token.")
        return json_reply(200, self._token(identity, resource))

    def _identity(self, asked: Mapping[str, str]) -> ManagedIdentity | None:
        known = self._directory.managed_identities()
        wanted = {SELECTORS[name]: asked[name] for name in SELECTORS if asked.get(name)}
        if not wanted:  # the machine's own, or else the only one there is (acr.md 3.3)
            own = [identity for identity in known if identity.system_assigned] or known
            return own[0] if len(own) == 1 else None
        for identity in known:
            if all(same(getattr(identity, name), value) for name, value in wanted.items()):
                return identity
        return None

    def _token(self, identity: ManagedIdentity, resource: str) -> Mapping[str, str]:
        """Numbers are strings here."""
        now = int(time.time())
        return {
            "access_token": self._directory.access_token(identity, resource, TOKEN_LIFE),
            "client_id": identity.client_id,
            "expires_in": str(TOKEN_LIFE),
            "expires_on": str(now + TOKEN_LIFE),
            "ext_expires_in": str(TOKEN_LIFE),
            "not_before": str(now),
            "resource": resource,
            "token_type": "Bearer",
        }

    def _unknown(self, resource: str) -> str:
        refused = Refused(500011, resource=resource, tenant=self._directory.tenant)
        return refused.description(str(uuid.uuid4()), str(uuid.uuid4()), clock(time.time()))


def selected(asked: Mapping[str, str]) -> bool:
    return any(asked.get(name) for name in SELECTORS)


def fabric_error(status: int, code: str, message: str) -> Reply:
    error = {"correlationId": str(uuid.uuid4()), "code": code, "message": message}
    return json_reply(status, {"error": error})


def same(known: str, asked: str) -> bool:
    return known.lower() == asked.lower()  # resource ids are not case-sensitive


def invalid(error: str, description: str) -> Reply:
    return json_reply(400, {"error": error, "error_description": description})


def problem(status: int, message: str) -> Reply:
    content = {"statusCode": status, "message": message, "correlationId": str(uuid.uuid4())}
    return json_reply(status, content)
