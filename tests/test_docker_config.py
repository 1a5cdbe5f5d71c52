"""Docker's config.json, as far as it says which registries are ours."""

import json
import os
from pathlib import Path

import pytest

from docker_credential_acr.docker_config import helped_hosts

HELPERS = {"a.azurecr.io": "acr", "b.azurecr.io": "acr.exe", "c.example": "desktop", "d": "ACR"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / ".docker").mkdir()
    return tmp_path / ".docker"


def environ(folder: Path) -> dict[str, str]:
    return {"HOME": str(folder.parent)}


def test_the_hosts_that_docker_sends_here(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"auths": {}, "credHelpers": HELPERS}))
    assert helped_hosts(environ(folder)) == ["a.azurecr.io", "b.azurecr.io"]
    assert helped_hosts(environ(folder), "desktop") == ["c.example"]


def test_docker_config_names_another_folder(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"credHelpers": HELPERS}))
    assert helped_hosts({"HOME": "/nowhere", "DOCKER_CONFIG": str(folder)})
    assert helped_hosts({"HOME": str(folder.parent), "DOCKER_CONFIG": "/nowhere"}) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"5",
        b"{}",
        b'{"credHelpers": null}',
        b'{"credHelpers": []}',
        b'{"credHelpers": "acr"}',
        b'{"credHelpers": {"a": null}}',
        b'{"credHelpers": {"a": ["acr"]}}',
        b'{"credHelpers": {"a": {"acr": 1}}}',
        b"\xff\xfe",
        b"[" * 200_000,
    ],
)
def test_what_cannot_be_read_helps_nobody(folder: Path, content: bytes) -> None:
    (folder / "config.json").write_bytes(content)
    assert helped_hosts(environ(folder)) == []


def test_a_bom_is_passed_over(folder: Path) -> None:
    """Windows editors write one."""
    (folder / "config.json").write_bytes(
        b"\xef\xbb\xbf" + json.dumps({"credHelpers": HELPERS}).encode()
    )
    assert len(helped_hosts(environ(folder))) == 2


@pytest.mark.parametrize("kind", ["missing", "folder", "fifo"])
def test_a_file_that_is_none_is_not_waited_for(folder: Path, kind: str) -> None:
    if kind == "folder":
        (folder / "config.json").mkdir()
    elif kind == "fifo":
        os.mkfifo(folder / "config.json")
    assert helped_hosts(environ(folder)) == []
