"""docs/kubernetes.md: what it says is there, and what it shows works."""

import argparse
import json
import os
import re
from typing import Any

import pytest

from docker_credential_acr import kubelet_arguments, kubelet_request
from docker_credential_acr.commands import pull_secret
from docker_credential_acr.references import REFERENCES
from docker_credential_acr.settings import for_host, parse
from tests.kubernetes.nodes import HERE, KUBEADM, MANIFESTS, RANCHER

ROOT = os.path.join(HERE, "..", "..")
with open(os.path.join(ROOT, "docs", "kubernetes.md"), encoding="utf-8") as _file:
    TEXT = _file.read()


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^ *```{kind}\n(.*?)^ *```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("path", sorted(set(re.findall(r"packaging/[\w./-]*\w", TEXT))))
def test_what_it_names_is_there(path: str) -> None:
    assert os.path.exists(os.path.join(ROOT, path)) or path.endswith("/mine")


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)]+)\)", TEXT))))
def test_its_links_lead_somewhere(link: str) -> None:
    if not link.startswith("#"):
        assert os.path.exists(os.path.join(ROOT, "docs", link))
        return
    heads = re.findall(r"^#+ (.*)$", TEXT, re.MULTILINE)
    names = {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}
    assert link[1:] in names


def test_the_settings_that_it_shows_are_settings() -> None:
    (text,) = blocks("toml")
    chosen = for_host(parse(text.encode(), "config.toml"), "team.azurecr.io", {})
    assert chosen.method == "client-secret"
    assert chosen.options.client_secret_file == "/etc/docker-credential-acr/client-secret"
    assert f"--from-file={os.path.basename(chosen.options.client_secret_file)}" in TEXT


def test_the_request_to_try_by_hand_is_one() -> None:
    (shown,) = re.findall(r"echo '(\{.*\})'", TEXT)
    image, token, annotations = kubelet_request.request(shown.encode())
    assert image == "myregistry.azurecr.io/app"
    assert (token, annotations) == ("", {})


def test_every_argument_has_its_row() -> None:
    rows = re.findall(r"^\| `(--[a-z-]+)` \|", TEXT, re.MULTILINE)
    known: Any = kubelet_arguments
    assert sorted(rows) == sorted(known._FLAGS)  # noqa: SLF001  the table that decides


def test_the_references_that_it_explains_exist() -> None:
    named = re.findall(r"`\[([a-z-]+)\]`", TEXT)
    assert len(named) >= 5
    assert set(named) <= set(REFERENCES)


def test_its_pull_secret_is_understood() -> None:
    (line,) = re.findall(r"`docker-credential-acr pull-secret (.*?)` prints", TEXT)
    parser = argparse.ArgumentParser(exit_on_error=False)
    pull_secret.arguments(parser)
    found = parser.parse_args(line.replace("HOST...", "a.azurecr.io").split())
    assert (found.name, found.namespace) == ("acr-pull", ["team-a"])


def test_the_places_are_those_of_the_script() -> None:
    for place in (KUBEADM, f"{RANCHER}/config.yaml", f"{RANCHER}/bin/acr-credential-provider"):
        assert f"`{place}`" in TEXT
    with open(os.path.join(MANIFESTS, "nodes", "install", "node.sh"), encoding="utf-8") as file:
        script = file.read()
    for word in ("/etc/default/kubelet", "/etc/sysconfig/kubelet", "k3s-agent", "rke2-server"):
        assert word in script
        assert f"`{word}`" in TEXT


def test_federated_credentials_are_json() -> None:
    shown = re.findall(r"--parameters '(\{.*?\})'", TEXT, re.DOTALL)
    assert len(shown) == 2
    for text in shown:
        assert json.loads(text)["audiences"] == ["api://AzureADTokenExchange"]
    assert "system:serviceaccount:acr-pull-secret:renewer" in shown[1]
