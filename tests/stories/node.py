"""A node: what its kubelet asks the installed program, and how the kubelet reads the answer."""

import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.azure import FakeAzure
from tests.stories.program import GUID, PATH, SECONDS, Answer, Program

VERSION = "credentialprovider.kubelet.k8s.io/v1"
CLIENT = "kubernetes.azure.com/acr-client-id"
TENANT = "kubernetes.azure.com/acr-tenant-id"
PRINCIPAL = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET")
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(\d+)s")


def request(image: str, **members: object) -> str:
    """What the kubelet writes for *image*."""
    asked = {"kind": "CredentialProviderRequest", "apiVersion": VERSION, "image": image, **members}
    return json.dumps(asked) + "\n"


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; the kubelet refuses one with a member twice."""
    assert len({name for name, _ in pairs}) == len(pairs), pairs
    return dict(pairs)


def seconds(duration: str) -> int:
    found = _DURATION.fullmatch(duration)
    assert found, duration
    hours, minutes, rest = (int(part or 0) for part in found.groups())
    assert minutes < 60
    assert rest < 60, "as Go writes it"
    return hours * 3600 + minutes * 60 + rest


@dataclass(frozen=True)
class Response:
    """An answer that the kubelet's strict reader accepts."""

    auth: Mapping[str, Mapping[str, str]]
    seconds: int

    @classmethod
    def of(cls, answer: Answer) -> "Response":
        assert answer.code == 0, answer
        assert answer.err == b"", answer
        assert answer.out.count(b"\n") == 1
        assert answer.out.endswith(b"}\n")
        found = json.loads(answer.out, object_pairs_hook=once)
        assert set(found) == {"kind", "apiVersion", "cacheKeyType", "cacheDuration", "auth"}
        assert found["kind"] == "CredentialProviderResponse"
        assert found["apiVersion"] == VERSION
        assert found["cacheKeyType"] == "Registry"
        for login in found["auth"].values():
            assert set(login) == {"username", "password"}
            assert login["username"] == GUID
            assert login["password"]
        return cls(found["auth"], seconds(found["cacheDuration"]))

    def password(self, key: str) -> str:
        """The one password of the answer, which is for *key*."""
        assert set(self.auth) == {key}
        return self.auth[key]["password"]


def reference(answer: Answer) -> str:
    """The reference of a failure: nothing for the kubelet to read, one line for its log."""
    assert answer.code == 1, answer
    assert answer.out == b"", answer
    line = answer.err.decode("ascii")
    assert line.endswith("]\n"), answer
    assert line.count("\n") == 1, answer
    assert line[:-1].isprintable(), answer
    assert len(line) <= 301, answer
    return line.rpartition("[")[2][:-2]


@dataclass
class Node:
    """A machine whose kubelet calls the program; nobody is signed in to it but by azure.json."""

    program: Program

    @property
    def azure(self) -> FakeAzure:
        return self.program.azure

    def azure_json(self, **table: object) -> str:
        """Write the node's file; its path."""
        path = os.path.join(self.program.home, "azure.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(table, file)
        self.program.own.add(path)
        return path

    def managed(self) -> str:
        """The path of an azure.json that names the kubelet's managed identity."""
        identity = self.azure.add_managed_identity().client_id
        return self.azure_json(useManagedIdentityExtension=True, userAssignedIdentityID=identity)

    def ask(self, stdin: str | bytes, *arguments: str, **changes: str | None) -> Answer:
        return self.program.run("kubelet", *arguments, stdin=stdin, **changes)

    def pull(self, image: str, *arguments: str, **members: object) -> Answer:
        """Ask for the credential of *image*; *members* are further ones of the request."""
        return self.ask(request(image, **members), *arguments)

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        return self.program.start("kubelet", *arguments)

    def called(self, name: str, stdin: str, *arguments: str) -> Answer:
        """Run the program by another *name*, as a kubelet does that finds it in its folder."""
        folder = os.path.join(self.program.home, "bin")
        os.makedirs(folder, exist_ok=True)
        os.symlink(PATH, os.path.join(folder, name))
        ran = subprocess.run(
            [os.path.join(folder, name), *arguments],
            input=stdin.encode(),
            capture_output=True,
            env=self.program.environ,
            cwd="/",
            timeout=SECONDS,
            check=False,
        )
        return self.program.note(("kubelet",), Answer(ran.returncode, ran.stdout, ran.stderr))


@dataclass(frozen=True)
class Pod:
    """A service account with a token of its own for every pod, and the app that it is annotated with."""

    azure: FakeAzure
    client_id: str
    subject: str
    uid: str

    def members(self, **annotations: str | None) -> dict[str, Any]:
        """What the kubelet adds to the request: a fresh token; an annotation that is None is left out."""
        known = {CLIENT: self.client_id, TENANT: self.azure.tenant}
        changed = {{"client": CLIENT, "tenant": TENANT}[key]: v for key, v in annotations.items()}
        return {
            "serviceAccountToken": self.token(),
            "serviceAccountAnnotations": {
                key: value for key, value in {**known, **changed}.items() if value is not None
            },
        }

    def token(self) -> str:
        return self.azure.federated_assertion(subject=self.subject, uid=self.uid)
