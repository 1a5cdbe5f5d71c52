"""Every method as its user meets it: what a cold `get` asks whom, and what a refusal looks like.

An audit hook of the interpreter writes down every address and every program that the installed program
turns to, so that what is asked of the fake Azure is all that is asked of anybody.
"""

import ast
import dataclasses
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from docker_credential_acr.methods import ENTRA_METHODS, LOGIN_METHODS
from tests.azure import FakeAzure
from tests.azure.bindings import PREFIX
from tests.azure.oidc import SUBJECT
from tests.conftest import azure, program
from tests.methods.conftest import machine
from tests.methods.test_managed_identity import PLACES
from tests.methods.worlds import LOGIN_WORLDS, WORLDS, Machine, pod
from tests.stories.program import NOT_FOUND, SECONDS, Answer, Program, until
from tests.stories.test_refresh_ahead import age, entry, markers

__all__ = ["azure", "machine", "program"]

WATCHED = """
import os, sys
log = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
ASKED = {"socket.connect": 1, "socket.getaddrinfo": 0, "socket.gethostbyname": 0, "socket.sendto": 1}
RUN = ("subprocess.Popen", "os.posix_spawn", "os.exec", "os.system", "os.fork", "os.forkpty")

def watch(event, arguments):
    if event in ASKED:
        os.write(log, repr(("asked", arguments[ASKED[event]])).encode() + b"\\n")
    elif event in RUN:
        os.write(log, repr(("ran", arguments and arguments[0])).encode() + b"\\n")

sys.addaudithook(watch)
sys.argv = ["docker-credential-acr", "get"]
from docker_credential_acr.__main__ import main
sys.exit(main())
"""

ENTRA = "login.microsoftonline.com"
DISCOVERY = f"GET {ENTRA}/{{tenant}}/v2.0/.well-known/openid-configuration"
SIGN_IN = f"POST {ENTRA}/{{tenant}}/oauth2/v2.0/token"
ALIASES = (
    f"GET {ENTRA}/common/discovery/instance"  # msal looks for a token under Entra's other names
)
EXCHANGE = "POST {host}/oauth2/exchange"
METADATA = "GET {metadata}/metadata/identity/oauth2/token"
GITHUB = "GET pipelines.actions.githubusercontent.com/idtoken"
PIPELINES = "POST dev.azure.com/organization/oidctoken"


@dataclass(frozen=True)
class Story:
    """The requests of a sign-in, more of them when it is refused, and how the refusal is told.

    ``ran`` is the program that is started.
    """

    requests: tuple[str, ...]
    more: tuple[str, ...]
    reference: str
    words: str
    ran: str | None = None


def principal(reference: str, words: str, *before: str) -> Story:
    return Story((*before, DISCOVERY, SIGN_IN), (ALIASES,), reference, words)


BY_HAND = Story(
    tuple(each.replace("{tenant}", "organizations") for each in (DISCOVERY, SIGN_IN)),
    (ALIASES,),
    "sign-in-expired",
    "run: docker-credential-acr login {host}",
)
NO_SUCH = Story((METADATA,), (), "identity-not-found", "00000000-aaaa-bbbb-cccc-dddddddddddd")
STORIES = {
    "automatic": principal("client-secret-refused", "client-secret: Entra refused"),
    "client-secret": principal("client-secret-refused", "give the secret's value, not its id"),
    "client-certificate": principal("certificate-refused", "upload the certificate"),
    "workload-identity": principal("assertion-refused", "subject is system:serviceaccount:a:b"),
    "github-actions": principal("assertion-refused", "subject is {subject}", GITHUB),
    "azure-pipelines": principal("assertion-refused", "subject is {subject}", PIPELINES),
    "federated-token": principal("assertion-refused", "subject is project:x"),
    "managed-identity": NO_SUCH,
    "aks-node": NO_SUCH,
    "browser": BY_HAND,
    "device-code": BY_HAND,
    "azure-cli": Story((), (), "sign-in-expired", "run: az login", "az"),
    "azure-powershell": Story((), (), "sign-in-expired", "run: Connect-AzAccount", "pwsh"),
    "azure-developer-cli": Story((), (), "sign-in-expired", "run: azd auth login", "azd"),
}
every = pytest.mark.parametrize("name", ENTRA_METHODS)


def installed(machine: Machine, program: Program, name: str, options: Any = None) -> Program:
    """The installed program on *machine*, with settings for the method *name* and its *options*."""
    given = {} if options is None else dataclasses.asdict(options)
    if name == "aks-node":
        given["file"] = os.path.join(machine.folder, "azure.json")
    lines = [f"{key} = {json.dumps(value)}" for key, value in given.items() if value]
    top = "allow_unencrypted = true\n" if machine.allow_unencrypted else ""
    program.settings(top + "\n".join(["[defaults]", f'method = "{name}"', *lines, ""]))
    program.environ = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    for root, _, names in os.walk(os.path.join(program.home, ".local")):  # kept sign-ins
        program.own |= {os.path.join(root, name) for name in names}
    return program


@dataclass
class Watch:
    """A `get`, what the fake Azure was asked, whose addresses were asked, and what was started."""

    answer: Answer
    requests: list[str]
    asked: set[object]
    ran: list[str]


def watched(program: Program, host: str, log: Path) -> Watch:
    program.azure.forget()
    done = subprocess.run(
        [sys.executable, "-P", "-c", WATCHED, str(log)],
        input=host.encode(),
        capture_output=True,
        check=False,
        timeout=SECONDS,
        env=program.environ,
        cwd=program.home,
    )
    answer = program.note(("get",), Answer(done.returncode, done.stdout, done.stderr))
    seen = [ast.literal_eval(line) for line in log.read_text().splitlines()] if log.exists() else []
    return Watch(
        answer,
        [f"{r.method} {r.host}{r.path}" for r in program.azure.requests if r.kind != "connect"],
        {what for kind, what in seen if kind == "asked"},
        [os.path.basename(what) for kind, what in seen if kind == "ran"],
    )


def wanted(azure: FakeAzure, host: str, requests: tuple[str, ...]) -> list[str]:
    known = {"tenant": azure.tenant, "host": host, "metadata": address(azure.metadata_url)}
    return [request.format_map(known) for request in requests]


def address(url: str) -> str:
    return urlsplit(url).netloc


def addresses(azure: FakeAzure, requests: tuple[str, ...]) -> set[object]:
    """Where *requests* go: the proxy or the metadata service, and nowhere beside them."""
    urls = {azure.metadata_url if each == METADATA else azure.proxy_url for each in requests}
    parts = [urlsplit(url) for url in urls]
    return {part.hostname for part in parts} | {(part.hostname, part.port) for part in parts}


def test_every_method_has_its_story() -> None:
    """A new one says here whom it asks, and what its user reads when it is refused."""
    assert sorted(STORIES) == sorted(ENTRA_METHODS)


@every
def test_a_cold_get_asks_these_and_nobody_else(
    machine: Machine, program: Program, host: str, tmp_path: Path, name: str
) -> None:
    story, azure = STORIES[name], program.azure
    WORLDS[name].right(machine)
    found = watched(installed(machine, program, name), host, tmp_path / "seen")
    requests = (*story.requests, EXCHANGE)
    assert found.answer.secret in azure.secrets
    assert found.requests == wanted(azure, host, requests)
    assert found.asked == addresses(azure, requests)
    assert found.ran == ([story.ran] if story.ran else [])
    again = watched(program, host, tmp_path / "again")
    assert again == Watch(found.answer, [], set(), [])


@every
def test_a_refusal_is_one_sentence_after_these_requests(
    machine: Machine, program: Program, host: str, tmp_path: Path, name: str
) -> None:
    """And the next call of a storm of them asks nobody."""
    story, azure = STORIES[name], program.azure
    WORLDS[name].right(machine)
    options = WORLDS[name].refused(machine)
    found = watched(installed(machine, program, name, options), host, tmp_path / "seen")
    requests = (*story.requests, *story.more)
    assert found.answer.reference == story.reference
    assert story.words.format(host=host, subject=SUBJECT) in found.answer.out.decode()
    assert found.requests == wanted(azure, host, requests)
    assert found.asked == addresses(azure, requests)
    assert found.ran == ([story.ran] if story.ran else [])
    again = watched(program, host, tmp_path / "again")
    assert again.answer.reference == story.reference
    assert (again.requests, again.asked, again.ran) == ([], set(), [])


MANAGER = "management.azure.com/subscriptions"
LOOK = "GET {host}/oauth2/token"
SEARCH = (DISCOVERY, SIGN_IN, f"GET {MANAGER}", f"GET {MANAGER}/SUB/registries")
LOGINS = {  # what is asked; and when a password is refused, which the settings give then
    "admin-user": ((*SEARCH, f"POST {MANAGER}/SUB/{{name}}/listCredentials", LOOK), (LOOK,)),
    "repository-token": ((LOOK,), (LOOK,)),
}
logins = pytest.mark.parametrize("name", LOGINS)


class TestLogins:
    """Methods of finished logins: whoever `automatic` finds reads them, and the registry verifies them."""

    def settled(self, program: Program, host: str, name: str, options: Any) -> Program:
        given = {} if options is None else dataclasses.asdict(options)
        lines = [f"{key} = {json.dumps(value)}" for key, value in given.items() if value]
        table = [f'[registries."{host}"]', f'method = "{name}"', *lines, ""]
        program.settings("\n".join(table))
        program.environ |= program.azure.service_principal_environ()
        return program

    def shortened(self, requests: list[str]) -> list[str]:
        """With one word for the parts of a path that say which subscription it is."""
        manager = re.compile(r"(subscriptions)/[^/]+(/.*)?/Microsoft.ContainerRegistry")
        return [
            manager.sub(r"\1/SUB", each).replace("SUB/registries/", "SUB/") for each in requests
        ]

    def test_each_has_its_story(self) -> None:
        assert sorted([*LOGINS, "anonymous"]) == sorted(LOGIN_METHODS)

    @logins
    def test_a_cold_get_asks_these_and_nobody_else(
        self, machine: Machine, program: Program, host: str, tmp_path: Path, name: str
    ) -> None:
        requests = LOGINS[name][0]
        self.settled(program, host, name, LOGIN_WORLDS[name].right(machine, host))
        found = watched(program, host, tmp_path / "seen")
        registry = host.partition(".")[0]
        known = {"tenant": program.azure.tenant, "host": host, "name": registry}
        assert found.answer.login["Username"] in (registry, "robot")
        assert self.shortened(found.requests) == [each.format_map(known) for each in requests]
        assert found.asked == addresses(program.azure, requests)
        assert found.ran == []
        again = watched(program, host, tmp_path / "again")
        assert again == Watch(found.answer, [], set(), [])

    @logins
    def test_a_refusal_is_one_sentence_after_these_requests(
        self, machine: Machine, program: Program, host: str, tmp_path: Path, name: str
    ) -> None:
        world, requests = LOGIN_WORLDS[name], LOGINS[name][1]
        world.right(machine, host)
        self.settled(program, host, name, world.refused(machine, host))
        found = watched(program, host, tmp_path / "seen")
        assert found.answer.reference == "passwords-refused"
        assert found.requests == wanted(program.azure, host, requests)
        assert found.asked == addresses(program.azure, requests)
        again = watched(program, host, tmp_path / "again")
        assert again.answer.reference == "passwords-refused"
        assert (again.requests, again.asked, again.ran) == ([], set(), [])

    def test_anonymous_asks_nobody(self, program: Program, host: str, tmp_path: Path) -> None:
        self.settled(program, host, "anonymous", None)
        found = watched(program, host, tmp_path / "seen")
        assert found == Watch(Answer(1, NOT_FOUND, b""), [], set(), [])


@pytest.mark.parametrize("place", PLACES)
def test_a_managed_identity_asks_its_own_platform_once_and_nobody_else(
    machine: Machine, program: Program, host: str, tmp_path: Path, place: str
) -> None:
    variables = program.azure.metadata_environ(place)
    machine.set(**variables)
    installed(machine, program, "managed-identity")
    found = watched(program, host, tmp_path / "seen")
    assert found.answer.secret in program.azure.secrets
    platform, exchange = (r for r in program.azure.requests if r.kind != "connect")
    assert (platform.kind, exchange.kind, exchange.host) == ("metadata", "exchange", host)
    (endpoint,) = (url for url in variables.values() if url.startswith("http"))
    places = urlsplit(endpoint), urlsplit(program.azure.proxy_url)
    assert platform.host == places[0].netloc
    assert found.asked == {each.hostname for each in places} | {
        (each.hostname, each.port) for each in places
    }
    assert found.ran == []


def test_a_pod_with_identity_bindings_asks_its_clusters_proxy_and_not_entra(
    machine: Machine, program: Program, host: str, tmp_path: Path
) -> None:
    """What the webhook sets leads there past the proxy of the environment, which is for the registry."""
    pod(machine)
    cluster = program.azure.listen_bindings()
    machine.set(**cluster.environ())
    installed(machine, program, "workload-identity")
    program.environ["NO_PROXY"] = ""
    found = watched(program, host, tmp_path / "seen")
    assert found.answer.secret in program.azure.secrets
    asked = f"POST {cluster.address}{PREFIX}/{program.azure.tenant}/oauth2/v2.0/token"
    assert found.requests == [asked, EXCHANGE.format(host=host)]
    places = urlsplit(cluster.url), urlsplit(program.azure.proxy_url)
    assert found.asked == {each.hostname for each in places} | {
        (each.hostname, each.port) for each in places
    }


class TestEveryRenewal:
    """What proves who is asking is asked for or read anew each time: it lives for minutes only."""

    @pytest.fixture
    def short(self, program: Program, host: str) -> Program:
        """Tokens of the registry and of Entra that are never served or shared again."""
        program.azure.registry(host).token_life = 600
        program.azure._directory.token_life = 200  # noqa: SLF001  no switch of the fake's
        return program

    def sent(self, program: Program) -> list[str]:
        return [r.form["client_assertion"] for r in program.azure.requests if r.kind == "sign-in"]

    @pytest.mark.parametrize("name", ["github-actions", "azure-pipelines"])
    def test_a_job_asks_its_system_again(
        self, machine: Machine, short: Program, host: str, name: str
    ) -> None:
        WORLDS[name].right(machine)
        installed(machine, short, name)
        answers = {short.get(host).secret for _ in range(3)}
        assert len(answers) == len(set(self.sent(short))) == short.azure.count("oidc") == 3

    @pytest.mark.parametrize("name", ["github-actions", "azure-pipelines"])
    def test_so_does_a_renewal_in_the_background(
        self, machine: Machine, program: Program, host: str, name: str
    ) -> None:
        program.azure._directory.token_life = 200  # noqa: SLF001
        WORLDS[name].right(machine)
        installed(machine, program, name)
        first = program.get(host).secret
        aged = age(program, host)
        assert program.get(host).secret == first
        until(lambda: entry(program, host) != aged and not markers(program))
        assert len(set(self.sent(program))) == program.azure.count("oidc") == 2

    @pytest.mark.parametrize(
        ("name", "line"),
        [
            ("workload-identity", ""),
            ("workload-identity", 'token_file = "{path}"'),
            ("federated-token", 'token_file = "{path}"'),
            ("federated-token", 'token_command = ["/bin/cat", "{path}"]'),
            ("federated-token", 'token_env = "ID_TOKEN"'),
        ],
        ids=["variable", "workload-file", "file", "command", "env"],
    )
    def test_a_token_is_read_again(
        self, machine: Machine, short: Program, host: str, name: str, line: str
    ) -> None:
        pod(machine)
        path = os.environ["AZURE_FEDERATED_TOKEN_FILE"]
        installed(machine, short, name)
        short.settings(f'[defaults]\nmethod = "{name}"\n{line.format(path=path)}\n')
        tokens = [short.azure.federated_assertion() for _ in range(3)]
        for token in tokens:
            machine.file("token", token)
            assert short.get(host, ID_TOKEN=token).login
        assert self.sent(short) == tokens
