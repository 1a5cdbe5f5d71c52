"""`pull-secret`: what it prints is a Secret that a cluster takes, and nothing else."""

import json
import os
import stat
import time
from base64 import b64decode
from datetime import UTC, datetime
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.azure import Status
from tests.azure.tokens import peek
from tests.stories.program import GUID, Answer, Program, new_host
from tests.systems import modes, posix

NAMED = ("--name", "acr", "--namespace", "team")


def secret(answer: Answer) -> dict[str, Any]:
    """The Secret; fails unless it is one, by the schema of Kubernetes."""
    assert answer.code == 0, answer
    assert answer.err == b""
    text = answer.out.decode("ascii")
    found: dict[str, Any] = yaml.safe_load(text)
    kubernetes_validate.validate(found, "1.34", strict=True)
    assert found["type"] == "kubernetes.io/dockerconfigjson"
    return found


def auths(found: dict[str, Any]) -> dict[str, dict[str, str]]:
    """The logins, as the kubelet reads them."""
    assert set(found["data"]) == {".dockerconfigjson"}
    config = json.loads(b64decode(found["data"][".dockerconfigjson"], validate=True))
    assert set(config) == {"auths"}
    for login in config["auths"].values():
        assert set(login) == {"username", "password", "auth"}
        assert login["username"] == GUID
        both = b64decode(login["auth"], validate=True).decode()
        assert both == f"{GUID}:{login['password']}"
    logins: dict[str, dict[str, str]] = config["auths"]
    return logins


def test_a_secret_for_two_registries(program: Program, host: str) -> None:
    other = new_host("azurecr.cn")
    found = secret(program.run("pull-secret", host, other, *NAMED))
    assert found["metadata"]["name"] == "acr"
    assert found["metadata"]["namespace"] == "team"
    logins = auths(found)
    assert set(logins) == {host, other}
    for each, login in logins.items():
        assert peek(login["password"])[1]["aud"] == each
        assert login["password"] in program.azure.secrets


def test_a_kept_login_is_not_for_a_cluster(program: Program, host: str) -> None:
    """What the person logged in with on this machine does not leave it."""
    program.settings('store = "file"\n')
    program.secrets.add("CANARY-kept")
    assert program.store(host, "admin", "CANARY-kept").code == 0
    found = auths(secret(program.run("pull-secret", host, *NAMED)))
    assert peek(found[host]["password"])[1]["aud"] == host
    assert program.get(host).secret == "CANARY-kept"


def test_json_is_the_same(program: Program, host: str) -> None:
    as_yaml = program.run("pull-secret", host, *NAMED)
    as_json = program.run("pull-secret", host, *NAMED, "--format", "json")
    assert json.loads(as_json.out) == yaml.safe_load(as_yaml.out)
    assert secret(as_json)


def test_dockers_config_is_what_is_in_it(program: Program, host: str) -> None:
    path = os.path.join(program.home, "config.json")
    program.own.add(path)
    assert program.run("pull-secret", host, "--format=docker", "--output", path).code == 0
    found = secret(program.run("pull-secret", host))
    assert found["metadata"]["name"] == "acr-pull"
    with open(path, encoding="ascii") as file:
        assert json.load(file)["auths"] == auths(found)


def test_it_says_when_it_is_over(program: Program, host: str) -> None:
    """The first of its tokens counts."""
    other = new_host()
    program.azure.registry(other).token_life = 9600
    found = secret(program.run("pull-secret", host, other, *NAMED))
    claims = peek(auths(found)[other]["password"])[1]
    marks = found["metadata"]["annotations"]
    assert marks["docker-credential-acr/expires-at"] == clock(claims["exp"])
    assert marks["docker-credential-acr/renew-at"] == clock((claims["iat"] + claims["exp"]) // 2)


def clock(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_without_a_namespace_it_is_kubectls(program: Program, host: str) -> None:
    found = secret(program.run("pull-secret", host, "--name", "acr"))
    assert "namespace" not in found["metadata"]


def test_one_for_each_namespace(program: Program, host: str) -> None:
    """With one sign-in, and the same content."""
    spaces = ("--namespace", "a", "--namespace=b", "--namespace=a")
    as_yaml = program.run("pull-secret", host, "--name", "acr", *spaces)
    found = list(yaml.safe_load_all(as_yaml.out))
    assert [each["metadata"]["namespace"] for each in found] == ["a", "b"]
    assert found[0]["data"] == found[1]["data"]
    as_json = program.run("pull-secret", host, "--name", "acr", *spaces, "--format", "json")
    several = json.loads(as_json.out)
    assert several == {"apiVersion": "v1", "kind": "List", "items": found}
    for each in found:
        kubernetes_validate.validate(each, "1.34", strict=True)
    assert program.exchanges(host) == 1


@modes
def test_a_file_is_for_nobody_else(program: Program, host: str) -> None:
    path = os.path.join(program.home, "secret.yaml")
    program.own.add(path)
    answer = program.run("pull-secret", host, *NAMED, "--output", path)
    assert answer == Answer(0, b"", b"")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    with open(path, "rb") as file:
        content = file.read()
    assert content == program.run("pull-secret", host, *NAMED, "--output", "-").out
    assert program.unfinished() == []
    answer = program.run("pull-secret", host, *NAMED, "--output", "/nowhere/secret.yaml")
    assert (answer.code, answer.out) == (2, b"")
    assert b"output-file" in answer.err


@posix("FIFOs")
def test_a_pipe_stays_one(program: Program, host: str) -> None:
    """As root, /dev/stdout would be a file with a token in it ever after."""
    path = os.path.join(program.home, "pipe")
    os.mkfifo(path)
    process = program.start("pull-secret", host, "--format", "docker", "--output", path)
    with open(path, encoding="ascii") as pipe:
        assert host in json.load(pipe)["auths"]
    assert program.finish(process) == Answer(0, b"", b"")
    assert stat.S_ISFIFO(os.stat(path).st_mode)


@modes
def test_a_link_stays_one(program: Program, host: str) -> None:
    path, link = (os.path.join(program.home, name) for name in ("secret.yaml", "link"))
    program.own.add(path)
    os.symlink("secret.yaml", link)
    for _ in range(2):
        assert program.run("pull-secret", host, "--output", link) == Answer(0, b"", b"")
        assert os.readlink(link) == "secret.yaml"
        assert stat.S_IMODE(os.lstat(path).st_mode) == 0o600


@pytest.mark.parametrize("path", ["", ".", "/", "/nowhere/x"])
def test_what_is_no_file_is_said(program: Program, host: str, path: str) -> None:
    answer = program.run("pull-secret", host, f"--output={path}")
    assert (answer.code, answer.out) == (2, b"")
    assert b"output-file" in answer.err


def test_its_token_has_a_life_before_it(program: Program, host: str) -> None:
    """What get serves may be old; a cluster gets a new one, and keeps it while it is nearly new."""
    program.azure.registry(host).token_life = 8000
    for expected in (1, 2):
        found = secret(program.run("pull-secret", host, *NAMED))
        assert peek(auths(found)[host]["password"])[1]["exp"] > time.time() + 7900
        assert program.exchanges(host) == expected
    program.azure.registry(host).token_life = 11_700
    for _ in range(2):
        secret(program.run("pull-secret", host, *NAMED))
    assert program.exchanges(host) == 3


def test_what_docker_keeps_is_not_for_clusters(program: Program, host: str) -> None:
    stored = program.token(host)
    assert program.store(host, "<token>", stored).code == 0
    assert program.get(host).secret == stored
    assert auths(secret(program.run("pull-secret", host, *NAMED)))[host]["password"] != stored


def test_the_user_name_is_the_one_that_every_runtime_takes(program: Program, host: str) -> None:
    assert auths(secret(program.run("pull-secret", host, *NAMED, ACR_CRED_USERNAME="token")))


def test_one_refusal_and_nothing_is_printed(program: Program, host: str) -> None:
    """Half a Secret would take the other registries' logins away."""
    program.azure.fault("exchange", Status(401), host=host)
    answer = program.run("pull-secret", new_host(), host, *NAMED)
    assert (answer.code, answer.out) == (6, b"")
    assert b"registry-refused" in answer.err


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("a.azurecr.io", "--name", "UPPER"),
        ("a.azurecr.io", "--name", "a\nb"),
        ("a.azurecr.io", "--name", "x" * 254),
        ("a.azurecr.io", "--name", "x", "--namespace", "a.b"),
        ("a.azurecr.io", "--name", "x", "--format", "toml"),
        ("--name", "x"),
    ],
    ids=str,
)
def test_misuse_is_told(program: Program, arguments: tuple[str, ...]) -> None:
    answer = program.run("pull-secret", *arguments)
    assert (answer.code, answer.out) == (2, b"")
    assert b"pull-secret --help" in answer.err
    assert program.azure.requests == []


def test_no_other_host_gets_a_token(program: Program) -> None:
    answer = program.run("pull-secret", "evilazurecr.io", *NAMED)
    assert (answer.code, answer.out) == (2, b"")
    assert program.azure.requests == []


def test_the_cronjobs_own_arguments_and_variables(program: Program, host: str) -> None:
    """What packaging/kubernetes starts, with this host, app and file in place of its examples."""
    here = os.path.dirname(os.path.abspath(__file__))
    manifest = os.path.join(here, "../../packaging/kubernetes/pull-secret/base/cronjob.yaml")
    with open(manifest, encoding="utf-8") as file:
        job = list(yaml.safe_load_all(file))[-1]
    (container,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["initContainers"]
    token, output = (os.path.join(program.home, name) for name in ("token", "secrets.yaml"))
    program.own |= {token, output}
    with open(token, "w", encoding="ascii") as file:
        file.write(program.azure.federated_assertion())
    environ: dict[str, Any] = {each["name"]: each["value"] for each in container["env"]}
    environ |= {
        "AZURE_CLIENT_ID": program.azure.client_id,
        "AZURE_TENANT_ID": program.azure.tenant,
        "AZURE_FEDERATED_TOKEN_FILE": token,
        "AZURE_CLIENT_SECRET": None,
    }
    arguments = [each.replace("/secrets/secrets.yaml", output) for each in container["args"]]
    arguments[1] = host
    answer = program.run(*arguments, **environ)
    assert answer == Answer(0, b"", b"")
    with open(output, "rb") as written:
        found = secret(Answer(0, written.read(), b""))
    assert set(auths(found)) == {host}
    assert program.entries() == []
