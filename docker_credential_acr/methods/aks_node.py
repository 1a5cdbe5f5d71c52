"""`aks-node`: the cluster's identity, as the node's ``azure.json`` has it for the kubelet.

The keys are those of cloud-provider-azure (acr.md 3.4), which looks for them in the same order.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from docker_credential_acr import arm_metadata, clouds, paths
from docker_credential_acr.errors import NotSetUp, SettingsError
from docker_credential_acr.methods import (
    assertion,
    client_certificate,
    entra,
    managed_identity,
    sources,
)
from docker_credential_acr.methods.contract import EntraToken, SignIn
from docker_credential_acr.secret import Secret

INPUTS: tuple[str, ...] = ()
SECRET_INPUTS: tuple[str, ...] = ()

_FILE = paths.AKS_NODE
_CLOUDS = {  # cloud-provider-azure's EnvironmentMapping, and AKS' names of newer clouds
    "azurecloud": "public",
    "azurepubliccloud": "public",
    "azurechinacloud": "china",
    "azureusgovernment": "usgovernment",
    "azureusgovernmentcloud": "usgovernment",
    "azurebleucloud": "bleu",
    "azuredeloscloud": "delos",
    "azuregermanycloud": "delos",
    "usnat": "usnat",
    "ussec": "ussec",
}
_NO_SECRET = ("", "msi")  # "msi" is what a cluster with a managed identity writes there


@dataclass(frozen=True, slots=True)
class Options:
    file: str | None = None


def detect(environ: Mapping[str, str]) -> Options:  # noqa: ARG001  the contract
    if not os.path.exists(_FILE):
        raise NotSetUp(f"no {_FILE}", "on a node of AKS name it with file", "inputs-missing")
    return Options()


def entra_token(options: Options, sign_in: SignIn, audience: str) -> EntraToken:
    path = options.file or _FILE
    node = _Node(path, _read(path))
    if node.flag("useManagedIdentityExtension"):
        return managed_identity.entra_token(_kubelet(node), sign_in, audience)
    client_id, tenant = node.needed("aadClientId"), sign_in.tenant_id or node.needed("tenantId")
    sign_in = _in_cloud(node, sign_in)
    if node.flag("useFederatedWorkloadIdentityExtension"):
        file = node.needed("aadFederatedTokenFile")
        return assertion.entra_token(
            client_id, tenant, lambda: sources.from_file(file, "federated token"), sign_in, audience
        )
    secret = node.text("aadClientSecret")
    if secret not in _NO_SECRET:
        return entra.client_token(client_id, tenant, Secret(secret).reveal(), sign_in, audience)
    password = node.text("aadClientCertPassword")
    certificate = client_certificate.credential(
        node.needed("aadClientCertPath"), Secret(password) if password else None, chain=False
    )
    return entra.client_token(client_id, tenant, certificate, sign_in, audience)


def _kubelet(node: "_Node") -> managed_identity.Options:
    identity = node.text("userAssignedIdentityID")
    if "/subscriptions/" in identity.lower():
        return managed_identity.Options(resource_id=identity)
    return managed_identity.Options(client_id=identity or None)


def _in_cloud(node: "_Node", sign_in: SignIn) -> SignIn:
    """Return *sign_in* in the cloud of the cluster; a private one of the settings' stays.

    As cloud-provider-azure does it, ``resourceManagerEndpoint`` counts before the cloud's name: it is
    asked where the cloud signs in. What registries are called is not taken from there.
    """
    if not sign_in.cloud.discovery:
        return sign_in
    manager = node.text("resourceManagerEndpoint").rstrip("/")
    named = _CLOUDS.get(node.text("cloud").lower())
    for cloud in clouds.CLOUDS:
        if cloud.arm == manager.lower() or (cloud.name == named and not manager):
            return replace(sign_in, cloud=cloud, authority=cloud.authority)
    if not manager:
        return sign_in
    if clouds.authority_in(manager) is None:
        raise _unusable(node.path, "has a resourceManagerEndpoint that is no https address")
    found = arm_metadata.endpoints(manager, sign_in.deadline, sign_in.memory)
    private = replace(
        sign_in.cloud,
        authority=found.authority,
        arm=manager,
        arm_audience=found.audience,
        discovery=False,
    )
    return replace(sign_in, cloud=private, authority=found.authority)


def _read(path: str) -> dict[str, Any]:
    data = sources.bytes_from_file(path, "node's settings")
    try:
        found = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise _unusable(path, "is not JSON") from error
    if not isinstance(found, dict):
        raise _unusable(path, "is not a JSON object")
    return found


def _unusable(path: str, what: str) -> SettingsError:
    return SettingsError(
        f"{path} {what}", "give the azure.json of an AKS node by file", "node-file"
    )


@dataclass(frozen=True, slots=True)
class _Node:
    """The node's settings; what has another type than it should have counts as missing."""

    path: str
    table: Mapping[str, Any]

    def text(self, key: str) -> str:
        found = self.table.get(key)
        return found.strip() if isinstance(found, str) else ""

    def flag(self, key: str) -> bool:
        return self.table.get(key) in (True, "true", "True")

    def needed(self, key: str) -> str:
        found = self.text(key)
        if not found:
            raise _unusable(self.path, f"names no identity that can be used: {key} is missing")
        return found
