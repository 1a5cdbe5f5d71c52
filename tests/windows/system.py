"""What tests need of Windows itself: files held open, processes looked at, folders by other names."""

import importlib
import os
import signal
import string
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.stories.program import Program
from tests.systems import WINDOWS

CTRL_BREAK: int = getattr(signal, "CTRL_BREAK_EVENT", 0)
winapi: Any = importlib.import_module("_winapi") if WINDOWS else None
READERS = 3  # FILE_SHARE_READ | FILE_SHARE_WRITE, as Python and most programs open files
NOBODY = 0  # as a virus scanner may
_OPEN_EXISTING = 3
_SYNCHRONIZE = 0x0010_0000
_GENERIC_READ = 0x8000_0000


@contextmanager
def held(path: str, shared_with: int) -> Iterator[None]:
    """Have the file *path* open, as another process does; nobody may remove or replace it meanwhile."""
    handle = winapi.CreateFile(path, _GENERIC_READ, shared_with, 0, _OPEN_EXISTING, 0, 0)
    try:
        yield
    finally:
        winapi.CloseHandle(handle)


@contextmanager
def watched(pid: int) -> Iterator[Any]:
    """A handle of the process *pid*, which stays that of this process when it has ended."""
    handle = winapi.OpenProcess(_SYNCHRONIZE, 0, pid)
    try:
        yield handle
    finally:
        winapi.CloseHandle(handle)


def ends(handle: Any, seconds: float = 2) -> bool:
    """Whether the process of *handle* ends within *seconds*, or has done so."""
    return bool(winapi.WaitForSingleObject(handle, int(seconds * 1000)) == winapi.WAIT_OBJECT_0)


def started(program: Program, path: str, *arguments: str, **changes: str | None) -> Any:
    """Start a program in a process group of its own, which Ctrl-Break can be sent to."""
    return subprocess.Popen(
        [path, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=program.variables(changes),
        cwd=program.home,
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )


def command(line: str) -> int:
    """Do one line of the shell's, quietly; its exit code."""
    return subprocess.run(f"cmd.exe /d /c {line}", capture_output=True, check=False).returncode


@contextmanager
def junction(folder: str, name: str) -> Iterator[str]:
    """The folder once more under the path *name*, as Scoop has its "current"."""
    assert command(f'mklink /J "{name}" "{folder}"') == 0
    try:
        yield name
    finally:
        os.rmdir(name)  # the junction, not what it leads to


@contextmanager
def drive(folder: str) -> Iterator[str]:
    """The folder as a drive of its own."""
    free = (f"{letter}:" for letter in reversed(string.ascii_uppercase))
    letter = next(each for each in free if command(f'subst {each} "{folder}"') == 0)
    try:
        yield letter + "\\"
    finally:
        command(f"subst {letter} /D")


def share(path: str) -> str:
    """The path by way of the network: each drive is a share of the machine's own, for administrators."""
    letter, rest = os.path.splitdrive(os.path.abspath(path))
    return rf"\\localhost\{letter[0]}${rest}"
