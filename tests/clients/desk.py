"""One test's desk: a home, a helper of its own, and the clients."""

import dataclasses
import json
import os
import shutil
from collections.abc import Callable, Mapping

import pytest

from tests.clients import namespace, places
from tests.clients.lab import Lab, Ran
from tests.clients.recorder import Call, Calls, Recorder, count
from tests.stories import canary

DockerConfig = Mapping[str, object]
CREDENTIAL_HELPERS: DockerConfig = {"credHelpers": {places.REGISTRY: "acr", places.SECOND: "acr"}}
CREDENTIALS_STORE: DockerConfig = {"credsStore": "acr"}
CONFIGS = {"credHelpers": CREDENTIAL_HELPERS, "credsStore": CREDENTIALS_STORE}
GUID = "00000000-0000-0000-0000-000000000000"

Measured = Callable[[str, object], None]


def needs(*clients: str) -> pytest.MarkDecorator:
    """Skip where a client is not installed."""
    absent = [client for client in clients if namespace.which(client) is None]
    return pytest.mark.skipif(bool(absent), reason=f"not installed: {', '.join(absent)}")


@dataclasses.dataclass(frozen=True, repr=False)
class Done(Ran):
    """One client operation, and what it asked of the helper."""

    helper: list[Call]

    def __repr__(self) -> str:
        return "\n".join([super().__repr__(), *map(repr, self.helper)])

    @property
    def calls(self) -> Calls:
        return count(self.helper)


class Desk:
    """A person's place in the lab. Nothing on it is inherited from the machine."""

    def __init__(self, lab: Lab, folder: str, helper: str, username: str, note: Measured) -> None:
        self.lab = lab
        self.folder = folder
        self.own: set[str] = set()  # files that the test itself made
        self.username = username
        self._helper = helper
        self._note = note
        self._recorder = Recorder(folder, helper)
        self.home = os.path.join(folder, "home")
        self.docker_config = os.path.join(self.home, ".docker", "config.json")
        os.makedirs(os.path.dirname(self.docker_config))
        storage = os.path.join(places.RUN, "storage", os.path.basename(folder))
        self.env = {
            "PATH": f"{self._recorder.bin}:{namespace.PATH}",
            "HOME": self.home,
            "DOCKER_HOST": places.DOCKER,
            "REGISTRY_AUTH_FILE": self.docker_config,
            "CONTAINERS_STORAGE_CONF": self.file(
                "storage.conf",
                '[storage]\ndriver = "vfs"\n'
                f'graphroot = "{storage}/graph"\nrunroot = "{storage}/run"\n',
            ),
            "CONTAINERS_CONF": self.file(
                "containers.conf",
                '[engine]\nevents_logger = "none"\ncgroup_manager = "cgroupfs"\n',
            ),
            "BUILDAH_ISOLATION": "chroot",
            "ACR_CRED_CACHE_DIR": os.path.join(folder, "cache"),
            **lab.identity(),
        }
        if username == "token":
            self.env["ACR_CRED_USERNAME"] = "token"
        self.configure(CREDENTIAL_HELPERS)

    def help_everywhere(self) -> None:
        """Let containers/image ask the helper for every registry there is."""
        self.configure({})
        self.file("home/.config/containers/registries.conf", 'credential-helpers = ["acr"]\n')

    def configure(self, docker_config: DockerConfig) -> None:
        """Write Docker's config file."""
        with open(self.docker_config, "w") as file:
            json.dump(docker_config, file)

    def settle(self, settings: str) -> None:
        """Give the helper a settings file."""
        self.env["ACR_CRED_CONFIG"] = self.file("settings/config.toml", settings)

    def forget_everything(self) -> None:
        """Leave the helper without its cache and without anybody to sign in as."""
        shutil.rmtree(self.env["ACR_CRED_CACHE_DIR"], ignore_errors=True)
        for name in self.lab.identity():
            del self.env[name]

    def file(self, name: str, text: str) -> str:
        """Write a file; answer its path."""
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        self.own.add(path)
        return path

    def get(self, host: str = places.REGISTRY) -> dict[str, str]:
        """Ask the helper itself, as `docker-credential-acr get` by hand."""
        ran = self.lab.run([self._helper, "get"], self.env, self.folder, host)
        assert ran.exit == 0, repr(ran)
        answer: dict[str, str] = json.loads(ran.stdout)
        return answer

    def listed(self) -> dict[str, str]:
        """Ask the helper itself for its list."""
        ran = self.lab.run([self._helper, "list"], self.env, self.folder)
        assert ran.exit == 0, repr(ran)
        hosts: dict[str, str] = json.loads(ran.stdout)
        return hosts

    def run(self, *argv: str, stdin: str = "") -> Done:
        """Run a client; the helper succeeds in silence, but may say where it keeps a password.

        Neither says twelve bytes of a secret.
        """
        ran = self.lab.run(list(argv), self.env, self.folder, stdin)
        helper = self._recorder.take()
        loud = [call for call in helper if call.exit == 0 and call.stderr]
        assert [call for call in loud if call.verb != "store"] == []
        asked = any("with_docker_py" in word for word in argv)  # it prints what it was given
        said = "\n".join([ran.stderr, "" if asked else ran.stdout, *(c.stderr for c in helper)])
        assert not canary.shown(said.encode(), self.lab.secrets())
        return Done(helper=helper, **vars(ran))

    def leaks(self) -> list[str]:
        """The files, but for the test's own, the cache and kept logins, that have a secret in them."""
        secrets = self.lab.secrets()
        found = []
        for root, folders, names in os.walk(self.folder):
            folders[:] = [f for f in folders if f"{root}/{f}" != self.env["ACR_CRED_CACHE_DIR"]]
            paths = [os.path.join(root, name) for name in names if not root.endswith("/kept")]
            searched = (path for path in paths if path not in self.own)
            found += [path for path in searched if canary.shown(canary.contents(path), secrets)]
        return found

    def prepare(self, *argv: str) -> None:
        """Run what a test needs to have been done before."""
        done = self.run(*argv)
        assert done.exit == 0, repr(done)

    def measure(self, operation: str, *argv: str, stdin: str = "") -> Done:
        """Run a client that has to succeed, and put it into the table."""
        done = self.run(*argv, stdin=stdin)
        assert done.exit == 0, repr(done)
        self._note(
            "operation",
            {
                "operation": operation,
                "user name": self.username,
                **vars(done.calls),
                "sign-ins": done.count("sign-in"),
                "exchanges": done.count("exchange"),
                "seconds": round(done.seconds, 2),
            },
        )
        return done
