"""The docker CLI and a real engine; its classic builder."""

import os
from collections.abc import Iterator

import pytest

from tests.clients.desk import CONFIGS, CREDENTIALS_STORE, GUID, Desk, needs
from tests.clients.places import BASE, OPEN, REGISTRY, SECOND
from tests.clients.recorder import Calls
from tests.stories.other_helpers import keyring, pass_store

pytestmark = needs("docker", "dockerd")

# A store that takes a login and does not let go of it.
KEEPS_FOR_EVER = """#!/bin/sh
case $1 in
    store) cat >"$HOME/kept" ;;
    get)
        [ -f "$HOME/kept" ] || { echo "credentials not found in native keychain"; exit 1; }
        cat "$HOME/kept" ;;
    *) echo "it stays"; exit 1 ;;
esac
"""


@pytest.fixture(params=["file", "pass", "secretservice"])
def store(request: pytest.FixtureRequest, desk: Desk) -> Iterator[str]:
    """Where a password is kept, each the only one that is set up."""
    name: str = request.param
    made = {"pass": pass_store, "secretservice": keyring}.get(name)
    if made is None:
        yield name
        return
    with made() as helper:
        desk.env |= helper.environ
        yield name


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
    assert desk.listed() == {REGISTRY: desk.get()["Username"], SECOND: desk.get()["Username"]}


def test_login_of_admin(desk: Desk, store: str) -> None:
    """A login with a user name of its own is kept and pulled with, until logout."""
    desk.prepare("docker", "pull", BASE)  # there is a token in the cache already
    user, password = desk.lab.admin(REGISTRY)

    login = desk.measure(
        f"docker login, admin, in {store}",
        *("docker", "login", "--username", user, "--password-stdin", REGISTRY),
        stdin=password,
    )
    desk.run("docker", "rmi", "--force", BASE)
    pull = desk.measure(f"docker pull, admin, from {store}", "docker", "pull", BASE)
    listed = desk.listed()
    logout = desk.run("docker", "logout", REGISTRY)
    again = desk.run("docker", "pull", BASE)

    assert "Login Succeeded" in login.stdout
    assert ("[login-in-file]" in login.stderr) == (store == "file")
    assert password not in login.stdout + login.stderr
    assert login.calls == Calls(store=1)
    assert pull.calls == Calls(get=1)
    assert (pull.count("sign-in"), pull.count("exchange")) == (0, 0)
    assert listed[REGISTRY] == user
    assert "WARNING" not in logout.stderr.upper()
    assert again.count("exchange") == 1, "the method of before"
    assert desk.listed()[REGISTRY] != user


def test_login_again_without_arguments(desk: Desk) -> None:
    """`docker login` finds the login that is kept, and gives it back."""
    user, password = desk.lab.admin(REGISTRY)
    login = ("docker", "login", "--username", user, "--password-stdin", REGISTRY)
    assert desk.run(*login, stdin=password).exit == 0

    done = desk.run("docker", "login", REGISTRY)

    assert "Login Succeeded" in done.stdout
    assert done.calls == Calls(get=1, store=1)
    assert [call.stderr for call in done.helper] == ["", ""]
    assert desk.get()["Username"] == user


def test_logout_that_cannot_forget(desk: Desk) -> None:
    """docker ends well all the same, but our sentence is read: the login is still there, and used."""
    desk.own.add(os.path.join(desk.home, "kept"))
    user, password = desk.lab.admin(REGISTRY)
    login = ("docker", "login", "--username", user, "--password-stdin", REGISTRY)
    desk.settle('store = "own"\n')
    own = desk.file("bin/docker-credential-own", KEEPS_FOR_EVER)
    os.chmod(own, 0o755)
    assert desk.run(*login, stdin=password).exit == 0

    done = desk.run("docker", "logout", REGISTRY)

    assert "the kept login is still there" in done.stderr
    assert "[helper-failed]" in done.stderr
    assert desk.get()["Username"] == user


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


def test_fallback(desk: Desk) -> None:
    """As the store for everything, it hands a foreign registry's login to another helper."""
    desk.configure(CREDENTIALS_STORE)
    with pass_store() as other:
        desk.env |= other.environ
        desk.settle('fallback = "pass"\n')
        login = desk.measure(
            "docker login, fallback", "docker", "login", "-u", "me", "-p", "CANARY", OPEN
        )
        kept = other.servers()
        pull = desk.measure("docker pull, fallback", "docker", "pull", f"{OPEN}/base")
        listed = desk.listed()
        logout = desk.run("docker", "logout", OPEN)

        assert login.calls == Calls(store=1)
        assert kept == {OPEN: "me"}
        assert listed[OPEN] == "me"
        assert pull.calls == Calls(get=1)
        assert "WARNING" not in logout.stderr.upper()
        assert other.servers() == {}
        assert login.requests + pull.requests + logout.requests == []


def test_foreign_registry(desk: Desk) -> None:
    """As the store for everything, the helper leaves a foreign registry alone, without Azure."""
    desk.configure(CREDENTIALS_STORE)

    done = desk.measure("docker pull, foreign", "docker", "pull", f"{OPEN}/base")

    assert Calls(get=1) == done.calls
    assert done.requests == []
