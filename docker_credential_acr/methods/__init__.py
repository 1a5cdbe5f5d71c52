"""The authentication methods: one module each, one table.

A new method is a new file here, a row of the table, and a row in README.
"""

from collections.abc import Mapping

from docker_credential_acr.methods import (
    aks_node,
    automatic,
    azure_cli,
    azure_developer_cli,
    azure_pipelines,
    client_certificate,
    client_secret,
    federated_token,
    github_actions,
    managed_identity,
    workload_identity,
)
from docker_credential_acr.methods.contract import Method

METHODS: Mapping[str, Method] = {
    "automatic": automatic,
    "azure-cli": azure_cli,
    "azure-developer-cli": azure_developer_cli,
    "client-secret": client_secret,
    "client-certificate": client_certificate,
    "workload-identity": workload_identity,
    "github-actions": github_actions,
    "azure-pipelines": azure_pipelines,
    "federated-token": federated_token,
    "managed-identity": managed_identity,
    "aks-node": aks_node,
}
