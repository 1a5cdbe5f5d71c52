"""The inside of the lab: `python -m tests.clients.world FOLDER`, first process of its namespaces.

Brings up names, certificates, the fake Azure, registries and an engine, and then answers questions,
one line of JSON each. It ends with its standard input, and everything in it ends with it.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from typing import Any

from tests.azure import FakeAzure
from tests.clients import daemons, images, namespace, places

BASE_FILES = {"etc/base": b"base\n"}


class World:
    """What can be asked: every public method, by its name."""

    def __init__(self, azure: FakeAzure, folder: str, stack: contextlib.ExitStack) -> None:
        self._azure = azure
        self._folder = folder
        self._stack = stack

    def identity(self) -> dict[str, str]:
        """Answer the variables of a service principal that may pull and push."""
        return self._azure.service_principal_environ()

    def secrets(self) -> list[str]:
        """Answer every secret given or issued so far."""
        return sorted(self._azure.secrets)

    def admin(self, host: str) -> tuple[str, str]:
        """Switch a registry's admin user on; answer user name and password."""
        return self._azure.add_admin(host)

    def repository_token(self, host: str, name: str) -> str:
        """Make a repository token that may pull; answer its password."""
        return self._azure.add_repository_token(host, name)

    def run(
        self, argv: list[str], env: dict[str, str], cwd: str, stdin: str, timeout: float
    ) -> dict[str, object]:
        """Run a program to its end; answer what it said and what it made Azure see."""
        self._azure.forget()
        begin = time.monotonic()
        with subprocess.Popen(
            argv,
            env=env,
            cwd=cwd,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        ) as process:
            try:
                stdout, stderr = process.communicate(stdin, timeout)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                raise
        return {
            "exit": process.returncode,
            "stdout": stdout,
            "stderr": stderr,
            "seconds": time.monotonic() - begin,
            "requests": [
                {
                    "kind": request.kind,
                    "method": request.method,
                    "host": request.host,
                    "path": request.path,
                    "status": request.status,
                    "form": dict(request.form),
                }
                for request in self._azure.requests
            ],
        }

    def change(self, host: str, settings: dict[str, Any]) -> dict[str, Any]:
        """Change a registry's settings; answer what they were."""
        registry = self._azure.registry(host)
        before = {name: getattr(registry, name) for name in settings}
        for name, value in settings.items():
            setattr(registry, name, value)
        return before

    def engine(self, env: dict[str, str]) -> str:
        """Start one more docker engine, with this added to its environment; answer its address."""
        root = tempfile.mkdtemp(dir=places.RUN)
        return self._stack.enter_context(daemons.dockerd(self._folder, root, env))


@contextlib.contextmanager
def built(folder: str) -> Iterator[World]:
    """Build the world, in the order in which its parts need each other."""
    namespace.furnish([places.AZURE, places.METADATA], places.NAMES)
    os.mkdir(places.RUN)
    with contextlib.ExitStack() as stack:
        azure = stack.enter_context(
            FakeAzure(
                os.path.join(folder, "azure"),
                address=places.AZURE,
                port=443,
                metadata_address=places.METADATA,
                metadata_port=80,
                backend="127.0.0.1:5000",
            )
        )
        azure.registry(places.SECOND).token_audience = places.REGISTRY  # one server is both
        namespace.trust(azure.ca_file)
        storage = os.path.join(places.RUN, "registry")
        auth = {
            "realm": f"https://{places.REGISTRY}/oauth2/token",
            "service": places.REGISTRY,
            "issuer": "Azure Container Registry",
            "rootcertbundle": azure.root_cert_file,
        }
        stack.enter_context(daemons.registry(folder, storage, 5000, auth))
        stack.enter_context(daemons.registry(folder, storage, 5001))
        if namespace.which("dockerd"):
            stack.enter_context(daemons.dockerd(folder, places.RUN))
        _push_base(os.path.join(places.RUN, "base"))
        yield World(azure, folder, stack)


def _push_base(folder: str) -> None:
    """Put the base image in, by the back door: no helper is needed for it."""
    os.mkdir(folder)
    image = images.layout(folder, BASE_FILES)
    destination = ["--dest-tls-verify=false", "--format=v2s2", f"docker://{places.OPEN}/base"]
    subprocess.run(
        ["skopeo", "copy", "--quiet", image, *destination],
        check=True,
        env={"PATH": namespace.PATH, "HOME": folder},
    )


def main() -> None:
    """Answer questions until there are no more."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # nobody else's words among the answers
    with built(sys.argv[1]) as world:
        answers.write('{"answer": "ready"}\n')
        for line in sys.stdin:
            question = json.loads(line)
            try:
                answer = getattr(world, question["ask"])(**question["arguments"])
                answers.write(json.dumps({"answer": answer}) + "\n")
            except Exception:  # noqa: BLE001 - the test that asked shows it
                answers.write(json.dumps({"error": traceback.format_exc()}) + "\n")


if __name__ == "__main__":
    main()
