"""The recipes of docs/recipes.md, typed as they stand there, by real clients."""

import base64
import json
import os
from pathlib import Path

import pytest

from tests.clients.desk import GUID, Desk, needs
from tests.clients.places import BASE, REGISTRY
from tests.clients.recorder import Calls

SIGN_IN = ("--method", "client-secret", "--client-secret-env", "AZURE_CLIENT_SECRET")
CURL = """curl --silent --show-error --fail --header \
"$(docker-credential-acr token {host} --scope repository:base:pull --format header)" \
https://{host}/v2/base/tags/list"""


@pytest.fixture
def username() -> str:
    """People meet the default form first."""
    return "guid"


@pytest.fixture
def nothing_yet(desk: Desk) -> Desk:
    """Somebody who has installed the program and nothing else."""
    os.unlink(desk.docker_config)
    del desk.env["REGISTRY_AUTH_FILE"]
    return desk


@needs("docker")
def test_a_first_minute(nothing_yet: Desk, helper: str) -> None:
    """`configure`, then a pull: what was proved is what the pull gets."""
    nothing_yet.prepare(helper, "configure", REGISTRY, *SIGN_IN)
    pull = nothing_yet.measure("docker pull, first minute", "docker", "pull", BASE)

    assert pull.calls == Calls(get=1)
    assert (pull.count("sign-in"), pull.count("exchange")) == (0, 0)


@pytest.mark.parametrize("client", ["podman", "buildah", "skopeo"])
def test_podman_and_its_kin(nothing_yet: Desk, helper: str, client: str) -> None:
    """`configure --podman` writes the file that all three of them read."""
    if nothing_yet.lab.run(["which", client], nothing_yet.env, nothing_yet.folder).exit:
        pytest.skip(f"not installed: {client}")
    nothing_yet.prepare(helper, "configure", REGISTRY, "--podman", *SIGN_IN)
    argv = ("list-tags", f"docker://{BASE}") if client == "skopeo" else ("pull", BASE)
    pull = nothing_yet.measure(f"{client}, configured", client, *argv)

    assert pull.calls == Calls(get=1)
    assert not Path(nothing_yet.docker_config).exists()


@needs("docker")
def test_coming_from_az_acr_login(nothing_yet: Desk, helper: str) -> None:
    """What lies in Docker's config in plain text is gone, and the helper is asked in its place."""
    login = {"auth": base64.b64encode(f"{GUID}:".encode()).decode(), "identitytoken": "CANARY-old"}
    nothing_yet.configure({"auths": {REGISTRY: login}})
    nothing_yet.prepare(helper, "configure", REGISTRY, "--replace", *SIGN_IN)
    after = json.loads(Path(nothing_yet.docker_config).read_text())
    pull = nothing_yet.measure("docker pull, after az acr login", "docker", "pull", BASE)

    assert REGISTRY not in after["auths"]
    assert pull.calls == Calls(get=1)


@needs("docker")
def test_and_back(nothing_yet: Desk, helper: str) -> None:
    nothing_yet.prepare(helper, "configure", REGISTRY, *SIGN_IN)
    nothing_yet.prepare(helper, "configure", REGISTRY, "--remove")
    pull = nothing_yet.run("docker", "pull", BASE)

    assert pull.helper == []
    assert pull.exit != 0


@needs("curl")
def test_curl(desk: Desk) -> None:
    """A token for one repository, in the header that a registry wants."""
    done = desk.run("sh", "-c", CURL.format(host=REGISTRY))

    assert done.exit == 0, repr(done)
    assert json.loads(done.stdout)["tags"]
