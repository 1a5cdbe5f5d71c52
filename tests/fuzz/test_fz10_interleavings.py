"""FZ10: three callers in thousands of orders, some of them killed: one exchange, no lost update."""

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.fuzz.profile import LONG, many
from tests.systems import posix

pytestmark = posix("folders that are held open")

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BATCH = 500  # orders for one process
SEEDS = range(0, many(500, 20_000), BATCH)


@pytest.mark.skipif(sys.platform == "win32", reason="flock is for POSIX")
@pytest.mark.parametrize("seed", SEEDS)
def test_fz10_every_order(tried: Callable[[int], None], seed: int) -> None:
    """`python -m tests.fuzz.interleavings --seed N --number 1 --trace` shows the order that failed."""
    begin = seed + (int.from_bytes(os.urandom(4), "big") if LONG else 0)
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.interleavings", f"--seed={begin}", f"--number={BATCH}"],
        capture_output=True,
        check=False,
        text=True,
        cwd=ROOT,
        env={"PATH": os.defpath, "HOME": os.devnull},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout == f"{BATCH}\n"
    tried(BATCH)
