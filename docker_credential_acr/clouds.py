"""The Azure clouds: which registries, which authority, which audiences.

Sources: azure-cli ``azure/cli/core/cloud.py``, msal ``authority.py``, the host allow-list of
azure-pipelines-tasks. Every cloud's tenants know the registry audience; the ARM audience is what
older or disconnected ones fall back to (Azure/azure-cli#33674).
"""

from dataclasses import dataclass

from docker_credential_acr.errors import SettingsError

REGISTRY_AUDIENCE = "https://containerregistry.azure.net"


@dataclass(frozen=True, slots=True)
class Cloud:
    """One cloud: *authority* is a host name, *arm* a URL, *discovery* whether Entra vouches for it."""

    name: str
    suffix: str
    authority: str | None
    arm: str | None
    registry_audience: str = REGISTRY_AUDIENCE
    discovery: bool = True


CLOUDS = (
    Cloud("public", "azurecr.io", "login.microsoftonline.com", "https://management.azure.com"),
    Cloud("china", "azurecr.cn", "login.chinacloudapi.cn", "https://management.chinacloudapi.cn"),
    Cloud(
        "usgovernment",
        "azurecr.us",
        "login.microsoftonline.us",
        "https://management.usgovcloudapi.net",
    ),
    Cloud(
        "bleu",
        "azurecr.sovcloud-azure.fr",
        "login.sovcloud-identity.fr",
        "https://management.sovcloud-api.fr",
    ),
    Cloud("delos", "azurecr.sovcloud-azure.de", "login.sovcloud-identity.de", None),
    Cloud("usnat", "azurecr.eaglex.ic.gov", None, "https://management.azure.eaglex.ic.gov"),
    Cloud("ussec", "azurecr.microsoft.scloud", None, "https://management.azure.microsoft.scloud"),
)


def cloud_of(host: str, more: tuple[Cloud, ...] = ()) -> Cloud:
    """Return the cloud whose suffix *host* ends with; a host of its own domain is in the first."""
    for cloud in (*more, *CLOUDS):
        if host.endswith("." + cloud.suffix):
            return cloud
    return CLOUDS[0]


def cloud_named(name: str, more: tuple[Cloud, ...] = ()) -> Cloud:
    """Return the cloud called *name*. Raises SettingsError if there is none."""
    known = {cloud.name: cloud for cloud in (*CLOUDS, *more)}
    if name not in known:
        raise SettingsError(
            f'there is no cloud "{name}"',
            f"use one of {', '.join(known)}, or define [clouds.{name}]",
            "settings-invalid",
        )
    return known[name]
