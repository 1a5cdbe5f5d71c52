"""Cache entries by hand: what stands in one, and one with other times that is whole all the same."""

from collections.abc import Callable
from os import PathLike


def doubled(times: bytes, answer: bytes) -> bytes:
    """What follows an entry's head, with notes that say nothing."""
    half = times + b"\n" + answer + b"\n"
    return half + half + b"{}\n"


def times_of(data: bytes) -> list[int]:
    """When the entry *data* was issued, ages, may no longer be served and expires."""
    return [int(word) for word in data.split(b"\n", 4)[3].split()]


def with_times(data: bytes, times: list[int]) -> bytes:
    """The entry *data* with other times."""
    lines = data.split(b"\n")
    lines[3] = lines[5] = " ".join(map(str, times)).encode()
    return b"\n".join(lines)


def ageing(times: list[int]) -> list[int]:
    """The times of an entry that should be renewed, and may be served."""
    issued, _, until, expires = times
    return [issued, issued, until, expires]


def redate(path: str | PathLike[str], change: Callable[[list[int]], list[int]]) -> bytes:
    """Give the entry *path* other times: what *change* makes of those it has; its new content."""
    with open(path, "rb") as file:
        data = file.read()
    data = with_times(data, change(times_of(data)))
    with open(path, "wb") as file:
        file.write(data)
    return data
