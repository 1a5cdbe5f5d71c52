"""`configure`: docker's config and the settings, changed together, proved, and undone again."""

import json
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.stories.program import PATH, Answer, Program, new_host, settings_file
from tests.systems import needs_root

BY_SECRET = ("--method", "client-secret", "--client-secret-env", "AZURE_CLIENT_SECRET")


@pytest.fixture
def person(program: Program) -> Program:
    """Somebody who has the program on PATH, as an installation has it."""
    program.environ["PATH"] = os.pathsep.join([os.path.dirname(PATH), program.environ["PATH"]])
    return program


def docker(program: Program) -> Path:
    return Path(program.home, ".docker", "config.json")


def written(program: Program, text: str, mode: int = 0o600) -> str:
    docker(program).parent.mkdir(exist_ok=True)
    docker(program).write_text(text)
    docker(program).chmod(mode)
    return text


def helpers(program: Program) -> object:
    return json.loads(docker(program).read_text("utf-8-sig")).get("credHelpers")


def test_from_nothing_to_a_pull(person: Program, host: str) -> None:
    answer = person.run("configure", host)
    assert answer.code == 0, answer
    assert f"{host}: signed in with automatic, good for 3 h".encode() in answer.out
    assert helpers(person) == {host: "acr"}
    assert person.get(host).secret
    assert person.exchanges(host) == 1  # what was proved is what the pull gets
    assert not os.path.exists(settings_file(person.home))


def test_the_settings_are_those_that_were_given(person: Program, host: str) -> None:
    path = person.settings('# mine\n[defaults]\nmethod = "azure-cli"  # why\n')
    assert person.run("configure", host, *BY_SECRET, "--min-ttl", "600").code == 0
    text = Path(path).read_text()
    assert text.startswith('# mine\n[defaults]\nmethod = "azure-cli"  # why\n')
    explained = person.run("config", "explain", host, "--json").out
    keys = {key: told["value"] for key, told in json.loads(explained)["keys"].items()}
    assert (keys["method"], keys["client_secret_env"], keys["min_ttl"]) == (
        "client-secret",
        "AZURE_CLIENT_SECRET",
        600,
    )


SHAPES = {
    "credsStore": '{\n\t"auths": {},\n\t"credsStore": "desktop"\n}\n',
    "credsStore of Windows in WSL": '{\n  "credsStore": "desktop.exe"\n}',
    "a login of another registry": '{"auths":{"quay.io":{"auth":"Q0FOQVJZ"}}}',
    "headers and plugins": '{\n  "HttpHeaders": {"X-A": "é"},\n  "plugins": {"x": {"y": "1.50"}}\n}',
    "other helpers": '{\n    "credHelpers": {\n        "gcr.io": "gcloud"\n    }\n}\n',
    "a byte order mark": '\ufeff{"auths": {}}',
    "Windows": '{\r\n\t"auths": {}\r\n}\r\n',
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("mode", [0o600, 0o644, 0o400])
def test_there_and_back_again(person: Program, host: str, shape: str, mode: int) -> None:
    before = written(person, SHAPES[shape], mode).encode()
    assert person.run("configure", host, *BY_SECRET, "--no-verify").code == 0
    once = docker(person).read_bytes()
    assert helpers(person) == {
        **(json.loads(before.decode("utf-8-sig")).get("credHelpers") or {}),
        host: "acr",
    }
    assert person.run("configure", host, *BY_SECRET, "--no-verify").code == 0
    assert docker(person).read_bytes() == once  # twice is once
    copy = Path(str(docker(person)) + ".before-acr")
    assert copy.read_bytes() == before
    assert copy.stat().st_mode & 0o777 == mode
    assert person.run("configure", host, "--remove").code == 0
    assert docker(person).read_bytes() == before
    assert docker(person).stat().st_mode & 0o777 == mode
    assert person.unfinished() == []
    assert not os.path.exists(settings_file(person.home))


@pytest.mark.parametrize("text", ["", " \r\n", "\ufeff", "{}"], ids=ascii)
def test_a_file_with_nothing_in_it(person: Program, host: str, text: str) -> None:
    """Docker itself reads an empty one as if it were not there."""
    written(person, text, 0o640)
    for _ in range(2):
        assert person.run("configure", host, "--no-verify").code == 0
        assert helpers(person) == {host: "acr"}
    assert docker(person).stat().st_mode & 0o777 == 0o640
    assert person.run("configure", host, "--remove").code == 0
    assert json.loads(docker(person).read_text("utf-8-sig")) == {}


def test_another_helper_comes_back(person: Program, host: str) -> None:
    before = written(person, json.dumps({"credHelpers": {host: "desktop"}}))
    assert person.run("configure", host, "--no-verify").code == 0
    assert helpers(person) == {host: "acr"}
    assert person.run("configure", host, "--remove").code == 0
    assert docker(person).read_text() == before


def test_another_table_of_the_settings_comes_back(person: Program, host: str) -> None:
    text = f'[registries."{host}"]\nmethod = "azure-cli"\ntenant_id = "mine"\n'
    path = person.settings(text)
    assert person.run("configure", host, *BY_SECRET, "--no-verify").code == 0
    assert "client-secret" in Path(path).read_text()
    assert person.run("configure", host, "--remove").code == 0
    assert Path(path).read_text() == text


def test_a_dry_run_shows_it_and_changes_nothing(person: Program, host: str) -> None:
    before = written(person, json.dumps({"auths": {host: {"auth": "CANARY-login"}}}))
    person.secrets.add("CANARY-login")
    person.own.add(str(docker(person)))
    answer = person.run("configure", host, *BY_SECRET, "--dry-run")
    assert answer.code == 0
    assert b"+++ " in answer.out
    assert b'+method = "client-secret"' in answer.out
    assert docker(person).read_text() == before
    assert person.files() == [".docker/config.json"]
    assert person.azure.requests == []


SECRETIVE = r"""{
    "auths": {"a.example": {"auth": "CANARY-one\"CANARY-two", "\u0061uth": "CANARY-three"}},
    "HttpHeaders" : {"Authorization" : "Basic CANARY-four", "X": ["CANARY-five"]},
    "proxies": {"default": {"httpsProxy": "http://user:CANARY-six@proxy.example"}},
    "credsStore": "desktop"
}"""


@pytest.mark.parametrize("text", [SECRETIVE, "\ufeff" + SECRETIVE, SECRETIVE.replace("\n", "")])
def test_a_dry_run_shows_nothing_but_helpers(person: Program, host: str, text: str) -> None:
    """Headers and proxies of Docker's config hold secrets, too."""
    written(person, text)
    person.own.add(str(docker(person)))
    person.secrets |= {
        f"CANARY-{number}" for number in ("one", "two", "three", "four", "five", "six")
    }
    answer = person.run("configure", host, "--dry-run")
    assert answer.code == 0, answer
    assert b"CANARY" not in answer.out + answer.err
    assert f'"{host}": "acr"'.encode() in answer.out
    assert b'"desktop"' in answer.out
    assert b'"Authorization" : "..."' in answer.out


@pytest.mark.parametrize("replace", [True, False])
def test_a_login_in_the_file_goes_only_if_that_is_wanted(
    person: Program, host: str, *, replace: bool
) -> None:
    written(person, json.dumps({"auths": {host: {"auth": "CANARY-login"}}}))
    copy = str(docker(person)) + ".before-acr"
    person.secrets.add("CANARY-login")
    person.own |= {str(docker(person)), copy}
    answer = person.run("configure", host, "--no-verify", *(["--replace"] if replace else []))
    assert answer.code == 0
    assert (b"still holds a login" in answer.err) is not replace
    assert (b"stays in the copy" in answer.err) is replace
    assert (host in json.loads(docker(person).read_text())["auths"]) is not replace
    assert "CANARY-login" in Path(copy).read_text()


def test_regions_and_podman(person: Program, host: str) -> None:
    name, _, suffix = host.partition(".")
    asked = ("configure", host, "--region", "westeurope", "--podman", "--no-verify")
    assert person.run(*asked).code == 0
    auth = Path(person.home, ".config", "containers", "auth.json")
    expected = {host: "acr", f"{name}.westeurope.geo.{suffix}": "acr"}
    assert json.loads(auth.read_text()) == {"credHelpers": expected}
    assert not docker(person).exists()


UNREADABLE = [
    "{",
    "[]",
    "null",
    '{"credHelpers": []}',
    '{"credHelpers": null}',
    '{"a": 1,}',
    "{} {}",
]
UNREADABLE += [
    '// mine\n{"auths": {}}',
    '{"a": 1, "credHelpers": {}, "credHelpers": {}}',
    "[" * 100_000,
]


@pytest.mark.parametrize("content", UNREADABLE, ids=lambda text: text[:30])
@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_file_that_cannot_be_read_is_left_alone(
    person: Program, host: str, content: str, mode: int
) -> None:
    written(person, content, mode)
    answer = person.run("configure", host)
    assert answer.code == 3
    assert b"left as it is" in answer.err
    assert docker(person).read_text() == content
    assert docker(person).stat().st_mode & 0o777 == mode
    assert person.files() == [".docker/config.json"]


@pytest.mark.parametrize("data", [b'{"auths": {"\xe9": {}}}', b"\xff\xfe{\0}\0", b"\0" * 4096])
def test_a_file_of_other_bytes_is_left_alone(person: Program, host: str, data: bytes) -> None:
    written(person, "")
    docker(person).write_bytes(data)
    assert person.run("configure", host).code == 3
    assert docker(person).read_bytes() == data


@pytest.mark.parametrize("kind", ["directory", "FIFO", "loop", "large"])
def test_what_is_no_file_is_left_alone(person: Program, host: str, kind: str) -> None:
    path = docker(person)
    path.parent.mkdir()
    make: dict[str, Callable[[], object]] = {
        "directory": path.mkdir,
        "FIFO": lambda: os.mkfifo(path),
        "loop": lambda: path.symlink_to(path),
        "large": lambda: path.write_bytes(b"{" + b" " * 5_000_000 + b"}"),
    }
    make[kind]()
    before = docker(person).lstat()
    answer = person.run("configure", host)
    assert answer.code == 3
    assert b"left as it is" in answer.err
    assert docker(person).lstat()[:7] == before[:7]  # a look at a link has its time


@pytest.mark.parametrize("there", [True, False], ids=["file", "dangling"])
@pytest.mark.parametrize("folder", [True, False], ids=["folder-too", "file-only"])
def test_a_link_to_dotfiles_stays_one(
    person: Program, host: str, *, there: bool, folder: bool
) -> None:
    real = Path(person.home, "dotfiles", "config" if folder else ".", "real.json")
    real.parent.mkdir(parents=True)
    if there:
        real.write_text("{}")
    if folder:
        docker(person).parent.symlink_to(real.parent)
    else:
        docker(person).parent.mkdir()
    docker(person).symlink_to(real)
    assert person.run("configure", host, "--no-verify").code == 0
    assert docker(person).is_symlink()
    assert docker(person).parent.is_symlink() is folder
    assert json.loads(real.read_text()) == {"credHelpers": {host: "acr"}}
    assert person.run("configure", host, "--remove").code == 0
    assert docker(person).is_symlink()
    assert json.loads(real.read_text()) == {}


def test_a_sign_in_that_fails_is_told_and_the_files_stay(person: Program, host: str) -> None:
    answer = person.run("configure", host, *BY_SECRET, AZURE_CLIENT_SECRET="CANARY-wrong")
    assert answer.code == 4
    assert b"configured, but the sign-in failed" in answer.err
    assert b"help client-secret-refused" in answer.err
    assert helpers(person) == {host: "acr"}


@needs_root
def test_root_writes_nothing_into_another_users_home(person: Program, host: str) -> None:
    os.chown(person.home, 12345, 12345)
    answer = person.run("configure", host, "--no-verify")
    assert answer.code == 3
    assert b"help home-of-another" in answer.err
    assert person.files() == []


class TestTheProgramOnPath:
    def test_it_has_to_be_there(self, program: Program, host: str) -> None:
        answer = program.run("configure", host)
        assert answer.code == 1
        assert b"help program-missing" in answer.err
        assert program.files() == []

    def test_a_namesake_is_no_help(self, program: Program, host: str) -> None:
        other = Path(program.home, "bin", "docker-credential-acr")
        other.parent.mkdir()
        other.write_text("#!/bin/sh\necho docker-credential-acr 0.8.0\n")
        other.chmod(0o755)
        answer = program.run("configure", host, PATH=f"{other.parent}:/usr/bin:/bin")
        assert answer.code == 1
        assert b"another project's program" in answer.err
        assert not docker(program).exists()


@pytest.mark.parametrize("server", ["docker.io", "team.azurecr.io.example", "a b", ""])
def test_a_host_that_is_not_ours_is_refused(person: Program, server: str) -> None:
    answer = person.run("configure", server)
    assert answer.code == 2
    assert b"no Azure container registry" in answer.err
    assert person.files() == []


def test_a_domain_of_ones_own_needs_the_login_server(
    person: Program, host: str, programs: Callable[[], Program]
) -> None:
    del programs
    answer = person.run("configure", "images.example.com", "--login-server", host, "--no-verify")
    assert answer.code == 0, answer
    assert helpers(person) == {"images.example.com": "acr"}


@pytest.mark.parametrize("more", [(), BY_SECRET, ("--method", "admin-user")], ids=len)
def test_a_mistyped_host_is_no_domain_of_ones_own(person: Program, more: tuple[str, ...]) -> None:
    """A method alone makes nothing ours: the token would go to whoever has that name."""
    answer = person.run("configure", "team.azurecr.oi", *more)
    assert answer.code == 2
    assert b"--login-server" in answer.err
    assert person.files() == []


@pytest.mark.parametrize("region", ["../x", "a.b", "", "-", "x" * 64, "west europe", "é"])
def test_a_region_is_one_label(person: Program, host: str, region: str) -> None:
    answer = person.run("configure", host, "--region=westeurope", f"--region={region}")
    assert answer.code == 2
    assert b"westeurope" in answer.err
    assert person.files() == []


def test_many_at_once_lose_nothing(person: Program) -> None:
    hosts = [new_host() for _ in range(6)]
    with ThreadPoolExecutor(len(hosts)) as pool:

        def one(host: str) -> Answer:
            return person.run("configure", host, *BY_SECRET, "--no-verify")

        assert {answer.code for answer in pool.map(one, hosts)} == {0}
    assert helpers(person) == dict.fromkeys(hosts, "acr")
    for host in hosts:
        explained = json.loads(person.run("config", "explain", host, "--json").out)
        assert explained["keys"]["method"]["value"] == "client-secret"
    assert person.run("configure", *hosts, "--remove").code == 0
    assert docker(person).read_text().split() == ["{}"]
    assert not os.path.exists(settings_file(person.home))


def test_what_was_written_by_halves_is_undone(person: Program, host: str) -> None:
    """Docker's config cannot be replaced, the settings were."""
    written(person, json.dumps({"credHelpers": {host: "desktop"}}))
    copy = Path(str(docker(person)) + ".before-acr")
    copy.mkdir()
    answer = person.run("configure", host, *BY_SECRET, "--no-verify")
    assert answer.code == 3
    assert person.run("configure", host, "--remove").code == 0
    assert not os.path.exists(settings_file(person.home))
    assert helpers(person) == {host: "desktop"}


def test_settings_that_would_be_refused_are_not_written(person: Program, host: str) -> None:
    answer = person.run("configure", host, "--method", "azure-cli", "--client-id", "x")
    assert answer.code == 3
    assert b"does not take this" in answer.err
    assert person.files() == []


def test_help_fits_a_screen(person: Program) -> None:
    answer = person.run("configure", "--help", COLUMNS="100")
    assert answer.code == 0
    assert answer.out.count(b"\n") <= 40


def test_the_program_is_found_where_it_is(person: Program) -> None:
    assert shutil.which("docker-credential-acr", path=person.environ["PATH"]) == PATH
