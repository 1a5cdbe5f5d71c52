"""ctr knows no credential helpers, but takes what ours answers."""

import pytest

from tests.clients.desk import Desk, needs
from tests.clients.places import BASE, CONTAINERD, REGISTRY

pytestmark = [
    needs("ctr", "dockerd"),
    pytest.mark.parametrize("username", ["guid"], indirect=True),
]


@pytest.mark.parametrize("answer", [401, 400, 200])
def test_pull(desk: Desk, answer: int) -> None:
    """`ctr --user GUID:TOKEN` pulls, whatever the registry says of a password by POST."""
    credential = desk.get()
    user = f"{credential['Username']}:{credential['Secret']}"
    ctr = ("ctr", "--address", CONTAINERD, "--namespace", f"answer-{answer}", "images")

    with desk.lab.registry(REGISTRY, password_grant_for_guid=answer):
        done = desk.measure(
            f"ctr pull, POST {answer}",
            *(*ctr, "pull", "--snapshotter", "native", "--user", user, f"{BASE}:latest"),
        )

    assert "password" in {request.form.get("grant_type") for request in done.requests}
