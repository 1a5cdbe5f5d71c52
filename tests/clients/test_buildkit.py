"""BuildKit: in the engine with CLI 20.10, through buildx with newer ones."""

import os

import pytest

from tests.clients.desk import CONFIGS, Desk, needs
from tests.clients.places import REGISTRY

pytestmark = needs("docker", "dockerd")

BUILDX = [
    f"{folder}/docker/cli-plugins/docker-buildx"
    for folder in ("/usr/libexec", "/usr/lib", "/usr/local/libexec", "/usr/local/lib")
]


@pytest.fixture
def buildkit(desk: Desk) -> Desk:
    """A desk whose `docker build` is BuildKit's."""
    desk.env["DOCKER_BUILDKIT"] = "1"
    desk.run("docker", "builder", "prune", "--force", "--all")
    if "buildx" in desk.run("docker", "build", "--help").stderr:
        pytest.skip("optional: this docker needs buildx for it")
    return desk


@pytest.mark.parametrize("config", CONFIGS)
def test_build(buildkit: Desk, context: str, config: str) -> None:
    """A private base image is one sign-in, however often BuildKit asks."""
    buildkit.configure(CONFIGS[config])

    done = buildkit.measure(f"BuildKit build, {config}", "docker", "build", "--no-cache", context)

    assert done.calls.get
    assert done.count("sign-in") == 1
    assert done.count("exchange") == 1


@pytest.mark.parametrize("answer", [401, 400, 200])
@pytest.mark.parametrize("username", ["guid"], indirect=True)
def test_password_grant(buildkit: Desk, context: str, answer: int) -> None:
    """Whatever the registry says of a password by POST, the build gets its base image."""
    with buildkit.lab.registry(REGISTRY, password_grant_for_guid=answer):
        buildkit.measure(f"BuildKit build, POST {answer}", "docker", "build", "--no-cache", context)


@pytest.mark.skipif(
    not any(map(os.path.exists, BUILDX)), reason="optional: Debian 12 has no buildx package"
)
def test_buildx(desk: Desk, context: str) -> None:
    """buildx pulls a private base and pushes its result with one sign-in."""
    done = desk.measure(
        "buildx build --push",
        *("docker", "buildx", "build", "--push", "--tag", f"{REGISTRY}/buildx/pushed", context),
    )

    assert done.count("sign-in") == 1
    assert done.count("exchange") == 1
