"""The corpus in the repository: made by ``samples``, and every file of it passes its reader."""

import os
import random

import pytest

from tests.fuzz.mutation import mutated
from tests.fuzz.readers import READERS
from tests.fuzz.samples import CORPUS, FOLDER

FILES = [(reader, name) for reader in READERS for name in os.listdir(os.path.join(FOLDER, reader))]


@pytest.mark.parametrize(("reader", "name"), FILES, ids=["-".join(pair) for pair in FILES])
def test_a_file_of_the_corpus(reader: str, name: str) -> None:
    with open(os.path.join(FOLDER, reader, name), "rb") as file:
        data = file.read()
    READERS[reader](data)
    assert len(data) < 4096, "it is kept small"
    if name in CORPUS[reader]:
        assert data == CORPUS[reader][name], "run python -m tests.fuzz.samples"


def test_every_sample_is_there() -> None:
    made = {(reader, name) for reader, files in CORPUS.items() for name in files}
    assert made <= set(FILES)


def test_accidents_come_in_all_kinds() -> None:
    """The same seed makes the same accidents, and they differ from each other."""
    samples = list(CORPUS["entry"].values())
    first, second = random.Random(1), random.Random(1)
    made = [mutated(first, samples) for _ in range(2000)]
    assert made == [mutated(second, samples) for _ in range(2000)]
    assert len(set(made)) > 1900
