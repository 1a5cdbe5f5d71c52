"""Packages that `tests/run --packages` has built, and clean roots to install them into."""

import glob
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.packages import roots
from tests.packages.roots import DIST, Missing, Root

REQUIRED = "packages" in os.environ.get("ACR_TESTS_REQUIRE", "").split(",")


def missing(reason: str) -> None:
    if REQUIRED:
        pytest.fail(f"ACR_TESTS_REQUIRE=packages, but {reason}")
    pytest.skip(f"optional: {reason}")


@pytest.fixture
def root(tmp_path: Path) -> Root:
    """A minimal Debian."""
    try:
        return roots.made(str(tmp_path / "root"))
    except Missing as reason:
        missing(str(reason))
        raise


@pytest.fixture(scope="session")
def package() -> Callable[[str], str]:
    """Finds what was built last, by a pattern of its name."""

    def find(pattern: str) -> str:
        found = sorted(glob.glob(os.path.join(DIST, pattern)), key=os.path.getmtime)
        if not found:
            missing(f"dist/ has no {pattern}; build it with packaging/build")
        return found[-1]

    return find
