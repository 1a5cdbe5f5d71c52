"""A registry's credential from a service principal, as one would write it with azure-identity."""

import json
import os
import sys

import requests
from azure.identity import ClientSecretCredential


def main() -> None:
    host = sys.stdin.readline().strip()
    tenant = os.environ["AZURE_TENANT_ID"]
    credential = ClientSecretCredential(
        tenant, os.environ["AZURE_CLIENT_ID"], os.environ["AZURE_CLIENT_SECRET"]
    )
    token = credential.get_token("https://containerregistry.azure.net/.default")
    response = requests.post(
        f"https://{host}/oauth2/exchange",
        data={
            "grant_type": "access_token",
            "service": host,
            "tenant": tenant,
            "access_token": token.token,
        },
        timeout=30,
    )
    response.raise_for_status()
    answer = {
        "ServerURL": host,
        "Username": "00000000-0000-0000-0000-000000000000",
        "Secret": response.json()["refresh_token"],
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
