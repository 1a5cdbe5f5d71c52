"""The registry's own users: their names and passwords, found and verified by the helper."""

import pytest

from tests.clients.desk import Desk
from tests.clients.places import BASE, REGISTRY
from tests.clients.recorder import Calls


@pytest.mark.parametrize("username", ["guid"], indirect=True)
def test_admin_user(desk: Desk, image: str) -> None:
    """Read through the Resource Manager by the service principal; it may pull and push."""
    user, _ = desk.lab.admin(REGISTRY)
    desk.settle(f'[registries."{REGISTRY}"]\nmethod = "admin-user"\n')

    pull = desk.measure("skopeo pull, admin", "skopeo", "copy", f"docker://{BASE}", "dir:pulled")
    pushed = f"docker://{REGISTRY}/skopeo/by-admin"
    push = desk.measure("skopeo push, admin", "skopeo", "copy", image, pushed)

    assert desk.get()["Username"] == user
    assert pull.calls == push.calls == Calls(get=1)
    assert (pull.count("sign-in"), pull.count("arm"), pull.count("exchange")) == (1, 3, 0)
    assert (push.count("sign-in"), push.count("arm"), push.count("exchange")) == (0, 0, 0)


@pytest.mark.parametrize("username", ["guid"], indirect=True)
def test_repository_token(desk: Desk, image: str) -> None:
    """From a file; it pulls, and what its scope map does not allow the registry refuses."""
    password = desk.lab.repository_token(REGISTRY, "robot")
    file = desk.file("robot-password", password)
    desk.settle(
        f'[registries."{REGISTRY}"]\nmethod = "repository-token"\n'
        f'token_name = "robot"\npassword_file = "{file}"\n'
    )

    pull = desk.measure("skopeo pull, token", "skopeo", "copy", f"docker://{BASE}", "dir:pulled")
    push = desk.run("skopeo", "copy", image, f"docker://{REGISTRY}/skopeo/by-robot")

    assert desk.get() == {"ServerURL": REGISTRY, "Username": "robot", "Secret": password}
    assert pull.calls == Calls(get=1)
    assert (pull.count("sign-in"), pull.count("arm"), pull.count("exchange")) == (0, 0, 0)
    assert push.exit != 0


@pytest.mark.parametrize("username", ["guid"], indirect=True)
def test_anonymous(desk: Desk) -> None:
    """The client is told that there is nothing and goes on without."""
    desk.settle(f'[registries."{REGISTRY}"]\nmethod = "anonymous"\n')

    with desk.lab.registry(REGISTRY, anonymous_pull=True):
        done = desk.run("skopeo", "copy", f"docker://{BASE}", "dir:pulled")

    assert done.exit == 0, done
    assert {(call.verb, call.exit) for call in done.helper} == {("get", 1)}
    assert done.count("sign-in") == done.count("exchange") == 0
