"""People's homes with the program in use: cold, with one token cached, and with very much of everything."""

import json
import os
import shutil
from dataclasses import dataclass
from typing import Self

import certifi

from tests.azure import FakeAzure
from tests.bench.environment import variables
from tests.bench.runs import Command, Unmeasured, answer, shown

HOST = "team.azurecr.io"
FOREIGN = "registry.example.com"
_REQUEST = {
    "apiVersion": "credentialprovider.kubelet.k8s.io/v1",
    "kind": "CredentialProviderRequest",
    "image": f"{HOST}/app:1",
}
_REGISTRY = '[registries."{}"]\nmethod = "client-secret"\n'


@dataclass(frozen=True)
class Home:
    """One home, the variables of a process in it, and the program that is measured."""

    folder: str
    program: str
    environ: dict[str, str]

    @classmethod
    def made(cls, folder: str, program: str, azure: FakeAzure) -> Self:
        os.makedirs(folder)
        more = azure.environ() | azure.service_principal_environ()
        more["SSL_CERT_FILE"] = trust(azure, folder)
        for host in (HOST, FOREIGN):
            with open(os.path.join(folder, host), "w", encoding="ascii") as file:
                file.write(host + "\n")
        return cls(folder, program, variables(folder, **more))

    @property
    def cache(self) -> str:
        return os.path.join(self.folder, ".cache", f"docker-credential-acr-{os.geteuid()}")

    def get(self, name: str) -> Command:
        """A get that the cache answers."""
        return Command(name, (self.program, "get"), self.environ, os.path.join(self.folder, HOST))

    def cold(self, name: str) -> Command:
        """A get with an empty cache each time."""
        command = self.get(name)
        return Command(name, command.argv, command.environ, command.stdin, before=self.forget)

    def foreign(self, name: str) -> Command:
        stdin = os.path.join(self.folder, FOREIGN)
        return Command(name, (self.program, "get"), self.environ, stdin, code=1)

    def list(self, name: str) -> Command:
        return Command(name, (self.program, "list"), self.environ)

    def kubelet(self, name: str) -> Command:
        """A kubelet's request for an image of the registry, answered from the cache."""
        path = os.path.join(self.folder, "request.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(_REQUEST, file)
        command = Command(name, (self.program, "kubelet"), self.environ, path)
        said = answer(command)
        if "CredentialProviderResponse" not in said or answer(command) != said:
            raise Unmeasured(f"no answer to a kubelet: {shown(said)}", optional=True)
        return command

    def plain(self, name: str, python: str) -> Command:
        """The same credential by a plain script, told of the fake's CA in the way requests wants it."""
        script = os.path.join(self.folder, "plain.py")
        shutil.copy(os.path.join(os.path.dirname(__file__), "plain.py"), script)
        environ = self.environ | {"REQUESTS_CA_BUNDLE": self.environ["SSL_CERT_FILE"]}
        return Command(name, (python, script), environ, os.path.join(self.folder, HOST))

    def forget(self) -> None:
        shutil.rmtree(self.cache, ignore_errors=True)

    def warm(self) -> Self:
        """Sign in once, and see that the second answer is the first one, from the cache."""
        command = self.get("the first get")
        first = answer(command)
        if not first.startswith('{"ServerURL":') or answer(command) != first:
            raise Unmeasured(f"the program does not answer from its cache: {shown(first)}")
        return self

    def configure(self, registries: int) -> Self:
        """Write settings that name *registries* hosts, every second one a customer's own domain."""
        folder = os.path.join(self.folder, ".config", "docker-credential-acr")
        os.makedirs(folder)
        hosts = [HOST]
        for number in range(1, registries):
            domain = "images.example" if number % 2 else "azurecr.io"
            hosts.append(f"registry{number}.{domain}")
        with open(os.path.join(folder, "config.toml"), "w", encoding="ascii") as file:
            file.writelines(_REGISTRY.format(host) for host in hosts)
        os.chmod(file.name, 0o600)
        return self

    def fill(self, entries: int) -> Self:
        """Add other registries' entries to the cache until it holds *entries*."""
        name = next(name for name in os.listdir(self.cache) if name.startswith(f"{HOST}@"))
        with open(os.path.join(self.cache, name), "rb") as file:
            data = file.read()
        stamp = name.partition("@")[2]
        for number in range(1, entries):
            path = os.path.join(self.cache, f"registry{number}.azurecr.io@{stamp}")
            with open(path, "wb") as file:
                file.write(data.replace(HOST.encode(), f"registry{number}.azurecr.io".encode()))
            os.chmod(path, 0o600)
        return self


def trust(azure: FakeAzure, folder: str) -> str:
    """Return a bundle of the world's CAs and the fake one: reading it is part of every cold get."""
    path = os.path.join(folder, "ca.pem")
    with open(path, "wb") as bundle:
        for part in (certifi.where(), azure.ca_file):
            with open(part, "rb") as file:
                bundle.write(file.read() + b"\n")
    return path
