"""The guard of speed: instructions of a cached get, counted by callgrind, wheel and frozen program."""

import dataclasses
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.azure import FakeAzure
from tests.bench import budget, environment, instructions
from tests.bench.environment import REPOSITORY, variables
from tests.bench.homes import HOST, Home
from tests.bench.runs import Command
from tests.stories.program import FROZEN, PATH

REQUIRED = "budget" in os.environ.get("ACR_TESTS_REQUIRE", "").split(",")


@pytest.fixture(scope="module")
def python() -> str:
    """Debian's interpreter, which the budget is of."""
    found = environment.default_python()
    reason = ""
    if shutil.which("valgrind") is None:
        reason = "valgrind is not installed"
    elif environment.about(found).version[:2] != budget.PYTHON or not found.startswith("/usr/bin/"):
        reason = "the budget is of Debian 12's Python 3.11"
    if reason and REQUIRED:
        pytest.fail(reason)
    elif reason:
        pytest.skip(f"optional: {reason}")
    return found


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that is named alike everywhere: each one above it costs a permille."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture
def home(place: Path) -> Iterator[Home]:
    """A home with a token cached, by a program that has what a sign-in takes; nothing else asks Azure."""
    with FakeAzure(place / "azure") as azure:
        azure.registry(HOST)
        yield Home.made(str(place / "home"), PATH, azure).warm()
        assert azure.count("exchange") == 1, "what was counted was no cached get"


def ratio(home: Home, program: str, *bare: str) -> float:
    """Return the instructions of a cached get of *program* per one of the command *bare*."""
    get = Command("cached get", (program, "get"), home.environ, os.path.join(home.folder, HOST))
    reference = Command("bare", bare, variables(home.folder))
    return instructions.count(get) / instructions.count(reference)


def check(measured: float, held: budget.Budget) -> None:
    print(f"{held.what}: {measured:.4f}, recorded {held.recorded}, at most {held.most:.4f}")
    assert measured <= held.most
    assert measured >= held.recorded / budget.TOLERANCE, "better: record it, so that it stays so"


@pytest.fixture
def installed(python: str, place: Path) -> Path:
    """An environment without pip, setuptools or anything else that puts itself into each start."""
    folder = place / "environment"
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    wheel = [*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", str(place), REPOSITORY]
    inside = str(folder / "bin" / "python")
    subprocess.run(wheel, check=True)
    subprocess.run([python, "-m", "venv", "--without-pip", str(folder)], check=True)
    (built,) = place.glob("*.whl")
    command = [*pip, "--python", inside, "install", "--no-deps", "--no-index", str(built)]
    subprocess.run(command, check=True)
    return folder / "bin"


@pytest.mark.skipif(FROZEN, reason="optional: the frozen program's turn")
def test_wheel(home: Home, installed: Path) -> None:
    program = str(installed / "docker-credential-acr")
    check(ratio(home, program, str(installed / "python"), "-c", "pass"), budget.WHEEL)


@pytest.mark.skipif(FROZEN, reason="optional: the frozen program's turn")
def test_kubelet(place: Path, installed: Path) -> None:
    """A kubelet's request, answered from the cache: a cached get and the reading of the request."""
    program = str(installed / "docker-credential-acr")
    with FakeAzure(place / "azure") as azure:
        azure.registry(HOST)
        home = Home.made(str(place / "home"), PATH, azure).warm()
        asked = dataclasses.replace(home.kubelet("kubelet"), argv=(program, "kubelet"))
        azure.forget()
        get = dataclasses.replace(home.get("get"), argv=(program, "get"))
        check(instructions.count(asked) / instructions.count(get), budget.KUBELET)
        assert azure.requests == [], "what was counted was not cached"


@pytest.mark.skipif(not FROZEN, reason="optional: ACR_TESTS_PROGRAM names no frozen program")
def test_frozen(python: str, home: Home, place: Path) -> None:
    folder = place / "frozen"
    shutil.copytree(os.path.dirname(os.path.realpath(PATH)), folder, symlinks=True)
    program = str(folder / os.path.basename(PATH))
    check(ratio(home, program, python, "-I", "-S", "-c", "pass"), budget.FROZEN)
