"""Who signs in: a service principal everywhere else, a managed identity here."""

from tests.clients.desk import Desk
from tests.clients.places import BASE

SETTINGS = '[defaults]\nmethod = "managed-identity"\n'


def test_managed_identity(desk: Desk) -> None:
    """Without a secret, at the metadata address itself, a machine's identity pulls."""
    for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"):
        del desk.env[name]
    desk.env["ACR_CRED_CONFIG"] = desk.file("config.toml", SETTINGS)

    done = desk.measure(
        "skopeo pull, managed identity", "skopeo", "copy", f"docker://{BASE}", "dir:pulled"
    )

    assert done.count("sign-in") == 0
    assert done.count("exchange") == 1
    assert {"169.254.169.254"} & {request.host for request in done.requests}
