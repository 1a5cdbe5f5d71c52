"""Wheel and sdist: exactly these files, and the same bytes from another checkout of another day."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from shipping import python_package
from shipping.places import BuildError

from tests.bench.environment import REPOSITORY

EPOCH = "1700000000"


def built(source: str, place: Path) -> list[Path]:
    place.mkdir()
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--directory", str(place)],
        cwd=source,
        env=os.environ | {"SOURCE_DATE_EPOCH": EPOCH},
        check=True,
        capture_output=True,
    )
    return sorted(place.iterdir())


def copied(place: Path) -> Path:
    place.mkdir()
    shutil.copytree(
        os.path.join(REPOSITORY, "docker_credential_acr"), place / "docker_credential_acr"
    )
    for name in ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", ".gitignore"):
        shutil.copyfile(os.path.join(REPOSITORY, name), place / name)
    return place


def test_the_same_bytes_anywhere(tmp_path: Path) -> None:
    other = copied(tmp_path / "another checkout")
    for path in other.rglob("*"):
        os.utime(path, (0, 0))
    (other / "docker_credential_acr" / "__pycache__").mkdir(exist_ok=True)
    (other / "docker_credential_acr" / "__pycache__" / "x.pyc").write_bytes(b"x")
    here, there = built(REPOSITORY, tmp_path / "1"), built(str(other), tmp_path / "2")
    assert [path.name for path in here] == [path.name for path in there]
    assert [path.suffix for path in here] == [".whl", ".gz"]
    assert [path.read_bytes() for path in here] == [path.read_bytes() for path in there]


def test_exactly_these_files(tmp_path: Path) -> None:
    for path in built(REPOSITORY, tmp_path / "made"):
        python_package.check(str(path))


def test_a_file_too_many_is_named(tmp_path: Path) -> None:
    other = tmp_path / "checkout"
    shutil.copytree(
        REPOSITORY,
        other,
        ignore=lambda _, names: [n for n in names if n.startswith((".", "build", "dist", "tests"))],
    )
    (other / "docker_credential_acr" / "secrets.env").write_text("CANARY")
    for path in built(str(other), tmp_path / "made"):
        with pytest.raises(BuildError, match=r"secrets\.env"):
            python_package.check(str(path))
