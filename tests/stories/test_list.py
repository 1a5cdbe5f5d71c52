"""`list` is quick, offline, and names only what `get` can answer: classic builds ask for all of it."""

import json
import os
import subprocess
import sys

import pytest

from tests.azure import Status
from tests.stories.program import GUID, Program, new_host, used_by
from tests.systems import posix


def docker_config(program: Program, content: object, folder: str = ".docker") -> str:
    """Write Docker's config.json; its folder."""
    path = os.path.join(program.home, folder)
    os.makedirs(path, exist_ok=True)
    with open(os.path.join(path, "config.json"), "w", encoding="utf-8") as file:
        file.write(content if isinstance(content, str) else json.dumps(content))
    return path


def test_sources(program: Program) -> None:
    """Hosts come from the settings, from Docker's config and from the cache, once each."""
    named, helped, cached = new_host(), new_host(), new_host()
    program.settings(
        f'[registries."{named}"]\nusername = "token"\n[registries."*.azurecr.cn"]\nmin_ttl = 600\n'
    )
    helpers = {helped: "acr", f"https://{named}/v2/": "acr", "quay.io": "pass", new_host(): "ecr"}
    docker_config(program, {"credHelpers": helpers | {"ghcr.io": "acr"}})
    program.get(cached)
    before = len(program.azure.requests)
    assert program.hosts() == {named: "<token>", helped: GUID, cached: GUID}
    assert len(program.azure.requests) == before, "offline"
    program.erase(cached)
    assert cached not in program.hosts()


def test_v25_every_key_is_answered(program: Program) -> None:
    """What `list` names, `get` answers; a host whose last `get` failed is not named until one works."""
    hosts = [new_host() for _ in range(3)]
    docker_config(program, {"credHelpers": dict.fromkeys(hosts, "acr")})
    broken = hosts[0]
    program.azure.fault("exchange", Status(401), host=broken)
    assert program.get(broken).reference == "registry-refused"
    assert program.hosts() == dict.fromkeys(hosts[1:], GUID)
    assert all(program.get(name).login for name in program.hosts())
    program.azure.clear_faults()
    program.erase(broken)  # which forgets the failure, too
    assert program.hosts() == dict.fromkeys(hosts, GUID)
    assert all(program.get(name).login for name in program.hosts())


def test_other_identities_are_not_listed(program: Program) -> None:
    """What somebody else has signed in to on this machine is not ours to list."""
    host = new_host()
    program.get(host)
    assert program.hosts() == {host: GUID}
    assert program.hosts(AZURE_CLIENT_ID="11111111-2222-3333-4444-555555555555") == {}


def test_f18_broken_settings(program: Program) -> None:
    """With settings that cannot be read `list` still answers, with what it can know."""
    program.settings("this is = = not TOML")
    assert program.hosts() == {}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        '{"credHelpers": null}',
        '{"credHelpers": ["acr"]}',
        '{"credHelpers": {"x.azurecr.io": 7, "y.azurecr.io": null}}',
        "[" * 100_000,
        "\udcff",
    ],
    ids=lambda text: text[:30],
)
def test_f18_broken_docker_config(program: Program, content: str) -> None:
    """Whatever Docker's config holds, `list` answers."""
    path = os.path.join(docker_config(program, "{}"), "config.json")
    with open(path, "wb") as file:
        file.write(content.encode("utf-8", "surrogateescape"))
    assert program.hosts() == {}


def test_docker_config_variable(program: Program) -> None:
    """DOCKER_CONFIG names the folder."""
    host = new_host()
    folder = docker_config(program, {"credHelpers": {host: "acr"}}, "elsewhere")
    assert program.hosts() == {}
    assert program.hosts(DOCKER_CONFIG=folder) == {host: GUID}


def test_f18_many_hosts_quickly(program: Program) -> None:
    """Hundreds of registries are listed without a noticeable wait and without any network."""
    hosts = [new_host() for _ in range(300)]
    docker_config(program, {"credHelpers": dict.fromkeys(hosts, "acr")})
    program.hosts()
    answer, used = program.measured("list", HTTPS_PROXY="http://127.0.0.1:1")
    assert json.loads(answer.out) == dict.fromkeys(sorted(hosts), GUID)
    assert used.seconds < 1
    assert program.azure.requests == []


@pytest.mark.skipif(sys.platform != "linux", reason="no /proc")
def test_f18_a_tenth_of_a_second(program: Program) -> None:
    """Fifty registries of the settings: 100 ms where a bare interpreter takes 8."""
    hosts = sorted(new_host() for _ in range(50))
    program.settings("".join(f'[registries."{host}"]\nmin_ttl = 600\n' for host in hosts))
    spent, bare = [], []
    for _ in range(5):
        answer, used = program.measured("list", HTTPS_PROXY="http://127.0.0.1:1")
        assert json.loads(answer.out) == dict.fromkeys(hosts, GUID)
        spent.append(used.seconds)
        with subprocess.Popen([sys.executable, "-I", "-c", "pass"]) as process:
            bare.append(used_by(process).seconds)
    assert min(spent) < max(0.1, 100 / 8 * min(bare))
    assert program.azure.requests == []


@posix("HOME")
def test_f18_without_home(program: Program) -> None:
    """Without a home there is nothing to list, which is no error."""
    shared = os.path.join(program.home, "cache")
    assert program.hosts(HOME="/proc/nonexistent", ACR_CRED_CACHE_DIR=shared) == {}
    assert program.hosts(HOME="/proc/nonexistent", ACR_CRED_NO_CACHE="1") == {}


def test_hostile_names_are_not_listed(program: Program) -> None:
    """Names that are no registries of ours stay out, wherever they stand."""
    helpers = dict.fromkeys(
        [
            "x.azurecr.io.evil.example",
            'x.azurecr.io"',
            "\u0130.azurecr.io",
            "",
            "a\nb",
            "azurecr.io",
        ],
        "acr",
    )
    docker_config(program, {"credHelpers": helpers})
    program.get(new_host())
    for name in ("evil.example@1", "\u00e9.azurecr.io@2", "@3", "x.azurecr.io@"):
        open(os.path.join(program.folder, name), "wb").close()
    assert len(program.hosts()) == 1
