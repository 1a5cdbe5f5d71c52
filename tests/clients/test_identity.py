"""Who signs in: a service principal everywhere else, a managed identity here."""

import pytest

from tests.clients import namespace
from tests.clients.desk import Desk
from tests.clients.places import BASE, REGISTRY


def test_managed_identity(desk: Desk) -> None:
    """Without a secret, at the metadata address itself, a machine's identity pulls."""
    desk.forget_everything()
    desk.settle('[defaults]\nmethod = "managed-identity"\n')

    done = desk.measure(
        "skopeo pull, managed identity", "skopeo", "copy", f"docker://{BASE}", "dir:pulled"
    )

    assert done.count("metadata") == 1
    assert done.count("sign-in") == 0
    assert done.count("exchange") == 1


@pytest.mark.parametrize(
    "argv",
    [("skopeo", "list-tags", f"docker://{BASE}"), ("docker", "pull", BASE)],
    ids=["skopeo", "docker"],
)
def test_refused(desk: Desk, argv: tuple[str, ...]) -> None:
    """Who is refused reads why, from the client, in the helper's own words."""
    if namespace.which(argv[0]) is None:
        pytest.skip(f"not installed: {argv[0]}")
    desk.env["AZURE_CLIENT_SECRET"] = "wrong"

    done = desk.run(*argv)

    assert done.exit != 0
    assert [call.exit for call in done.helper] == [1]
    assert REGISTRY in done.helper[0].stderr
    assert done.helper[0].stderr.strip() in done.stderr
