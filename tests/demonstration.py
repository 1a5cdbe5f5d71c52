"""What ``tests/demo`` shows: a first pull's credential, cold and cached, and what happens on the way."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.azure import FakeAzure

PROGRAM = Path(sys.executable).with_name("docker-credential-acr")
HOST = "myregistry.azurecr.io"
INTRODUCTION = """\
docker-credential-acr: a first pull, without an Azure account

A fake Azure runs on this machine for the next few seconds: Entra ID, container registries and the
metadata service of Azure machines, over HTTPS on loopback behind a proxy. The program is the installed
one, in an empty home folder. Each step does what Docker does: a host on standard input.
"""
# What each kind of request means to somebody who reads this for the first time.
MEANINGS = {
    "discovery": "looks up where the tenant signs in",
    "sign-in": "signs in with client id and secret",
    "metadata": "signs in as this machine, no secret needed",
    "exchange": "trades the Entra token for a registry token, good for about 3 h",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One call as Docker makes it: what it shows, what it needs, and what must come of it."""

    title: str
    host: str
    variables: Mapping[str, str]
    asked: tuple[str, ...]  # the kinds of requests that must go over the wire, no more and no less
    code: int
    remark: str = ""


def main() -> int:
    """Run all steps; exit 0 if each went as it says."""
    with (
        tempfile.TemporaryDirectory(prefix="acr-demo-") as folder,
        FakeAzure(Path(folder)) as azure,
    ):
        print(INTRODUCTION)
        base = {"HOME": folder, "PATH": os.defpath, **azure.environ()}
        secret = {
            "AZURE_TENANT_ID": azure.tenant,
            "AZURE_CLIENT_ID": azure.client_id,
            "AZURE_CLIENT_SECRET": azure.client_secret,
        }
        went_well = [
            show(number, step, base, azure) for number, step in enumerate(steps(secret), 1)
        ]
    print("That was the main job. Next: README.md, or all the tests: tests/run")
    return 0 if all(went_well) else 1


def steps(secret: Mapping[str, str]) -> list[Step]:
    wrong = {**secret, "AZURE_CLIENT_ID": "00000000-1111-2222-3333-444444444444"}
    machine = {"ACR_CRED_METHOD": "managed-identity"}
    return [
        Step(
            "Docker pulls for the first time: nothing is cached",
            HOST,
            secret,
            ("discovery", "sign-in", "exchange"),
            0,
        ),
        Step(
            "Docker pulls again",
            HOST,
            secret,
            (),
            0,
            "From the cache. Once half of its life is over, a new token is fetched in the background.",
        ),
        Step(
            "a second registry of the same identity",
            "other.azurecr.io",
            secret,
            ("exchange",),
            0,
            "The sign-in is shared, so only the exchange was needed.",
        ),
        Step(
            "on an Azure machine, with its managed identity",
            HOST,
            machine,
            ("metadata", "exchange"),
            0,
            "Another identity: the first one's token is not for it.",
        ),
        Step(
            "a registry that is not Azure's",
            "docker.io",
            secret,
            (),
            1,
            "This exact line makes Docker go on without credentials. Nothing was sent to anybody.",
        ),
        Step(
            "a mistake: a client id that Entra does not know",
            HOST,
            wrong,
            ("discovery", "sign-in"),
            1,
            "One sentence: the host, what failed, the next step, and a reference to look up:\n"
            "   docker-credential-acr help app-unknown",
        ),
    ]


def show(number: int, step: Step, base: Mapping[str, str], azure: FakeAzure) -> bool:
    """Run one step and print it; tell whether the program answered as the protocol says."""
    azure.forget()
    began = time.perf_counter()
    found = subprocess.run(
        [PROGRAM, "get"],
        input=step.host.encode(),
        capture_output=True,
        env={**base, **step.variables},
        timeout=30,
        check=False,
    )
    milliseconds = (time.perf_counter() - began) * 1000
    print(f"{number}. {step.title[0].upper()}{step.title[1:]}")
    print(f"   $ echo {step.host} | docker-credential-acr get")
    print(f"   {readable(found.stdout)}")
    print(f"   exit {found.returncode} after {milliseconds:.0f} ms")
    wire = [request for request in azure.requests if request.kind in MEANINGS]
    for request in wire:
        where = "metadata service" if request.kind == "metadata" else request.host
        print(f"   -> {where:<28} {MEANINGS[request.kind]}")
    if not wire:
        print("   -> nobody was asked")
    if step.remark:
        print(f"   {step.remark}")
    print()
    return found.returncode == 0 or found.stdout.startswith(
        (b"credentials not found", b"myregistry")
    )


def readable(out: bytes) -> str:
    """Return the answer with its secret cut short."""
    text = out.decode().rstrip("\n")
    try:
        answer = json.loads(text)
    except ValueError:
        return text
    secret = answer["Secret"]
    return json.dumps({**answer, "Secret": f"{secret[:12]}... {len(secret)} characters"})


if __name__ == "__main__":
    sys.exit(main())
