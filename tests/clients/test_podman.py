"""podman: containers/image with a storage of its own."""

import pytest

from tests.clients.desk import GUID, Desk, needs
from tests.clients.places import BASE, REGISTRY
from tests.clients.recorder import Calls

pytestmark = needs("podman")

OPERATIONS = {
    "pull": f"pull {BASE}",
    "push": f"push localhost/mine {REGISTRY}/podman/pushed",
    "build": "build --network host --tag built {context}",
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_operation(desk: Desk, image: str, context: str, operation: str) -> None:
    """Every operation works, and asks the helper once."""
    arguments = OPERATIONS[operation].format(context=context)
    if operation == "push":
        desk.prepare("skopeo", "copy", image, "containers-storage:localhost/mine")

    done = desk.measure(f"podman {operation}", "podman", *arguments.split())

    assert Calls(get=1) == done.calls


@pytest.mark.parametrize("username", ["guid"], indirect=True)
def test_login_and_logout(desk: Desk) -> None:
    """Login finds what the helper has; logout makes the helper forget it."""
    login = desk.measure("podman login", "podman", "login", REGISTRY)
    logout = desk.measure("podman logout", "podman", "logout", REGISTRY)

    assert Calls(get=1) == login.calls
    assert Calls(erase=1) == logout.calls


@pytest.mark.parametrize("username", ["guid"], indirect=True)
def test_login_of_admin(desk: Desk) -> None:
    """A login with a user name of its own is kept and pulled with, until logout."""
    user, password = desk.lab.admin(REGISTRY)

    login = desk.measure(
        "podman login, admin",
        *("podman", "login", "--username", user, "--password-stdin", REGISTRY),
        stdin=password,
    )
    pull = desk.measure("podman pull, admin", "podman", "pull", BASE)
    listed = desk.listed()
    logout = desk.measure("podman logout, admin", "podman", "logout", REGISTRY)
    again = desk.run("podman", "pull", BASE)

    assert login.calls == Calls(get=1, store=1)
    assert "[login-in-file]" in login.stderr
    assert pull.calls == Calls(get=1)
    assert (pull.count("sign-in"), pull.count("exchange")) == (0, 0)
    assert listed[REGISTRY] == user
    assert logout.calls == Calls(erase=1)
    assert again.count("exchange") == 1


@pytest.mark.parametrize("with_password", [False, True])
@pytest.mark.parametrize("username", ["token"], indirect=True)
def test_login_refused(desk: Desk, *, with_password: bool) -> None:
    """With `<token>` podman refuses to log in (as documented); nothing is stored."""
    password = ("--username", GUID, "--password", "any") if with_password else ()

    done = desk.run("podman", "login", *password, REGISTRY)

    assert done.exit != 0
    assert "Identity token" in done.stderr
    assert Calls(get=1) == done.calls


def test_logout_all(desk: Desk) -> None:
    """`logout --all` asks for the list and erases what is in it."""
    desk.help_everywhere()
    desk.prepare("podman", "pull", BASE)

    done = desk.measure("podman logout --all", "podman", "logout", "--all")

    assert Calls(list=1, erase=1) == done.calls
