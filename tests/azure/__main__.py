"""The fake Azure by hand: `python -m tests.azure`."""

import argparse
import shlex
import tempfile
import threading
import time

from tests.azure import FakeAzure
from tests.azure.log import Request

HOST = "team.azurecr.io"
WELCOME = """\
A fake Azure is listening on this machine. Nothing leaves it, and no Azure account is needed.

1. In another terminal, make that shell believe in it:

{exports}

2. Ask for a registry's credential; any registry name will do:

   echo {host} | docker-credential-acr get

   The same through curl alone:

   curl --cacert "$SSL_CERT_FILE" -d grant_type=client_credentials \\
     -d client_id="$AZURE_CLIENT_ID" --data-urlencode client_secret="$AZURE_CLIENT_SECRET" \\
     -d scope=https://containerregistry.azure.net/.default \\
     "https://login.microsoftonline.com/$AZURE_TENANT_ID/oauth2/v2.0/token"

Every request appears below. Ctrl-C ends it.
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.azure", description=__doc__)
    parser.add_argument("--folder", help="where the CA certificate goes (default: a new one)")
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--backend", help="host:port of a real registry server behind it")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="fake-azure-") as spare,
        FakeAzure(
            options.folder or spare,
            address=options.address,
            port=options.port,
            backend=options.backend,
        ) as azure,
    ):
        azure.log.watcher = show
        print(WELCOME.format(host=HOST, exports=exports(azure)), flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print("\nThe fake Azure has ended.")


def exports(azure: FakeAzure) -> str:
    """Shell lines: the way to the fake, then the identity to use."""
    variables = azure.environ() | azure.service_principal_environ()
    return "\n".join(f"   export {name}={shlex.quote(value)}" for name, value in variables.items())


def show(request: Request) -> None:
    clock = time.strftime("%H:%M:%S", time.localtime(request.at))
    place = "" if request.kind == "connect" else f"{request.host}"
    print(
        f"{clock} {request.kind:<18} {request.status}  {request.method} {place}{request.path}",
        flush=True,
    )


if __name__ == "__main__":
    main()
