"""`doctor`: one line for each check, one fix for each fault, and a report that holds no secret."""

import json
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.azure import PULL, FakeAzure, Hang, SelfSigned, Status
from tests.stories.program import PATH, Program, new_host, settings_file

SECTIONS = ("Installation", "Files", "Network", "Clock", "Identity", "Registry", "Permission")


@pytest.fixture
def person(program: Program) -> Program:
    """Somebody who has the program on PATH, as an installation has it."""
    program.environ["PATH"] = os.pathsep.join([os.path.dirname(PATH), program.environ["PATH"]])
    return program


def report(program: Program, *arguments: str, **changes: str | None) -> dict[str, Any]:
    answer = program.run("doctor", *arguments, "--json", stdin=b"", **changes)
    assert answer.err == b"", answer
    found: dict[str, Any] = json.loads(answer.out)
    assert found["schema_version"] == 1
    failed = sum(each["level"] == "failed" for each in found["findings"])
    assert answer.code == (1 if failed else 0)
    assert found["counts"]["failed"] == failed
    return found


def levels(found: Mapping[str, Any], section: str) -> list[str]:
    return [each["level"] for each in found["findings"] if each["section"] == section]


def failures(found: Mapping[str, Any]) -> list[dict[str, str]]:
    """The faults; each has a fix and a page that explains it."""
    failed = [each for each in found["findings"] if each["level"] == "failed"]
    assert all(each["fix"] and each["reference"] for each in failed)
    return failed


def test_all_is_well(person: Program, host: str) -> None:
    assert person.run("configure", host, "--no-verify").code == 0
    answer = person.run("doctor", host, "--repository", "team/app")
    text = answer.out.decode()
    assert answer[::2] == (0, b"")
    titles = [line for line in text.splitlines() if line and not line.startswith(" ")][:-1]
    assert tuple(titles) == SECTIONS
    assert "FAIL" not in text
    for part in ("may pull: team/app", "may push: team/app", "good for 3 h", "audience https://"):
        assert part in text


def test_nothing_of_it_comes_from_the_cache(person: Program, host: str) -> None:
    assert person.get(host).secret
    found = report(person, host, AZURE_CLIENT_SECRET="CANARY-wrong")
    assert [each["reference"] for each in failures(found)] == ["client-secret-refused"]
    assert levels(found, "Registry") == [
        "ok",
        "skipped",
    ]  # what is cached works, for as long as it does
    assert levels(found, "Permission") == ["skipped"]
    assert levels(found, "Network").count("failed") == 0


def test_it_leaves_the_cache_as_it_is(person: Program, host: str) -> None:
    report(person, host)
    assert person.entries() == []


def told(found: Mapping[str, Any], section: str) -> list[str]:
    return [each["text"] for each in found["findings"] if each["section"] == section]


def revoked(program: Program, host: str, secret: str) -> None:
    program.azure.registry(host).revoked.add(secret)


def switched_to_abac(program: Program, host: str, _: str) -> None:
    program.azure.registry(host).abac = True


class TestRefusedFromTheCache:
    """A client that is refused does not say so to its helper: F62, and what T22 lists."""

    @pytest.mark.parametrize("change", [revoked, switched_to_abac])
    def test_it_is_removed_and_a_new_one_is_tried(
        self, person: Program, host: str, change: Callable[[Program, str, str], None]
    ) -> None:
        first = person.get(host).secret
        change(person, host, first)
        assert person.get(host).secret == first, "nobody has told it"
        person.azure.forget()
        found = report(person, host)
        assert failures(found) == []
        assert levels(found, "Registry") == ["warning", "ok"]
        (refused, _) = (each for each in found["findings"] if each["section"] == "Registry")
        assert "HTTP 401" in refused["text"]
        assert (refused["reference"], bool(refused["fix"])) == ("cached-refused", True)
        assert person.azure.count("token") == 2, "the cached one, and the new one once"
        assert person.azure.count("exchange") == 1
        assert person.entries(host) == []
        assert b"ABAC" in person.run("help", "cached-refused").out
        assert person.get(host).secret != first

    def test_one_that_is_refused_again_is_said(self, person: Program, host: str) -> None:
        person.get(host)
        person.azure.fault("token", Status(401), host=host)
        found = report(person, host)
        assert [each["reference"] for each in failures(found)] == ["cached-refused"]
        assert levels(found, "Registry") == ["warning", "failed"]
        assert levels(found, "Permission") == ["skipped"]
        assert person.azure.count("token") == 2
        assert person.entries(host) == []

    def test_a_role_that_was_removed(self, person: Program, host: str, azure: FakeAzure) -> None:
        secret = "CANARY-a-reader-of-yesterday"
        reader = azure.add_service_principal(secret=secret, roles=PULL)
        person.environ |= {"AZURE_CLIENT_ID": reader.client_id, "AZURE_CLIENT_SECRET": secret}
        person.get(host)
        azure.remove_identity(reader)
        found = report(person, host)
        assert levels(found, "Registry")[0] == "warning"
        assert {each["reference"] for each in failures(found)} == {"app-unknown"}
        assert person.entries(host) == []

    def test_a_password_that_was_renewed(self, person: Program, host: str) -> None:
        _, password = person.azure.add_admin(host)
        person.settings(
            f'[registries."{host}"]\nmethod = "admin-user"\nsign_in = "client-secret"\n'
        )
        assert person.get(host).secret == password
        passwords = person.azure.registry(host).admin_passwords
        passwords[:] = ["CANARY-admin-renewed-1", "CANARY-admin-renewed-2"]
        person.secrets |= set(passwords)
        found = report(person, host)
        assert levels(found, "Registry") == ["warning", "ok"]
        assert person.get(host).secret in passwords

    @pytest.mark.parametrize("status", [403, 500])
    def test_what_is_no_refusal_removes_nothing(
        self, person: Program, host: str, status: int
    ) -> None:
        first = person.get(host)
        person.azure.fault("token", Status(status), host=host)
        assert failures(report(person, host))
        assert person.get(host) == first

    def test_one_that_is_taken_stays(self, person: Program, host: str) -> None:
        for form in ("guid", "token"):
            person.environ["ACR_CRED_USERNAME"] = form
            first = person.get(host)
            assert "the registry takes the cached credential" in told(
                report(person, host), "Registry"
            )
            assert person.get(host) == first


class TestPermission:
    @pytest.mark.parametrize("abac", [True, False])
    def test_push_and_pull_are_told_apart(
        self, person: Program, host: str, *, abac: bool, azure: FakeAzure
    ) -> None:
        azure.registry(host).abac = abac
        reader = azure.add_service_principal(secret="CANARY-reader", roles=PULL)
        identity = {"AZURE_CLIENT_ID": reader.client_id, "AZURE_CLIENT_SECRET": "CANARY-reader"}
        found = report(person, host, "--repository", "team/app", **identity)
        told = {each["text"]: each for each in found["findings"] if each["section"] == "Permission"}
        assert told["may pull: team/app"]["level"] == "ok"
        missing = told["may not push: team/app"]
        assert missing["level"] == "warning"
        role = "Container Registry Repository Writer" if abac else "AcrPush"
        assert role in missing["fix"]
        assert any("ABAC" in text for text in told) is abac

    def test_another_repository_may_be_closed(
        self, person: Program, host: str, azure: FakeAzure
    ) -> None:
        reader = azure.add_service_principal(secret="CANARY-some", roles={"open/*": PULL["*"]})
        identity = {"AZURE_CLIENT_ID": reader.client_id, "AZURE_CLIENT_SECRET": "CANARY-some"}
        found = report(person, host, "--repository", "closed/app", **identity)
        (failure,) = failures(found)
        assert failure["text"] == "may not pull: closed/app"
        assert "AcrPull" in failure["fix"]

    def test_without_a_repository_it_says_how_to_ask(self, person: Program, host: str) -> None:
        found = report(person, host)
        assert levels(found, "Permission") == ["skipped"]
        assert "--repository" in found["findings"][-1]["fix"]


class TestTheWay:
    def test_a_firewall(self, person: Program, host: str, azure: FakeAzure) -> None:
        azure.registry(host).firewall = True
        found = report(person, host)
        assert "registry-firewall" in {each["reference"] for each in failures(found)}

    def test_a_certificate_that_nobody_trusts(
        self, person: Program, host: str, azure: FakeAzure
    ) -> None:
        azure.fault("tls", SelfSigned(), host=host)
        found = report(person, host)
        assert {each["reference"] for each in failures(found)} == {"tls-untrusted"}
        assert levels(found, "Identity") == ["ok", "ok", "ok"]  # checks know nothing of each other

    def test_a_clock_that_is_wrong(self, person: Program, host: str, azure: FakeAzure) -> None:
        past = {
            "Date": "Tue, 01 Jan 2019 00:00:00 GMT",
            "WWW-Authenticate": f'Bearer realm="https://{host}/oauth2/token"',
        }
        azure.fault("challenge", Status(401, past), host=host)
        (failure,) = failures(report(person, host))
        assert failure["reference"] == "clock-wrong"
        assert failure["text"].endswith(" s away from the servers'")

    def test_a_challenge_that_points_elsewhere(
        self, person: Program, host: str, azure: FakeAzure
    ) -> None:
        elsewhere = {"WWW-Authenticate": 'Bearer realm="https://attacker.example/token"'}
        azure.fault("challenge", Status(401, elsewhere), host=host)
        found = report(person, host)
        (warning,) = [each for each in found["findings"] if "elsewhere" in each["text"]]
        assert warning["level"] == "warning"

    def test_a_registry_that_says_nothing_costs_its_budget_and_no_more(
        self, person: Program, host: str, azure: FakeAzure
    ) -> None:
        azure.fault("challenge", Hang(), host=host)
        found = report(person, host)
        assert levels(found, "Registry") == ["ok"]
        assert failures(found)[0]["section"] == "Network"
        assert found["seconds"] < 25

    def test_a_name_that_is_not_there(self, person: Program, azure: FakeAzure) -> None:
        gone = new_host()
        azure.registry(gone).missing = True
        found = report(person, gone)
        assert failures(found)[0]["section"] == "Network"


class TestThisMachine:
    def test_before_anything_is_configured(self, person: Program) -> None:
        answer = person.run("doctor", "--pre")
        assert answer[::2] == (0, b"")
        assert b"client-secret: has something to try" in answer.out
        assert b"docker asks it for no registry yet" in answer.out
        assert person.azure.requests == []

    def test_a_namesake_in_front(self, person: Program, host: str) -> None:
        other = Path(person.home, "bin", "docker-credential-acr")
        other.parent.mkdir()
        other.write_text("#!/bin/sh\necho 0.8.0\n")
        other.chmod(0o755)
        person.environ["PATH"] = f"{other.parent}:{person.environ['PATH']}"
        found = report(person, host)
        assert "program-foreign" in {each["reference"] for each in failures(found)}

    def test_a_namesake_that_cannot_be_run(self, person: Program, host: str) -> None:
        other = Path(person.home, "bin", "docker-credential-acr")
        other.parent.mkdir()
        other.write_bytes(b"\x7fELF of another machine")
        other.chmod(0o755)
        found = report(person, host, PATH=f"{other.parent}:{person.environ['PATH']}")
        assert {each["reference"] for each in failures(found)} == {"program-foreign"}

    @pytest.mark.parametrize(
        ("content", "wins"),
        [
            ('{"auths": {"HOST": {"auth": "CANARY-login"}}}', True),
            ('{"auths": {"https://HOST": {"auth": "CANARY-login"}}}', True),
            ('{"auths": {"quay.io": {"auth": "CANARY-login"}}}', False),
            ("{}", False),
            ("CANARY-login", True),
            ("[]", True),
            ("[" * 100_000, True),
        ],
        ids=lambda found: str(found)[:20],
    )
    def test_docker_auth_config_wins(
        self, person: Program, host: str, content: str, *, wins: bool
    ) -> None:
        """Docker asks helpers for the hosts that are not in it."""
        person.secrets.add("CANARY-login")
        found = report(person, host, DOCKER_AUTH_CONFIG=content.replace("HOST", host))
        warnings = [each for each in found["findings"] if "DOCKER_AUTH_CONFIG" in each["text"]]
        assert [each["level"] for each in warnings] == ["warning"] * wins

    def test_which_config_docker_reads(self, person: Program, host: str) -> None:
        """F89: the usual one, the one that a variable names, and that of root with sudo."""
        usual = os.path.join(person.home, ".docker", "config.json")
        assert f"docker reads {usual}; there is none yet" in told(report(person), "Installation")
        assert person.run("configure", host, "--no-verify").code == 0
        found = report(person, host)
        assert f"docker reads {usual}" in told(found, "Installation")
        assert f"a client asks it for {host}" in told(found, "Installation")

        folder = os.path.join(person.home, "ci")
        named = f"docker reads {folder}/config.json, which DOCKER_CONFIG names; there is none yet"
        found = report(person, host, DOCKER_CONFIG=folder)
        assert named in told(found, "Installation")
        assert "no client asks this program for it" in told(found, "Installation")

        root = os.path.join(person.home, "root")  # sudo: another home
        found = report(person, host, HOME=root, SUDO_USER="dana")
        texts = told(found, "Installation")
        assert f"docker reads {root}/.docker/config.json; there is none yet" in texts
        assert [text for text in texts if "dana has a file of their own" in text]

    def test_which_files_podman_reads(self, person: Program, host: str) -> None:
        """Rootless podman has one for the session, which goes first."""
        assert person.run("configure", host, "--podman", "--no-verify").code == 0
        lasting = os.path.join(person.home, ".config", "containers", "auth.json")
        session = Path(person.home, "run", "containers", "auth.json")
        said = "podman, buildah and skopeo read "
        assert said + lasting in told(report(person, host), "Installation")
        session.parent.mkdir(parents=True)
        session.write_text("{}")
        found = report(person, host, XDG_RUNTIME_DIR=os.path.join(person.home, "run"))
        assert f"{said}{session}, then {lasting}" in told(found, "Installation")
        found = report(person, host, REGISTRY_AUTH_FILE=str(session))
        assert said + str(session) in told(found, "Installation")

    def test_what_is_passed_over_in_the_cache(self, person: Program, host: str) -> None:
        """F21, F22: each such file is named, and how to be rid of it."""
        person.get(host)
        (entry,) = person.entries(host)
        assert levels(report(person, host), "Files") == ["ok", "ok"]
        flaws = {"open": "is open to other users", "two": "has another name", "link": "is no plain"}
        if os.geteuid() == 0:
            flaws["sudo"] = "belongs to user 65534"
        for name in (*flaws, "lock"):
            Path(person.folder, name).touch(0o600)
        os.chmod(f"{person.folder}/open", 0o644)
        os.link(f"{person.folder}/two", f"{person.home}/other")
        os.unlink(f"{person.folder}/link")
        os.symlink(entry, f"{person.folder}/link")
        if os.geteuid() == 0:
            os.chown(f"{person.folder}/sudo", 65534, 65534)
        found = [f for f in report(person, host)["findings"] if f["reference"] == "cache-foreign"]
        assert len(found) == len(flaws)
        for name, flaw in flaws.items():
            (one,) = [each for each in found if f"/{name} " in each["text"]]
            assert flaw in one["text"]
            assert f"sudo rm -r {person.folder}/{name}" in one["fix"]
        for number in range(10):
            os.symlink("/nowhere", f"{person.folder}/more{number}")
        found = [f for f in report(person, host)["findings"] if f["reference"] == "cache-foreign"]
        assert len(found) == 6
        assert "more in" in found[-1]["text"]

    def test_entries_of_path(self, person: Program, host: str) -> None:
        """F67: those where somebody else can put a program."""
        usual = person.environ["PATH"]
        assert (
            levels(report(person, host, PATH=usual + ":/nowhere"), "Installation").count("warning")
            == 1
        )
        safe = Path(person.home, "safe")
        shared = Path(person.home, "shared")
        for folder, mode in ((safe, 0o755), (shared, 0o777)):
            folder.mkdir()
            folder.chmod(mode)
        found = report(person, host, PATH=f"{usual}::.:bin:{safe}:{shared}")["findings"]
        unsafe = [each for each in found if each["reference"] == "path-unsafe"]
        assert [each["level"] for each in unsafe] == ["warning"] * 4
        assert str(shared) in unsafe[-1]["fix"]
        assert str(safe) not in str(unsafe)

    def test_broken_settings(self, person: Program, host: str) -> None:
        person.settings("[defaults]\nmethd = 1\n")
        answer = person.run("doctor", host)
        assert answer.code == 3  # nobody can say whose registries are ours
        assert b'did you mean "method"?' in answer.err
        found = report(person, "--pre")
        assert [each["reference"] for each in failures(found)] == ["settings-invalid"]

    def test_a_cache_that_cannot_be_written(self, person: Program, host: str) -> None:
        blocked = Path(person.home, "file")
        blocked.write_text("")
        found = report(person, host, ACR_CRED_CACHE_DIR=str(blocked))
        assert "no-cache" in {each["reference"] for each in failures(found)}
        assert levels(found, "Registry") == ["ok"]


@pytest.mark.parametrize(
    ("variable", "begins"),
    [("GITHUB_ACTIONS", "::error title="), ("TF_BUILD", "##vso[task.logissue type=error]")],
)
def test_annotations(person: Program, host: str, variable: str, begins: str) -> None:
    changes = {"AZURE_CLIENT_SECRET": "CANARY-wrong", variable: "true"}
    answer = person.run("doctor", host, "--ci", **changes)
    assert answer.code == 1
    lines = [line for line in answer.out.decode().splitlines() if line.startswith(begins)]
    assert len(lines) == 1
    assert "client secret" in lines[0]
    assert "fix: " in lines[0]


def test_annotations_beside_json_leave_it_json(person: Program, host: str) -> None:
    changes = {"AZURE_CLIENT_SECRET": "CANARY-wrong", "GITHUB_ACTIONS": "true"}
    answer = person.run("doctor", host, "--ci", "--json", **changes)
    assert json.loads(answer.out)["counts"]["failed"] == 1
    assert b"\n::error title=" in answer.err


def test_automatic_tells_which_way_it_took(person: Program, host: str) -> None:
    told = {each["check"]: each["text"] for each in report(person, host)["findings"]}
    assert told["method"] == "method automatic, the default"
    answer = person.run("doctor", host)
    assert b"signed in by client-secret as " in answer.out
    named = person.run("doctor", host, ACR_CRED_METHOD="client-secret")
    assert b"signed in as " in named.out


class TestBundle:
    def test_what_is_in_it_holds_no_secret(self, person: Program, host: str) -> None:
        person.settings(
            f'[registries."{host}"]\nmethod = "client-secret"\n'
            'client_secret_command = ["printf", "CANARY-argument"]\n'
        )
        person.own.add(settings_file(person.home))
        config = Path(person.home, ".docker", "config.json")
        config.parent.mkdir()
        misplaced = {host: "acr", "a.example": {"auth": "CANARY-login"}}
        content = {"auths": {host: {"auth": "CANARY-login"}}, "credHelpers": misplaced}
        config.write_text(json.dumps({**content, "HttpHeaders": {"X": "CANARY-header"}}))
        person.own.add(str(config))
        path = Path(person.home, "report.zip")
        answer = person.run("doctor", host, "--bundle", str(path), HTTPS_PROXY=proxy(person))
        assert b"report.zip" in answer.err
        with zipfile.ZipFile(path) as made:
            parts = {name: made.read(name).decode() for name in made.namelist()}
        assert set(parts) == {
            "doctor.json",
            "versions.json",
            "environment.json",
            "settings.json",
            "docker-config.json",
        }
        assert not [name for name, text in parts.items() if "CANARY" in text]
        assert not [
            (name, secret[:20])
            for name, text in parts.items()
            for secret in person.azure.secrets
            if secret in text
        ]
        assert json.loads(parts["docker-config.json"])["docker"]["logins"] == [host]
        helpers = {host: "acr", "a.example": "(set)"}
        assert json.loads(parts["docker-config.json"])["docker"]["credHelpers"] == helpers
        assert json.loads(parts["environment.json"])["AZURE_CLIENT_SECRET"] == "(set)"
        assert path.stat().st_mode & 0o777 == 0o600

    def test_a_file_that_is_there_is_left_alone(self, person: Program, host: str) -> None:
        path = Path(person.home, "mine.zip")
        path.write_text("mine")
        answer = person.run("doctor", host, "--bundle", str(path))
        assert answer.code == 2
        assert b"help bundle-not-written" in answer.err
        assert path.read_text() == "mine"


def proxy(program: Program) -> str:
    """The proxy's address with a password in it."""
    return program.environ["HTTPS_PROXY"].replace("://", "://dana:CANARY-proxy@")
