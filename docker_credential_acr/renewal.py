"""Refresh ahead: one detached process renews an ageing entry while the old token is served.

The claim is a marker file created exclusively: without it nobody starts a process, so 200 ageing gets
start one. A renewal that fails leaves its marker, which is the back-off; ``erase`` and ``store`` take it
away, and with it the right to save.
"""

import os
import sys
import time

from docker_credential_acr.search_path import given_libraries

_STALE_SECONDS = 60.0  # a renewal that is older than this has failed or was killed
_MARKER = ".renewing"
VERB = "renew"


def marker(name: str) -> str:
    """Return the name of the marker for the entry *name*, in the same folder."""
    return name + _MARKER


def start(folder: str, name: str, host: str) -> None:
    """Claim the renewal of the entry *name* and start it; whatever fails is left for the next get."""
    path = os.path.join(folder, marker(name))
    try:
        if _claim(path):
            _spawn([*_program(), VERB, host])
    except OSError:
        return


def _claim(path: str) -> bool:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
    try:
        os.close(os.open(path, flags, 0o600))
    except FileExistsError:
        # Two that find it stale at once may both go on; the second one's process then finds a fresh entry.
        # One of tomorrow is stale, too: the clock was set back since.
        if abs(time.time() - os.lstat(path).st_mtime) < _STALE_SECONDS:
            return False
        os.unlink(path)
        return _claim(path)
    return True


def _program() -> list[str]:
    if getattr(sys, "frozen", False):
        return [sys.executable]
    return [sys.executable, "-P", "-m", "docker_credential_acr"]


def _environment() -> dict[str, str]:
    """Return the environment without what steers Python; a frozen program unpacks itself anew.

    Of PYTHONPATH stays the folder that this package came from, if it is there (``pip install --target``).
    """
    given = given_libraries(os.environ)
    clean = {name: value for name, value in given.items() if not name.startswith("PYTHON")}
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if here in given.get("PYTHONPATH", "").split(os.pathsep):
        clean["PYTHONPATH"] = here
    if getattr(sys, "frozen", False):
        clean["PYINSTALLER_RESET_ENVIRONMENT"] = "1"
    return clean


def _spawn(command: list[str]) -> None:
    """Start *command* in a session of its own with none of our descriptors, and do not wait for it.

    A client that reads our output until its end must not wait for the renewal, so every descriptor
    that we were given stays with us, not only those of ours.
    """
    if os.name == "nt":
        from docker_credential_acr import child  # noqa: PLC0415  no posix_spawn on Windows

        child.start_detached(command, _environment())
        return
    _hand_nothing_on()
    null = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in range(3)]
    try:
        os.posix_spawn(command[0], command, _environment(), file_actions=null, setsid=True)
    except NotImplementedError:  # a system without that flag; a group of its own is the next best
        os.posix_spawn(command[0], command, _environment(), file_actions=null, setpgroup=0)


def _hand_nothing_on() -> None:
    """Mark every descriptor from 3 on, so that a child does not inherit it; this process ends anyway."""
    for name in os.listdir("/dev/fd"):
        try:
            if int(name) > 2:  # noqa: PLR2004  standard streams
                os.set_inheritable(int(name), False)  # noqa: FBT003  its signature
        except OSError:  # the listing's own
            continue
