"""Nothing in the lab works because somebody does not look at certificates."""

import pytest

from tests.clients.desk import Desk, needs
from tests.clients.places import BASE

pytestmark = pytest.mark.parametrize("username", ["guid"], indirect=True)


@pytest.fixture
def nothing(desk: Desk) -> dict[str, str]:
    """An environment in which no certificate authority is trusted."""
    empty = desk.file("nothing/empty.pem", "")
    return {"SSL_CERT_FILE": empty, "SSL_CERT_DIR": desk.file("nothing/there/none", "")[:-5]}


def test_skopeo(desk: Desk, nothing: dict[str, str]) -> None:
    """A good credential, but no trust in the registry's certificate: no pull."""
    credential = desk.get()
    user = f"{credential['Username']}:{credential['Secret']}"
    pull = ("skopeo", "copy", "--src-creds", user, f"docker://{BASE}", "dir:pulled")

    trusting = desk.run(*pull)
    desk.env.update(nothing)
    distrusting = desk.run(*pull)

    assert trusting.exit == 0, trusting
    assert distrusting.exit != 0
    assert "x509" in distrusting.stderr


@needs("docker", "dockerd")
def test_docker(desk: Desk, nothing: dict[str, str]) -> None:
    """The same pull fails in an engine that does not trust the registry's certificate."""
    trusting = desk.run("docker", "pull", BASE)
    desk.env["DOCKER_HOST"] = desk.lab.engine(nothing)
    distrusting = desk.run("docker", "pull", BASE)

    assert trusting.exit == 0, trusting
    assert distrusting.exit != 0
    assert "x509" in distrusting.stderr


def test_helper(desk: Desk, nothing: dict[str, str]) -> None:
    """The helper sends no secret to a server whose certificate it cannot verify."""
    desk.env.update(nothing)
    done = desk.run("skopeo", "list-tags", f"docker://{BASE}")

    assert [call.exit for call in done.helper] == [1]
    assert done.requests == []
