"""The systems that tests run on: marks that say why a test is not for one of them.

What has a file of its own for Windows is in `tests/windows`, for macOS in `tests/macos`.
"""

import os
import sys

import pytest

WINDOWS = os.name == "nt"
MAC = sys.platform == "darwin"
IS_ROOT = not WINDOWS and os.geteuid() == 0


def posix(needed: str) -> pytest.MarkDecorator:
    """Skip on Windows, which has no *needed*."""
    return pytest.mark.skipif(WINDOWS, reason=f"Windows has no {needed}")


modes = posix("bits of a mode: a file is as private as the folder above it")
scripts = posix("scripts that begin with #!")
signals = posix("signals that a process can be sent: tests/windows has CTRL_BREAK")
needs_root = pytest.mark.skipif(not IS_ROOT, reason="only root can give files away")
own_store = pytest.mark.skipif(
    WINDOWS or MAC, reason="the key of a sign-in goes to the person's own store there"
)
linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc, which Linux has")
windows = pytest.mark.skipif(not WINDOWS, reason="needs Windows")
mac = pytest.mark.skipif(not MAC, reason="needs macOS")
