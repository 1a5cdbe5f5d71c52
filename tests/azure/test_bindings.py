"""The token proxy of identity bindings, driven by the real SDK and by the kubelet's form."""

import os
from collections.abc import Iterator

import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import WorkloadIdentityCredential

from tests.azure import ACR_AUDIENCE, FakeAzure, tokens
from tests.azure.bindings import Cluster

SCOPE = f"{ACR_AUDIENCE}/.default"


@pytest.fixture
def azure(tmp_path: str) -> Iterator[FakeAzure]:
    with FakeAzure(tmp_path) as azure:
        yield azure


@pytest.fixture
def cluster(azure: FakeAzure, tmp_path: str, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    cluster = azure.listen_bindings()
    path = os.path.join(tmp_path, "token")
    with open(path, "w", encoding="ascii") as file:
        file.write(azure.federated_assertion())
    for name, value in {
        **cluster.environ(),
        "AZURE_TENANT_ID": azure.tenant,
        "AZURE_CLIENT_ID": azure.client_id,
        "AZURE_FEDERATED_TOKEN_FILE": path,
    }.items():
        monkeypatch.setenv(name, value)
    return cluster


@pytest.mark.usefixtures("cluster")
def test_the_sdk_gets_its_token_there(azure: FakeAzure) -> None:
    with WorkloadIdentityCredential(enable_azure_proxy=True) as credential:
        token = credential.get_token(SCOPE).token
    assert tokens.peek(token)[1]["aud"] == ACR_AUDIENCE
    assert [request.kind for request in azure.requests] == ["bindings"]


@pytest.mark.usefixtures("cluster")
def test_it_refuses_as_entra_does(azure: FakeAzure, tmp_path: str) -> None:
    with open(os.path.join(tmp_path, "token"), "w", encoding="ascii") as file:
        file.write(azure.federated_assertion(subject="system:serviceaccount:a:b"))
    with (
        WorkloadIdentityCredential(enable_azure_proxy=True) as credential,
        pytest.raises(ClientAuthenticationError, match="AADSTS700213"),
    ):
        credential.get_token(SCOPE)


def test_its_certificate_is_for_its_name_only(cluster: Cluster) -> None:
    with pytest.raises(requests.exceptions.SSLError, match=r"127\.0\.0\.1"):
        requests.post(cluster.url, verify=cluster.ca_file, timeout=5)
