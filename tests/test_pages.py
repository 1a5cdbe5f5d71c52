"""What the pages show is what the program says: references, and a terminal before the fake Azure."""

import sys
from pathlib import Path

import pytest

from docker_credential_acr.references import REFERENCES
from tests.pages import ERRORS, README, errors, parts, renewed, session

RENEW = "run: .venv/bin/python -m tests.pages"


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    if sys.platform != "linux":
        pytest.skip("optional: pages show where files are on Linux")
    return session.played(tmp_path_factory.mktemp("pages"))


def test_every_reference_is_on_its_page() -> None:
    assert errors.text() == ERRORS.read_text(encoding="utf-8"), RENEW
    headings = [line[3:] for line in errors.text().splitlines() if line.startswith("## ")]
    assert headings == list(REFERENCES)


@pytest.mark.parametrize("name", session.SESSIONS)
def test_the_readme_shows_what_the_program_says(name: str, played: dict[str, str]) -> None:
    """Times, versions and numbers of a run aside."""
    shown = parts(README.read_text(encoding="utf-8"))
    assert session.masked(shown[name]) == session.masked(played[name]), RENEW


def test_nothing_else_claims_to_be_written() -> None:
    assert list(parts(README.read_text(encoding="utf-8"))) == list(session.SESSIONS)


def test_what_is_shown_holds_no_secret_and_no_place_of_this_machine(
    played: dict[str, str],
) -> None:
    for text in played.values():
        assert "CANARY" not in text
        assert "eyJ" not in text
        assert str(Path.home()) not in text
        assert "/tmp" not in text


def test_masks_hide_times_and_nothing_else() -> None:
    told = "good for 3 h 14 min, in 12 min, (6 ms), 10 ok in 0.2 s, 0 s of the servers', port 443"
    assert session.masked(told) == (
        "good for TIME, in TIME, (TIME), 10 ok in TIME, TIME of the servers', port 443"
    )


def test_renewing_replaces_the_parts_and_nothing_else() -> None:
    mark = "<!-- written: one by python -m tests.pages -->\n"
    page = f"before\n{mark}old\n<!-- /written -->\nafter\n"
    assert parts(page) == {"one": "old\n"}
    assert renewed(page, str.upper) == f"before\n{mark}ONE<!-- /written -->\nafter\n"
