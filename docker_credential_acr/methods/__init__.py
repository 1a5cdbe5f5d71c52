"""The authentication methods: one module each, one table.

A new method is a new file here, a row of the table, and a row in README.
"""

from collections.abc import Mapping

from docker_credential_acr.methods import (
    admin_user,
    aks_node,
    anonymous,
    automatic,
    azure_cli,
    azure_developer_cli,
    azure_pipelines,
    azure_powershell,
    browser,
    client_certificate,
    client_secret,
    device_code,
    federated_token,
    github_actions,
    managed_identity,
    repository_token,
    workload_identity,
)
from docker_credential_acr.methods.contract import (
    EntraMethod,
    InteractiveMethod,
    LoginMethod,
    Method,
)

INTERACTIVE_METHODS: Mapping[str, InteractiveMethod] = {  # begun by the verb login
    "browser": browser,
    "device-code": device_code,
}
ENTRA_METHODS: Mapping[str, EntraMethod] = {
    "automatic": automatic,
    "azure-cli": azure_cli,
    "azure-powershell": azure_powershell,
    "azure-developer-cli": azure_developer_cli,
    **INTERACTIVE_METHODS,
    "client-secret": client_secret,
    "client-certificate": client_certificate,
    "workload-identity": workload_identity,
    "github-actions": github_actions,
    "azure-pipelines": azure_pipelines,
    "federated-token": federated_token,
    "managed-identity": managed_identity,
    "aks-node": aks_node,
}
LOGIN_METHODS: Mapping[str, LoginMethod] = {
    "admin-user": admin_user,
    "repository-token": repository_token,
    "anonymous": anonymous,
}
METHODS: Mapping[str, Method] = {**ENTRA_METHODS, **LOGIN_METHODS}
