"""Who manages a registry: an Entra token for Azure Resource Manager, which is never written down."""

from dataclasses import replace

from docker_credential_acr import arm_metadata
from docker_credential_acr.arm import Manager
from docker_credential_acr.asker import Asker
from docker_credential_acr.callers import request
from docker_credential_acr.deadline import Deadline
from docker_credential_acr.errors import AudienceUnknown, SettingsError, SignInRefused
from docker_credential_acr.memory import Remembered
from docker_credential_acr.methods import ENTRA_METHODS
from docker_credential_acr.methods.contract import EntraToken
from docker_credential_acr.settings import RegistrySettings


def manager(
    chosen: RegistrySettings, who: Asker, deadline: Deadline, method: str | None = None
) -> Manager:
    """Return who manages the registry of *chosen*: *method*, else the host's own, else ``sign_in``.

    Raises what ``for_arm`` raises.
    """
    if method is not None and method != chosen.method:
        chosen = replace(chosen, sign_in=(method, ENTRA_METHODS[method].Options()))
    elif chosen.method in ENTRA_METHODS:
        chosen = replace(chosen, sign_in=(chosen.method, chosen.options))
    token = for_arm(chosen, who, deadline)
    return Manager(request(with_endpoints(chosen, who, deadline), who, deadline), token)


def for_arm(chosen: RegistrySettings, who: Asker, deadline: Deadline) -> EntraToken:
    """Sign in to Azure Resource Manager as ``sign_in`` of the settings says; nothing is written down.

    Raises SettingsError if the cloud has none on record, and what the method raises.
    """
    if chosen.cloud.arm is None:
        raise SettingsError(
            f"the Azure Resource Manager of the cloud {chosen.cloud.name} is not on record",
            "give it: [clouds.NAME] with arm_endpoint, or the passwords by password_file",
            "settings-invalid",
        )
    method, options = chosen.sign_in
    chosen = with_endpoints(chosen, who, deadline)
    told = request(chosen, who, deadline)
    try:
        return ENTRA_METHODS[method].entra_token(options, told, str(chosen.cloud.for_arm))
    except AudienceUnknown as unknown:
        raise SignInRefused(
            f"Entra does not know {chosen.cloud.for_arm} in this tenant or cloud",
            "check tenant_id, and arm_endpoint of a cloud of your own",
            unknown.reference,
        ) from unknown


def with_endpoints(chosen: RegistrySettings, who: Asker, deadline: Deadline) -> RegistrySettings:
    """Return *chosen* with what its cloud's Resource Manager says where the settings leave it out.

    Raises Unreachable, OutOfTime.
    """
    cloud = chosen.cloud
    if chosen.authority is not None or cloud.arm is None:
        return chosen
    found = arm_metadata.endpoints(cloud.arm, deadline, Remembered(who.folder, b"clouds"))
    audience = cloud.arm_audience or found.audience
    return replace(
        chosen,
        authority=found.authority,
        cloud=replace(cloud, authority=found.authority, arm_audience=audience),
    )
