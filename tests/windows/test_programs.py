"""F66, F67 on Windows: which program is started, where each folder may hold one with many endings."""

import os
from pathlib import Path

import pytest

from docker_credential_acr import child
from docker_credential_acr.deadline import Deadline
from tests.systems import windows

pytestmark = windows


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a program, and the working directory, which has one of the same name."""
    for name in ("bin", "here"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "tool.cmd").write_text(f"@echo {name}\n")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "bin"


def found(path: str, name: str = "tool", endings: str = ".COM;.EXE;.BAT;.CMD") -> str | None:
    path = child.find(name, {"PATH": path, "PATHEXT": endings}) or ""
    return os.path.normcase(path) or None


def test_f66_the_working_directory_is_no_place(folder: Path) -> None:
    """Neither is it looked into, nor does what lies there hide what is on PATH."""
    assert found("") is None
    assert found(str(folder)) == os.path.normcase(folder / "tool.cmd")


@pytest.mark.parametrize("path", [".", "here", "..\\here", "C:", "C:here", "\\here", "~"])
def test_f67_relative_entries_are_passed_over(folder: Path, path: str) -> None:
    assert found(path) is None
    assert found(f"{path};{folder}") == os.path.normcase(folder / "tool.cmd")


def test_folders_come_before_endings(folder: Path) -> None:
    (folder / "tool.exe").write_bytes(b"")
    assert found(f"{folder.parent / 'here'};{folder}", endings=".EXE;.CMD") == os.path.normcase(
        folder.parent / "here" / "tool.cmd"
    )
    assert found(str(folder), endings=".EXE;.CMD") == os.path.normcase(folder / "tool.exe")
    assert found(str(folder), name="tool.cmd") == os.path.normcase(folder / "tool.cmd")


def test_a_script_of_the_shell_is_started(folder: Path) -> None:
    """As `az` is one."""
    path = found(str(folder)) or ""
    result = child.run([path], Deadline.after(20), 10, os.environ)
    assert (result.code, result.out.strip()) == (0, b"bin")
