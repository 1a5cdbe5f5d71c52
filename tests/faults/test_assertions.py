"""What signs in is a proof from outside: a file that may be anything, and a job's token that ages."""

import json
import os
from collections.abc import Callable

import pytest

from tests.azure import Garbage, Hang, Redirect, Refusal, Reset, Slow, Status
from tests.azure.faults import Fault
from tests.stories.program import Program

WORKLOAD: dict[str, str | None] = {
    "ACR_CRED_METHOD": "workload-identity",
    "AZURE_CLIENT_SECRET": None,
}


def put(program: Program, data: bytes, mode: int = 0o600) -> str:
    """A projected token's file; its path."""
    path = os.path.join(program.home, "token")
    with open(path, "wb") as file:
        file.write(data)
    os.chmod(path, mode)
    program.own.add(path)
    program.environ["AZURE_FEDERATED_TOKEN_FILE"] = path
    return path


def sent(program: Program) -> list[str]:
    """The assertions that Entra got, in their order."""
    found = [r.form["client_assertion"] for r in program.azure.requests if r.kind == "sign-in"]
    program.secrets |= set(found)
    return found


def missing(path: str) -> None:
    os.unlink(path)


def empty(path: str) -> None:
    os.truncate(path, 0)


def directory(path: str) -> None:
    os.unlink(path)
    os.mkdir(path)


def fifo(path: str) -> None:
    os.unlink(path)
    os.mkfifo(path)


def dangling(path: str) -> None:
    os.unlink(path)
    os.symlink("/nowhere", path)


def other_bytes(path: str) -> None:
    with open(path, "wb") as file:
        file.write(b"\xff\xfe\x00a\x00")


def endless(path: str) -> None:
    os.unlink(path)
    os.symlink("/dev/zero", path)


KINDS = [missing, empty, directory, fifo, dangling, other_bytes, endless]


@pytest.mark.parametrize("kind", KINDS)
def test_f58_no_token_in_the_file(program: Program, host: str, kind: Callable[[str], None]) -> None:
    """It is named, nobody is asked, and once it is right the next one signs in."""
    right = program.azure.federated_assertion().encode()
    path = put(program, right)
    kind(path)
    answer = program.get(host, **WORKLOAD)
    assert answer.reference == "secret-unreadable"
    assert program.azure.count("sign-in") == 0
    if os.path.isdir(path):
        os.rmdir(path)
    elif os.path.lexists(path):
        os.unlink(path)
    put(program, right)
    assert program.get(host, **WORKLOAD).login["ServerURL"] == host


@pytest.mark.parametrize("form", ["{}", "{}\n", "\ufeff{}", "\ufeff{}\r\n", " {} \n"], ids=ascii)
@pytest.mark.parametrize("mode", [0o600, 0o644, 0o444])
def test_f58_however_it_was_written(program: Program, host: str, form: str, mode: int) -> None:
    """Kubernetes projects its tokens 0644; an editor adds a byte order mark and a line end."""
    token = program.azure.federated_assertion()
    put(program, form.format(token).encode(), mode)
    assert program.get(host, **WORKLOAD).login["ServerURL"] == host
    assert sent(program) == [token]


def test_f58_expired(program: Program, host: str) -> None:
    put(program, program.azure.federated_assertion(lifetime=-600).encode())
    answer = program.get(host, **WORKLOAD)
    assert answer.reference == "assertion-expired"
    assert sent(program)


def test_f58_rotated(program: Program, host: str) -> None:
    """As the kubelet does it: a link changes, and the next sign-in reads what is there then."""
    for number, name in enumerate((host, f"other-{host}")):
        token = program.azure.federated_assertion()
        real = os.path.join(program.home, f"token-{number}")
        with open(real, "w", encoding="ascii") as file:
            file.write(token)
        program.own.add(real)
        link = os.path.join(program.home, "token")
        os.symlink(real, link + ".new")
        os.replace(link + ".new", link)
        program.environ["AZURE_FEDERATED_TOKEN_FILE"] = link
        assert program.get(name, **WORKLOAD).login["ServerURL"] == name
        assert sent(program)[-1] == token


@pytest.mark.parametrize("method", ["github-actions", "azure-pipelines"])
def test_f59_a_fresh_assertion_each_time(program: Program, host: str, method: str) -> None:
    """One that is refused for its age is no obstacle to the next sign-in, which has one of its own."""
    program.environ |= program.azure.job_environ(method)
    program.environ |= {"ACR_CRED_METHOD": method}
    del program.environ["AZURE_CLIENT_SECRET"]
    program.azure.fault("sign-in", Refusal(700024), times=1)
    assert program.get(host).reference == "assertion-expired"
    program.erase(host)  # which forgets the failure
    assert program.get(host).login["ServerURL"] == host
    program.erase(host)
    assert program.get(host).login["ServerURL"] == host
    assertions = sent(program)
    assert len(set(assertions)) == len(assertions) == 3
    for path in map(program.home.__add__, ["/" + name for name in program.files()]):
        with open(path, "rb") as file:
            data = file.read()
        assert not [each for each in assertions if each.encode() in data]


DOCKER_DESKTOP = "connecting to 169.254.169.254:80: dial tcp: connectex: unreachable network."
METADATA: dict[str, tuple[Fault, str]] = {
    "400": (
        Status(400, body='{"error":"invalid_request","error_description":"Identity not found"}'),
        "identity-not-found",
    ),
    "403 of Docker Desktop": (Status(403, body=DOCKER_DESKTOP), "answer-unusable"),
    "404": (Status(404), "answer-unusable"),
    "410": (Status(410), "entra-unavailable"),
    "429": (Status(429), "entra-throttled"),
    "429 for long": (Status(429, {"Retry-After": "600"}), "entra-throttled"),
    "500": (Status(500), "entra-unavailable"),
    "503": (Status(503, body="CANARY-page"), "entra-unavailable"),
    "a portal": (Garbage("<html>CANARY-page</html>"), "answer-unusable"),
    "empty": (Status(200), "answer-unusable"),
    "no token": (Garbage('{"expires_in": "CANARY-page"}', "application/json"), "answer-unusable"),
    "null": (
        Garbage('{"access_token": null, "expires_in": "9"}', "application/json"),
        "answer-unusable",
    ),
    "redirect": (Redirect("http://127.0.0.1:9/"), "redirect-refused"),
    "reset": (Reset(), "metadata-unreachable"),
    "silent": (Hang(), "metadata-unreachable"),
    "a byte a second": (Slow(1), "metadata-unreachable"),
}


@pytest.mark.parametrize(("fault", "reference"), METADATA.values(), ids=METADATA)
def test_f47_f49_the_metadata_service_refuses(
    program: Program, host: str, fault: Fault, reference: str
) -> None:
    """Each in words of its own, in eight seconds, and none of the service's."""
    program.azure.fault("metadata", fault)
    answer, used = program.measured("get", stdin=host.encode(), ACR_CRED_METHOD="managed-identity")
    times = [r.at for r in program.azure.requests if r.kind == "metadata"]
    assert answer.reference == reference
    assert b"CANARY" not in answer.out
    assert b"connectex" not in answer.out
    assert used.seconds < 8
    assert max(times) - min(times) < 8, "410 would be asked for 75 s"
    assert program.azure.count("exchange") == 0


@pytest.mark.parametrize("gone", ["expires_in", "expires_on", "token_type", "resource"])
def test_f49_members_that_nobody_needs(program: Program, host: str, gone: str) -> None:
    """When a token ends is read in the token."""
    token = program.azure.access_token()
    answer = {"access_token": token, "expires_in": "3600", "expires_on": "4102444800"}
    answer |= {"token_type": "Bearer", "resource": "https://containerregistry.azure.net"}
    del answer[gone]
    program.azure.fault("metadata", Garbage(json.dumps(answer), "application/json"))
    found = program.get(host, ACR_CRED_METHOD="managed-identity")
    assert found.login["ServerURL"] == host
