"""Who the kubelet's provider signs in as: the node, or the pod; and that nothing is shared between them."""

import json
import os
from collections.abc import Callable
from typing import Any

import pytest

from tests.azure import FakeAzure, Status
from tests.azure.tokens import peek
from tests.methods.worlds import made_certificate, pem_of
from tests.stories.node import CLIENT, PRINCIPAL, TENANT, Node, Pod, Response, reference, request
from tests.stories.program import Program, new_host

API_SERVER = "--ib-apiserver-ip"


@pytest.fixture
def node(programs: Callable[[], Program]) -> Node:
    """Has an identity only where a test gives it one."""
    program = programs()
    for name in PRINCIPAL:
        del program.environ[name]
    return Node(program)


@pytest.fixture
def pod(azure: FakeAzure) -> Pod:
    """A pod whose app trusts its service account."""
    return trusted(azure, "team")


def trusted(azure: FakeAzure, namespace: str) -> Pod:
    principal = azure.add_service_principal()
    made = Pod(
        azure, principal.client_id, f"system:serviceaccount:{namespace}:app", f"uid-{namespace}"
    )
    azure.add_federated_credential(made.client_id, subject=made.subject)
    return made


def signed_in(node: Node) -> list[str]:
    """The client ids that Entra was asked to sign in, in order."""
    return [r.form["client_id"] for r in node.azure.requests if r.kind == "sign-in"]


def owner(node: Node, host: str) -> list[str]:
    """Whose Entra tokens the registry was handed, in order."""
    handed = [r.form["access_token"] for r in node.azure.requests if r.kind == "exchange"]
    assert {r.host for r in node.azure.requests if r.kind == "exchange"} <= {host}
    return [peek(token)[1]["appid"] for token in handed]


# -- the node


def principal(node: Node, **more: object) -> str:
    """The path of an azure.json with the cluster's service principal."""
    azure = node.azure
    return node.azure_json(tenantId=azure.tenant, aadClientId=azure.client_id, **more)


@pytest.mark.parametrize("kind", ["client_id", "resource_id", "system"])
def test_the_kubelets_managed_identity(node: Node, host: str, kind: str) -> None:
    resource = "/subscriptions/s/resourceGroups/g/providers/x/userAssignedIdentities/" + host
    identity = node.azure.add_managed_identity(resource_id=resource)
    named = {"client_id": identity.client_id, "resource_id": resource, "system": ""}[kind]
    path = node.azure_json(useManagedIdentityExtension=True, userAssignedIdentityID=named)
    Response.of(node.pull(f"{host}/app", path)).password(host)
    expected = node.azure.system_identity if kind == "system" else identity
    assert owner(node, host) == [expected.client_id]


def test_the_secret_of_the_cluster_is_exchanged_and_never_handed_on(node: Node, host: str) -> None:
    """The peer gives it to the kubelet for every registry there is (acr.md 7.3)."""
    path = principal(node, aadClientSecret=node.azure.client_secret)
    answer = node.pull(f"{host}/app", path)
    password = Response.of(answer).password(host)
    assert password != node.azure.client_secret
    assert peek(password)[1]["aud"] == host
    assert node.azure.client_secret.encode() not in answer.out
    assert b"*" not in answer.out


def test_the_certificate_of_the_cluster_is_used(node: Node, host: str) -> None:
    """The peer passes it over."""
    key, certificate = made_certificate()
    path = os.path.join(node.program.home, "cluster.pem")
    with open(path, "wb") as file:
        file.write(pem_of(key, certificate))
    client_id = node.azure.add_service_principal(certificates=[certificate]).client_id
    file_path = node.azure_json(
        tenantId=node.azure.tenant,
        aadClientId=client_id,
        aadClientSecret="msi",
        aadClientCertPath=path,
    )
    Response.of(node.pull(f"{host}/app", file_path)).password(host)
    assert owner(node, host) == [client_id]


def test_the_federated_file_of_the_cluster(node: Node, host: str) -> None:
    token = os.path.join(node.program.home, "token")
    with open(token, "w", encoding="ascii") as file:
        file.write(node.azure.federated_assertion())
    node.program.own.add(token)
    path = principal(node, useFederatedWorkloadIdentityExtension=True, aadFederatedTokenFile=token)
    Response.of(node.pull(f"{host}/app", path)).password(host)
    assert owner(node, host) == [node.azure.client_id]


def test_a_change_of_the_file_is_another_identity(node: Node, host: str) -> None:
    path = node.managed()
    first = Response.of(node.pull(f"{host}/app", path)).password(host)
    assert node.managed() == path
    assert Response.of(node.pull(f"{host}/app", path)).password(host) != first
    assert len(set(owner(node, host))) == 2


def test_settings_that_name_a_method_stand(node: Node, host: str) -> None:
    identity = node.azure.add_managed_identity().client_id
    node.program.settings(
        f'[registries."{host}"]\nmethod = "managed-identity"\nclient_id = "{identity}"\n'
    )
    Response.of(node.pull(f"{host}/app", node.managed())).password(host)
    assert owner(node, host) == [identity]


@pytest.mark.parametrize("content", ["random-config", "{invalid json", "[]", "{}", None])
def test_a_file_that_cannot_be_used_is_named(node: Node, host: str, content: str | None) -> None:
    path = os.path.join(node.program.home, "azure.json")
    if content is not None:
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)
    answer = node.pull(f"{host}/app", path)
    assert reference(answer) == ("secret-unreadable" if content is None else "node-file")
    assert path[-40:].encode() in answer.err
    assert node.azure.requests == []


# -- the pod


def test_k04_the_pods_token_is_the_proof(node: Node, pod: Pod, host: str) -> None:
    members = pod.members()
    Response.of(node.pull(f"{host}/app", **members)).password(host)
    (sign_in,) = [r for r in node.azure.requests if r.kind == "sign-in"]
    assert sign_in.form["client_assertion"] == members["serviceAccountToken"]
    assert sign_in.form["client_id"] == pod.client_id
    assert owner(node, host) == [pod.client_id]


def test_a_pod_needs_no_azure_json_and_no_managed_identity(node: Node, pod: Pod, host: str) -> None:
    """With the peer the token counts for nothing where the node has no managed identity."""
    path = principal(node, aadClientSecret=node.azure.client_secret)
    Response.of(node.pull(f"{host}/app", path, **pod.members())).password(host)
    assert owner(node, host) == [pod.client_id]


def test_the_annotated_tenant_is_used_at_the_registry_too(node: Node, pod: Pod, host: str) -> None:
    """The peer sends the one of azure.json there."""
    path = node.azure_json(tenantId="another", useManagedIdentityExtension=True)
    node.program.environ["AZURE_TENANT_ID"] = "a-third"
    Response.of(node.pull(f"{host}/app", path, **pod.members())).password(host)
    (exchange,) = [r for r in node.azure.requests if r.kind == "exchange"]
    assert exchange.form["tenant"] == node.azure.tenant
    (sign_in,) = [r for r in node.azure.requests if r.kind == "sign-in"]
    assert sign_in.path.startswith(f"/{node.azure.tenant}/")


def test_the_settings_may_say_the_tenant(node: Node, pod: Pod, host: str) -> None:
    node.program.environ["AZURE_TENANT_ID"] = node.azure.tenant
    answer = node.pull(f"{host}/app", **pod.members(tenant=None))
    Response.of(answer).password(host)


def test_a_new_token_of_the_same_account_is_the_same_asker(node: Node, pod: Pod, host: str) -> None:
    first = Response.of(node.pull(f"{host}/app", **pod.members()))
    asked = len(node.azure.requests)
    assert Response.of(node.pull(f"{host}/app", **pod.members())).auth == first.auth
    assert len(node.azure.requests) == asked


def test_a_second_account_is_refused_while_the_firsts_token_is_cached(
    node: Node, pod: Pod, host: str
) -> None:
    """It names the same app, which does not trust it."""
    Response.of(node.pull(f"{host}/app", **pod.members()))
    other = Pod(node.azure, pod.client_id, "system:serviceaccount:evil:app", "uid-evil")
    answer = node.pull(f"{host}/app", **other.members())
    assert reference(answer) == "assertion-refused"
    assert other.subject.encode() in answer.err
    assert len(owner(node, host)) == 1
    Response.of(node.pull(f"{host}/app", **pod.members()))


OTHERWISE = {
    "account": {"subject": "system:serviceaccount:team:other"},
    "uid": {"uid": "uid-of-its-successor"},
    "issuer": {"issuer": "https://another-cluster.example"},
    "audience": {"audience": "api://other"},
}


@pytest.mark.parametrize("change", OTHERWISE.values(), ids=OTHERWISE)
def test_whoever_differs_is_asked_for_anew(
    node: Node, pod: Pod, host: str, change: dict[str, str]
) -> None:
    """Though the app trusts them all: neither registry token nor Entra token are shared."""
    Response.of(node.pull(f"{host}/app", **pod.members()))
    trust = {
        key: value for key, value in {"subject": pod.subject, **change}.items() if key != "uid"
    }
    node.azure.add_federated_credential(pod.client_id, **trust)
    claims: Any = {"subject": pod.subject, "uid": pod.uid, **change}
    members = pod.members()
    members["serviceAccountToken"] = node.azure.federated_assertion(**claims)
    Response.of(node.pull(f"{host}/app", **members))
    assert signed_in(node) == [pod.client_id] * 2
    assert len(owner(node, host)) == 2


def test_another_app_is_asked_for_anew(node: Node, pod: Pod, host: str) -> None:
    other = node.azure.add_service_principal().client_id
    node.azure.add_federated_credential(other, subject=pod.subject)
    for client_id in (pod.client_id, other, pod.client_id):
        Response.of(node.pull(f"{host}/app", **pod.members(client=client_id)))
    assert owner(node, host) == [pod.client_id, other]


def test_pod_and_node_share_nothing(node: Node, pod: Pod, host: str) -> None:
    path = node.managed()
    by_node = Response.of(node.pull(f"{host}/app", path)).password(host)
    by_pod = Response.of(node.pull(f"{host}/app", path, **pod.members())).password(host)
    assert by_node != by_pod
    assert node.azure.count("exchange") == 2
    assert Response.of(node.pull(f"{host}/app", path)).password(host) == by_node


def test_a_refusal_is_remembered_for_the_account_that_got_it(
    node: Node, pod: Pod, host: str
) -> None:
    refused = Pod(node.azure, pod.client_id, "system:serviceaccount:evil:app", "uid-evil")
    assert reference(node.pull(f"{host}/app", **refused.members())) == "assertion-refused"
    Response.of(node.pull(f"{host}/app", **pod.members())).password(host)


def test_registries_of_one_pod_share_its_sign_in(node: Node, pod: Pod) -> None:
    for host in (new_host(), new_host()):
        Response.of(node.pull(f"{host}/app", **pod.members())).password(host)
    assert node.azure.count("sign-in") == 1
    assert node.azure.count("exchange") == 2


def test_a_token_that_says_nothing_is_not_kept(node: Node, host: str) -> None:
    client_id = node.azure.add_service_principal().client_id
    members = {
        "serviceAccountToken": "CANARY-not-a-jwt",
        "serviceAccountAnnotations": {CLIENT: client_id, TENANT: node.azure.tenant},
    }
    answer = node.pull(f"{host}/app", **members)
    assert reference(answer) != "internal"
    assert b"CANARY" not in answer.err
    assert node.program.entries() == []


@pytest.mark.parametrize("client", [None, "", " "])
def test_k05_a_pod_without_the_annotation_is_refused_in_its_name(
    node: Node, pod: Pod, host: str, client: str | None
) -> None:
    answer = node.pull(f"{host}/app", node.managed(), **pod.members(client=client))
    assert reference(answer) == "pod-annotation"
    assert CLIENT.encode() in answer.err
    assert node.azure.requests == []


def test_k05_or_the_node_signs_in_for_it(node: Node, pod: Pod, host: str) -> None:
    path = node.managed()
    arguments = (path, "--unannotated=node")
    answer = node.pull(f"{host}/app", *arguments, **pod.members(client=None))
    password = Response.of(answer).password(host)
    assert signed_in(node) == []
    assert Response.of(node.pull(f"{host}/app", *arguments)).password(host) == password
    annotated = node.pull(f"{host}/app", *arguments, **pod.members())
    assert Response.of(annotated).password(host) != password


@pytest.mark.parametrize("tenant", [None, ""])
def test_a_missing_tenant_is_named(node: Node, pod: Pod, host: str, tenant: str | None) -> None:
    answer = node.pull(f"{host}/app", node.managed(), **pod.members(tenant=tenant))
    assert reference(answer) == "pod-annotation"
    assert TENANT.encode() in answer.err
    assert node.azure.requests == []


@pytest.mark.parametrize("value", ["../x", "a/b", "a?b", "a b", "a\nb", "x" * 300, "ä"])
@pytest.mark.parametrize("which", ["client", "tenant"])
def test_whoever_annotates_chooses_no_address(
    node: Node, pod: Pod, host: str, which: str, value: str
) -> None:
    """Annotations are the pod owner's; the program is root on the node."""
    answer = node.pull(f"{host}/app", **pod.members(**{which: value}))
    assert reference(answer) == "pod-annotation"
    assert node.azure.requests == []


def test_foreign_images_of_any_pod_cost_nothing(node: Node, pod: Pod) -> None:
    answer = node.pull("docker.io/library/x", **pod.members(client=None))
    assert Response.of(answer) == Response({}, 0)


def test_a_mirrored_image_is_the_nodes(node: Node, pod: Pod, host: str) -> None:
    """As the peer has it: who mirrors a registry for the whole node lends it the node's identity."""
    identity = node.azure.add_managed_identity().client_id
    path = node.azure_json(useManagedIdentityExtension=True, userAssignedIdentityID=identity)
    mirror = f"--registry-mirror=mcr.microsoft.com:{host}"
    Response.of(node.pull("mcr.microsoft.com/pause", path, mirror, **pod.members()))
    assert owner(node, host) == [identity]


# -- identity bindings


def bound(node: Node, **more: str) -> list[str]:
    """The arguments that lead to a cluster's token proxy; the environment says its CA."""
    cluster = node.azure.listen_bindings()
    node.program.environ["AZURE_KUBERNETES_CA_FILE"] = cluster.ca_file
    node.program.environ["NO_PROXY"] = ""
    flags = {"sni-name": cluster.name, "apiserver-ip": cluster.address, **more}
    return [f"--ib-{name}={value}" for name, value in flags.items()]


def test_identity_bindings_ask_the_api_server(node: Node, pod: Pod, host: str) -> None:
    members = pod.members()
    flags = bound(node)
    Response.of(node.pull(f"{host}/app", *flags, **members)).password(host)
    kinds = [r.kind for r in node.azure.requests]
    assert kinds == ["bindings", "connect", "exchange"]  # the registry through the proxy, as always
    asked = node.azure.requests[0]
    assert (asked.method, asked.path, asked.host) == ("POST", "/", "bindings.cluster.example")
    assert asked.form["client_assertion"] == members["serviceAccountToken"]
    assert asked.form["client_id"] == pod.client_id
    assert asked.form["scope"] == "https://containerregistry.azure.net/.default"
    assert owner(node, host) == [pod.client_id]


def test_bound_pods_have_defaults(node: Node, pod: Pod, host: str) -> None:
    more = {"default-client-id": pod.client_id, "default-tenant-id": node.azure.tenant}
    flags = bound(node, **more)
    members = {"serviceAccountToken": pod.token()}
    Response.of(node.pull(f"{host}/app", *flags, **members)).password(host)
    other = trusted(node.azure, "other")
    Response.of(node.pull(f"{host}/app", *flags, **other.members())).password(host)
    assert owner(node, host) == [pod.client_id, other.client_id]


def test_bindings_and_entra_do_not_share(node: Node, pod: Pod, host: str) -> None:
    Response.of(node.pull(f"{host}/app", **pod.members()))
    Response.of(node.pull(f"{host}/app", *bound(node), **pod.members()))
    assert node.azure.count("exchange") == 2


def test_bindings_without_a_token_say_what_is_missing(node: Node, host: str) -> None:
    answer = node.pull(f"{host}/app", *bound(node))
    assert reference(answer) == "pod-annotation"
    assert b"tokenAttributes" in answer.err


def test_the_nodes_ca_is_where_it_always_is(node: Node, pod: Pod, host: str) -> None:
    flags = bound(node)
    del node.program.environ["AZURE_KUBERNETES_CA_FILE"]
    answer = node.pull(f"{host}/app", *flags, **pod.members())
    assert reference(answer) == "secret-unreadable"
    assert b"/etc/kubernetes/certs/ca.crt" in answer.err


def test_a_fault_of_the_token_proxy_is_told(node: Node, pod: Pod, host: str) -> None:
    """The peer shows the whole body of the answer."""
    flags = bound(node)
    node.azure.fault("bindings", Status(503))
    answer = node.pull(f"{host}/app", *flags, **pod.members())
    assert reference(answer) == "entra-unavailable"


def test_the_request_may_come_by_the_peers_name(node: Node, pod: Pod, host: str) -> None:
    asked = request(f"{host}/app", **pod.members())
    Response.of(node.called("acr-credential-provider", asked, node.managed())).password(host)
    assert json.loads(asked)["serviceAccountToken"] in node.azure.secrets
