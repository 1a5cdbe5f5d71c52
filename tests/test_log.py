"""The log: one private file when asked for, and never a secret in it."""

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from docker_credential_acr import log as log_module
from docker_credential_acr.log import log
from docker_credential_acr.secret import Secret
from tests.azure import Status
from tests.stories.program import PATH, Answer, Program
from tests.systems import modes, needs_root

START = """
import sys, logging, warnings
from docker_credential_acr import log
from docker_credential_acr.secret import Secret
log.start(sys.argv[1] or None)
Secret("CANARY-met")
"""


def run(path: str, body: str) -> "subprocess.CompletedProcess[str]":
    """In a process of its own: it changes the root logger."""
    ran = subprocess.run(
        [sys.executable, "-c", START + body, path],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": os.path.dirname(os.path.dirname(log_module.__file__))},
    )
    assert ran.stdout == ""
    return ran


class TestSilence:
    def test_without_a_file_nobody_says_anything(self) -> None:
        body = (
            "logging.getLogger('msal').warning('CANARY'); log.log.error('CANARY')\n"
            "warnings.warn('CANARY')\nlogging.getLogger('x').critical('%d', 'no number')"
        )
        assert run("", body).stderr == ""

    @pytest.mark.parametrize("kind", ["folder", "missing-folder", "link", "fifo"])
    def test_a_file_that_cannot_be_had_is_passed_over(self, tmp_path: Path, kind: str) -> None:
        path = tmp_path / "log"
        if kind == "folder":
            path.mkdir()
        elif kind == "missing-folder":
            path /= "log"
        elif kind == "link":
            path.symlink_to(tmp_path / "victim")
        elif kind == "fifo":
            os.mkfifo(path)
        assert run(str(path), "log.log.error('x')").stderr == ""
        assert not (tmp_path / "victim").exists()

    def test_a_pipe_that_is_read_gets_nothing(self, tmp_path: Path) -> None:
        os.mkfifo(path := tmp_path / "log")
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            run(str(path), "log.log.error('x')")
            assert os.read(reader, 1) == b""
        finally:
            os.close(reader)

    def test_a_file_with_two_names_is_left_alone(self, tmp_path: Path) -> None:
        """Somebody else may have given it the second one, in a folder that both can write to."""
        (victim := tmp_path / "victim").write_text("untouched")
        victim.chmod(0o644)
        (tmp_path / "log").hardlink_to(victim)
        run(str(tmp_path / "log"), "log.log.error('x')")
        assert victim.read_text() == "untouched"
        assert stat.S_IMODE(victim.stat().st_mode) == 0o644

    @needs_root
    def test_somebody_elses_file_is_left_alone(self, tmp_path: Path) -> None:
        (path := tmp_path / "log").write_text("untouched")
        os.chown(path, 65534, 65534)
        run(str(path), "log.log.error('x')")
        assert path.read_text() == "untouched"

    def test_a_relative_path_is_none(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """It would land in whatever folder an image is built from."""
        monkeypatch.chdir(tmp_path)
        for path in ("log", "./log", "../log"):
            run(path, "log.log.error('x')")
        assert [*tmp_path.iterdir(), *tmp_path.parent.glob("log")] == []


class TestFile:
    @modes
    def test_it_is_its_owners_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "log"
        for _ in range(2):
            run(str(path), "log.log.debug('hello %s', 'there')")
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            path.chmod(0o666)
        assert path.read_text().count("hello there") == 2  # it is continued

    @pytest.mark.parametrize(
        "text",
        [
            "CANARY-met",
            "x CANARY-metCANARY-met",
            "eyJhbGciOiJSUzI1NiJ9.eyJDQU5BUlkiOiJDQU5BUlkifQ.CANARY",
            "client_secret=CANARY-never-met&x=1",
            "client_assertion: CANARY-never-met",
            "Authorization: CANARY-never-met",
            "{'password': 'CANARY-never-met', 'a': 1}",
            '{"access_token": "CANARY-never-met"}',
            "refresh_token=CANARY-never-met",
            '{"code_verifier": "CANARY-never-met"}',
        ],
    )
    def test_no_secret_is_written(self, tmp_path: Path, text: str) -> None:
        path = tmp_path / "log"
        run(str(path), f"logging.getLogger('sdk').debug('%s', {text!r})")
        assert "CANARY" not in path.read_text()
        assert "<" in path.read_text()

    def test_not_in_a_traceback_either(self, tmp_path: Path) -> None:
        path = tmp_path / "log"
        body = "try:\n    raise ValueError('CANARY-met')\nexcept ValueError:\n    log.log.exception('x')"
        run(str(path), body)
        assert "CANARY-met" not in path.read_text().replace(body, "")

    def test_one_record_is_one_line(self, tmp_path: Path) -> None:
        path = tmp_path / "log"
        run(str(path), "log.log.info('a\\nb\\r\\n2026-01-01 \\x1b[31m \\u2028forged \\ud800')")
        assert len(path.read_text().splitlines()) == 1

    def test_what_helps_stays(self, tmp_path: Path) -> None:
        path = tmp_path / "log"
        run(str(path), "log.log.debug('team.azurecr.io: AADSTS7000215 correlation id 12345678')")
        assert "team.azurecr.io: AADSTS7000215 correlation id 12345678" in path.read_text()


class TestProgram:
    def test_a_whole_sign_in_leaves_no_secret(self, program: Program, host: str) -> None:
        """Nor does a refused one; the SDK logs into the same file."""
        path = os.path.join(program.home, "log")
        assert program.get(host, ACR_CRED_DEBUG=path).code == 0
        program.azure.fault("exchange", Status(401))
        program.get(f"x{host}", ACR_CRED_DEBUG=path)
        program.get(f"y{host}", ACR_CRED_DEBUG=path, AZURE_CLIENT_SECRET="CANARY-wrong-secret")
        text = Path(path).read_text()
        assert host in text
        assert not [secret for secret in program.azure.secrets if secret[-40:] in text]
        assert "CANARY" not in text

    @pytest.mark.parametrize("stream", ["stdout", "stderr"])
    @pytest.mark.parametrize("name", ["file", "/dev/stdout", "/dev/stderr", "/proc/self/fd/{}"])
    def test_it_is_never_where_answers_are(
        self, program: Program, host: str, stream: str, name: str
    ) -> None:
        """Not even if it is told so: a client would read the lines as a part of the answer."""
        path = os.path.join(program.home, "answer")
        named = path if name == "file" else name.format(1 if stream == "stdout" else 2)
        with open(path, "wb") as file:
            streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
            ran = subprocess.run(
                [PATH, "get"],
                input=host.encode(),
                check=True,
                env=program.variables({"ACR_CRED_DEBUG": named}),
                **streams | {stream: file},
            )
        said = {"stdout": ran.stdout, "stderr": ran.stderr, stream: Path(path).read_bytes()}
        program.own.add(path)  # it may be the answer
        assert program.note(("get",), Answer(0, said["stdout"], said["stderr"])).login

    @pytest.mark.parametrize("fails", [False, True], ids=["answered", "failed"])
    def test_nobody_says_anything_beside_the_answer(
        self, program: Program, host: str, *, fails: bool
    ) -> None:
        """Whatever Python and the SDK are told to tell, on both streams."""
        if fails:
            program.azure.fault("exchange", Status(401), host=host)
        for noisy in (
            {"AZURE_LOG_LEVEL": "debug", "PYTHONWARNINGS": "default", "PYTHONDEVMODE": "1"},
            {"PYTHONWARNINGS": "always", "PYTHONASYNCIODEBUG": "1", "MSAL_LOG_LEVEL": "DEBUG"},
            {"PYTHONTRACEMALLOC": "5", "PYTHONDEBUG": "1", "AZURE_LOGGING_ENABLE_LOG_FILE": "1"},
        ):
            answer = program.get(host, **noisy)
            assert answer.reference == "registry-refused" if fails else answer.login

    def test_without_it_nothing_is_written(self, program: Program, host: str) -> None:
        assert program.get(host).err == b""
        assert not [name for name in program.files() if "log" in name]


def test_a_secret_may_be_logged_as_such() -> None:
    assert f"{Secret('CANARY')}" == "<secret>"
    assert log.name == "docker_credential_acr"
