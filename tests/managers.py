"""Somebody who may ask Azure Resource Manager, for tests of what it is asked."""

import os

from docker_credential_acr.arm import Manager
from docker_credential_acr.clouds import CLOUDS
from docker_credential_acr.deadline import Deadline
from docker_credential_acr.memory import Remembered
from docker_credential_acr.methods.contract import EntraToken, SignIn
from docker_credential_acr.private_files import open_folder
from docker_credential_acr.secret import Secret
from tests.azure import FakeAzure

AUDIENCE = "https://management.azure.com"


def sign_in(host: str, folder: str | None = None, seconds: float = 10) -> SignIn:
    """For *host* in the public cloud; what is remembered lies in *folder*."""
    cloud, memory = CLOUDS[0], Remembered(open_folder(folder), b"somebody")
    deadline = Deadline.after(seconds)
    return SignIn(host, host, cloud, cloud.authority, None, os.environ, deadline, memory)


def manager(
    azure: FakeAzure, host: str, folder: str | None = None, *, seconds: float = 10, token: str = ""
) -> Manager:
    secret = Secret(token or azure.access_token(AUDIENCE))
    return Manager(sign_in(host, folder, seconds), EntraToken(secret, azure.tenant))


def targets(azure: FakeAzure) -> list[str]:
    """What the Resource Manager was asked, in order: verb and path, by short names."""
    short = {f"/subscriptions/{azure.arm.subscription}": "SUB", "/resourceGroups/registries": ""}
    found = []
    for request in azure.requests:
        if request.kind == "arm":
            path = request.path
            for long, name in short.items():
                path = path.replace(long, name)
            provider = "/providers/Microsoft.ContainerRegistry/registries"
            found.append(f"{request.method} {path.replace(provider, '')}")
    return found
