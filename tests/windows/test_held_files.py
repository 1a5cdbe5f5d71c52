"""F39: a file that somebody has open can neither be replaced nor removed there."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from docker_credential_acr import private_files
from docker_credential_acr.errors import HelperFailed
from docker_credential_acr.methods import sealing_key
from docker_credential_acr.private_files import Folder
from docker_credential_acr.secret import Secret
from tests.entries import redate
from tests.stories.program import Program
from tests.systems import windows
from tests.windows.system import NOBODY, READERS, held

pytestmark = windows
SHARED = pytest.mark.parametrize("shared_with", [READERS, NOBODY], ids=["reader", "scanner"])


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    found = private_files.open_folder(str(tmp_path / "cache"))
    assert found
    return found


def contents(folder: Folder, name: str) -> bytes:
    return Path(folder.path, name).read_bytes()


@contextmanager
def for_a_while(path: str, shared_with: int, seconds: float) -> Iterator[None]:
    """Hold *path* until *seconds* have passed, beside what the test does."""
    ready = threading.Event()

    def hold() -> None:
        with held(path, shared_with):
            ready.set()
            time.sleep(seconds)

    holder = threading.Thread(target=hold)
    holder.start()
    ready.wait()
    yield
    holder.join()


class TestSaving:
    @SHARED
    def test_f39_held_for_half_a_second(self, folder: Folder, shared_with: int) -> None:
        """As a virus scanner does with what is new: it is replaced all the same."""
        assert private_files.save(folder, "entry", b"old")
        with for_a_while(os.path.join(folder.path, "entry"), shared_with, 0.5):
            assert private_files.save(folder, "entry", b"new")
        assert contents(folder, "entry") == b"new"
        assert os.listdir(folder.path) == ["entry"]

    @SHARED
    def test_f39_held_for_good(self, folder: Folder, shared_with: int) -> None:
        """After a second it is given up, and nothing half is left."""
        assert private_files.save(folder, "entry", b"old")
        with held(os.path.join(folder.path, "entry"), shared_with):
            began = time.monotonic()
            assert not private_files.save(folder, "entry", b"new")
            assert 1 <= time.monotonic() - began < 2
        assert contents(folder, "entry") == b"old"
        assert os.listdir(folder.path) == ["entry"]

    def test_f39_removed_when_it_is_let_go(self, folder: Folder) -> None:
        assert private_files.save(folder, "entry", b"old")
        with for_a_while(os.path.join(folder.path, "entry"), READERS, 0.5):
            private_files.remove(folder, "entry")
        assert os.listdir(folder.path) == []

    def test_f39_readers_and_writers_at_once(self, folder: Folder) -> None:
        """Who reads gets all of one state or nothing; who writes gets through."""
        states = [b"%d" % number * 5000 for number in range(10)]
        done = threading.Event()
        seen = set()

        def read() -> None:
            while not done.is_set():
                with suppress(OSError):  # it is being replaced
                    seen.add(contents(folder, "entry"))
                done.wait(0.005)

        assert private_files.save(folder, "entry", states[0])
        readers = [threading.Thread(target=read) for _ in range(2)]
        for reader in readers:
            reader.start()
        saved = [private_files.save(folder, "entry", state) for state in states * 5]
        done.set()
        for reader in readers:
            reader.join()
        assert all(saved)
        assert seen <= set(states)


def old(program: Program, host: str) -> str:
    """Have the entry of *host* be so old that the next get replaces it; its path."""
    assert program.get(host).login
    (path,) = program.entries(host)
    past = int(time.time() - 1)
    redate(path, lambda times: [times[0] - 9000, past, past, times[3] - 9000])
    return path


@SHARED
def test_f39_an_entry_that_stays_open(program: Program, host: str, shared_with: int) -> None:
    """It cannot be replaced: there is an answer all the same, soon and without a word."""
    path = old(program, host)
    before = Path(path).read_bytes()
    with held(path, shared_with):
        first = program.get(host)
        assert first.login
        assert program.get(host).secret != first.secret, "nothing could be kept"
    assert Path(path).read_bytes() == before
    assert program.unfinished() == []
    assert program.get(host).secret == program.get(host).secret


def test_f39_a_lock_that_stays_open(program: Program, host: str) -> None:
    """No lock is to be had: it goes on without."""
    assert program.get(host).login
    (entry,) = program.entries(host)
    os.remove(entry)
    with held(entry + ".lock", NOBODY):
        first = program.get(host)
        assert program.get(host).secret == first.secret


def test_f39_erased_while_somebody_reads(program: Program, host: str) -> None:
    first = program.get(host)
    (entry,) = program.entries(host)
    with for_a_while(entry, READERS, 0.5):
        assert program.erase(host).code == 0
    assert program.get(host).secret != first.secret


def test_f39_what_the_system_does_not_open_is_told(tmp_path: Path) -> None:
    """DPAPI, as it refuses in a session without a profile's keys, or what another account has written."""
    from msal_extensions import build_encrypted_persistence  # noqa: PLC0415  Windows only

    path = tmp_path / "key"
    persistence = build_encrypted_persistence(str(path))
    sealing_key.saved(persistence, Secret("CANARY-of-the-seal"))
    assert b"CANARY" not in path.read_bytes()
    found = sealing_key.loaded(persistence)
    assert found
    assert found.reveal() == "CANARY-of-the-seal"
    path.write_bytes(path.read_bytes()[:-20] + b"\0" * 20)
    with pytest.raises(HelperFailed, match="platform's store for keys"):
        sealing_key.loaded(persistence)
