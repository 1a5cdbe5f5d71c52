"""The manifests: valid by the schemas that Kubernetes publishes, and as narrow as they can be.

The schemas come from PyPI's ``kubernetes-validate``. The kubelet's own files are not among them: what the
kubelet demands of a CredentialProviderConfig is restated here from its source, kubernetes/kubernetes
``staging/src/k8s.io/kubelet/config/v1/types.go`` and ``pkg/credentialprovider/plugin/config.go`` (its
``validateCredentialProviderConfig``), and how it matches images from ``pkg/credentialprovider/keyring.go``.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from docker_credential_acr import kubelet_arguments, registry
from docker_credential_acr.commands import pull_secret
from tests.kubernetes.nodes import MANIFESTS

VERSIONS = ("1.34", "1.37")
BUILDS = (
    "nodes/install",
    "nodes/uninstall",
    "pull-secret/base",
    "pull-secret/example",
    "pull-secret/namespace",
)


def files(ends: str = ".yaml") -> list[str]:
    return sorted(
        os.path.relpath(os.path.join(root, name), MANIFESTS)
        for root, _, names in os.walk(MANIFESTS)
        for name in names
        if name.endswith(ends)
    )


def documents(path: str) -> list[dict[str, Any]]:
    with open(os.path.join(MANIFESTS, path), encoding="utf-8") as file:
        return list(yaml.safe_load_all(file))


KINDS = {path: [document["kind"] for document in documents(path)] for path in files()}
PROVIDERS = [path for path, kinds in KINDS.items() if kinds == ["CredentialProviderConfig"]]
OBJECTS = [
    path
    for path, kinds in KINDS.items()
    if not {"CredentialProviderConfig", "Kustomization"} & {*kinds}
]


def test_every_file_is_looked_at() -> None:
    assert len(PROVIDERS) == 5
    assert len(OBJECTS) >= 8
    kustomizations = [path for path, kinds in KINDS.items() if kinds == ["Kustomization"]]
    assert sorted(map(os.path.dirname, kustomizations)) == sorted(BUILDS)
    assert len(PROVIDERS) + len(OBJECTS) + len(kustomizations) == len(files())


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("path", OBJECTS)
def test_objects_are_valid(path: str, version: str) -> None:
    """Strictly: a key that is misspelt is no key."""
    for document in documents(path):
        kubernetes_validate.validate(document, version, strict=True)


def test_the_schemas_refuse() -> None:
    (job,) = documents("builds/kaniko.yaml")
    job["spec"]["template"]["spec"]["containers"][0]["imagePullPolize"] = "Always"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(job, VERSIONS[0], strict=True)


# -- kustomizations, by kubectl itself


def built(path: str) -> list[dict[str, Any]]:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        if "kubernetes" in os.environ.get("ACR_TESTS_REQUIRE", ""):
            pytest.fail("kubectl is not installed")
        pytest.skip("kubectl is not installed")
    ran = subprocess.run(
        [kubectl, "kustomize", os.path.join(MANIFESTS, path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    return list(yaml.safe_load_all(ran.stdout))


@pytest.mark.parametrize("path", BUILDS)
def test_kustomizations_build_and_are_valid(path: str) -> None:
    found = built(path)
    for document in found:
        kubernetes_validate.validate(document, VERSIONS[0], strict=True)
    for pod in pods(found):
        for container in containers(pod):
            assert re.fullmatch(r"[a-z0-9.]+\.[a-z]+/[a-z0-9./-]+:v?[0-9.]+", container["image"])


def test_uninstall_differs_from_install_by_one_word() -> None:
    text = json.dumps(built("nodes/uninstall"))
    assert text.replace('"uninstall"', '"install"') == json.dumps(built("nodes/install"))
    assert text.count('"uninstall"') == 1


def test_the_node_gets_the_script_and_a_provider() -> None:
    (config,) = [each for each in built("nodes/install") if each["kind"] == "ConfigMap"]
    assert set(config["data"]) == {"node.sh", "credential-provider.yaml"}
    assert config["metadata"]["name"].startswith("node-installer-"), "a change is a new rollout"
    assert (
        yaml.safe_load(config["data"]["credential-provider.yaml"])
        == documents("providers/node-identity.yaml")[0]
    )


# -- the kubelet's configuration

PROVIDER_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["apiVersion", "kind", "providers"],
    "properties": {
        "apiVersion": {"const": "kubelet.config.k8s.io/v1"},
        "kind": {"const": "CredentialProviderConfig"},
        "providers": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name", "matchImages", "defaultCacheDuration", "apiVersion"],
                "properties": {
                    "name": {"type": "string", "pattern": r"^(?!\.\.?$)[^/ ]+$"},
                    "matchImages": {
                        "type": "array",
                        "minItems": 1,
                        "items": {
                            "type": "string",
                            "pattern": r"^[^\s/:?#@]+(:[0-9]+)?(/[^\s]*)?$",
                        },
                    },
                    "defaultCacheDuration": {
                        "type": "string",
                        "pattern": r"^([0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h))+$|^0$",
                    },
                    "apiVersion": {"const": "credentialprovider.kubelet.k8s.io/v1"},
                    "args": {"type": "array", "items": {"type": "string"}},
                    "env": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "additionalProperties": False,
                            "required": ["name", "value"],
                            "properties": {"name": {"type": "string"}, "value": {"type": "string"}},
                        },
                    },
                    "tokenAttributes": {
                        "type": "object",
                        "additionalProperties": False,
                        "required": [
                            "serviceAccountTokenAudience",
                            "cacheType",
                            "requireServiceAccount",
                        ],
                        "properties": {
                            "serviceAccountTokenAudience": {"type": "string", "minLength": 1},
                            "cacheType": {"enum": ["ServiceAccount", "Token"]},
                            "requireServiceAccount": {"type": "boolean"},
                            "requiredServiceAccountAnnotationKeys": {"$ref": "#/$defs/keys"},
                            "optionalServiceAccountAnnotationKeys": {"$ref": "#/$defs/keys"},
                        },
                        "if": {"required": ["requiredServiceAccountAnnotationKeys"]},
                        "then": {"properties": {"requireServiceAccount": {"const": True}}},
                    },
                },
            },
        },
    },
    "$defs": {
        "keys": {
            "type": "array",
            "uniqueItems": True,
            "items": {"type": "string", "pattern": r"^([a-z0-9.-]{1,253}/)?[A-Za-z0-9._-]{1,63}$"},
        }
    },
}


def provider(path: str) -> dict[str, Any]:
    (config,) = documents(path)
    (found,) = config["providers"]
    return dict(found)


@pytest.mark.parametrize("path", PROVIDERS)
def test_the_kubelet_takes_it(path: str) -> None:
    (config,) = documents(path)
    jsonschema.validate(config, PROVIDER_SCHEMA)
    attributes = provider(path).get("tokenAttributes", {})
    both = ["requiredServiceAccountAnnotationKeys", "optionalServiceAccountAnnotationKeys"]
    required, optional = (set(attributes.get(key, ())) for key in both)
    assert not required & optional


@pytest.mark.parametrize("path", PROVIDERS)
def test_its_arguments_are_known_to_the_program(path: str) -> None:
    """And the name tells it that the kubelet asks."""
    found = provider(path)
    assert kubelet_arguments.called([f"/x/{found['name']}", *found.get("args", [])]) is not None
    kubelet_arguments.arguments(found.get("args", []))


@pytest.mark.parametrize(
    "path", ["providers/service-account.yaml", "providers/identity-bindings.yaml"]
)
def test_the_annotations_that_it_reads_are_handed_over(path: str) -> None:
    from docker_credential_acr.kubelet_request import CLIENT_ID, TENANT_ID  # noqa: PLC0415

    keys = provider(path)["tokenAttributes"]["optionalServiceAccountAnnotationKeys"]
    assert keys == [CLIENT_ID, TENANT_ID]


def matches(pattern: str, image: str) -> bool:
    """As the kubelet does: label by label, the port to the letter."""
    written, _, port = pattern.partition(":")
    host, _, asked = image.partition("/")[0].partition(":")
    labels, wanted = host.split("."), written.split(".")
    return port == asked and len(labels) == len(wanted) and all(map(fnmatchcase, labels, wanted))


FORMS = ("team.{}", "team-e7ggejfuhzhgedc8.{}", "team.eastus.geo.{}", "team-abc.eastus.geo.{}")


@pytest.mark.parametrize("path", ["providers/node-identity.yaml", "providers/service-account.yaml"])
@pytest.mark.parametrize("suffix", ["azurecr.io", "azurecr.cn", "azurecr.us"])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_host_is_matched(path: str, suffix: str, form: str) -> None:
    host = form.format(suffix)
    assert registry.is_ours(host)
    assert any(matches(pattern, f"{host}/app") for pattern in provider(path)["matchImages"])


# -- as narrow as they can be


def pods(found: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for document in found:
        spec = document.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if "template" in spec:
            yield spec["template"]["spec"]


def containers(pod: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from pod.get("initContainers", [])
    yield from pod["containers"]


def every_container() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    for path in OBJECTS:
        for pod in pods(documents(path)):
            for container in containers(pod):
                yield f"{path}: {container['name']}", pod, container


PRIVILEGED = "nodes/install/daemonset.yaml: node"  # nsenter
UNCONFINED = {
    "builds/buildkit.yaml: build",
    "builds/buildah.yaml: build",
    "builds/kaniko.yaml: build",
}


def test_one_container_is_privileged_and_no_other() -> None:
    privileged = [
        name
        for name, _, each in every_container()
        if each.get("securityContext", {}).get("privileged")
    ]
    assert privileged == [PRIVILEGED]
    for name, _, container in every_container():
        context = container.get("securityContext", {})
        if name not in {PRIVILEGED, *UNCONFINED}:
            assert context["allowPrivilegeEscalation"] is False, name
            assert context["readOnlyRootFilesystem"] is True, name
            assert context["capabilities"]["drop"] == ["ALL"], name


def test_nobody_gets_an_api_token_that_does_not_ask_the_api_server() -> None:
    with_token = [
        name
        for name, pod, container in every_container()
        if pod["automountServiceAccountToken"] is not False
        or any(
            "kubernetes.io/serviceaccount" in m["mountPath"]
            for m in container.get("volumeMounts", [])
        )
    ]
    assert with_token == ["pull-secret/base/cronjob.yaml: apply"]


def test_the_rights_are_for_one_secret_that_is_there() -> None:
    role, binding = documents("pull-secret/namespace/rights.yaml")
    (secret,) = documents("pull-secret/namespace/placeholder.yaml")
    assert role["kind"] == "Role"
    (rule,) = role["rules"]
    assert rule["resourceNames"] == [secret["metadata"]["name"]]
    assert rule["resources"] == ["secrets"]
    assert rule["verbs"] == ["get", "patch"], "who may create Secrets may create a token's"
    namespace, account, _ = documents("pull-secret/base/cronjob.yaml")
    subject = binding["subjects"][0]
    assert subject["name"] == account["metadata"]["name"]
    assert subject["namespace"] == account["metadata"]["namespace"] == namespace["metadata"]["name"]
    (clusterwide,) = [path for path, kinds in KINDS.items() if "ClusterRole" in kinds]
    assert clusterwide == "nodes/audience.yaml"


def test_kubelets_may_ask_for_the_audience_that_their_configuration_names() -> None:
    role, binding = documents("nodes/audience.yaml")
    attributes = provider("providers/service-account.yaml")["tokenAttributes"]
    (rule,) = role["rules"]
    assert rule["resources"] == [attributes["serviceAccountTokenAudience"]]
    assert rule["verbs"] == ["request-serviceaccounts-token-audience"]
    assert binding["subjects"][0]["name"] == "system:nodes"


def test_volumes_are_there() -> None:
    """A name that is misspelt is seen by the API server only."""
    for name, pod, container in every_container():
        known = {volume["name"] for volume in pod.get("volumes", [])}
        assert {mount["name"] for mount in container.get("volumeMounts", [])} <= known, name


def arguments_of(container: dict[str, Any]) -> argparse.Namespace | None:
    args = container.get("args", [])
    if args[:1] != ["pull-secret"]:
        return None
    parser = argparse.ArgumentParser(exit_on_error=False)
    pull_secret.arguments(parser)
    return parser.parse_args(args[1:])


def test_the_arguments_are_those_of_pull_secret() -> None:
    found = {name: arguments_of(container) for name, _, container in every_container()}
    given = {name: each for name, each in found.items() if each}
    assert set(given) == {"builds/kaniko.yaml: login", "pull-secret/base/cronjob.yaml: secrets"}
    (secret,) = documents("pull-secret/namespace/placeholder.yaml")
    renewed = given["pull-secret/base/cronjob.yaml: secrets"]
    assert renewed.name == secret["metadata"]["name"]
    job = documents("pull-secret/base/cronjob.yaml")[2]
    (apply,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert f"--filename={renewed.output}" in apply["command"]


def test_the_example_changes_what_it_means_to() -> None:
    (job,) = [each for each in built("pull-secret/example") if each["kind"] == "CronJob"]
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    found = arguments_of(pod["initContainers"][0])
    assert found is not None
    assert found.hosts == ["team.azurecr.io", "shared.azurecr.io"]
    assert found.namespace == ["team-a", "team-b"]
    environ = {each["name"]: each["value"] for each in pod["initContainers"][0]["env"]}
    assert environ["AZURE_CLIENT_ID"].startswith("1111")
    assert environ["AZURE_TENANT_ID"].startswith("6666")
    assert environ["AZURE_FEDERATED_TOKEN_FILE"] == "/identity/token"


def test_builds_find_the_helper_by_its_name() -> None:
    """config.json names it, PATH leads to it."""
    config = documents("builds/identity.yaml")[2]
    assert json.loads(config["data"]["config.json"]) == {
        "credHelpers": {"myregistry.azurecr.io": "acr"}
    }
    for name in ("buildkit", "buildah"):
        (job,) = documents(f"builds/{name}.yaml")
        pod = job["spec"]["template"]["spec"]
        first, *copied, target = pod["initContainers"][0]["command"]
        assert (first, target) == ("/bin/cp", "/helper/")
        assert "/install/usr" in copied
        assert 'PATH="$PATH:/helper/usr/bin"' in pod["containers"][0]["args"][0]
        assert "myregistry.azurecr.io" in pod["containers"][0]["args"][0]


def test_buildkit_has_the_libc_that_the_helper_wants() -> None:
    """Its image has musl's: glibc is mounted where the helper looks for it, from what was copied.

    That it runs so is tested with the image itself: ``tests/packages/test_install.py``.
    """
    (job,) = documents("builds/buildkit.yaml")
    pod = job["spec"]["template"]["spec"]
    assert pod["nodeSelector"] == {"kubernetes.io/arch": "amd64"}
    copied = pod["initContainers"][0]["command"][2:-1]
    mounts = pod["containers"][0]["volumeMounts"]
    beside = {each["mountPath"]: each["subPath"] for each in mounts if "subPath" in each}
    assert beside == {path: path[1:] for path in ("/lib64", "/lib/x86_64-linux-gnu")}
    assert {f"/{path.partition('/')[0]}" for path in beside.values()} <= {*copied}


def test_the_drop_in_names_what_packages_install() -> None:
    path = os.path.join(MANIFESTS, "systemd", "20-docker-credential-acr.conf")
    with open(path, encoding="utf-8") as file:
        head, flags = [line for line in file.read().splitlines() if line and line[0] != "#"]
    assert head == "[Service]"
    assert flags.startswith('Environment="KUBELET_EXTRA_ARGS=--')
    given = dict(re.findall(r'--image-credential-provider-([a-z-]+)=([^ "]+)', flags))
    assert given == {
        "bin-dir": "/usr/lib/docker-credential-acr/kubelet",
        "config": "/etc/docker-credential-acr/credential-provider.yaml",
    }
    with open(os.path.join(MANIFESTS, "..", "shipping", "stage.py"), encoding="utf-8") as file:
        stage = file.read()
    assert 'PREFIX = f"usr/lib/{NAME}"' in stage
    assert 'KUBELET = f"{PREFIX}/kubelet"' in stage
    assert f"/{provider(PROVIDERS[0])['name']}" in stage
