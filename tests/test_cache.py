"""The writing side of the cache: nothing half, nothing open to others, nothing for ever."""

import os
import shutil
import stat
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from docker_credential_acr import cache, locks, private_files
from docker_credential_acr.deadline import Deadline
from docker_credential_acr.errors import Failure, OutOfTime, Unreachable
from docker_credential_acr.private_files import Folder
from tests.stories.program import PATH, Program
from tests.systems import IS_ROOT, WINDOWS, modes, needs_root, posix

HOST = "team.azurecr.io"
NAME = f"{HOST}@1"
HOUR = 3600


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    found = private_files.open_folder(str(tmp_path / "cache"))
    assert found
    return found


def mode(path: str | Path) -> int:
    return stat.S_IMODE(os.lstat(path).st_mode)


def put(folder: Folder, name: str, age: float = 0) -> Path:
    path = Path(folder.path, name)
    path.write_bytes(b"x")
    when = time.time() - age
    os.utime(path, (when, when))
    return path


def nothing() -> None:
    """What a look finds where there is nothing."""


class TestFolder:
    @modes
    def test_it_is_made_for_its_owner_alone(self, tmp_path: Path) -> None:
        old = os.umask(0)
        try:
            found = private_files.open_folder(str(tmp_path / "a" / "b" / "cache"))
        finally:
            os.umask(old)
        assert found
        assert mode(found.path) == 0o700
        assert mode(tmp_path / "a" / "b") & 0o022 == 0

    @pytest.mark.parametrize("wrong", [0o755, 0o777, 0o500, 0o1700])
    @modes
    def test_it_is_made_so_when_it_was_there(self, tmp_path: Path, wrong: int) -> None:
        (tmp_path / "cache").mkdir()
        (tmp_path / "cache").chmod(wrong)
        assert private_files.open_folder(str(tmp_path / "cache"))
        assert mode(tmp_path / "cache") == 0o700

    @modes
    def test_a_link_is_not_followed(self, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir(mode=0o700)
        (tmp_path / "cache").symlink_to(tmp_path / "real")
        assert private_files.open_folder(str(tmp_path / "cache")) is None

    @needs_root
    def test_somebody_elses_is_not_used(self, tmp_path: Path) -> None:
        (tmp_path / "cache").mkdir(mode=0o700)
        os.chown(tmp_path / "cache", 12345, -1)
        assert private_files.open_folder(str(tmp_path / "cache")) is None

    @pytest.mark.parametrize("path", [None, "", "/dev/null/cache", "a\0b", "/proc/nowhere/cache"])
    def test_one_that_cannot_be_had_is_none(self, path: str | None) -> None:
        assert private_files.open_folder(path) is None


class TestSave:
    @modes
    def test_a_file_is_its_owners_alone(self, folder: Folder) -> None:
        for umask in (0, 0o777):
            old = os.umask(umask)
            try:
                cache.save(folder, NAME, b"data")
            finally:
                os.umask(old)
            assert mode(f"{folder.path}/{NAME}") == 0o600
            assert Path(folder.path, NAME).read_bytes() == b"data"

    def test_nothing_else_is_left(self, folder: Folder) -> None:
        cache.save(folder, NAME, b"data")
        assert set(private_files.names(folder)) <= {NAME, "swept"}

    @posix("files that can be replaced while they are read: tests/windows")
    def test_readers_see_the_old_or_the_new_and_nothing_between(self, folder: Folder) -> None:
        whole = [bytes([letter]) * 50_000 for letter in b"abc"]
        cache.save(folder, NAME, whole[0])
        stop = threading.Event()

        def read() -> set[bytes]:
            seen = set()
            while not stop.is_set():
                seen.add(Path(folder.path, NAME).read_bytes())
            return seen

        with ThreadPoolExecutor(3) as pool:
            readers = [pool.submit(read) for _ in range(2)]
            for _ in range(100):
                for each in whole:
                    cache.save(folder, NAME, each)
            stop.set()
            assert readers[0].result() | readers[1].result() <= set(whole)

    def test_a_link_in_its_place_is_replaced_and_not_followed(
        self, folder: Folder, tmp_path: Path
    ) -> None:
        victim = tmp_path / "victim"
        victim.write_bytes(b"old")
        os.symlink(victim, f"{folder.path}/{NAME}")
        cache.save(folder, NAME, b"data")
        assert victim.read_bytes() == b"old"
        assert not os.path.islink(f"{folder.path}/{NAME}")

    @posix("descriptors of folders")
    def test_the_folder_stays_the_same_whatever_happens_to_its_name(
        self, folder: Folder, tmp_path: Path
    ) -> None:
        """A folder that is put in its place gets no token."""
        os.rename(folder.path, tmp_path / "moved")
        os.mkdir(folder.path)
        cache.save(folder, NAME, b"data")
        assert os.listdir(folder.path) == []
        assert (tmp_path / "moved" / NAME).read_bytes() == b"data"

    def test_what_cannot_be_written_is_no_error(self, folder: Folder) -> None:
        os.mkdir(f"{folder.path}/{NAME}")
        cache.save(folder, NAME, b"data")
        cache.save(folder, "a\0b", b"data")
        cache.save(folder, "x" * 300, b"data")
        cache.save(None, NAME, b"data")
        assert not [name for name in private_files.names(folder) if name.endswith(".tmp")]
        shutil.rmtree(folder.path)
        cache.save(folder, NAME, b"data")
        assert private_files.names(folder) == []


class TestTurn:
    def test_what_is_there_is_given_without_a_lock(self, folder: Folder) -> None:
        with cache.turn(folder, NAME, Deadline.after(1), lambda: b"found") as found:
            assert found == b"found"
        assert private_files.names(folder) == []

    def test_the_lock_is_released_and_its_file_kept(self, folder: Folder) -> None:
        for _ in range(2):
            with cache.turn(folder, NAME, Deadline.after(1), nothing) as found:
                assert found is None
            assert private_files.names(folder) == [f"{NAME}.lock"]
            assert mode(f"{folder.path}/{NAME}.lock") == (0o666 if WINDOWS else 0o600)

    def test_an_exception_releases_it_too(self, folder: Folder) -> None:
        with pytest.raises(ZeroDivisionError), cache.turn(folder, NAME, Deadline.after(1), nothing):
            raise ZeroDivisionError
        with cache.turn(folder, NAME, Deadline.after(1), nothing):
            pass

    def test_one_after_the_other(self, folder: Folder) -> None:
        inside, most = [], []

        def work(_: int) -> None:
            with cache.turn(folder, NAME, Deadline.after(20), nothing):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, range(8)))
        assert most == [1] * 8

    def test_who_waits_takes_what_the_holder_found(self, folder: Folder) -> None:
        shared: list[bytes] = []
        waiting = threading.Event()

        def look() -> bytes | None:
            waiting.set()
            return shared[0] if shared else None

        def wait() -> bytes | None:
            with cache.turn(folder, NAME, Deadline.after(10), look) as found:
                return found

        with (
            ThreadPoolExecutor(1) as pool,
            cache.turn(folder, NAME, Deadline.after(10), nothing),
        ):
            waiter = pool.submit(wait)
            assert waiting.wait(5)
            shared.append(b"found")
            assert waiter.result(5) == b"found"  # while the lock is still held

    def test_names_do_not_wait_for_each_other(self, folder: Folder) -> None:
        with (
            cache.turn(folder, "a@1", Deadline.after(1), nothing),
            cache.turn(folder, "b@1", Deadline.after(1), nothing) as found,
        ):
            assert found is None

    def test_two_holders_that_do_not_move_end_with_the_deadline(
        self, folder: Folder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nobody signs in without a turn."""
        monkeypatch.setattr(locks, "PATIENCE", {".lock": 0.1, ".lock2": 60.0})
        began = time.monotonic()
        with (
            cache.turn(folder, NAME, Deadline.after(5), nothing),
            cache.turn(folder, NAME, Deadline.after(5), nothing),
            pytest.raises(OutOfTime),
            cache.turn(folder, NAME, Deadline.after(0.5), nothing),
        ):
            pytest.fail("had a turn")
        assert time.monotonic() - began < 3

    @pytest.mark.parametrize("kind", ["link", "folder", "fifo"])
    @posix("FIFOs, nor links for everybody")
    def test_what_is_no_lock_is_not_waited_for(
        self, folder: Folder, tmp_path: Path, kind: str
    ) -> None:
        path = f"{folder.path}/{NAME}.lock"
        if kind == "link":
            os.symlink(tmp_path / "victim", path)
        elif kind == "folder":
            os.mkdir(path)
        else:
            os.mkfifo(path)
        with cache.turn(folder, NAME, Deadline.after(1), nothing) as found:
            assert found is None
        assert not (tmp_path / "victim").exists()

    def test_without_a_folder_everybody_has_a_turn(self) -> None:
        with (
            cache.turn(None, NAME, Deadline.after(1), nothing),
            cache.turn(None, NAME, Deadline.after(1), nothing) as found,
        ):
            assert found is None


class TestErase:
    def test_only_that_host_whoever_asked(self, folder: Folder) -> None:
        gone = [NAME, f"{HOST}@2", f"{HOST}@1.failed"]
        kept = [f"{NAME}.lock", f"{NAME}.lock2", f"a{HOST}@1", f"{HOST}.x@1", "settings@1", "swept"]
        for name in (*gone, *kept):
            put(folder, name)
        cache.erase(folder, HOST)
        assert sorted(private_files.names(folder)) == sorted(kept)

    def test_a_port_is_part_of_the_host(self, folder: Folder) -> None:
        for name in ("cr.example+5000@1", "cr.example@1"):
            put(folder, name)
        cache.erase(folder, "cr.example:5000")
        assert private_files.names(folder) == ["cr.example@1"]

    def test_the_shared_tokens_go_too(self, folder: Folder) -> None:
        put(folder, f"{cache.IDENTITY}@1")
        cache.erase(folder, HOST)
        assert private_files.names(folder) == []

    def test_nothing_is_no_error(self, folder: Folder) -> None:
        cache.erase(folder, HOST)
        cache.erase(None, HOST)


class TestFailureNotes:
    @modes
    def test_one_is_read_until_it_is_forgotten(self, folder: Folder) -> None:
        before = time.time()
        cache.note_failure(folder, NAME, Unreachable("what", "hint", "unreachable"))
        note = cache.failure(folder, NAME) or {}
        at = note.pop("at")
        assert isinstance(at, float)
        assert before <= at <= time.time()
        assert note == {"what": "what", "hint": "hint", "reference": "unreachable", "code": 5}
        assert mode(f"{folder.path}/{NAME}.failed") == 0o600
        with pytest.raises(Failure, match="what"):
            cache.raise_remembered(folder, NAME)
        cache.forget_failure(folder, NAME)
        assert cache.failure(folder, NAME) is None
        cache.raise_remembered(folder, NAME)

    @pytest.mark.parametrize("data", [b"", b"{", b"[]", b"{}", b'{"at": "x"}', b"\xff", b"5"])
    def test_what_is_none_counts_as_none(self, folder: Folder, data: bytes) -> None:
        path = Path(folder.path, f"{NAME}.failed")
        path.write_bytes(data)
        path.chmod(0o600)
        assert cache.failure(folder, NAME) is None

    @modes
    def test_somebody_else_cannot_write_one(self, folder: Folder) -> None:
        path = Path(folder.path, f"{NAME}.failed")
        path.write_bytes(b'{"at": 5}')
        path.chmod(0o666)
        assert cache.failure(folder, NAME) is None


class TestSweep:
    def test_what_is_old_goes_and_what_is_young_stays(self, folder: Folder) -> None:
        put(folder, "swept", 2 * HOUR)
        gone = [put(folder, f"{NAME}.1.tmp", 2 * HOUR), put(folder, f"{HOST}@2", 25 * HOUR)]
        kept = [put(folder, f"{NAME}.2.tmp", HOUR / 2), put(folder, f"{HOST}@3", 23 * HOUR)]
        cache.save(folder, NAME, b"data")
        assert not [path for path in gone if path.exists()]
        assert all(path.exists() for path in kept)

    def test_once_an_hour(self, folder: Folder) -> None:
        put(folder, "swept", HOUR / 2)
        old = put(folder, f"{NAME}.1.tmp", 2 * HOUR)
        cache.save(folder, NAME, b"data")
        assert old.exists()

    def test_two_hundred_names_at_most(self, folder: Folder) -> None:
        put(folder, "swept", 2 * HOUR)
        for number in range(500):
            put(folder, f"{number}.tmp", 2 * HOUR)
        cache.save(folder, NAME, b"data")
        assert (
            300
            <= len([name for name in private_files.names(folder) if name.endswith(".tmp")])
            < 500
        )

    def test_a_strange_name_is_no_obstacle(self, folder: Folder) -> None:
        put(folder, "swept", 2 * HOUR)
        os.mkdir(f"{folder.path}/folder")
        os.utime(f"{folder.path}/folder", (1, 1))
        os.symlink("/nowhere", f"{folder.path}/link")
        cache.save(folder, NAME, b"data")
        assert NAME in private_files.names(folder)


def can_mount() -> bool:
    if not IS_ROOT or not shutil.which("unshare"):
        return False
    command = ["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not can_mount(), reason="optional: needs root and mount namespaces")
@pytest.mark.parametrize("options", ["size=4k,nr_inodes=3", "size=8k", "ro"])
def test_a_full_disk_is_no_reason_for_no_answer(program: Program, host: str, options: str) -> None:
    base = os.path.join(program.home, "base")
    os.mkdir(base)
    script = f'mount -t tmpfs -o "$0" tmpfs "$1" && exec "{PATH}" get'
    ran = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, options, base],
        input=host.encode(),
        capture_output=True,
        check=False,
        env=program.environ | {"ACR_CRED_CACHE_DIR": base, "PATH": os.environ["PATH"]},
    )
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert host.encode() in ran.stdout


@pytest.mark.parametrize("at", ["1" + "0" * 400, "NaN", "-1", "null", '"now"'])
def test_a_remembered_failure_without_a_time(folder: Folder, at: str) -> None:
    """What is no note of ours is none, whatever stands in it."""
    note = f'{{"at": {at}, "what": "x", "hint": "y", "reference": "z"}}'
    cache.save(folder, NAME + ".failed", note.encode())
    assert cache.failure(folder, NAME) is None
    cache.raise_remembered(folder, NAME)


class TestPatiently:
    """Windows denies what is done to a file while somebody has it open; here the act itself does."""

    def test_until_it_is_allowed(self) -> None:
        times = iter([PermissionError, PermissionError, None])

        def act() -> None:
            if (denied := next(times)) is not None:
                raise denied

        private_files.patiently(act, 5)
        assert list(times) == []

    def test_not_for_ever(self) -> None:
        began = time.monotonic()
        with pytest.raises(PermissionError):
            private_files.patiently(denied, 0.2)
        assert 0.2 <= time.monotonic() - began < 2

    @pytest.mark.parametrize("error", [PermissionError, FileNotFoundError, OSError])
    def test_at_once_where_nothing_is_waited_for(self, error: type[OSError]) -> None:
        """What is not there is not waited for, nor anything on other systems."""
        tries = []

        def act() -> None:
            tries.append(error)
            raise error

        with pytest.raises(error):
            private_files.patiently(act, 0 if error is PermissionError else 60)
        assert len(tries) == 1


def denied() -> None:
    raise PermissionError


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts descriptors by /proc")
def test_a_folder_that_nobody_holds_is_closed(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(100):
        assert private_files.open_folder(str(tmp_path / "cache"))
    assert len(os.listdir("/proc/self/fd")) < before + 10
