"""The inside of a network of its own: `python -m tests.faults.inside`, first process of its namespaces.

Reads one JSON object from standard input: a shell script that makes the network, the names of
/etc/hosts, what a name server on 127.0.0.1 says, and the program with its input and environment. The
fake Azure listens on every IPv4 address, port 443. Prints what the program said and what Azure saw.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from typing import Any

from tests.azure import FakeAzure

HOSTS, RESOLVER = "/etc/hosts", "/etc/resolv.conf"
SEARCHED = b"\x08surprise\x07example\0"
HERE = bytes([127, 0, 0, 1])
A = 1


@dataclass
class NameServer:
    """Answers UDP queries: *plan* has a word for each of the first ones, its last one is for the rest."""

    plan: list[str]

    def start(self) -> None:
        listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        listening.bind(("127.0.0.1", 53))
        threading.Thread(target=self._serve, args=(listening,), daemon=True).start()

    def _serve(self, listening: socket.socket) -> None:
        while True:
            query, client = listening.recvfrom(512)
            word = self.plan.pop(0) if len(self.plan) > 1 else self.plan[0]
            if word != "silence":
                listening.sendto(self._reply(query, word), client)

    def _reply(self, query: bytes, word: str) -> bytes:
        """RFC 1035: the header, the question, and the one address that there is."""
        codes = {
            "in the search domain": 0,
            "right": 0,
            "SERVFAIL": 2,
            "NXDOMAIN": 3,
            "REFUSED": 5,
            "no IPv6": 0,
        }
        ends = query.index(b"\0", 12) + 5
        kind = int.from_bytes(query[ends - 4 : ends - 2], "big")
        code = 2 if word == "no IPv6" and kind != A else codes[word]
        if word == "in the search domain":
            code = 0 if SEARCHED in query else 3
        found = code == 0 and kind == A
        answer = b"\xc0\x0c" + bytes([0, A, 0, 1, 0, 0, 0, 0, 0, 4]) + HERE if found else b""
        counts = bytes([0, 1, 0, int(found), 0, 0, 0, 0])
        return query[:2] + bytes([0x81, 0x80 | code]) + counts + query[12:ends] + answer


def cover(path: str, text: str) -> None:
    """Put a file of our own in place of one of the system's; only these namespaces see it."""
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(text)
        file.flush()
        os.chmod(file.name, 0o644)
        subprocess.run(["mount", "--bind", file.name, path], check=True)


def run(plan: dict[str, Any], folder: str) -> dict[str, Any]:
    subprocess.run(["sh", "-ec", plan["network"]], check=True, stdout=subprocess.DEVNULL)
    cover(HOSTS, "127.0.0.1 localhost\n" + plan["hosts"])
    cover(RESOLVER, f"nameserver 127.0.0.1\n{plan['resolver']}\n" if plan["names"] else "")
    if plan["names"]:
        NameServer(plan["names"]).start()
    with FakeAzure(folder, address="0.0.0.0", port=443) as azure:
        environ = plan["environ"] | azure.service_principal_environ()
        began = time.monotonic()
        done = subprocess.run(
            plan["command"],
            input=plan["given"].encode(),
            env={**environ, "SSL_CERT_FILE": azure.ca_file},
            capture_output=True,
            check=False,
            timeout=60,
        )
        return {
            "seconds": time.monotonic() - began,
            "code": done.returncode,
            "out": done.stdout.decode("latin-1"),
            "err": done.stderr.decode("latin-1"),
            "kinds": [request.kind for request in azure.requests],
            "secrets": sorted(azure.secrets),
        }


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(run(json.load(sys.stdin), folder)))


if __name__ == "__main__":
    main()
