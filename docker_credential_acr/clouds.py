"""The Azure clouds: which registries, which authority, which audiences.

Sources: azure-cli ``azure/cli/core/cloud.py``, msal ``authority.py``, the host allow-list of
azure-pipelines-tasks; for the clouds that msal does not know, Azure's own extensions of az. Every
cloud's tenants know the registry audience; the ARM audience is what older or disconnected ones fall
back to (Azure/azure-cli#33674).
"""

import re
from dataclasses import dataclass

from docker_credential_acr.errors import SettingsError

REGISTRY_AUDIENCE = "https://containerregistry.azure.net"
ENVIRONMENT = "environment"  # the name of the cloud that AZURE_ENVIRONMENT_FILEPATH describes

# What a text must match in full.
SUFFIX_FORM = r"\.?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+"
ADDRESS_FORM = r"https://[A-Za-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9._/-]*)?"
AUDIENCE_FORM = r"(https|api)://.+"


@dataclass(frozen=True, slots=True)
class Cloud:
    """One cloud: *authority* is host and path, *arm* a URL, *discovery* whether Entra vouches for it.

    A private cloud without an authority is one whose Resource Manager is asked for it
    (``arm_metadata``).
    """

    name: str
    suffix: str  # empty: it has no registries of its own
    authority: str | None
    arm: str | None
    registry_audience: str = REGISTRY_AUDIENCE
    discovery: bool = True
    arm_audience: str | None = None  # None: what arm says

    @property
    def for_arm(self) -> str | None:
        """The audience of tokens for Azure Resource Manager."""
        return self.arm_audience or self.arm


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
    Cloud(
        "delos",
        "azurecr.sovcloud-azure.de",
        "login.sovcloud-identity.de",
        "https://management.sovcloud-api.de",
    ),
    # Nobody outside can vouch for these two: they are cut off from every other cloud.
    Cloud(
        "usnat",
        "azurecr.eaglex.ic.gov",
        "login.microsoftonline.eaglex.ic.gov",
        "https://management.azure.eaglex.ic.gov",
        discovery=False,
    ),
    Cloud(
        "ussec",
        "azurecr.microsoft.scloud",
        "login.microsoftonline.microsoft.scloud",
        "https://management.azure.microsoft.scloud",
        discovery=False,
    ),
)


def cloud_of(host: str, more: tuple[Cloud, ...] = ()) -> Cloud:
    """Return the cloud with the longest suffix that *host* ends with.

    Of two with the same suffix it is one of *more*. A host of its own domain is in the public cloud.
    """
    fitting = [
        cloud for cloud in (*more, *CLOUDS) if cloud.suffix and host.endswith("." + cloud.suffix)
    ]
    return max(fitting, key=lambda cloud: len(cloud.suffix), default=CLOUDS[0])


def cloud_named(name: str, more: tuple[Cloud, ...] = ()) -> Cloud:
    """Return the cloud called *name*. Raises SettingsError if there is none."""
    known = {cloud.name: cloud for cloud in (*CLOUDS, *more)}
    if name not in known:
        way = f"define [clouds.{name}]" if name != ENVIRONMENT else "set AZURE_ENVIRONMENT_FILEPATH"
        raise SettingsError(
            f'there is no cloud "{name}"',
            f"use one of {', '.join(known)}, or {way}",
            "settings-invalid",
        )
    return known[name]


def authority_in(address: object) -> str | None:
    """Return host and path of the https *address* of a sign-in place, or None if it is none."""
    if not isinstance(address, str) or not re.fullmatch(ADDRESS_FORM, address):
        return None
    return address.removeprefix("https://").rstrip("/").lower()
