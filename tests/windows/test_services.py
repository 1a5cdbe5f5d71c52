"""F96: services and other accounts of Windows, whose folders are elsewhere or nowhere."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.stories.program import NOT_FOUND, PATH, Answer, Program, until
from tests.systems import windows
from tests.windows.system import command

pytestmark = windows
NOWHERE = dict.fromkeys(
    ("USERPROFILE", "LOCALAPPDATA", "APPDATA", "HOMEDRIVE", "HOMEPATH", "TEMP", "ProgramData")
)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"LOCALAPPDATA": None}, id="no-LOCALAPPDATA"),
        pytest.param({"LOCALAPPDATA": ""}, id="empty"),
        pytest.param({"LOCALAPPDATA": None, "USERPROFILE": None}, id="no-profile"),
        pytest.param(NOWHERE, id="nothing"),
        pytest.param({"LOCALAPPDATA": "relative"}, id="relative"),
        pytest.param({"LOCALAPPDATA": "C:relative"}, id="relative-to-a-drive"),
        pytest.param({"LOCALAPPDATA": "Q:\\not\\there"}, id="no-such-drive"),
        pytest.param({"LOCALAPPDATA": "\\\\.\\NUL\\x"}, id="device"),
    ],
)
def test_f96_without_a_folder(program: Program, host: str, changes: dict[str, str | None]) -> None:
    """No folder for caches: an answer without a cache, and without a word."""
    before = program.files()
    answers = {program.get(host, **changes).secret for _ in range(2)}
    assert len(answers) == 2
    assert program.files() == before, "nothing was written anywhere else"
    assert program.get("quay.io", **changes) == (1, NOT_FOUND, b"")
    assert program.hosts(**changes) == {}


def test_f96_roaming_profile(program: Program, host: str) -> None:
    """What roams are the settings; tokens stay on the machine."""
    program.settings('[defaults]\nmethod = "client-secret"\n')
    assert program.get(host).secret == program.get(host).secret
    assert [name for name in program.files() if "Roaming" in name] == [
        os.path.join("AppData", "Roaming", "docker-credential-acr", "config.toml")
    ]


def test_f96_as_the_system(program: Program, host: str, tmp_path: Path) -> None:
    """As the account SYSTEM, which services run as, with the folders that it has."""
    given, out, err, done = (tmp_path / name for name in ("host", "out", "err", "done"))
    given.write_text(host)
    script = tmp_path / "run.cmd"
    own = ("USERPROFILE", "LOCALAPPDATA", "APPDATA", "TEMP", "PATH")
    lines = [f'set "{name}={value}"' for name, value in program.environ.items() if name not in own]
    lines += ["set ACR_CRED_NO_CACHE=1", f'"{PATH}" get <"{given}" >"{out}" 2>"{err}"']
    lines += [f'echo %errorlevel% >"{done}.new"', f'move "{done}.new" "{done}"']
    script.write_text("@echo off\n" + "\n".join(lines) + "\n")
    task = f"docker-credential-acr-{host.partition('.')[0]}"
    made = command(f'schtasks /Create /F /TN {task} /TR "{script}" /SC ONCE /ST 23:59 /RU SYSTEM')
    if made != 0:
        pytest.skip("only an administrator can have a task run as SYSTEM")
    try:
        subprocess.run(["schtasks", "/Run", "/TN", task], check=True, capture_output=True)
        until(done.exists, 60)
    finally:
        command(f"schtasks /Delete /F /TN {task}")
    answer = Answer(int(done.read_text()), out.read_bytes(), err.read_bytes())
    assert program.note(("get",), answer).login
