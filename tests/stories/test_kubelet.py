"""The kubelet's protocol: K01 to K09 of clients.md, and what a node meets besides."""

import json
import os
import subprocess
import time
from collections.abc import Callable

import pytest

from tests.azure import Hang, Status
from tests.stories.node import PRINCIPAL, VERSION, Node, Response, reference, request
from tests.stories.program import FROZEN, PATH, Answer, Program, new_host


@pytest.fixture
def node(program: Program) -> Node:
    """Signs in with a service principal from the kubelet's environment."""
    return Node(program)


@pytest.fixture
def bare(programs: Callable[[], Program]) -> Node:
    """Has an identity only where a test gives it one."""
    program = programs()
    for name in PRINCIPAL:
        del program.environ[name]
    return Node(program)


def test_k01_a_request_is_answered(node: Node, host: str) -> None:
    response = Response.of(node.pull(f"{host}/team/app"))
    assert response.password(host) in node.azure.secrets
    assert response.seconds == 3600
    assert node.program.exchanges(host) == 1


def test_k01_the_second_answer_comes_from_the_cache(node: Node, host: str) -> None:
    first = Response.of(node.pull(f"{host}/app"))
    asked = len(node.azure.requests)
    second = Response.of(node.pull(f"{host}/another/app"))
    assert second.auth == first.auth
    assert len(node.azure.requests) == asked


@pytest.mark.parametrize(
    ("life", "most"), [(11_700, 3600), (4500, 3600), (3000, 2100), (960, 60), (600, 0)]
)
def test_k01_never_kept_beyond_the_tokens_life(node: Node, host: str, life: int, most: int) -> None:
    """A quarter of an hour is left for the pull itself, as in every other mode."""
    node.azure.registry(host).token_life = life
    kept = Response.of(node.pull(f"{host}/app")).seconds
    assert most - 10 <= kept <= most
    again = Response.of(node.pull(f"{host}/app")).seconds
    assert again <= kept


@pytest.mark.parametrize(
    "image",
    [
        "docker.io/library/x",
        "busybox",
        "library/busybox",
        "mcr.microsoft.com/oss/pause",
        "localhost:5000/app",
        "team.azurecr.io:8443/app",
        "team.eastus.data.azurecr.io/app",
        "team.azurecr.de/app",
        "bücher.azurecr.io/app",
        'team".azurecr.io/app',
        "team\ud800.azurecr.io/app",
    ],
)
def test_k02_other_images_are_none_of_ours(node: Node, image: str) -> None:
    response = Response.of(node.pull(image))
    assert response == Response({}, 0)
    assert node.azure.requests == []


def without(name: str) -> str:
    return json.dumps({k: v for k, v in json.loads(request("t.azurecr.io/a")).items() if k != name})


BAD: dict[str, str | bytes] = {
    "an older version": request("t.azurecr.io/a", apiVersion=VERSION + "beta1"),
    "another group": request("t.azurecr.io/a", apiVersion="foo.k8s.io/v1"),
    "another kind": request("t.azurecr.io/a", kind="CredentialProviderFoo"),
    "an empty image": request(""),
    "a blank image": request(" "),
    "an image that is no text": request("t.azurecr.io/a").replace('"t.azurecr.io/a"', "7"),
    "no version": without("apiVersion"),
    "no kind": without("kind"),
    "no image": without("image"),
    "wrong case": request("t.azurecr.io/a").replace("image", "Image"),
    "not JSON": "t.azurecr.io",
    "two objects": request("t.azurecr.io/a") * 2,
    "a list": "[]",
    "null": "null",
    "NaN": '{"image":NaN}',
    "half": request("t.azurecr.io/a")[:-4],
    "nothing": "",
    "a line": "\n",
    "not UTF-8": b'{"kind":"\xff"}',
    "deep": "[" * 100_000,
    "a token that is no text": request("t.azurecr.io/a", serviceAccountToken=[]),
    "annotations that are no object": request("t.azurecr.io/a", serviceAccountAnnotations="x"),
    "too much": b" " * (1024 * 1024 + 1),
}


@pytest.mark.parametrize("given", BAD.values(), ids=BAD)
def test_k03_what_is_no_request_is_refused(node: Node, given: str | bytes) -> None:
    assert reference(node.ask(given)) == "kubelet-request"
    assert node.azure.requests == []


def test_k03_a_refusal_does_not_repeat_the_token(node: Node) -> None:
    token = node.azure.federated_assertion()
    answer = node.pull("t.azurecr.io/a", kind="Other", serviceAccountToken=token)
    assert token.encode() not in answer.err  # and the search for secrets looks, too


def test_k06_members_that_are_not_known_are_passed_over(node: Node, host: str) -> None:
    answer = node.pull(f"{host}/app", podName="x", future={"deep": [1, None, 2.5]})
    Response.of(answer).password(host)


@pytest.mark.parametrize("step", ["sign-in", "exchange"])
def test_k07_a_hang_ends_in_time(node: Node, host: str, step: str) -> None:
    node.azure.fault(step, Hang())
    began = time.monotonic()
    answer = node.ask(request(f"{host}/app"), ACR_CRED_TIMEOUT="5")
    assert time.monotonic() - began < 9
    assert reference(answer) in {"no-answer", "out-of-time"}


def test_k07_a_request_that_does_not_come_is_not_waited_for(node: Node) -> None:
    began = time.monotonic()
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as silent, os.fdopen(writer, "wb"):
        ran = subprocess.run(
            [PATH, "kubelet"],
            stdin=silent,
            capture_output=True,
            env=node.program.environ,
            check=False,
            timeout=10,
        )
    assert 4 < time.monotonic() - began < 8
    answer = Answer(ran.returncode, ran.stdout, ran.stderr)
    assert reference(answer) == "no-input"
    assert b"CredentialProviderRequest" in answer.err


def all_at_once(node: Node, requests: list[str]) -> list[Answer]:
    """One process for each request, all of them waiting before the first is given its own."""
    processes = [node.start() for _ in requests]
    for process, asked in zip(processes, requests, strict=True):
        assert process.stdin is not None
        process.stdin.write(asked.encode())
        process.stdin.close()
        process.stdin = None
    return [node.program.finish(process, verb="kubelet") for process in processes]


def test_k08_a_hundred_pods_at_once_make_one_exchange(node: Node, host: str) -> None:
    node.azure.sign_in_delay = node.azure.exchange_delay = 0.2
    answers = all_at_once(node, [request(f"{host}/app{number}") for number in range(100)])
    assert {Response.of(answer).password(host) for answer in answers} <= node.azure.secrets
    assert len({Response.of(answer).password(host) for answer in answers}) == 1
    assert node.azure.count("sign-in") == 1
    assert node.azure.count("exchange") == 1
    assert node.program.unfinished() == []


@pytest.mark.parametrize(
    "form",
    [
        "{name}.eastus.geo.azurecr.io",
        "{name}-e7ggejfuhzhgedc8.azurecr.io",
        "{name}-e7ggejfuhzhgedc8.westeurope.geo.azurecr.io",
        "{name}.azurecr.sovcloud-azure.fr",
        "{name}.azurecr.io:443",
        "{name}.AzureCR.io",
    ],
)
def test_k09_the_key_is_the_host_as_the_image_has_it(node: Node, host: str, form: str) -> None:
    """The kubelet compares label by label, and a port to the letter."""
    written = form.format(name=host.partition(".")[0])
    Response.of(node.pull(f"{written}/app")).password(written)


def test_what_a_kubelet_cannot_use_is_a_failure_of_its_own(node: Node, host: str) -> None:
    """It then goes on without a credential, and an image that everybody may pull still comes."""
    node.azure.fault("exchange", Status(401), host=host)
    assert reference(node.pull(f"{host}/app")) == "registry-refused"


def test_an_old_token_is_better_than_none_and_is_not_kept(node: Node, host: str) -> None:
    node.azure.registry(host).token_life = 600
    first = Response.of(node.pull(f"{host}/app"))
    node.azure.fault("exchange", Status(503), host=host)
    second = Response.of(node.pull(f"{host}/app"))
    assert second == Response(first.auth, 0)


def test_kept_in_its_own_cache(node: Node, host: str) -> None:
    """What docker login keeps, and what get was answered, is nobody's on a node but the person's."""
    stored = node.program.token(host)
    assert node.program.store(host, "<token>", stored).code == 0
    assert node.program.get(host).secret == stored
    assert Response.of(node.pull(f"{host}/app")).password(host) != stored
    assert node.program.exchanges(host) == 1


def test_the_user_name_is_the_one_that_every_runtime_takes(node: Node, host: str) -> None:
    answer = node.ask(request(f"{host}/app"), ACR_CRED_USERNAME="token")
    Response.of(answer).password(host)


def test_without_a_cache_it_signs_in_every_time(node: Node, host: str) -> None:
    for _ in range(2):
        answer = node.ask(request(f"{host}/app"), ACR_CRED_NO_CACHE="1")
        assert Response.of(answer).seconds == 3600
    assert node.program.exchanges(host) == 2


def test_a_log_holds_no_secret(node: Node, host: str) -> None:
    log = os.path.join(node.program.home, "log")
    Response.of(node.ask(request(f"{host}/app"), ACR_CRED_DEBUG=log))
    with open(log, encoding="utf-8") as file:
        assert host in file.read()


@pytest.mark.parametrize("name", ["acr-credential-provider", "docker-credential-acr-kubelet"])
def test_by_another_name_it_needs_no_verb(bare: Node, host: str, name: str) -> None:
    path = bare.managed()
    answer = bare.called(name, request(f"{host}/app"), path)
    Response.of(answer).password(host)


@pytest.mark.skipif(FROZEN, reason="pip makes these scripts")
@pytest.mark.parametrize("name", ["acr-credential-provider", "docker-credential-acr-kubelet"])
def test_pip_installs_it_by_that_name(node: Node, host: str, name: str) -> None:
    ran = subprocess.run(
        [os.path.join(os.path.dirname(PATH), name)],
        input=request("docker.io/x").encode(),
        capture_output=True,
        env=node.program.environ,
        check=False,
        timeout=30,
    )
    assert Response.of(Answer(ran.returncode, ran.stdout, ran.stderr)) == Response({}, 0)
    assert host


MISUSED = {
    "unknown": ["--registry-mirrors=a:b"],
    "unknown, short": ["-x"],
    "two files": ["/a", "/b"],
    "no value": ["--registry-mirror"],
    "a mirror without a target": ["--registry-mirror=a"],
    "a mirror with a port": ["--registry-mirror=a:5000:b"],
    "a mirror with a quote": ['--registry-mirror=a":b'],
    "a policy": ["--unannotated=perhaps"],
    "a name with a scheme": ["--ib-sni-name=https://x", "--ib-apiserver-ip=10.0.0.1"],
    "a name alone": ["--ib-sni-name=x"],
    "an address alone": ["--ib-apiserver-ip=10.0.0.1"],
    "a client alone": ["--ib-default-client-id=x"],
    "a tenant alone": ["--ib-default-tenant-id=x"],
}


@pytest.mark.parametrize("arguments", MISUSED.values(), ids=MISUSED)
def test_arguments_that_it_does_not_know_are_named(node: Node, arguments: list[str]) -> None:
    answer = node.ask(request("t.azurecr.io/a"), *arguments)
    assert reference(answer) == "kubelet-arguments"
    assert arguments[0].partition("=")[0].encode() in answer.err or b"azure.json" in answer.err


@pytest.mark.parametrize("flag", [["-v", "4"], ["--v=4"], ["-v=2"]])
def test_the_peers_loudness_is_no_mistake(node: Node, flag: list[str]) -> None:
    assert Response.of(node.ask(request("docker.io/x"), *flag)) == Response({}, 0)


@pytest.mark.parametrize("joined", [True, False])
def test_a_mirrored_image_is_pulled_with_the_mirrors_credential(
    node: Node,
    host: str,
    joined: bool,  # noqa: FBT001  a table
) -> None:
    pairs = f"mcr.microsoft.com:{host}, example.com:other.azurecr.io"
    flags = [f"--registry-mirror={pairs}"] if joined else ["--registry-mirror", pairs]
    response = Response.of(node.pull("mcr.microsoft.com/oss/pause", *flags))
    assert set(response.auth) == {host, "mcr.microsoft.com"}
    assert response.auth[host] == response.auth["mcr.microsoft.com"]
    direct = Response.of(node.pull(f"{host}/app", *flags))
    assert direct.password(host) == response.auth[host]["password"]
    assert node.azure.count("exchange") == 1


@pytest.mark.parametrize(
    "image",
    ["mcr.microsoft.com.evil.example/x", "mcr.microsoft.com:5000/x", "x/mcr.microsoft.com/y"],
)
def test_a_look_alike_is_not_mirrored(node: Node, host: str, image: str) -> None:
    response = Response.of(node.pull(image, f"--registry-mirror=mcr.microsoft.com:{host}"))
    assert response == Response({}, 0)


def test_a_mirror_that_is_no_registry_of_ours_gets_nothing(node: Node) -> None:
    flag = "--registry-mirror=mcr.microsoft.com:evil.example"
    assert Response.of(node.pull("mcr.microsoft.com/x", flag)) == Response({}, 0)
    assert node.azure.requests == []


def test_an_anonymous_registry_gets_no_credential(node: Node, host: str) -> None:
    node.program.settings(f'[registries."{host}"]\nmethod = "anonymous"\n')
    assert Response.of(node.pull(f"{host}/app")) == Response({}, 0)


def test_settings_choose_the_way(bare: Node) -> None:
    """The same settings as for docker: a host's own method, and hosts of other forms."""
    own, host = "registry.example.com", new_host()
    identity = bare.azure.add_managed_identity().client_id
    bare.program.settings(
        f'[registries."{own}"]\nlogin_server = "{host}"\nmethod = "managed-identity"\n'
        f'client_id = "{identity}"\n'
    )
    for _ in range(2):
        Response.of(bare.pull(f"{own}/app")).password(own)
    assert bare.program.exchanges(host) == 1


@pytest.mark.parametrize("method", ["client-secret", "repository-token"])
def test_commands_are_not_run(bare: Node, host: str, method: str) -> None:
    key = {"client-secret": "client_secret", "repository-token": "password"}[method]
    mark = os.path.join(bare.program.home, "ran")
    bare.program.settings(
        f'[registries."{host}"]\nmethod = "{method}"\n{key}_command = ["touch", "{mark}"]\n'
    )
    answer = bare.pull(f"{host}/app")
    assert reference(answer) == "kubelet-command"
    assert f"{key}_command".encode() in answer.err
    assert not os.path.exists(mark)


def test_a_cloud_of_the_environment_file_is_cached_too(node: Node) -> None:
    """Its registries are known to the slow path; the fast one finds what that has saved."""
    path = os.path.join(node.program.home, "cloud.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(
            {
                "name": "Private",
                "activeDirectoryEndpoint": "https://login.private.example/",
                "containerRegistryDNSSuffix": "azurecr.private.example",
                "resourceManagerEndpoint": "https://management.private.example/",
                "tokenAudience": "https://management.private.example/",
            },
            file,
        )
    os.chmod(path, 0o600)
    node.azure.authorities.add("login.private.example")
    host = new_host("azurecr.private.example")
    node.azure.registry(host)
    found = [node.ask(request(f"{host}/app"), AZURE_ENVIRONMENT_FILEPATH=path) for _ in range(2)]
    assert found[0].out.partition(b"auth")[2] == found[1].out.partition(b"auth")[2]
    Response.of(found[0]).password(host)
    assert node.program.exchanges(host) == 1
    foreign = node.ask(request("docker.io/x"), AZURE_ENVIRONMENT_FILEPATH=path)
    assert Response.of(foreign) == Response({}, 0)


def test_broken_settings_are_named_and_leave_other_images_alone(node: Node, host: str) -> None:
    node.program.settings("[registries\n")
    assert reference(node.pull(f"{host}/app")) == "settings-invalid"
    assert Response.of(node.pull("docker.io/x")) == Response({}, 0)
