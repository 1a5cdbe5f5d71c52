"""The kernel's locks: whose turn it is, and how long the others wait for it."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from docker_credential_acr import locks
from tests.systems import posix


def nothing() -> None:
    return None


def turn(
    path: Path, seconds: float = 5, look: Callable[[], bytes | None] = nothing
) -> tuple[bytes | None, list[int], bool]:
    return locks.wait(str(path), None, time.monotonic() + seconds, look)


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def test_the_first_has_the_turn_until_it_lets_go(tmp_path: Path) -> None:
    found, held, ours = turn(tmp_path / "a")
    assert (found, ours) == (None, True)
    assert turn(tmp_path / "a", seconds=0.1)[2] is False
    locks.release(held)
    _, again, ours = turn(tmp_path / "a")
    assert ours
    locks.release(again)


def test_what_is_there_needs_no_lock(tmp_path: Path) -> None:
    assert turn(tmp_path / "a", look=lambda: b"found") == (b"found", [], False)
    assert names(tmp_path) == []


def test_whose_time_is_over_does_not_go_on_to_the_second_lock(tmp_path: Path) -> None:
    """It is free, and who gets it would have no time left to sign in."""
    _, held, _ = turn(tmp_path / "a")
    began = time.monotonic()
    found, more, ours = turn(tmp_path / "a", seconds=0.3)
    assert (found, ours) == (None, False)
    assert 0.25 < time.monotonic() - began < 3
    assert names(tmp_path) == ["a.lock"]
    locks.release([*held, *more])


def test_the_second_one_is_for_who_has_been_patient(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "PATIENCE", {".lock": 0.1, ".lock2": 60.0})
    _, held, _ = turn(tmp_path / "a")
    _, more, ours = turn(tmp_path / "a")
    assert ours
    assert names(tmp_path) == ["a.lock", "a.lock2"]
    assert turn(tmp_path / "a", seconds=0.3)[2] is False, "only one of them goes on"
    locks.release([*held, *more])


def test_who_stops_looking_holds_nothing(tmp_path: Path) -> None:
    seen = iter([None])

    def look() -> None:
        next(seen)

    with pytest.raises(StopIteration):
        turn(tmp_path / "a", look=look)
    _, held, ours = turn(tmp_path / "a")
    assert ours
    locks.release(held)


@posix("locks without filelock")
def test_it_is_the_one_that_others_take(tmp_path: Path) -> None:
    """Programs of other versions, and flock(1), exclude each other with it."""
    from filelock import FileLock  # noqa: PLC0415  Windows loads it, here it is a second opinion

    other = FileLock(tmp_path / "a.lock")
    with other:
        assert turn(tmp_path / "a", seconds=0.1)[2] is False
    _, held, ours = turn(tmp_path / "a")
    assert ours
    locks.release(held)
