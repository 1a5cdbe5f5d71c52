"""The token proxy of AKS identity bindings: Entra's token endpoint inside a cluster (`acr.md` 3.4)."""

from dataclasses import dataclass

from tests.azure.entra import Entra
from tests.azure.wire import Call, Reply, json_reply

NAME = "bindings.cluster.example"
PREFIX = "/token-proxy"


@dataclass(frozen=True)
class Cluster:
    """Where it listens; a CA of its own issues its certificate, for the server name only."""

    address: str
    ca_file: str
    name: str = NAME

    @property
    def url(self) -> str:
        return f"https://{self.address}{PREFIX}"

    def environ(self) -> dict[str, str]:
        """What the webhook gives a pod."""
        return {
            "AZURE_KUBERNETES_TOKEN_PROXY": self.url,
            "AZURE_KUBERNETES_SNI_NAME": self.name,
            "AZURE_KUBERNETES_CA_FILE": self.ca_file,
        }


class Bindings:
    """Answers at Entra's own path behind its prefix, and at `/`, where the kubelet's provider asks."""

    def __init__(self, entra: Entra, tenant: str) -> None:
        self._entra = entra
        self._tenant = tenant

    def answer(self, call: Call) -> Reply:
        if call.method != "POST":
            return json_reply(405, {"error": "method_not_allowed"})
        if call.path == "/" and call.host == NAME:
            call.path = f"/{self._tenant}/oauth2/v2.0/token"
        elif call.path.startswith(PREFIX + "/"):
            call.path = call.path.removeprefix(PREFIX)
        else:
            return json_reply(404, {"error": "not_found"})
        return self._entra.answer(call)
