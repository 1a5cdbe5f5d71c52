"""docs/faults.md is held against the tests: every row is there, and every test that it names exists."""

import os
import re

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TABLE = os.path.join(os.path.dirname(TESTS), "docs", "faults.md")
ROWS = [f"F{number:02}" for number in range(1, 97)]
TEST = re.compile(r"`([a-z_/0-9]+\.py)::([A-Za-z_0-9:]+)`")


def rows() -> dict[str, str]:
    with open(TABLE, encoding="utf-8") as file:
        found = [line.split("|") for line in file if re.match(r"\| F\d", line)]
    assert len({cells[1].strip() for cells in found}) == len(found)
    return {cells[1].strip(): cells[3] for cells in found}


def test_every_row_is_there() -> None:
    """F01 to F96, and the two that were put in between."""
    assert sorted(rows()) == sorted([*ROWS, "F19b", "F36b"])


def test_every_row_has_a_test_or_a_reason() -> None:
    """A row without a test says why in words."""
    empty = [row for row, text in rows().items() if not TEST.search(text) and "none:" not in text]
    assert empty == []


def test_every_test_exists() -> None:
    """A test that was renamed or removed is missed here."""
    missing = []
    for row, text in rows().items():
        for file, name in TEST.findall(text):
            with open(os.path.join(TESTS, file), encoding="utf-8") as code:
                content = code.read()
            if any(
                not re.search(rf"^ *(?:def|class) {part}\b", content, re.MULTILINE)
                for part in name.split("::")
            ):
                missing.append(f"{row}: {file}::{name}")
    assert missing == []
