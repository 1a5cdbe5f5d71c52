"""The docker CLI and a real engine; its classic builder."""

import pytest

from tests.clients.desk import CONFIGS, CREDENTIALS_STORE, GUID, Desk, needs
from tests.clients.places import BASE, OPEN, REGISTRY
from tests.clients.recorder import Calls

pytestmark = needs("docker", "dockerd")


@pytest.fixture(params=CONFIGS)
def config(request: pytest.FixtureRequest, desk: Desk) -> str:
    """Both ways of naming the helper in Docker's config."""
    name: str = request.param
    desk.configure(CONFIGS[name])
    return name


def test_pull(desk: Desk, config: str) -> None:
    """A pull asks once."""
    desk.run("docker", "rmi", "--force", BASE)

    done = desk.measure(f"docker pull, {config}", "docker", "pull", BASE)

    assert Calls(get=1) == done.calls


def test_push(desk: Desk, archive: str) -> None:
    """A push asks once."""
    desk.prepare("docker", "import", archive, f"{REGISTRY}/docker/pushed")

    done = desk.measure("docker push", "docker", "push", f"{REGISTRY}/docker/pushed")

    assert Calls(get=1) == done.calls


def test_manifest_inspect(desk: Desk) -> None:
    """The CLI itself reads a manifest; it asks once."""
    done = desk.measure("docker manifest inspect", "docker", "manifest", "inspect", BASE)

    assert Calls(get=1) == done.calls


def test_build(desk: Desk, context: str, config: str) -> None:
    """The classic builder asks for everything the config or the list names; it does not warn."""
    desk.env["DOCKER_BUILDKIT"] = "0"
    if config == "credsStore":
        desk.settle(f'[registries."{REGISTRY}"]\nmethod = "automatic"\n')  # to be listed
    desk.run("docker", "rmi", "--force", BASE)

    done = desk.measure(f"docker build, {config}", "docker", "build", "--tag", "built", context)

    assert {"credHelpers": Calls(get=2), "credsStore": Calls(list=1, get=1)}[config] == done.calls
    assert "WARNING" not in done.stderr.upper()


def test_login_with_password(desk: Desk) -> None:
    """`docker login -u GUID -p TOKEN`, what `az acr login` runs, is taken."""
    answer = desk.get()

    done = desk.measure(
        "docker login -u -p",
        *("docker", "login", "--username", GUID, "--password-stdin", REGISTRY),
        stdin=answer["Secret"],
    )

    assert "Login Succeeded" in done.stdout
    assert Calls(store=1) == done.calls


def test_login_from_elsewhere(desk: Desk) -> None:
    """A token that somebody else got, as `az acr login` hands over, is used while it lives."""
    token = desk.get()["Secret"]
    desk.forget_everything()

    desk.measure(
        "docker login, other token",
        *("docker", "login", "--username", GUID, "--password-stdin", REGISTRY),
        stdin=token,
    )
    pull = desk.measure("docker pull, other token", "docker", "pull", BASE)

    assert pull.calls == Calls(get=1)
    assert pull.count("exchange") == 0


def test_login_of_admin_is_refused_aloud(desk: Desk) -> None:
    """A login that is no token is not kept yet: docker says so, and nothing is dropped silently."""
    user, password = desk.lab.admin(REGISTRY)

    login = desk.run(
        *("docker", "login", "--username", user, "--password-stdin", REGISTRY), stdin=password
    )

    assert login.exit != 0
    assert "[store-not-kept]" in login.stderr
    assert password not in login.stdout + login.stderr


@pytest.mark.parametrize("username", ["guid"], indirect=True)
def test_login_without_arguments(desk: Desk) -> None:
    """`docker login` without arguments takes what the helper has and gives it back."""
    done = desk.measure("docker login", "docker", "login", REGISTRY)

    assert "Login Succeeded" in done.stdout
    assert Calls(get=1, store=1) == done.calls


@pytest.mark.parametrize("username", ["token"], indirect=True)
def test_login_refused(desk: Desk) -> None:
    """With `<token>` docker asks for a user name (as documented); with no terminal it gives up."""
    done = desk.run("docker", "login", REGISTRY)

    assert done.exit != 0
    assert "non TTY" in done.stderr
    assert Calls(get=1) == done.calls


def test_logout(desk: Desk, config: str) -> None:
    """Logout erases every form of the name without a warning, and the next pull signs in again."""
    desk.prepare("docker", "pull", BASE)

    done = desk.measure(f"docker logout, {config}", "docker", "logout", REGISTRY)
    again = desk.run("docker", "pull", BASE)

    assert "WARNING" not in done.stderr.upper()
    assert Calls(erase={"credHelpers": 2, "credsStore": 4}[config]) == done.calls
    assert again.count("exchange") == 1, again


def test_foreign_registry(desk: Desk) -> None:
    """As the store for everything, the helper leaves a foreign registry alone, without Azure."""
    desk.configure(CREDENTIALS_STORE)

    done = desk.measure("docker pull, foreign", "docker", "pull", f"{OPEN}/base")

    assert Calls(get=1) == done.calls
    assert done.requests == []
