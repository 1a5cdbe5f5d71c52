"""The public vectors of the peer, restated as data: its requests, images, mirrors and settings.

Source: kubernetes-sigs/cloud-provider-azure, ``cmd/acr-credential-provider/plugin_test.go`` and
``pkg/credentialprovider/azure_credentials_test.go``. Where this program answers otherwise, the row says so.
"""

from collections.abc import Callable

import pytest

from docker_credential_acr.kubelet_arguments import MIRROR, mirrors
from docker_credential_acr.kubelet_request import place
from docker_credential_acr.registry import is_ours
from tests.stories.node import CLIENT, PRINCIPAL, TENANT, VERSION, Node, Response, reference
from tests.stories.program import Program

CUSTOM = "azurecr.my.cloud"  # the suffix of the peer's own cloud
MIRRORED = "mcr.microsoft.com:abc.azurecr.io"

IMAGES = {  # image -> the registry that may get a token, as the peer's test has it
    "invalidImage": "",
    "docker.io/library/busybox:latest": "",
    "foo.azurecr.io/bar/image:version": "foo.azurecr.io",
    "foo.azurecr.cn/bar/image:version": "foo.azurecr.cn",
    "foo.azurecr.us/bar/image:version": "foo.azurecr.us",
    "foo.azurecr.my.cloud/bar/image:version": "foo.azurecr.my.cloud",
    "foo.azurecr.us/foo.azurecr.io/bar/image:version": "foo.azurecr.us",
    "foo.azurecr.io.example/bar/image:version": "",
    "docker/foo.azurecr.io/bar/image:version": "",
    "foo.azurecr.io": "foo.azurecr.io",
    "foo.azurecr.io.azurecr.cn": "",
}
OTHERWISE = {  # the same, where the peer is wrong (acr.md 2.4, 7.1): its answer and ours
    "foo.azurecr.de/bar/image:version": ("foo.azurecr.de", ""),  # a cloud that closed in 2021
    "foo-azurecr-io.azurecr.cn": ("", "foo-azurecr-io.azurecr.cn"),  # a domain name label
    "evilazurecr.my.cloud/x": ("evilazurecr.my.cloud", ""),  # a suffix without a boundary
    "foo.azurecr.my.cloud.example/x": ("foo.azurecr.my.cloud", ""),  # and without an end
    "foo.eastus.geo.azurecr.us/x": ("", "foo.eastus.geo.azurecr.us"),
    "mcr.microsoft.com.evil.example/x": ("abc.azurecr.io", ""),  # a prefix is no host
}


def registry_of(image: str) -> str:
    host, _ = place(image, mirrors({MIRROR: MIRRORED}))
    return host if host is not None and is_ours(host, (CUSTOM,)) else ""


@pytest.mark.parametrize(("image", "registry"), IMAGES.items())
def test_images(image: str, registry: str) -> None:
    assert registry_of(image) == registry


@pytest.mark.parametrize(("image", "answers"), OTHERWISE.items())
def test_images_that_the_peer_gets_wrong(image: str, answers: tuple[str, str]) -> None:
    assert registry_of(image) == answers[1] != answers[0]


@pytest.mark.parametrize(
    ("given", "pairs"),
    [
        ("", {}),
        ("aaa:bbb,ccc:ddd", {"aaa": "bbb", "ccc": "ddd"}),
        ("aaa: bbb, ccc:ddd", {"aaa": "bbb", "ccc": "ddd"}),
        ("aaa:bbb", {"aaa": "bbb"}),
    ],
)
def test_mirrors(given: str, pairs: dict[str, str]) -> None:
    assert mirrors({MIRROR: given}) == pairs


def test_mirrored_images() -> None:
    pairs = mirrors({MIRROR: MIRRORED})
    found = place("mcr.microsoft.com/bar/image:version", pairs)
    assert found == ("abc.azurecr.io", ("abc.azurecr.io", "mcr.microsoft.com"))
    assert place("foo.azurecr.io/bar", pairs) == ("foo.azurecr.io", ("foo.azurecr.io",))


@pytest.fixture
def node(programs: Callable[[], Program]) -> Node:
    program = programs()
    for name in PRINCIPAL:
        del program.environ[name]
    return Node(program)


REQUESTS = {  # what is asked, and the reference of its refusal; None: it is answered
    "successful": (
        '{"kind":"CredentialProviderRequest","apiVersion":"%s","image":"test.registry.io/foobar"}',
        None,
    ),
    "invalid kind": (
        '{"kind":"CredentialProviderFoo","apiVersion":"%s","image":"test.registry.io/foobar"}',
        "kubelet-request",
    ),
    "invalid apiVersion": (
        '{"kind":"CredentialProviderRequest","apiVersion":"foo.k8s.io/v1","image":"x/y","a":"%s"}',
        "kubelet-request",
    ),
    "empty image": (
        '{"kind":"CredentialProviderRequest","apiVersion":"%s","image":""}',
        "kubelet-request",
    ),
}


@pytest.mark.parametrize(("asked", "refused"), REQUESTS.values(), ids=REQUESTS)
def test_requests(node: Node, asked: str, refused: str | None) -> None:
    answer = node.ask(asked % VERSION, node.managed())
    if refused is None:
        assert Response.of(answer) == Response({}, 0)
    else:
        assert reference(answer) == refused


@pytest.mark.parametrize("tag", ["", ":v1"])
def test_one_key_and_no_secret_where_the_peer_has_four_wildcards(
    node: Node, host: str, tag: str
) -> None:
    """Its vector: {"aadClientId", "aadClientSecret"} -> five entries, four of them with the secret."""
    azure = node.azure
    path = node.azure_json(
        tenantId=azure.tenant, aadClientId=azure.client_id, aadClientSecret=azure.client_secret
    )
    response = Response.of(node.pull(f"{host}/nginx{tag}", path))
    assert response.password(host) != azure.client_secret


def test_the_service_principal_needs_its_tenant(node: Node, host: str) -> None:
    """The peer's vector has none, for it never signs in with the secret that it hands out."""
    path = node.azure_json(aadClientId="foo", aadClientSecret="bar")
    answer = node.pull(f"{host}/nginx", path)
    assert reference(answer) == "node-file"
    assert b"tenantId" in answer.err


ACCOUNTS = {  # the annotations of its vectors, and whether they are enough
    "both": ({CLIENT: "test-client-id", TENANT: "test-tenant-id"}, None),
    "no client id": ({TENANT: "test-tenant-id"}, CLIENT),
    "no tenant id": ({CLIENT: "test-client-id"}, TENANT),
    "an empty client id": ({CLIENT: "", TENANT: "test-tenant-id"}, CLIENT),
    "an empty tenant id": ({CLIENT: "test-client-id", TENANT: ""}, TENANT),
}


@pytest.mark.parametrize(("annotations", "missing"), ACCOUNTS.values(), ids=ACCOUNTS)
def test_annotations(
    node: Node, host: str, annotations: dict[str, str], missing: str | None
) -> None:
    members = {
        "serviceAccountToken": node.azure.federated_assertion(),
        "serviceAccountAnnotations": annotations,
    }
    answer = node.pull(f"{host}/test", node.azure_json(tenantID="test-tenant-id"), **members)
    if missing is None:  # Entra knows no such tenant, and was asked
        assert reference(answer) == "tenant-unknown"
        assert node.azure.count("discovery") == 1
    else:
        assert reference(answer) == "pod-annotation"
        assert missing.encode() in answer.err
