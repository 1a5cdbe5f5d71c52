"""Identity bindings: who is asked, how often, and whom the answer is believed from."""

import os

import pytest

from docker_credential_acr.errors import Failure, SettingsError, SignInRefused, Unreachable
from docker_credential_acr.methods import identity_bindings
from docker_credential_acr.references import REFERENCES
from tests.azure import ACR_AUDIENCE, Endless, Garbage, Redirect, Status
from tests.azure.bindings import PREFIX, Cluster
from tests.azure.tokens import peek
from tests.methods.worlds import Machine, pod

METHOD = "workload-identity"


@pytest.fixture
def cluster(machine: Machine) -> Cluster:
    """A pod to which the webhook gave a token proxy; a proxy of the environment is for every host."""
    pod(machine)
    cluster = machine.azure.listen_bindings()
    machine.set(**cluster.environ(), NO_PROXY=None)
    return cluster


def failure(machine: Machine) -> Failure:
    with pytest.raises(Failure) as raised:
        machine.token(METHOD)
    assert raised.value.reference in REFERENCES
    assert "CANARY" not in str(raised.value)
    return raised.value


def test_one_request_to_the_proxy_of_the_cluster_and_none_to_entra(
    machine: Machine, cluster: Cluster
) -> None:
    token = machine.token(METHOD)
    assert peek(token.secret.reveal())[1]["aud"] == ACR_AUDIENCE
    assert token.tenant == machine.azure.tenant
    (request,) = machine.azure.requests  # nor to HTTPS_PROXY, which would show as "connect"
    assert request.kind == "bindings"
    assert request.host == cluster.address
    assert request.method == "POST"
    assert request.path == f"{PREFIX}/{machine.azure.tenant}/oauth2/v2.0/token"
    with open(os.environ["AZURE_FEDERATED_TOKEN_FILE"], encoding="ascii") as file:
        assertion = file.read()
    assert request.form == {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": assertion,
        "client_id": machine.azure.client_id,
        "scope": f"{ACR_AUDIENCE}/.default",
    }


def test_the_ca_may_be_given_as_text(machine: Machine, cluster: Cluster) -> None:
    with open(cluster.ca_file, encoding="ascii") as file:
        machine.set(AZURE_KUBERNETES_CA_FILE=None, AZURE_KUBERNETES_CA_DATA=file.read())
    machine.token(METHOD)
    assert machine.azure.count("bindings") == 1


def test_no_other_ca_is_trusted_though_the_system_trusts_it(
    machine: Machine, cluster: Cluster
) -> None:
    """And the other way round: the cluster's CA speaks for nobody else."""
    machine.set(SSL_CERT_FILE=cluster.ca_file, REQUESTS_CA_BUNDLE=cluster.ca_file)
    machine.set(AZURE_KUBERNETES_CA_FILE=machine.azure.ca_file)
    assert failure(machine).reference == "tls-untrusted"
    assert machine.azure.requests == []


def test_without_a_ca_the_systems_is_asked(machine: Machine, cluster: Cluster) -> None:
    machine.set(AZURE_KUBERNETES_CA_FILE=None)
    assert failure(machine).reference == "tls-untrusted"
    machine.set(SSL_CERT_FILE=cluster.ca_file)
    machine.token(METHOD)


def test_the_certificate_is_that_of_the_name(machine: Machine, cluster: Cluster) -> None:
    machine.set(AZURE_KUBERNETES_SNI_NAME=None)
    assert failure(machine).reference == "tls-untrusted"
    assert cluster.name not in cluster.url
    assert machine.azure.requests == []


def test_a_refusal_is_entras(machine: Machine, cluster: Cluster) -> None:
    machine.file("token", machine.azure.federated_assertion(subject="system:serviceaccount:a:b"))
    found = failure(machine)
    assert isinstance(found, SignInRefused)
    assert found.reference == "assertion-refused"
    assert machine.azure.count("bindings") == 1
    assert cluster.name


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize(
    ("fault", "reference", "asked"),
    [
        (Status(500), "entra-unavailable", 2),
        (Status(429, {"Retry-After": "60"}), "entra-throttled", 1),
        (Redirect("https://elsewhere.example/"), "redirect-refused", 1),
        (Garbage(), "answer-unusable", 1),
        (Endless(), "answer-unusable", 1),
        (Status(403), "answer-unusable", 1),
    ],
)
def test_what_is_no_token_is_told_apart(
    machine: Machine, fault: Status, reference: str, asked: int
) -> None:
    machine.azure.fault("bindings", fault)
    found = failure(machine)
    assert isinstance(found, Unreachable)
    assert found.reference == reference
    assert machine.azure.count("bindings") == asked
    assert machine.azure.count("sign-in") == 0


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize(
    "changes",
    [
        {"AZURE_KUBERNETES_TOKEN_PROXY": None},
        {"AZURE_KUBERNETES_TOKEN_PROXY": "http://127.0.0.1"},
        {"AZURE_KUBERNETES_TOKEN_PROXY": "https://user:CANARY@127.0.0.1"},
        {"AZURE_KUBERNETES_TOKEN_PROXY": "https://127.0.0.1?query"},
        {"AZURE_KUBERNETES_TOKEN_PROXY": "https://127.0.0.1#part"},
        {"AZURE_KUBERNETES_TOKEN_PROXY": "https://127.0.0.1:port"},
        {"AZURE_KUBERNETES_TOKEN_PROXY": "https://"},
        {"AZURE_KUBERNETES_CA_DATA": "both"},
        {"AZURE_KUBERNETES_CA_FILE": None, "AZURE_KUBERNETES_CA_DATA": "no certificate"},
        {"AZURE_KUBERNETES_CA_FILE": None, "AZURE_KUBERNETES_CA_DATA": "kein Zertifikät"},
    ],
    ids=str,
)
def test_variables_that_cannot_be_used_are_named(
    machine: Machine, changes: dict[str, str | None]
) -> None:
    machine.set(**changes)
    found = failure(machine)
    assert isinstance(found, SettingsError)
    assert found.reference == "identity-bindings"
    assert machine.azure.requests == []


@pytest.mark.usefixtures("cluster")
def test_a_ca_file_that_is_not_there_is_named(machine: Machine) -> None:
    machine.set(AZURE_KUBERNETES_CA_FILE="/nowhere/ca.crt")
    found = failure(machine)
    assert found.reference == "secret-unreadable"
    assert "/nowhere/ca.crt" in found.what


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("10.0.0.1", "https://10.0.0.1/"),
        ("10.0.0.1:6443", "https://10.0.0.1:6443/"),
        ("api.example", "https://api.example/"),
        ("fd00::1", "https://[fd00::1]/"),
        ("[fd00::1]:6443", "https://[fd00::1]:6443/"),
    ],
)
def test_the_kubelets_address_becomes_a_url(address: str, url: str) -> None:
    environ = {"AZURE_KUBERNETES_CA_DATA": "x"}
    found = identity_bindings.node_place("name.example", address, environ)
    assert found == identity_bindings.Place(url, "name.example", "x", "name.example", tenants=False)


@pytest.mark.parametrize(
    ("name", "address"), [("n", "a/b"), ("n", "a@b"), ("n", "a?b"), ("n/a", "a"), ("n", "")]
)
def test_what_is_no_address_is_refused(name: str, address: str) -> None:
    with pytest.raises(SettingsError):
        identity_bindings.node_place(name, address, {"AZURE_KUBERNETES_CA_DATA": "x"})
