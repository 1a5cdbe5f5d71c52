"""skopeo: the registry alone, without an engine."""

import pytest

from tests.clients.desk import GUID, Desk
from tests.clients.places import BASE, OPEN, REGISTRY, SECOND
from tests.clients.recorder import Calls

OPERATIONS = {
    "list-tags": (f"list-tags docker://{BASE}", Calls(get=1)),
    "inspect": (f"inspect docker://{BASE}", Calls(get=2)),
    "pull": (f"copy docker://{BASE} dir:pulled", Calls(get=1)),
    "push": ("copy {image} docker://" + f"{REGISTRY}/skopeo/pushed", Calls(get=1)),
    "copy": (f"copy docker://{BASE} docker://{SECOND}/skopeo/copied", Calls(get=2)),
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_operation(desk: Desk, image: str, operation: str) -> None:
    """Every operation works, and asks no more often than it needs to."""
    arguments, calls = OPERATIONS[operation]

    done = desk.measure(f"skopeo {operation}", "skopeo", *arguments.format(image=image).split())

    assert calls == done.calls


def test_grant(desk: Desk, username: str) -> None:
    """The GUID is a user with a password, `<token>` an identity token: each by its own grant."""
    done = desk.run("skopeo", "list-tags", f"docker://{BASE}")

    grant = {"guid": {("GET", None)}, "token": {("POST", "refresh_token")}}[username]
    tokens = [request for request in done.requests if request.kind == "token"]
    assert done.exit == 0, done
    assert grant == {(request.method, request.form.get("grant_type")) for request in tokens}


@pytest.mark.parametrize("username", ["guid"], indirect=True)
def test_login_and_logout(desk: Desk) -> None:
    """Login finds what the helper has; logout makes the helper forget it."""
    login = desk.measure("skopeo login", "skopeo", "login", REGISTRY)
    logout = desk.measure("skopeo logout", "skopeo", "logout", REGISTRY)
    again = desk.run("skopeo", "list-tags", f"docker://{BASE}")

    assert Calls(get=1) == login.calls
    assert "Existing credentials are valid" in login.stdout
    assert Calls(erase=1) == logout.calls
    assert again.count("exchange") == 1, again


@pytest.mark.parametrize("username", ["guid"], indirect=True)
def test_login_with_password(desk: Desk) -> None:
    """Login with the helper's own answer gives it back, and is taken."""
    done = desk.measure(
        "skopeo login -u -p",
        *("skopeo", "login", "--username", GUID, "--password-stdin", REGISTRY),
        stdin=desk.get()["Secret"],
    )

    assert Calls(get=1, store=1) == done.calls


@pytest.mark.parametrize("username", ["token"], indirect=True)
def test_login_refused(desk: Desk) -> None:
    """With `<token>` skopeo refuses to log in (as documented); nothing is stored."""
    done = desk.run("skopeo", "login", REGISTRY)

    assert done.exit != 0
    assert "Identity token" in done.stderr
    assert Calls(get=1) == done.calls


def test_foreign_registry(desk: Desk) -> None:
    """A helper set for all registries leaves a foreign one to go on anonymously, without Azure."""
    desk.help_everywhere()

    done = desk.measure(
        "skopeo list-tags, foreign",
        *("skopeo", "list-tags", "--tls-verify=false", f"docker://{OPEN}/base"),
    )

    assert Calls(get=1) == done.calls
    assert done.requests == []
