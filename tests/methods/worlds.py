"""For each method a machine on which it works, and what it takes to have it refused."""

import functools
import io
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from docker_credential_acr.clouds import CLOUDS, REGISTRY_AUDIENCE
from docker_credential_acr.deadline import Deadline
from docker_credential_acr.memory import Remembered
from docker_credential_acr.methods import (
    ENTRA_METHODS,
    INTERACTIVE_METHODS,
    LOGIN_METHODS,
    aks_node,
)
from docker_credential_acr.methods.contract import Account, EntraToken, Login, Offer, SignIn
from docker_credential_acr.terminal import Terminal
from docker_credential_acr.verification import verified
from tests.azure import FakeAzure
from tests.azure.az import install_az
from tests.azure.browser import install_browser
from tests.azure.pwsh import FakePwsh, Mode, install_pwsh
from tests.stories.program import new_host
from tests.systems import need_scripts

CLOUD = CLOUDS[0]
ARM = "https://management.azure.com"
NOTHING = Remembered(None, b"")


@dataclass
class Machine:
    """What a method finds; ``environ`` is this process's own, which msal reads, too."""

    azure: FakeAzure
    folder: str
    monkeypatch: pytest.MonkeyPatch
    tenant: str | None = None
    seconds: float = 25
    store: str | None = None
    allow_unencrypted: bool = False
    memory: Remembered = NOTHING

    def set(self, **variables: str | None) -> None:
        for name, value in variables.items():
            if value is None:
                self.monkeypatch.delenv(name, raising=False)
            else:
                self.monkeypatch.setenv(name, value)

    def file(self, name: str, content: str | bytes) -> str:
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        return path

    def sign_in(self, host: str | None = None) -> SignIn:
        tenant = self.tenant or os.environ.get("AZURE_TENANT_ID")
        deadline, host = Deadline.after(self.seconds), host or new_host()
        environ, memory = os.environ, self.memory
        told = SignIn(host, host, CLOUD, CLOUD.authority, tenant, environ, deadline, memory)
        return replace(told, store=self.store, allow_unencrypted=self.allow_unencrypted)

    def log_in(
        self,
        method: str,
        options: Any = None,
        audience: str = REGISTRY_AUDIENCE,
        screen: io.StringIO | None = None,
    ) -> tuple[Account, str]:
        """Sign a person in; the account, and what stood on the screen."""
        module = INTERACTIVE_METHODS[method]
        chosen = module.Options() if options is None else options
        err = screen or io.StringIO()
        prompts = Terminal(io.StringIO(), err, 80, colour=False, lively=False)
        account = module.log_in(chosen, self.sign_in(), audience, prompts)
        return account, err.getvalue()

    def token(
        self, method: str, options: Any = None, audience: str = REGISTRY_AUDIENCE
    ) -> EntraToken:
        module = ENTRA_METHODS[method]
        chosen = module.Options() if options is None else options
        return module.entra_token(chosen, self.sign_in(), audience)

    def offer(self, method: str, options: Any, host: str) -> Offer:
        """What a method of finished logins has; who signs in for it is the ready-made principal."""
        self.set(**self.azure.service_principal_environ())
        arm = functools.partial(self.token, "client-secret", audience=ARM)
        return LOGIN_METHODS[method].offer(options, self.sign_in(host), arm)

    def login(self, method: str, options: Any, host: str) -> Login:
        """The one of them that the registry takes."""
        return verified(host, self.offer(method, options, host), None, Deadline.after(10)).login


@dataclass(frozen=True)
class World:
    """``right`` makes the machine; ``refused`` spoils it and returns the options to be refused with."""

    right: Callable[[Machine], object]
    refused: Callable[[Machine], object]


def service_principal(machine: Machine) -> None:
    machine.set(**machine.azure.service_principal_environ())


def wrong_secret(machine: Machine) -> None:
    machine.set(AZURE_CLIENT_SECRET="CANARY-wrong")


def made_certificate() -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    """A new key and its certificate."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Fake application")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return key, certificate


def certified(machine: Machine) -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    """A new key and its certificate; an app of the tenant that knows it is who signs in."""
    key, certificate = made_certificate()
    principal = machine.azure.add_service_principal(certificates=[certificate])
    machine.set(AZURE_TENANT_ID=machine.azure.tenant, AZURE_CLIENT_ID=principal.client_id)
    return key, certificate


def pem_of(key: rsa.RSAPrivateKey, *certificates: x509.Certificate) -> bytes:
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + b"".join(each.public_bytes(pem) for each in certificates)


def certificate_holder(machine: Machine) -> None:
    path = machine.file("certificate.pem", pem_of(*certified(machine)))
    machine.set(AZURE_CLIENT_CERTIFICATE_PATH=path)


def another_certificate(machine: Machine) -> None:
    client_id = os.environ["AZURE_CLIENT_ID"]
    certificate_holder(machine)
    machine.set(AZURE_CLIENT_ID=client_id)


def pod(machine: Machine) -> None:
    path = machine.file("token", machine.azure.federated_assertion())
    machine.set(
        AZURE_TENANT_ID=machine.azure.tenant,
        AZURE_CLIENT_ID=machine.azure.client_id,
        AZURE_FEDERATED_TOKEN_FILE=path,
    )


def another_pod(machine: Machine) -> None:
    machine.file("token", machine.azure.federated_assertion(subject="system:serviceaccount:a:b"))


def workflow(machine: Machine) -> None:
    machine.set(
        AZURE_TENANT_ID=machine.azure.tenant,
        AZURE_CLIENT_ID=machine.azure.client_id,
        **machine.azure.job_environ("github-actions"),
    )


def unknown_job(machine: Machine) -> None:
    """The job is who it says; only no app trusts it."""
    other = machine.azure.add_service_principal(secret="CANARY-other")
    machine.azure.add_federated_credential(other.client_id, subject="repo:other/other:ref:x")
    machine.set(AZURE_CLIENT_ID=other.client_id)


def pipeline(machine: Machine) -> None:
    machine.set(
        AZURE_TENANT_ID=machine.azure.tenant,
        AZURE_CLIENT_ID=machine.azure.client_id,
        **machine.azure.job_environ("azure-pipelines"),
    )


def foreign_job(machine: Machine) -> None:
    machine.set(
        AZURE_TENANT_ID=machine.azure.tenant,
        AZURE_CLIENT_ID=machine.azure.client_id,
        AZURE_FEDERATED_TOKEN=machine.azure.federated_assertion(),
    )


def another_foreign_job(machine: Machine) -> None:
    machine.set(AZURE_FEDERATED_TOKEN=machine.azure.federated_assertion(subject="project:x"))


def virtual_machine(machine: Machine) -> None:
    machine.set(**machine.azure.metadata_environ("vm"))


def unknown_identity(_: Machine) -> object:
    options = ENTRA_METHODS["managed-identity"].Options
    return options(client_id="00000000-aaaa-bbbb-cccc-dddddddddddd")


def node(machine: Machine, **table: object) -> str:
    """The path of a node's azure.json, which is where this machine has it."""
    path = machine.file("azure.json", json.dumps(table))
    machine.monkeypatch.setattr(aks_node, "_FILE", path)
    return path


def cluster(machine: Machine) -> None:
    virtual_machine(machine)
    kubelet = machine.azure.add_managed_identity().client_id
    node(machine, useManagedIdentityExtension=True, userAssignedIdentityID=kubelet)


def another_cluster(machine: Machine) -> None:
    identity = "00000000-aaaa-bbbb-cccc-dddddddddddd"
    node(machine, useManagedIdentityExtension=True, userAssignedIdentityID=identity)


def person(machine: Machine) -> None:
    az = install_az(os.path.join(machine.folder, "bin"), machine.azure)
    machine.set(PATH=az.folder)


def expired_person(machine: Machine) -> None:
    install_az(os.path.join(machine.folder, "bin"), machine.azure, mode="refused")


def powershell(machine: Machine, mode: Mode = "secure") -> FakePwsh:
    """Somebody who has run Connect-AzAccount, once at least."""
    pwsh = install_pwsh(os.path.join(machine.folder, "bin"), machine.azure, mode=mode)
    machine.set(PATH=pwsh.folder)
    machine.file(os.path.join(os.path.expanduser("~"), ".Azure", "AzureRmContext.json"), "{}")
    return pwsh


def expired_powershell(machine: Machine) -> None:
    powershell(machine, "refused")


def azd(machine: Machine, script: str) -> None:
    """Install a program called azd that is a shell script."""
    need_scripts()
    path = machine.file("bin/azd", f"#!/bin/sh\n{script}\n")
    os.chmod(path, 0o755)
    machine.set(PATH=os.path.dirname(path) + ":/usr/bin:/bin")


def developer(machine: Machine) -> None:
    """Signed in to azd, which answers as version 1.18 does."""
    cases = [
        f"  {audience}/.default) echo '{json.dumps({'token': token, 'expiresOn': 'x'})}'; exit;;"
        for audience in machine.azure.audiences
        for token in [machine.azure.access_token(audience)]
    ]
    unknown = json.dumps({"error": "AADSTS500011: The resource principal was not found."})
    tail = f"echo '{unknown}' >&2; exit 1"
    azd(machine, "\n".join(['case "$7" in', *cases, "esac", tail]))


def expired_developer(machine: Machine) -> None:
    told = json.dumps({"error": "AADSTS700082: The refresh token has expired. CANARY"})
    azd(machine, f"echo '{told}' >&2; exit 1")


def by_hand(method: str) -> Callable[[Machine], None]:
    """Somebody has run login; kept in plain text, since a machine of a test has no keyring."""

    def right(machine: Machine) -> None:
        if os.name == "nt" or sys.platform == "darwin":
            pytest.skip("the key of a sign-in goes to the person's own store there")
        machine.allow_unencrypted = True
        machine.set(BROWSER=install_browser(os.path.join(machine.folder, "bin")).path)
        machine.log_in(method, audience="https://management.azure.com")
        machine.azure.forget()

    return right


def revoked(machine: Machine) -> None:
    machine.azure.people.revoke()


WORLDS: Mapping[str, World] = {
    "automatic": World(service_principal, wrong_secret),
    "client-secret": World(service_principal, wrong_secret),
    "client-certificate": World(certificate_holder, another_certificate),
    "workload-identity": World(pod, another_pod),
    "github-actions": World(workflow, unknown_job),
    "azure-pipelines": World(pipeline, unknown_job),
    "managed-identity": World(virtual_machine, unknown_identity),
    "aks-node": World(cluster, another_cluster),
    "browser": World(by_hand("browser"), revoked),
    "device-code": World(by_hand("device-code"), revoked),
    "azure-cli": World(person, expired_person),
    "azure-powershell": World(powershell, expired_powershell),
    "azure-developer-cli": World(developer, expired_developer),
    "federated-token": World(foreign_job, another_foreign_job),
}


@dataclass(frozen=True)
class LoginWorld:
    """The same for a method of finished logins of a host; both return the options."""

    right: Callable[[Machine, str], object]
    refused: Callable[[Machine, str], object]


def admin(machine: Machine, host: str) -> object:
    machine.azure.add_admin(host)
    return LOGIN_METHODS["admin-user"].Options()


def mistaken_admin(machine: Machine, _: str) -> object:
    path = machine.file("password", "CANARY-wrong")
    return LOGIN_METHODS["admin-user"].Options(password_file=path)


def robot(machine: Machine, host: str) -> object:
    machine.file("password", machine.azure.add_repository_token(host, "robot") + "\n")
    return robot_options(machine)


def disabled_robot(machine: Machine, host: str) -> object:
    machine.azure.registry(host).repository_tokens["robot"].enabled = False
    return robot_options(machine)


def robot_options(machine: Machine) -> object:
    path = os.path.join(machine.folder, "password")
    return LOGIN_METHODS["repository-token"].Options(token_name="robot", password_file=path)


LOGIN_WORLDS: Mapping[str, LoginWorld] = {
    "admin-user": LoginWorld(admin, mistaken_admin),
    "repository-token": LoginWorld(robot, disabled_robot),
}
