"""For whom a registry's Entra token is: the registries of all clouds, or Azure Resource Manager.

The registries' own audience comes first: a registry that follows Microsoft's hardening takes no other,
and a token for the Resource Manager could do more. A disconnected cloud knows no other than the latter
(Azure/azure-cli#33674). What worked is remembered for a day, by identity and registry.
"""

from docker_credential_acr.asker import Asker
from docker_credential_acr.memory import Remembered
from docker_credential_acr.settings import RegistrySettings

_NAME = "audience"
_SECONDS = 24 * 3600.0


def memory(chosen: RegistrySettings, who: Asker) -> Remembered:
    """Return where it is remembered; not by the stamp, which changes with every projected token."""
    identity = (
        chosen.login_server,
        chosen.method,
        chosen.options,
        chosen.authority,
        chosen.tenant_id,
        who.environ.get("AZURE_CLIENT_ID"),
    )
    return Remembered(who.folder, ascii(identity).encode())


def wanted(chosen: RegistrySettings, remembered: Remembered) -> list[str]:
    """Return the audiences to try, at least one: first what worked the last time."""
    if chosen.audience:
        return [chosen.audience]
    cloud = chosen.cloud
    known = dict.fromkeys([cloud.registry_audience, *([cloud.for_arm] if cloud.for_arm else [])])
    last = remembered.recall(_NAME)
    return sorted(known, key=lambda audience: audience != last)


def worked(audience: str, remembered: Remembered) -> None:
    remembered.remember(_NAME, audience, _SECONDS)
