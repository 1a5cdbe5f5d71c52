"""Machines that have a managed identity at a fixed place, or only look as if they had one."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.faults.tools import SYSTEM_PATH, UNSHARE, needs

pytestmark = needs("root", "unshare")

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
EXCHANGED = ["exchange"]


def run(folder: Path, place: str, kind: str) -> list[dict[str, Any]]:
    """Each `get`: seconds, requests, az (how often it ran), and who answered or what was said."""
    command = [*UNSHARE, sys.executable, "-P", "-m", "tests.stories.machine_of_its_own"]
    done = subprocess.run(
        [*command, str(folder), place, kind],
        capture_output=True,
        check=False,
        timeout=90,
        cwd=ROOT,
        env={"PATH": SYSTEM_PATH, "PYTHONPATH": ROOT},
    )
    assert done.returncode == 0, done.stderr.decode()
    found = json.loads(done.stdout)
    assert found["leaks"] == []
    gets: list[dict[str, Any]] = found["gets"]
    return gets


class TestLooksLikeAzure:
    """The chassis tag of every virtual machine of Azure's, and somebody who has run az login."""

    @pytest.mark.parametrize(
        "kind", ["swallowed", "refused", "silent", "403", "404", "no-identity"]
    )
    def test_the_cli_signs_in_and_the_next_get_does_not_wait(
        self, tmp_path: Path, kind: str
    ) -> None:
        first, second = run(tmp_path, "machine", kind)
        assert first["who"] == second["who"] == "person"
        assert first["az"] == second["az"] == 1
        assert first["seconds"] < 5
        assert second["seconds"] < 2
        assert set(first["requests"]) <= {"metadata", "exchange"}
        assert second["requests"] == EXCHANGED

    def test_a_crowd_looks_once(self, tmp_path: Path) -> None:
        """Remembering does not take the place of one sign-in for all."""
        first, second = run(tmp_path, "crowd", "silent")
        assert (first["who"], first["az"]) == ("person", 1)
        assert first["requests"] == ["metadata", "exchange"]
        assert second["requests"] == EXCHANGED

    def test_what_one_job_found_out_is_its_own(self, tmp_path: Path) -> None:
        """Another one with the same home is another asker, in its memory, too."""
        asked = [got["requests"] for got in run(tmp_path, "jobs", "404")]
        assert asked == [["metadata", "exchange"], ["metadata", "exchange"], EXCHANGED]

    def test_an_identity_that_is_there_signs_in(self, tmp_path: Path) -> None:
        for got in run(tmp_path, "machine", "identity"):
            assert got["who"] == "machine"
            assert got["requests"] == ["metadata", "exchange"]
            assert got["az"] == 0

    def test_several_identities_are_not_guessed_among(self, tmp_path: Path) -> None:
        """Nor does the person's own sign-in take their place."""
        for got in run(tmp_path, "machine", "several"):
            assert got["said"] == "identity-ambiguous"
            assert got["az"] == 0
            assert "exchange" not in got["requests"]


class TestArc:
    """A key in a folder of the system's proves that the asker is one who may read it."""

    def test_the_key_of_the_challenge_is_shown(self, tmp_path: Path) -> None:
        (got,) = run(tmp_path, "arc", "machine")
        assert got["who"] == "machine"
        assert got["requests"] == ["metadata", "metadata", "exchange"]

    def test_one_identity_of_several_is_selected(self, tmp_path: Path) -> None:
        (got,) = run(tmp_path, "arc", "user-assigned")
        assert got["who"] == "assigned"

    def test_who_may_not_read_the_key_is_told_the_group(self, tmp_path: Path) -> None:
        (got,) = run(tmp_path, "arc", "no-key")
        assert got["said"] == "metadata-refused"
        assert got["requests"] == ["metadata"]

    def test_an_agent_that_ignores_what_was_asked_for_signs_in_nobody(self, tmp_path: Path) -> None:
        (got,) = run(tmp_path, "arc", "old-agent")
        assert got["said"] == "identity-not-found"
        assert got["requests"] == ["metadata", "metadata"]
