"""Who signs in: a service principal everywhere else, a managed identity here."""

from tests.clients.desk import Desk
from tests.clients.places import BASE


def test_managed_identity(desk: Desk) -> None:
    """Without a secret, at the metadata address itself, a machine's identity pulls."""
    for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"):
        del desk.env[name]
    desk.settle('[defaults]\nmethod = "managed-identity"\n')

    done = desk.measure(
        "skopeo pull, managed identity", "skopeo", "copy", f"docker://{BASE}", "dir:pulled"
    )

    assert done.count("metadata") == 1
    assert done.count("sign-in") == 0
    assert done.count("exchange") == 1
