"""What each Resource Manager says of its cloud: ``/metadata/endpoints`` (`acr.md` 2.2)."""

import uuid
from collections.abc import Callable

from tests.azure.wire import Call, Json, Reply, json_reply

PATH = "/metadata/endpoints"
MANAGERS = {  # host -> (name, where it signs in, what its registries are called)
    "management.azure.com": ("AzureCloud", "login.microsoftonline.com", "azurecr.io"),
    "management.chinacloudapi.cn": ("AzureChinaCloud", "login.chinacloudapi.cn", "azurecr.cn"),
    "management.usgovcloudapi.net": (
        "AzureUSGovernment",
        "login.microsoftonline.us",
        "azurecr.us",
    ),
    "management.sovcloud-api.fr": (
        "AzureBleuCloud",
        "login.sovcloud-identity.fr",
        "azurecr.sovcloud-azure.fr",
    ),
    "management.sovcloud-api.de": (
        "AzureDelosCloud",
        "login.sovcloud-identity.de",
        "azurecr.sovcloud-azure.de",
    ),
    "management.azure.eaglex.ic.gov": (
        "USNat",
        "login.microsoftonline.eaglex.ic.gov",
        "azurecr.eaglex.ic.gov",
    ),
    "management.azure.microsoft.scloud": (
        "USSec",
        "login.microsoftonline.microsoft.scloud",
        "azurecr.microsoft.scloud",
    ),
}


def description(
    arm: str, login: str, audience: str = "", *, name: str = "AzureStackCloud", suffix: str = ""
) -> Json:
    """One cloud as its Resource Manager describes it; *login* is an address."""
    return {
        "name": name,
        "portal": "https://portal.example/",
        "resourceManager": f"https://{arm}/",
        "authentication": {
            "loginEndpoint": login,
            "audiences": [audience or f"https://{arm}/"],
            "tenant": "common",
            "identityProvider": "AAD",
        },
        "suffixes": {"acrLoginServer": suffix, "storage": "core.example"},
    }


class Clouds:
    """The Resource Managers; ``described`` maps the host of each to what it answers, at any time."""

    def __init__(self, manager: Callable[[Call], Reply]) -> None:
        self._manager = manager
        public = [
            description(host, f"https://{login}", name=name, suffix=suffix)
            for host, (name, login, suffix) in MANAGERS.items()
        ]
        self.described: dict[str, object] = dict.fromkeys(MANAGERS, public)

    def answer(self, call: Call) -> Reply:
        if (call.method, call.path) != ("GET", PATH):
            reply = self._manager(call)
            reply.headers.setdefault("x-ms-correlation-request-id", str(uuid.uuid4()))
            return reply
        if not call.query.get("api-version"):
            return json_reply(400, {"error": {"code": "MissingApiVersionParameter"}})
        return json_reply(200, self.described[call.host])
