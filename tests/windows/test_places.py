"""F29, F91 on Windows: where the program and its cache may be."""

import os
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest

from tests.stories.program import FROZEN, PATH, Program
from tests.systems import windows
from tests.windows.system import drive, junction, share

pytestmark = windows
FOLDER, NAME = os.path.split(PATH)
VERBATIM = "\\\\?\\"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The program once more, in a folder with spaces and letters of other alphabets."""
    folder = tmp_path_factory.mktemp("a b") / "Größe 程序"
    if FROZEN:
        shutil.copytree(FOLDER, folder)
    else:  # the wheel's knows where its Python is
        folder.mkdir()
        shutil.copy(PATH, folder)
    return str(folder)


def serves(program: Program, path: str, host: str) -> None:
    assert program.get_from(path, host).secret == program.get_from(path, host).secret
    assert program.exchanges(host) == 1


def test_f91_spaces_and_other_alphabets(program: Program, host: str, copy: str) -> None:
    serves(program, os.path.join(copy, NAME), host)


def test_f91_junction(program: Program, host: str, copy: str) -> None:
    """As Scoop starts it: by way of a folder that is another one."""
    with junction(copy, os.path.join(program.home, "current")) as folder:
        serves(program, os.path.join(folder, NAME), host)


def test_f91_junction_that_moves(program: Program, host: str, copy: str) -> None:
    """An upgrade leads it elsewhere; what is cached is answered on."""
    current = os.path.join(program.home, "current")
    with junction(FOLDER, current) as folder:
        first = program.get_from(os.path.join(folder, NAME), host)
    with junction(copy, current) as folder:
        assert program.get_from(os.path.join(folder, NAME), host).secret == first.secret


def test_f91_drive(program: Program, host: str, copy: str) -> None:
    with drive(copy) as root:
        serves(program, root + NAME, host)


def test_f91_share(program: Program, host: str, copy: str) -> None:
    path = share(os.path.join(copy, NAME))
    if not os.path.exists(path):
        pytest.skip(f"{path} cannot be opened: the shares of drives are for administrators")
    serves(program, path, host)


def long(home: str) -> str:
    return os.path.join(home, *["x" * 60] * 5)


@pytest.mark.parametrize(
    "place",
    [
        pytest.param(long, id="long"),
        pytest.param(share, id="share"),
        pytest.param(lambda home: os.path.join(home, "ü 🐋"), id="other-alphabets"),
        pytest.param(lambda home: os.path.join(home, "dot."), id="dot"),
        pytest.param(lambda home: home.replace("\\", "/"), id="slashes"),
        pytest.param(lambda home: VERBATIM + home, id="verbatim"),
    ],
)
def test_f29_homes(program: Program, host: str, place: Callable[[str], str]) -> None:
    """Whatever the folder for caches is called, there is an answer, and a second one that is the same.

    A path of more than 260 characters may be refused, and so may one with that prefix, behind which no
    slash is a separator: then there is an answer without a cache.
    """
    folder = place(program.home)
    if folder.startswith("\\\\localhost") and not os.path.exists(folder):
        pytest.skip(f"{folder} cannot be opened: the shares of drives are for administrators")
    answers = {program.get(host, LOCALAPPDATA=folder).secret for _ in range(2)}
    assert len(answers) == 1 or len(folder) > 240 or folder.startswith(VERBATIM)


def test_f29_a_cache_on_another_drive(program: Program, host: str) -> None:
    with ExitStack() as stack:
        root: AbstractContextManager[str] = drive(program.home)
        folder = stack.enter_context(root)
        first = program.get(host, ACR_CRED_CACHE_DIR=folder)
        assert program.get(host, ACR_CRED_CACHE_DIR=folder).secret == first.secret
    assert [name for name in os.listdir(Path(program.home, "docker-credential-acr")) if "@" in name]
