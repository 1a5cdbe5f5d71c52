"""Tests of what only the frozen program has; `tests/run --frozen` builds it and names it."""

import os

import pytest

from tests.stories.conftest import azure, host, program, programs, running
from tests.stories.program import FROZEN

__all__ = ["azure", "host", "program", "programs", "running"]

REQUIRED = "frozen" in os.environ.get("ACR_TESTS_REQUIRE", "").split(",")


@pytest.fixture(autouse=True)
def _only_frozen() -> None:
    if not FROZEN:
        reason = "optional: ACR_TESTS_PROGRAM names no frozen program"
        pytest.fail(reason) if REQUIRED else pytest.skip(reason)


@pytest.fixture
def one_file() -> str:
    """The program in one file."""
    path = os.environ.get("ACR_TESTS_ONE_FILE", "")
    if not os.access(path, os.X_OK):
        reason = "optional: ACR_TESTS_ONE_FILE names no program"
        pytest.fail(reason) if REQUIRED else pytest.skip(reason)
    return path
