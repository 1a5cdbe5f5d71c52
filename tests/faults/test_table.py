"""docs/faults.md is held against the tests: every row is there, and every test that it names exists."""

import os
import re

import pytest

from docker_credential_acr import (
    __main__,
    addresses,
    helper_program,
    locks,
    transport,
    waiting_room,
)
from docker_credential_acr.methods import cli_program, managed_identity, sources

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TABLE = os.path.join(os.path.dirname(TESTS), "docs", "faults.md")
ROWS = [f"F{number:02}" for number in range(1, 97)]
TEST = re.compile(r"`([a-z_/0-9]+\.py)::([A-Za-z_0-9:]+)`")


def rows(kind: str = "F") -> dict[str, str]:
    with open(TABLE, encoding="utf-8") as file:
        found = [line.split("|") for line in file if re.match(rf"\| {kind}\d", line)]
    assert len({cells[1].strip() for cells in found}) == len(found)
    return {cells[1].strip(): cells[3] for cells in found}


def test_every_row_is_there() -> None:
    """F01 to F96, and the two that were put in between."""
    assert sorted(rows()) == sorted([*ROWS, "F19b", "F36b"])


def test_every_target_of_the_fuzz_tests_is_there() -> None:
    """FZ1 to FZ12."""
    assert list(rows("FZ")) == [f"FZ{number}" for number in range(1, 13)]


def test_every_row_has_a_test_or_a_reason() -> None:
    """A row without a test says why in words."""
    every = [*rows().items(), *rows("A").items(), *rows("FZ").items()]
    empty = [row for row, text in every if not TEST.search(text) and "none:" not in text]
    assert empty == []


def test_every_test_exists() -> None:
    """A test that was renamed or removed is missed here."""
    missing = []
    for row, text in [*rows().items(), *rows("A").items(), *rows("FZ").items()]:
        for file, name in TEST.findall(text):
            with open(os.path.join(TESTS, file), encoding="utf-8") as code:
                content = code.read()
            if any(
                not re.search(rf"^ *(?:def|class) {part}\b", content, re.MULTILINE)
                for part in name.split("::")
            ):
                missing.append(f"{row}: {file}::{name}")
    assert missing == []


BUDGET = [
    ("standard input", __main__.STDIN_SECONDS),
    ("another process that signs in", locks.PATIENCE[".lock"]),
    ("looking a name up", addresses.NAME_SECONDS),
    ("connecting to one address", transport.CONNECT_SECONDS),
    ("an answer, from Entra or a registry", transport.READ_SECONDS),
    ("the metadata service, in all", vars(managed_identity)["_METADATA_SECONDS"]),
    ("`az`, `azd`, PowerShell, a `_command`", vars(cli_program)["_SECONDS"]),
    ("`az`, `azd`, PowerShell, a `_command`", vars(sources)["_COMMAND_SECONDS"]),
    ("another credential helper", helper_program.ANSWER_SECONDS),
    ("a failure", waiting_room.FAILURE_SECONDS),
]


@pytest.mark.parametrize(("step", "seconds"), BUDGET, ids=map(str, range(len(BUDGET))))
def test_the_times_of_the_steps_are_those_of_the_program(step: str, seconds: float) -> None:
    with open(TABLE, encoding="utf-8") as file:
        (row,) = [line.split("|") for line in file if line.startswith(f"| {step} |")]
    assert float(row[2]) == seconds
