"""`aks-node`: every kind of identity that an azure.json may name."""

import json
import os
from typing import Any

import pytest

from docker_credential_acr.errors import (
    Failure,
    MethodUnavailable,
    NotSetUp,
    SettingsError,
    SignInRefused,
)
from docker_credential_acr.methods.aks_node import Options, detect
from tests.azure.clouds import description
from tests.azure.tokens import peek
from tests.methods.worlds import Machine, certified, node, pem_of, virtual_machine
from tests.stories.program import Program

METHOD = "aks-node"
ARM, LOGIN = "management.factory.example", "login.factory.example"
RESOURCE = (
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/k"
)


def failure(machine: Machine, options: Options | None = None) -> Failure:
    with pytest.raises(Failure) as raised:
        machine.token(METHOD, options)
    assert "CANARY" not in raised.value.what + raised.value.hint
    return raised.value


def who(machine: Machine) -> str:
    return str(peek(machine.token(METHOD).secret.reveal())[1]["oid"])


def principal(machine: Machine, **more: object) -> dict[str, Any]:
    azure = machine.azure
    return {"tenantId": azure.tenant, "aadClientId": azure.client_id, **more}


class TestKubelet:
    def test_by_resource_id_by_client_id_or_the_machines_own(self, machine: Machine) -> None:
        virtual_machine(machine)
        kubelet = machine.azure.add_managed_identity(resource_id=RESOURCE)
        for identity in (RESOURCE, kubelet.client_id):
            node(machine, useManagedIdentityExtension=True, userAssignedIdentityID=identity)
            assert who(machine) == kubelet.object_id
        node(machine, useManagedIdentityExtension=True, aadClientSecret="msi")
        assert who(machine) == machine.azure.system_identity.object_id
        asked = {request.kind for request in machine.azure.requests}
        assert asked == {"metadata"}


class TestClusterPrincipal:
    def test_its_secret_is_exchanged(self, machine: Machine) -> None:
        node(machine, **principal(machine, aadClientSecret=machine.azure.client_secret))
        machine.token(METHOD)
        assert machine.azure.count("sign-in") == 1
        assert machine.azure.count("metadata") == 0

    def test_its_certificate(self, machine: Machine) -> None:
        path = machine.file("c.pem", pem_of(*certified(machine)))
        client_id = os.environ["AZURE_CLIENT_ID"]
        table = principal(machine, aadClientId=client_id, aadClientCertPath=path)
        node(machine, **table, aadClientSecret="msi", useManagedIdentityExtension=False)
        machine.token(METHOD)

    def test_its_federated_file(self, machine: Machine) -> None:
        path = machine.file("token", machine.azure.federated_assertion())
        table = principal(machine, aadFederatedTokenFile=path)
        node(machine, **table, useFederatedWorkloadIdentityExtension=True)
        machine.token(METHOD)
        (sent,) = (r.form for r in machine.azure.requests if r.kind == "sign-in")
        assert "client_assertion" in sent

    @pytest.mark.parametrize(
        ("cloud", "authority"),
        [
            (None, "login.microsoftonline.com"),
            ("AzureCloud", "login.microsoftonline.com"),
            ("AzurePublicCloud", "login.microsoftonline.com"),
            ("AZURECHINACLOUD", "login.chinacloudapi.cn"),
            ("AzureUSGovernment", "login.microsoftonline.us"),
            ("AzureUSGovernmentCloud", "login.microsoftonline.us"),
            ("AzureBleuCloud", "login.sovcloud-identity.fr"),
            ("AzureDelosCloud", "login.sovcloud-identity.de"),
            ("AzureGermanyCloud", "login.sovcloud-identity.de"),
            ("USNat", "login.microsoftonline.eaglex.ic.gov"),
            ("USSec", "login.microsoftonline.microsoft.scloud"),
            ("AzureStackCloud", "login.microsoftonline.com"),
        ],
    )
    def test_it_signs_in_to_the_clusters_cloud(
        self, machine: Machine, cloud: str | None, authority: str
    ) -> None:
        secret = machine.azure.client_secret
        node(machine, **principal(machine, aadClientSecret=secret, cloud=cloud))
        machine.token(METHOD)
        hosts = [r.host for r in machine.azure.requests if r.kind == "sign-in"]
        assert hosts == [authority]

    @pytest.mark.parametrize(
        "endpoint", ["https://management.chinacloudapi.cn/", f"https://{ARM}/"]
    )
    def test_its_resource_manager_counts_before_its_name(
        self, machine: Machine, endpoint: str
    ) -> None:
        """One that is not known is asked where its cloud signs in, and Microsoft is not."""
        azure = machine.azure
        azure.authorities.add(LOGIN)
        azure.clouds.described[ARM] = [description(ARM, f"https://{LOGIN}/")]
        table = principal(machine, aadClientSecret=azure.client_secret, cloud="AzureStackCloud")
        node(machine, **table, resourceManagerEndpoint=endpoint)
        machine.token(METHOD)
        asked = [
            (r.kind, r.host) for r in azure.requests if r.kind in ("cloud-metadata", "sign-in")
        ]
        private = [("cloud-metadata", ARM), ("sign-in", LOGIN)]
        assert asked == (private if ARM in endpoint else [("sign-in", "login.chinacloudapi.cn")])
        if ARM in endpoint:
            assert azure.count("instance-discovery") == 0

    def test_a_resource_manager_that_is_none_is_not_asked(self, machine: Machine) -> None:
        table = principal(machine, aadClientSecret="CANARY")
        path = node(machine, **table, resourceManagerEndpoint=f"http://{ARM}/")
        found = failure(machine)
        assert found.reference == "node-file"
        assert path in found.what
        assert machine.azure.requests == []

    def test_the_settings_tenant_comes_first(self, machine: Machine) -> None:
        """A registry in another tenant than the cluster."""
        table = principal(machine, aadClientSecret=machine.azure.client_secret)
        node(machine, **table | {"tenantId": "00000000-aaaa-bbbb-cccc-dddddddddddd"})
        machine.tenant = machine.azure.tenant
        machine.token(METHOD)

    def test_a_wrong_secret_is_a_refusal(self, machine: Machine) -> None:
        node(machine, **principal(machine, aadClientSecret="CANARY-wrong"))
        found = failure(machine)
        assert isinstance(found, SignInRefused)
        assert found.reference == "client-secret-refused"


class TestFile:
    def test_a_machine_that_is_no_node(self, machine: Machine) -> None:
        with pytest.raises(NotSetUp):
            detect(machine.sign_in().environ)
        found = failure(machine)
        assert isinstance(found, MethodUnavailable)
        assert found.reference == "secret-unreadable"

    @pytest.mark.parametrize("content", ["{", "[]", "5", "{}", '{"aadClientId": 5}'])
    def test_what_names_nobody(self, machine: Machine, content: str) -> None:
        path = machine.file("other.json", content)
        found = failure(machine, Options(file=path))
        assert isinstance(found, SettingsError)
        assert found.reference == "node-file"
        assert path in found.what
        assert machine.azure.requests == []

    @pytest.mark.parametrize("missing", ["tenantId", "aadClientId", "aadClientSecret"])
    def test_what_is_missing_is_named(self, machine: Machine, missing: str) -> None:
        table = principal(machine, aadClientSecret="CANARY")
        del table[missing]
        node(machine, **table)
        wanted = "aadClientCertPath" if missing == "aadClientSecret" else missing
        assert f"{wanted} is missing" in failure(machine).what


def test_the_installed_program(program: Program, host: str) -> None:
    """Another azure.json is another asker, at once; a refusal is one sentence."""
    path = os.path.join(program.home, "azure.json")
    program.own.add(path)
    program.settings(f'[defaults]\nmethod = "{METHOD}"\nfile = "{path}"\n')
    variables = dict.fromkeys(program.azure.service_principal_environ())

    def written(secret: str) -> None:
        table = {"tenantId": program.azure.tenant, "aadClientId": program.azure.client_id}
        with open(path + ".new", "w", encoding="utf-8") as file:
            json.dump(table | {"aadClientSecret": secret}, file)
        os.replace(path + ".new", path)

    written(program.azure.client_secret)
    answer = program.get(host, **variables)
    assert answer.secret in program.azure.secrets
    kinds = ("sign-in", "exchange", "metadata", "oidc")
    asked = [(r.kind, r.host) for r in program.azure.requests if r.kind in kinds]
    assert asked == [("sign-in", "login.microsoftonline.com"), ("exchange", host)]
    program.azure.forget()
    assert program.get(host, **variables) == answer
    assert program.azure.requests == []
    written("CANARY-wrong")
    assert program.get(host, **variables).reference == "client-secret-refused"
