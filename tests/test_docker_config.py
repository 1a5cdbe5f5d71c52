"""Docker's config.json: which registries are ours, and changing that without losing anything."""

import json
import os
from pathlib import Path

import pytest

from docker_credential_acr.docker_config import (
    docker_file,
    helped_hosts,
    helper_of,
    podman_file,
    read,
    save,
    stored_login,
    with_helper,
    without_helper,
    without_login,
)
from docker_credential_acr.errors import SettingsError
from tests.systems import modes, posix

HOME = "USERPROFILE" if os.name == "nt" else "HOME"
HELPERS = {"a.azurecr.io": "acr", "b.azurecr.io": "acr.exe", "c.example": "desktop", "d": "ACR"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / ".docker").mkdir()
    return tmp_path / ".docker"


def environ(folder: Path) -> dict[str, str]:
    return {HOME: str(folder.parent)}


def test_the_hosts_that_docker_sends_here(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"auths": {}, "credHelpers": HELPERS}))
    assert helped_hosts(environ(folder)) == ["a.azurecr.io", "b.azurecr.io"]
    assert helped_hosts(environ(folder), "desktop") == ["c.example"]


def test_docker_config_names_another_folder(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"credHelpers": HELPERS}))
    assert helped_hosts({HOME: "/nowhere", "DOCKER_CONFIG": str(folder)})
    assert helped_hosts({HOME: str(folder.parent), "DOCKER_CONFIG": "/nowhere"}) == []


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
@posix("FIFOs")
def test_a_file_that_is_none_is_not_waited_for(folder: Path, kind: str) -> None:
    if kind == "folder":
        (folder / "config.json").mkdir()
    elif kind == "fifo":
        os.mkfifo(folder / "config.json")
    assert helped_hosts(environ(folder)) == []


HOST = "team.azurecr.io"


def config(folder: Path, content: str | bytes, mode: int = 0o600) -> str:
    path = folder / "config.json"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)
    return str(path)


class TestChanging:
    @modes
    def test_a_new_file_is_private(self, tmp_path: Path) -> None:
        path = str(tmp_path / "new" / "config.json")
        before = read(path)
        assert save(before, with_helper(before, HOST)) is None
        assert (
            Path(path).read_text()
            == '{\n\t"credHelpers": {\n\t\t"team.azurecr.io": "acr"\n\t}\n}\n'
        )
        assert os.stat(path).st_mode & 0o777 == 0o600
        assert os.stat(tmp_path / "new").st_mode & 0o777 == 0o700

    @pytest.mark.parametrize("mode", [0o600, 0o644, 0o400])
    @modes
    def test_mode_and_copy_are_those_of_the_file(self, folder: Path, mode: int) -> None:
        text = '{\n    "HttpHeaders": {"X": "é"},\n    "credsStore": "desktop"\n}\n'
        path = config(folder, text, mode)
        before = read(path)
        copy = save(before, with_helper(before, HOST))
        assert copy is not None
        assert Path(copy).read_text() == text
        assert [os.stat(each).st_mode & 0o777 for each in (path, copy)] == [mode, mode]
        assert helper_of(read(path), HOST) == "acr"
        assert sorted(os.listdir(folder)) == ["config.json", "config.json.before-acr"]

    def test_a_byte_order_mark_stays(self, folder: Path) -> None:
        path = config(folder, b'\xef\xbb\xbf{"auths": {}}')
        before = read(path)
        save(before, with_helper(before, HOST))
        assert Path(path).read_bytes().startswith(b"\xef\xbb\xbf{")
        assert helper_of(read(path), HOST) == "acr"

    @modes
    def test_a_link_stays_a_link(self, folder: Path, tmp_path: Path) -> None:
        real = tmp_path / "dotfiles.json"
        real.write_text("{}")
        (folder / "config.json").symlink_to(real)
        before = read(str(folder / "config.json"))
        save(before, with_helper(before, HOST))
        assert (folder / "config.json").is_symlink()
        assert helper_of(read(str(real)), HOST) == "acr"

    def test_nothing_to_change_writes_nothing(self, folder: Path) -> None:
        path = config(folder, '{"credHelpers": {"team.azurecr.io": "acr"}}')
        before = read(path)
        assert save(before, with_helper(before, HOST)) is None
        assert os.listdir(folder) == ["config.json"]

    def test_who_was_quicker_is_not_overwritten(self, folder: Path) -> None:
        path = config(folder, "{}")
        before = read(path)
        config(folder, '{"credsStore": "desktop"}')
        with pytest.raises(SettingsError, match="by another program"):
            save(before, with_helper(before, HOST))
        assert Path(path).read_text() == '{"credsStore": "desktop"}'

    @pytest.mark.parametrize(
        ("content", "place"),
        [
            (b"{", "line 1"),
            (b'{\n"a": 1,\n}', "line 3"),
            (b"[]", "not a JSON object"),
            (b"\xff{}", "is not JSON"),
            (b"[" * 100_000, "is not JSON"),
            (b'{"credHelpers": []}', "cannot be changed: credHelpers is not an object"),
        ],
    )
    def test_what_cannot_be_read_is_left_alone(
        self, folder: Path, content: bytes, place: str
    ) -> None:
        path = config(folder, content)
        with pytest.raises(SettingsError, match=place):
            with_helper(read(path), HOST)
        assert Path(path).read_bytes() == content

    def test_away_again(self, folder: Path) -> None:
        text = '{\n\t"auths": {},\n\t"credHelpers": {\n\t\t"gcr.io": "gcloud"\n\t}\n}\n'
        before = read(config(folder, text))
        assert without_helper(with_helper(before, HOST), HOST).text == text

    def test_an_object_that_is_empty_then_goes_too(self, folder: Path) -> None:
        text = '{\n\t"auths": {}\n}\n'
        before = read(config(folder, text))
        assert without_helper(with_helper(before, HOST), HOST).text == text

    def test_a_login_in_the_file_itself(self, folder: Path) -> None:
        text = '{"auths": {"https://team.azurecr.io": {"auth": "x"}, "b.azurecr.io": {}}}'
        before = read(config(folder, text))
        assert stored_login(before, HOST) == "https://team.azurecr.io"
        assert stored_login(before, "b.azurecr.io") is None
        after = without_login(before, "https://team.azurecr.io")
        assert after.content == {"auths": {"b.azurecr.io": {}}}


@posix("HOME")
class TestPlaces:
    def test_docker(self) -> None:
        assert docker_file({"HOME": "/home/dana"}) == "/home/dana/.docker/config.json"
        assert docker_file({"HOME": "/h", "DOCKER_CONFIG": "/d"}) == "/d/config.json"

    def test_podman_takes_the_file_that_outlives_the_session(self) -> None:
        runtime = {"HOME": "/h", "XDG_RUNTIME_DIR": "/run/user/1000"}
        assert podman_file(runtime) == "/h/.config/containers/auth.json"
        assert podman_file({**runtime, "XDG_CONFIG_HOME": "/c"}) == "/c/containers/auth.json"
        assert podman_file({**runtime, "REGISTRY_AUTH_FILE": "/a.json"}) == "/a.json"
