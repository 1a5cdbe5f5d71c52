"""What a process leaves for the next one of the same asker."""

import dataclasses
import os
from pathlib import Path

import pytest

from docker_credential_acr import cache, private_files
from docker_credential_acr.memory import Remembered


@pytest.fixture
def memory(tmp_path: Path) -> Remembered:
    return Remembered(private_files.open_folder(str(tmp_path / "cache")), b"somebody")


def files(memory: Remembered) -> list[str]:
    assert memory.folder is not None
    return [os.path.join(memory.folder.path, name) for name in os.listdir(memory.folder.path)]


def test_what_is_remembered_is_recalled(memory: Remembered) -> None:
    assert memory.recall("method") is None
    memory.remember("method", "azure-cli", 60)
    memory.remember("other", "1\n2 \u00e9", 60)
    assert memory.recall("method") == "azure-cli"
    assert memory.recall("other") == "1\n2 \u00e9"
    memory.remember("method", "managed-identity", 60)
    assert memory.recall("method") == "managed-identity"


def test_its_time_runs_out(memory: Remembered) -> None:
    memory.remember("method", "azure-cli", 60)
    memory.remember("method", "azure-cli", 0)
    assert memory.recall("method") is None


def test_another_asker_has_a_memory_of_his_own(memory: Remembered) -> None:
    memory.remember("method", "azure-cli", 60)
    assert dataclasses.replace(memory, owner=b"somebody else").recall("method") is None
    assert dataclasses.replace(memory, owner=b"somebod").recall("y'method") is None


def test_it_is_lost_without_harm(memory: Remembered) -> None:
    """Neither a missing folder nor a file that somebody spoiled is a failure."""
    nowhere = Remembered(None, b"somebody")
    nowhere.remember("method", "azure-cli", 60)
    assert nowhere.recall("method") is None
    memory.remember("method", "azure-cli", 60)
    (path,) = [path for path in files(memory) if os.path.basename(path).startswith(cache.MEMORY)]
    with open(path, "rb") as file:
        whole = file.read()
    digits = whole.replace(b"\nazure-cli", b"1" * 5_000 + b"\nazure-cli")
    for spoilt in (b"", whole[:20], whole.replace(b"azure-cli", b"\xff"), b"x" * 70_000, digits):
        with open(path, "wb") as file:
            file.write(spoilt)
        assert memory.recall("method") in (None, "\ufffd")
    os.chmod(path, 0o644)
    assert memory.recall("method") is None


def test_who_erases_wants_a_new_sign_in(memory: Remembered) -> None:
    memory.remember("method", "azure-cli", 60)
    cache.erase(memory.folder, "team.azurecr.io")
    assert memory.recall("method") is None
