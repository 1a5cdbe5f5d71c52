"""The systems that tests run on: marks that say why a test is not for one of them.

What has a file of its own for Windows is in `tests/windows`, for macOS in `tests/macos`.
"""

import os
import select
import signal
import sys
import time
from contextlib import suppress

import pytest

WINDOWS = os.name == "nt"
MAC = sys.platform == "darwin"
IS_ROOT = not WINDOWS and os.geteuid() == 0


def posix(needed: str) -> pytest.MarkDecorator:
    """Skip on Windows, which has no *needed*."""
    return pytest.mark.skipif(WINDOWS, reason=f"Windows has no {needed}")


def need_scripts() -> None:
    """Skip a test on Windows that installs a program of shell."""
    if WINDOWS:
        pytest.skip(_NO_SCRIPTS)


def gone(pid: int) -> bool:
    """Whether a process has ended or ends soon; where that can be seen, even if nobody has collected it."""
    if not hasattr(os, "pidfd_open"):
        ends = time.monotonic() + 2
        with suppress(ProcessLookupError):
            while time.monotonic() < ends:
                os.kill(pid, 0)
                time.sleep(0.01)
            return False
        return True
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], 2)[0])
    finally:
        os.close(descriptor)


modes = posix("bits of a mode: a file is as private as the folder above it")
_NO_SCRIPTS = "Windows has no scripts that begin with #!"
scripts = pytest.mark.skipif(WINDOWS, reason=_NO_SCRIPTS)
# What a shell or a service manager sends to have a program end.
SIGNALS = [signal.SIGTERM, signal.SIGINT, *([] if WINDOWS else [signal.SIGHUP])]
signals = posix("signals that a process can be sent: tests/windows has CTRL_BREAK")
needs_root = pytest.mark.skipif(not IS_ROOT, reason="only root can give files away")
own_store = pytest.mark.skipif(
    WINDOWS or MAC, reason="the key of a sign-in goes to the person's own store there"
)
linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc, which Linux has")
windows = pytest.mark.skipif(not WINDOWS, reason="needs Windows")
mac = pytest.mark.skipif(not MAC, reason="needs macOS")
