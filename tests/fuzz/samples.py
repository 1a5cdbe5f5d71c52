"""The small files that everything starts from; `python -m tests.fuzz.samples` writes the corpus."""

import base64
import json
import os

from docker_credential_acr import cache, entry
from tests.fuzz.readers import BEGINS, GATE_BEGINS, HOST, NOW

FOLDER = os.path.join(os.path.dirname(__file__), "corpus")
_TIMES = (NOW - 600, NOW + 5_000, NOW + 9_000, NOW + 10_000)


def token(**changes: object) -> bytes:
    """A registry token that anybody would take for one."""
    claims = {"aud": HOST, "iat": NOW - 600, "exp": NOW + 10_000, "jti": "CANARY"} | changes
    head, body = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in ({"alg": "RS256", "typ": "JWT"}, claims)
    )
    return head + b"." + body + b"." + b"CANARY" * 8


def an_entry(username: str, notes: dict[str, object]) -> bytes:
    return BEGINS + cache.body(_TIMES, cache.rendered(username, token().decode()), notes)


ENTRIES: dict[str, bytes] = {
    "guid": an_entry("00000000-0000-0000-0000-000000000000", {"method": "client-secret"}),
    "token-user": an_entry("<token>", {}),
    "identity": an_entry("", {"audience": "https://containerregistry.azure.net"}),
}
_REFUSED = (
    "AADSTS7000215: Invalid client secret provided. CANARY Trace ID: 1 "
    "Correlation ID: 11111111-2222-3333-4444-555555555555 Timestamp: 2026-01-01"
)
CORPUS: dict[str, dict[str, bytes]] = {
    "host": {
        "plain": b"team.azurecr.io\n",
        "url": b"https://Team.AzureCR.io:443/v2/",
        "geo": b"team.eastus.geo.azurecr.cn",
        "bom": b"\xef\xbb\xbfoci://team-abc123.azurecr.us./x",
        "hostile": b"team.azurecr.io.attacker.example",
        "lines": b"team.azurecr.io\n.attacker.example",
        "kelvin": "my\u212aube.azurecr.io".encode(),
        "user": b"https://a:b@team.azurecr.io#x?y;z%2e\\",
    },
    "entry": {
        **ENTRIES,
        "gate": GATE_BEGINS + b"cr.factory.example\n/a\0/b\ndesktop\n25\nregistry.example:5000\n",
        "failed": b'{"at": 1800000000.5, "what": "w", "hint": "h", "reference": "proxy"}\n',
        "other-format": BEGINS.replace(b"1", b"2", 1) + b"whatever\n",
        "head": entry.head(HOST, b"other"),
    },
    "answer": {
        "token": token(),
        "list": token(aud=["x", HOST.upper()]),
        "times": token(iat=1e999, exp="CANARY"),
        "refused": json.dumps({"error": "invalid_client", "error_description": _REFUSED}).encode(),
        "portal": b"<html><body>CANARY</body></html>",
        "instance": b'{"error":"invalid_instance"}',
        "audience": b'{"error":"invalid_resource","error_description":"AADSTS500011: CANARY"}',
    },
}


def main() -> None:
    for reader, files in CORPUS.items():
        os.makedirs(os.path.join(FOLDER, reader), exist_ok=True)
        for name, data in files.items():
            with open(os.path.join(FOLDER, reader, name), "wb") as file:
                file.write(data)


if __name__ == "__main__":
    main()
