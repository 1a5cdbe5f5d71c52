"""The verbs that people use to see what is going on: status, token, cache, config, admin."""

import base64
import json
import os
import re
import signal
import subprocess
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from docker_credential_acr.people import VERBS
from tests.stories.program import GUID, PATH, Answer, Program, new_host, until
from tests.stories.screen import Screen
from tests.systems import SIGNALS, posix, signals

SCOPE = "repository:team/app:pull"


def told(answer: Answer) -> dict[str, Any]:
    """The JSON of an answer; fails unless it is the answer of a verb that has succeeded."""
    assert answer.err == b"", answer
    found: dict[str, Any] = json.loads(answer.out)
    assert found["schema_version"] == 1
    return found


@pytest.mark.parametrize("verb", VERBS)
class TestEveryVerb:
    def test_help_fits_a_screen(self, program: Program, verb: str) -> None:
        answer = program.run(verb, "--help", COLUMNS="100")
        assert answer[::2] == (0, b"")
        assert answer.out.startswith(f"usage: docker-credential-acr {verb}".encode())
        assert answer.out.count(b"\n") <= 40

    def test_what_it_does_not_know_is_told_with_the_next_step(
        self, program: Program, verb: str
    ) -> None:
        answer = program.run(verb, "--no-such-option")
        assert answer[:2] == (2, b"")
        assert f"next: docker-credential-acr {verb}".encode() in answer.err
        assert b"Traceback" not in answer.err

    def test_nobody_is_asked_and_nothing_is_made_for_it(self, program: Program, verb: str) -> None:
        program.run(verb, "--help")
        assert program.azure.requests == []
        assert program.files() == []


class TestWidth:
    """Lines are as wide as the terminal; a pipe gets them whole, and what is to be copied stays whole."""

    @pytest.mark.parametrize("columns", [40, 60, 90])
    def test_no_word_is_broken(self, program: Program, columns: int) -> None:
        whole = program.run("doctor", "--pre").out.decode()
        with Screen(
            program, "doctor", "--pre", on=("stdout",), COLUMNS=str(columns), NO_COLOR="1"
        ) as screen:
            screen.end()
        lines = screen.shown.replace("\r\n", "\n").splitlines()
        long = [
            line for line in lines if len(line) > columns and " " in line.strip()[: columns - 8]
        ]
        assert all(line.lstrip().startswith("fix: ") for line in long)
        untimed = [re.sub(r"\d+\.\d s", "", text).split() for text in (screen.shown, whole)]
        assert untimed[0] == untimed[1]

    def test_json_is_one_text(self, program: Program, host: str) -> None:
        with Screen(program, "status", host, "--json", on=("stdout",), COLUMNS="40") as screen:
            assert screen.end().code == 0
        assert json.loads(screen.shown)["registries"][0]["host"] == host


class TestStatus:
    def test_nothing_is_configured(self, program: Program) -> None:
        answer = program.run("status")
        assert answer[::2] == (0, b"")
        assert b"docker-credential-acr configure" in answer.out

    def test_a_token(self, program: Program, host: str) -> None:
        path = program.settings(f'[registries."{host}"]\nmethod = "client-secret"\n')
        assert program.get(host).secret
        requests = len(program.azure.requests)
        answer = program.run("status")
        assert answer.code == 0
        assert f"{host}  ready".encode() in answer.out
        assert f"client-secret, {path}:2".encode() in answer.out
        assert b"good for 3 h" in answer.out
        assert b"renewed in 1 h" in answer.out
        assert len(program.azure.requests) == requests  # offline

    def test_a_failure_needs_a_person(self, program: Program, host: str) -> None:
        program.get(host, AZURE_CLIENT_SECRET="CANARY-wrong")
        answer = program.run("status", host, AZURE_CLIENT_SECRET="CANARY-wrong")
        assert answer.code == 4
        assert f"{host}  needs you".encode() in answer.out
        assert b"client secret" in answer.out

    def test_a_kept_login(self, program: Program, host: str) -> None:
        program.settings('store = "file"\n')
        program.secrets.add("CANARY-kept")
        assert program.store(host, "admin", "CANARY-kept").code == 0
        (state,) = told(program.run("status", "--json"))["registries"]
        assert (state["host"], state["state"], state["login"]) == (host, "ready", "admin")
        assert state["login_store"] == "file"

    @pytest.mark.parametrize(
        "content", [b"{", b'{"pending": 7}', None], ids=["no JSON", "no marker", "pending"]
    )
    def test_a_kept_login_that_is_lost_is_said(
        self, program: Program, host: str, content: bytes | None
    ) -> None:
        """Of its own registry, and the others are told of all the same."""
        program.settings('store = "file"\n[registries."other.azurecr.io"]\nmethod = "azure-cli"\n')
        program.secrets.add("CANARY-kept")
        assert program.store(host, "admin", "CANARY-kept").code == 0
        path = Path(program.kept, f"{host}@login")
        path.write_bytes(content or path.read_bytes().replace(b"false", b"true"))
        answer = program.run("status", "--json")
        assert answer.code == 4
        states = {each["host"]: each for each in told(answer)["registries"]}
        assert states["other.azurecr.io"]["state"] == "no token yet"
        assert states[host]["state"] == "needs you"
        assert f"docker logout {host}" in states[host]["next"]
        assert program.get(host).reference == "login-lost"
        assert f"{host}: its kept login is forgotten".encode() in program.run("logout", "--all").out
        assert program.get(host).secret

    def test_what_others_wrote_goes_to_no_terminal_as_it_is(
        self, program: Program, host: str
    ) -> None:
        program.settings('store = "file"\n')
        program.secrets.add("CANARY-kept")
        assert program.store(host, "\x1b[2Jbob\ud800", "CANARY-kept").code == 0
        config = Path(program.home, ".docker", "config.json")
        config.parent.mkdir()
        config.write_text('{"credHelpers": {"\\ud800.azurecr.io": "acr"}}')
        answer = program.run("status")
        assert answer.code == 0, answer
        assert b"login    \\x1b[2Jbob\\ud800, kept in file" in answer.out
        assert program.run("logout", "--all").code == 0

    def test_a_client_that_asks_somebody_else(self, program: Program, host: str) -> None:
        config = Path(program.home, ".docker", "config.json")
        config.parent.mkdir()
        config.write_text(json.dumps({"credsStore": "desktop"}))
        answer = program.run("status", host)
        assert b"docker asks docker-credential-desktop for it" in answer.out

    def test_a_mistake_in_the_settings_shows_its_line(self, program: Program, host: str) -> None:
        program.settings(f'[registries."{host}"]\n  method = "mangaed-identity"\n')
        answer = program.run("status")
        assert answer[:2] == (3, b"")
        lines = answer.err.decode().splitlines()
        assert lines[1] == '    2 |   method = "mangaed-identity"'
        assert lines[2].index("^") == lines[1].index("method")
        assert 'did you mean "managed-identity"?' in lines[0]


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (("configure", "a.azurecr.io", "--method", "azurecli"), b"azure-cli"),
        (("configure", "a.azurecr.io", "--methd", "azure-cli"), b"--method"),
        (("configure", "a.azurecr.io", "--methd=azure-cli"), b"--method"),
        (("config", "explian", "a.azurecr.io"), b"explain"),
        (("admin", "rotate", "a.azurecr.io", "--whihc", "password"), b"--which"),
    ],
)
def test_a_slip_is_answered_with_what_was_meant(
    program: Program, arguments: tuple[str, ...], meant: bytes
) -> None:
    answer = program.run(*arguments)
    assert answer[:2] == (2, b"")
    *_, last = answer.err.splitlines()
    assert last.startswith(b"  next: did you mean " + meant + b"? docker-credential-acr ")


def test_a_slip_that_is_near_to_nothing(program: Program) -> None:
    answer = program.run("status", "--zzzzzz")
    assert answer.err.endswith(b"  next: docker-credential-acr status --help\n")


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb_is_its_help(program: Program, verb: str) -> None:
    assert program.run("help", verb) == program.run(verb, "--help")


def test_help_of_what_is_nearly_a_verb(program: Program) -> None:
    assert b"did you mean configure?" in program.run("help", "confgure").err
    assert program.run("help", "get").out.startswith(b"get: answer with")


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("verb", ["token", "login", "doctor", "pull-secret"])
@signals
def test_who_is_stopped_leaves_nobody_behind(
    program: Program, host: str, verb: str, number: signal.Signals
) -> None:
    """Not the program that it waits for, either: it has a session of its own."""
    az, note = Path(program.home, "bin", "az"), Path(program.home, "pid")
    az.parent.mkdir()
    az.write_text(f"#!/bin/sh\necho $$ >{note}.new; mv {note}.new {note}\nexec sleep 600\n")
    az.chmod(0o755)
    program.settings(f'[registries."{host}"]\nmethod = "azure-cli"\n')
    process = program.start(verb, host, PATH=f"{az.parent}:/usr/bin:/bin")
    until(note.exists)
    process.send_signal(number)
    answer = program.finish(process, verb=verb)
    assert answer.code == 130
    assert answer.err.endswith(f"{verb}: stopped\n".encode())
    assert program.unfinished() == []

    def gone() -> bool:
        try:
            os.kill(int(note.read_text()), 0)
        except ProcessLookupError:
            return True
        return False

    until(gone)


@posix("bash of its own")
class TestStreams:
    """Who reads may stop, and a disk may be full: neither is a fault of the program."""

    @staticmethod
    def shell(program: Program, line: str) -> Answer:
        command = ["bash", "-c", line.replace("PROGRAM", PATH)]
        done = subprocess.run(
            command, capture_output=True, check=False, env=program.environ, timeout=30
        )
        return program.note(("bash",), Answer(done.returncode, done.stdout, done.stderr))

    @pytest.mark.parametrize("verb", ["status", "config schema", "completion bash", "cache path"])
    def test_a_full_disk(self, program: Program, verb: str) -> None:
        answer = self.shell(program, f"PROGRAM {verb} >/dev/full")
        assert answer.code == 1, answer
        assert answer.err.startswith(b"error: not all could be written: no space left on device\n")
        assert b"Exception" not in answer.err

    @pytest.mark.parametrize(
        "line",
        [
            "PROGRAM config schema | true",
            "PROGRAM config schema | head -1",
            "PROGRAM config explain x 2>&1 >/dev/null | true",
            "PROGRAM status --wrong 2>&1 | true",
        ],
    )
    def test_nobody_reads(self, program: Program, line: str) -> None:
        answer = self.shell(program, line + "; exit ${PIPESTATUS[0]}")
        assert answer.code in {0, 1, 2}, answer
        assert answer.err == b""

    @pytest.mark.parametrize("closed", ["2>&-", "2>&- <&-", "<&-"])
    @pytest.mark.parametrize("verb", ["status", "config explain x", "doctor --pre", "logout --all"])
    def test_streams_that_are_closed(self, program: Program, verb: str, closed: str) -> None:
        answer = self.shell(program, f"PROGRAM {verb} {closed}")
        assert answer.code in {0, 1, 2}, answer
        assert b"Traceback" not in answer.err


class TestToken:
    @pytest.mark.parametrize("cached", ["0", "1"])
    def test_it_says_when_it_is_over(self, program: Program, host: str, cached: str) -> None:
        answer = program.run("token", host, "--format", "json", ACR_CRED_NO_CACHE=cached)
        expires = datetime.fromisoformat(told(answer)["expires"]).timestamp()
        assert 10_000 < expires - time.time() < 12_000
        answer = program.run("login", host, ACR_CRED_NO_CACHE=cached)
        assert b"good for 3 h" in answer.out

    def test_raw_is_the_token_alone(self, program: Program, host: str) -> None:
        answer = program.run("token", host)
        assert answer[::2] == (0, b"")
        assert answer.out.decode() == program.get(host).secret + "\n"

    def test_a_refresh_token_and_an_access_token_are_different_fields(
        self, program: Program, host: str
    ) -> None:
        login = told(program.run("token", host, "--format", "json"))
        assert login["username"] == GUID
        assert login["refresh_token"] == program.get(host).secret
        scoped = told(program.run("token", host, "--scope", SCOPE, "--format", "json"))
        assert scoped["access"] == {"team/app": ["pull"]}
        assert not {"refresh_token", "username", "password"} & scoped.keys()
        assert scoped["access_token"] != login["refresh_token"]
        for found in (login["expires"], scoped["access_token_expires"]):
            assert datetime.fromisoformat(str(found)).tzinfo

    def test_headers(self, program: Program, host: str) -> None:
        basic = program.run("token", host, "--format", "header").out.decode()
        pair = base64.b64decode(basic.removeprefix("Authorization: Basic ")).decode()
        assert pair == f"{GUID}:{program.get(host).secret}"
        bearer = program.run("token", host, "--scope", SCOPE, "--format", "header")
        assert bearer.out.startswith(b"Authorization: Bearer eyJ")

    def test_a_registry_does_not_know_the_token_user(self, program: Program, host: str) -> None:
        """`<token>` is a name among Docker's clients; whoever asks a registry needs the other one."""
        program.environ["ACR_CRED_USERNAME"] = "token"
        scoped = told(program.run("token", host, "--scope", SCOPE, "--format", "json"))
        assert scoped["access"] == {"team/app": ["pull"]}
        basic = program.run("token", host, "--format", "header").out.decode()
        pair = base64.b64decode(basic.removeprefix("Authorization: Basic ")).decode()
        assert pair.startswith(f"{GUID}:")
        script = program.run("token", host, "--format", "docker-login").out.decode()
        assert f"--username {GUID} " in script
        found = program.run("doctor", host, "--repository", "team/app").out
        assert b"may pull: team/app" in found

    def test_docker_login_is_a_line_that_a_shell_understands(
        self, program: Program, host: str
    ) -> None:
        script = program.run("token", host, "--format", "docker-login").out.decode()
        shell = f'docker() {{ printf "%s\\n" "$*"; cat; }}\n{script}'
        ran = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=True)
        arguments, secret = ran.stdout.splitlines()
        assert arguments == f"login {host} --username {GUID} --password-stdin"
        assert secret == program.get(host).secret

    def test_a_password_is_printed_only_if_it_is_asked_for(
        self, program: Program, host: str
    ) -> None:
        program.settings('store = "file"\n')
        name, password = program.azure.add_admin(host)
        assert program.store(host, name, password).code == 0
        refused = program.run("token", host)
        assert refused[:2] == (2, b"")
        assert b"help token-is-a-password" in refused.err
        assert program.run("token", host, "--password").out.decode() == password + "\n"
        scoped = told(program.run("token", host, "--scope", SCOPE, "--format", "json"))
        assert scoped["access"] == {"team/app": ["pull"]}

    @pytest.mark.parametrize("verb", ["token", "configure", "login", "logout", "doctor", "status"])
    def test_what_is_no_host_is_not_told_at_length(self, program: Program, verb: str) -> None:
        answer = program.run(verb, "\x1b" * 50_000, PATH=os.path.dirname(PATH))
        assert answer.code == 2
        assert b"host-not-ours" in answer.err
        assert max(map(len, answer.err.splitlines())) <= 400

    def test_no_token_for_anybody_else(self, program: Program) -> None:
        answer = program.run("token", "registry.example.com")
        assert answer[:2] == (2, b"")
        assert program.azure.requests == []

    def test_a_refusal(self, program: Program, host: str) -> None:
        for ago in (False, True):
            answer = program.run("token", host, AZURE_CLIENT_SECRET="CANARY-wrong")
            assert answer[:2] == (4, b"")
            assert b"help client-secret-refused" in answer.err
            assert (b"a moment ago" in answer.err) == ago

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            (("--scope", "team/app"), b"'team/app' is no scope, such as repository:"),
            (("--scope", "repository:team/app"), b"is no scope"),
            (("--scope", SCOPE, "--format", "docker-login"), b"docker login takes no access token"),
        ],
    )
    def test_a_scope_that_cannot_be_meant(
        self, program: Program, host: str, options: tuple[str, ...], said: bytes
    ) -> None:
        answer = program.run("token", host, *options)
        assert answer[:2] == (2, b"")
        assert said in answer.err
        assert program.azure.count("exchange") == 0

    def test_a_token_that_allows_nothing_says_so(self, program: Program, host: str) -> None:
        answer = program.run("token", host, "--scope", "repository:a/b:delete", "--format", "json")
        assert answer.code == 0
        assert json.loads(answer.out)["access"] == {}
        assert b"warning: this token allows nothing of the scope" in answer.err


class TestCache:
    def test_list_and_clear(self, program: Program, host: str) -> None:
        other = new_host()
        for each in (host, other):
            assert program.get(each).secret
        rows = told(program.run("cache", "list", "--json"))["entries"]
        assert {row["host"] for row in rows} == {host, other}
        assert {(row["username"], row["method"]) for row in rows} == {(GUID, "automatic")}
        assert all(11_000 < row["seconds"] < 12_000 for row in rows)
        assert b"1 cached credential removed" in program.run("cache", "clear", host).out
        assert program.entries(host) == []
        assert program.entries(other) != []
        assert b"1 cached credential removed" in program.run("cache", "clear").out
        assert b"nothing is cached" in program.run("cache", "list").out

    def test_path(self, program: Program) -> None:
        assert program.run("cache", "path").out.decode() == program.folder + "\n"

    def test_without_a_cache(self, program: Program) -> None:
        answer = program.run("cache", "list", ACR_CRED_NO_CACHE="1")
        assert answer[:2] == (2, b"")
        assert b"help no-cache" in answer.err


class TestConfig:
    def test_path_and_show(self, program: Program) -> None:
        nothing = program.run("config", "path")
        assert nothing.code == 0
        assert b"the defaults hold" in nothing.err
        text = '[defaults]\nmethod = "azure-cli"  # mine\n'
        path = program.settings(text)
        assert program.run("config", "path")[1:] == (f"{path}\n".encode(), b"")
        assert program.run("config", "show").out.decode() == text

    def test_check(self, program: Program) -> None:
        path = program.settings('[registries."*.azurecr.cn"]\nmethod = "azure-cli"\n')
        assert program.run("config", "check").out.decode() == f"{path}: good, 1 registry\n"
        other = Path(program.home, "other.toml")
        other.write_text("[defaults]\nmethd = 1\n")
        other.chmod(0o600)
        answer = program.run("config", "check", str(other))
        assert answer.code == 3
        assert b'did you mean "method"?' in answer.err

    def test_explain_names_the_line_that_won(self, program: Program, host: str) -> None:
        path = program.settings(
            "[defaults]\nmin_ttl = 600\n"
            '[registries."*.azurecr.io"]\nmethod = "managed-identity"\n'
            f'[registries."{host.upper()}"]\nmethod = "client-secret"\nclient_id = "abc"\n'
        )
        found = told(program.run("config", "explain", host, "--json", ACR_CRED_TIMEOUT="9"))
        keys = found["keys"]
        assert keys["method"] == {"value": "client-secret", "source": f"{path}:6"}
        assert keys["client_id"] == {"value": "abc", "source": f"{path}:7"}
        assert keys["min_ttl"] == {"value": 600, "source": f"{path}:2"}
        assert keys["timeout"] == {"value": "9", "source": "ACR_CRED_TIMEOUT"}
        assert keys["tenant_id"]["source"] == "AZURE_TENANT_ID"
        assert keys["refresh"] == {"value": "background", "source": "default"}
        assert b"client-secret" in program.run("config", "explain", host).out

    def test_a_method_of_a_variable_leaves_the_options_behind(
        self, program: Program, host: str
    ) -> None:
        program.settings(f'[registries."{host}"]\nmethod = "client-secret"\nclient_id = "abc"\n')
        found = told(program.run("config", "explain", host, "--json", ACR_CRED_METHOD="azure-cli"))
        assert found["keys"]["method"] == {"value": "azure-cli", "source": "ACR_CRED_METHOD"}
        assert "client_id" not in found["keys"]

    def test_schema(self, program: Program) -> None:
        assert json.loads(program.run("config", "schema").out)["type"] == "object"


def passwords(program: Program, registry: str) -> list[str]:
    """Both passwords of a registry's admin user, which is enabled for it."""
    program.azure.add_admin(registry)
    return list(program.azure.registry(registry).admin_passwords)


class TestAdmin:
    @pytest.fixture
    def registry(self, program: Program, host: str) -> str:
        assert program.get(host).secret  # now Azure has it
        return host

    def test_from_disabled_to_enabled_and_back(self, program: Program, registry: str) -> None:
        shown = [program.run("admin", verb, registry) for verb in ("show", "enable", "show")]
        assert [answer.code for answer in shown] == [0, 0, 0]
        assert b"is disabled" in shown[0].out
        assert b"is enabled now" in shown[1].out
        assert b"is enabled" in shown[2].out
        assert b"is disabled now" in program.run("admin", "disable", registry).out
        assert b"is disabled already" in program.run("admin", "disable", registry).out

    def test_one_password_at_a_time_and_none_is_shown(
        self, program: Program, registry: str
    ) -> None:
        before = passwords(program, registry)
        answer = program.run("admin", "rotate", registry)
        assert answer.code == 0, answer
        assert b"password2 of" in answer.out
        assert b"--which password\n" in answer.err
        after = passwords(program, registry)
        assert [one == other for one, other in zip(before, after, strict=True)] == [True, False]
        assert b"CANARY" not in answer.out + answer.err

    def test_the_one_in_use_is_not_renewed(self, program: Program, registry: str) -> None:
        first, second = passwords(program, registry)
        program.settings(
            f'[registries."{registry}"]\nmethod = "admin-user"\nsign_in = "client-secret"\n'
        )
        assert program.get(registry).secret == first
        assert b"password2 of" in program.run("admin", "rotate", registry).out
        assert program.get(registry).secret == first
        assert program.run("admin", "rotate", registry, "--which", "password").code == 0
        assert passwords(program, registry)[1] != second

    def test_passwords_by_name(self, program: Program, registry: str) -> None:
        known = passwords(program, registry)
        shown = program.run("admin", "show", registry, "--password").out.decode()
        assert all(password in shown for password in known)
        assert "CANARY" not in program.run("admin", "show", registry).out.decode()

    def test_who_may_not_is_told_which_right_is_missing(
        self, program: Program, registry: str
    ) -> None:
        program.azure.arm.denied = True
        try:
            answer = program.run("admin", "enable", registry)
        finally:
            program.azure.arm.denied = False
        assert answer.code == 6
        assert b"Microsoft.ContainerRegistry/registries/write" in answer.err
