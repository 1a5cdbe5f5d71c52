"""buildah: containers/image step by step."""

import pytest

from tests.clients.desk import Desk, needs
from tests.clients.places import BASE, REGISTRY
from tests.clients.recorder import Calls

pytestmark = needs("buildah")


def test_bud(desk: Desk, context: str) -> None:
    """A build on a private base image asks once."""
    done = desk.measure("buildah bud", "buildah", "bud", "--tag", "built", context)

    assert Calls(get=1) == done.calls


def test_from_commit_push(desk: Desk) -> None:
    """A private base, changed and pushed: the registry is asked at both ends only."""
    base = desk.measure("buildah from", "buildah", "from", "--name", "work", BASE)
    commit = desk.measure("buildah commit", "buildah", "commit", "work", "changed")
    push = desk.measure("buildah push", "buildah", "push", "changed", f"{REGISTRY}/buildah/pushed")

    assert Calls(get=1) == base.calls
    assert Calls() == commit.calls
    assert Calls(get=1) == push.calls


@pytest.mark.parametrize("username", ["guid"], indirect=True)
def test_login_and_logout(desk: Desk) -> None:
    """Login finds what the helper has; logout makes the helper forget it."""
    login = desk.measure("buildah login", "buildah", "login", REGISTRY)
    logout = desk.measure("buildah logout", "buildah", "logout", REGISTRY)

    assert Calls(get=1) == login.calls
    assert Calls(erase=1) == logout.calls
