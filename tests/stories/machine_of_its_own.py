"""Run in namespaces: a machine with a chassis tag, a metadata address or an Arc agent of its own.

Prints as JSON what each `get` answered, how long it took, and what was asked of whom.
"""

import glob
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.azure import FakeAzure, Hang, Status
from tests.azure.az import FakeAz, install_az
from tests.azure.tokens import peek
from tests.faults.tools import SYSTEM_PATH
from tests.stories import canary
from tests.stories.program import Answer, Program, new_host

METADATA = "169.254.169.254"
CHASSIS = "/sys/class/dmi/id/chassis_asset_tag"
AZURE = "7783-7084-3265-9085-8269-3286-77\n"
SWALLOWED = """
ip link add away type veth peer name far
ip address add 10.9.8.7/24 dev away
ip link set far up
ip link set away up
ip neighbour add 10.9.8.1 lladdr 02:00:00:00:00:99 dev away
ip route add default via 10.9.8.1
"""


def sh(script: str) -> None:
    environ = {"PATH": SYSTEM_PATH}
    subprocess.run(["/bin/sh", "-ec", script], check=True, env=environ, stdout=subprocess.DEVNULL)


def furnish() -> None:
    sh(f"ip link set lo up; mount -t tmpfs tmpfs /sys/class; mkdir -p {os.path.dirname(CHASSIS)}")
    with open(CHASSIS, "w", encoding="ascii") as file:
        file.write(AZURE)


def service(azure: FakeAzure) -> FakeAzure:
    sh(f"ip address add {METADATA}/32 dev lo")
    azure.listen_metadata(METADATA, 80)
    return azure


def faulty(fault: Hang | Status) -> Callable[[FakeAzure], None]:
    return lambda azure: service(azure).fault("metadata", fault)


def without_identity(azure: FakeAzure) -> None:
    service(azure).remove_identity(azure.system_identity)


def several(azure: FakeAzure) -> None:
    without_identity(azure)
    azure.add_managed_identity()
    azure.add_managed_identity()


SERVICES: Mapping[str, Callable[[FakeAzure], object]] = {
    "swallowed": lambda _: sh(SWALLOWED),
    "refused": lambda _: sh(f"ip address add {METADATA}/32 dev lo"),
    "silent": faulty(Hang()),
    "403": faulty(Status(403, body="no identity for you")),
    "404": faulty(Status(404)),
    "no-identity": without_identity,
    "several": several,
    "identity": service,
}


class Story:
    """One machine, one home, one person who has run az login."""

    def __init__(self, folder: str, azure: FakeAzure) -> None:
        self.azure = azure
        self.az: FakeAz = install_az(os.path.join(folder, "bin"), azure)
        home = os.path.join(folder, "home")
        os.mkdir(home)
        environ = {**azure.environ(), "HOME": home, "PATH": f"{self.az.folder}:/usr/bin:/bin"}
        del environ["AZURE_POD_IDENTITY_AUTHORITY_HOST"]
        self.program = Program(home, azure, environ)
        self._called = 0

    def told(self, answer: Answer, seconds: float) -> dict[str, Any]:
        """One `get`; the requests and calls of `az` since the one before."""
        asked = [request.kind for request in self.azure.requests if request.kind != "connect"]
        called = len(self.az.calls())
        found = {"seconds": seconds, "requests": asked, "az": called - self._called}
        self._called = called
        self.azure.forget()
        return (
            found | {"who": who(answer)} if answer.code == 0 else found | {"said": answer.reference}
        )

    def get(self, **changes: str) -> dict[str, Any]:
        """For another registry, whose Entra token nobody has left lying about."""
        for path in glob.glob(os.path.join(self.program.folder, "identity@*")):
            os.remove(path)
        began = time.monotonic()
        answer = self.program.get(new_host(), **changes)
        return self.told(answer, time.monotonic() - began)

    def crowd(self, size: int) -> dict[str, Any]:
        """Many at once for one registry; who answered all of them."""
        host = new_host()
        began = time.monotonic()
        with ThreadPoolExecutor(size) as pool:
            answers = list(pool.map(lambda _: self.program.get(host), range(size)))
        assert len({answer.secret for answer in answers}) == 1
        return self.told(answers[0], time.monotonic() - began)


def who(answer: Answer) -> str:
    return str(peek(answer.secret)[1]["sub"])


def looks_like_azure(story: Story, kind: str, crowd: bool) -> list[dict[str, Any]]:  # noqa: FBT001
    SERVICES[kind](story.azure)
    first = story.crowd(20) if crowd else story.get()
    return [first, story.get()]


def jobs(story: Story) -> list[dict[str, Any]]:
    """Two CI jobs with one home, the first of them twice."""
    SERVICES["404"](story.azure)
    return [story.get(GITHUB_JOB=job) for job in ("build", "deploy", "build")]


def arc(story: Story, kind: str, folder: str) -> list[dict[str, Any]]:
    """What msal looks for is at a fixed place, so it is mounted there."""
    opt = os.path.join(folder, "opt")
    keys = os.path.join(opt, "azcmagent", "tokens")
    os.makedirs(keys)
    sh(f"mount --bind {opt} /var/opt")
    story.azure.metadata.arc_keys = "" if kind == "no-key" else keys
    story.azure.metadata.arc_agent_is_old = kind == "old-agent"
    environ = story.azure.metadata_environ("arc")
    options = ""
    if kind in ("user-assigned", "old-agent"):
        options = f'client_id = "{story.azure.add_managed_identity().client_id}"'
    story.program.settings(f'[defaults]\nmethod = "managed-identity"\n{options}\n')
    return [story.get(**environ)]


def main(folder: str, place: str, kind: str) -> None:
    furnish()
    with FakeAzure(os.path.join(folder, "azure")) as azure:
        story = Story(folder, azure)
        places = {
            "arc": lambda: arc(story, kind, folder),
            "jobs": lambda: jobs(story),
            "crowd": lambda: looks_like_azure(story, kind, crowd=True),
            "machine": lambda: looks_like_azure(story, kind, crowd=False),
        }
        found = places[place]()
        names = {m.object_id: "assigned" for m in azure._directory.managed_identities()}  # noqa: SLF001
        names |= {azure.user.object_id: "person", azure.system_identity.object_id: "machine"}
        leaks = canary.leaks(story.program)
    for each in found:
        each["who"] = names.get(each.get("who", ""))
    print(json.dumps({"gets": found, "leaks": leaks}))


if __name__ == "__main__":
    main(*sys.argv[1:])
