"""FZ4: a damaged cache file is a miss, or the very same answer for the same host."""

from collections.abc import Callable

import pytest

from docker_credential_acr import entry
from tests.fuzz import readers
from tests.fuzz.mutation import mutated
from tests.fuzz.profile import many, numbers
from tests.fuzz.samples import CORPUS, ENTRIES

WHOLE = {
    name: found
    for name, data in ENTRIES.items()
    if (found := entry.parse(data, readers.BEGINS, readers.NOW))
}


def same_or_miss(data: bytes, name: str) -> bool:
    found = entry.parse(data, readers.BEGINS, readers.NOW)
    return found is None or found[:2] == WHOLE[name][:2]


@pytest.mark.parametrize("name", ENTRIES)
def test_fz4_every_cut_and_every_bit(tried: Callable[[int], None], name: str) -> None:
    """Exhaustive: cut at every byte, every bit of every byte flipped."""
    data = ENTRIES[name]
    assert WHOLE.keys() == ENTRIES.keys()
    for at in range(len(data)):
        assert same_or_miss(data[:at], name), at
        for bit in range(8):
            damaged = bytearray(data)
            damaged[at] ^= 1 << bit
            assert same_or_miss(bytes(damaged), name), (at, bit)
    tried(9 * len(data))


@pytest.mark.parametrize("hole", [512, 1024, 4096])
def test_fz4_holes(tried: Callable[[int], None], hole: int) -> None:
    """Blocks of zeros, as a crash leaves them behind a name that has been written already."""
    for name, data in ENTRIES.items():
        for at in range(0, len(data), 16):
            damaged = data[:at] + b"\0" * min(hole, len(data) - at) + data[at + hole :]
            assert same_or_miss(damaged, name), at
            tried(1)


def test_fz4_splices(tried: Callable[[int], None]) -> None:
    """The beginning of one file and the end of another are no entry, unless they are one of the two."""
    step = many(23, 1)
    for first, begin in ENTRIES.items():
        for second, end in ENTRIES.items():
            for at in range(0, len(begin), step):
                for to in range(0, len(end), 29):
                    data = begin[:at] + end[to:]
                    assert same_or_miss(data, first) or same_or_miss(data, second), (at, to)
                    tried(1)


def test_fz4_accidents(tried: Callable[[int], None]) -> None:
    """Entries, gates and notes of failures after accidents: a miss and never an exception."""
    some = numbers(4)
    samples = list(CORPUS["entry"].values())
    for _ in range(many(8000, 200_000)):
        readers.cached(mutated(some, samples))
        tried(1)
