"""Start a program safely: found on absolute paths only, clean environment, own group, bounded."""

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from dataclasses import dataclass

from docker_credential_acr import process_tree
from docker_credential_acr.deadline import Deadline, doing
from docker_credential_acr.search_path import given_libraries

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import IO

LARGEST = 64 * 1024  # bytes of an answer
_WINDOW_SECONDS = 2.0  # for xdg-open and its like, which end once the browser runs
_GRACE = 0.3  # seconds for the pipes of a program that has ended

# What runs, with what holds all that it has started (Windows).
_running: dict["subprocess.Popen[bytes]", process_tree.Tree | None] = {}
_starting = threading.Lock()  # held until a program that has been started is among them
_stopped: dict[int, bool] = {}  # threads that are starting one -> whether they are to stop
_ending = threading.Event()  # set by end_all: this process is about to end
_END_SECONDS = 2.0  # that it takes at most


@dataclass(frozen=True, slots=True)
class Result:
    """How a program ended; *code* is None if it was ended because it ran or wrote too long."""

    code: int | None
    out: bytes
    err: bytes


def find(name: str, environ: "Mapping[str, str]") -> str | None:
    """Return the absolute path of the program *name*, or None.

    Empty and relative entries of PATH are passed over: they would run what lies in the directory that
    somebody happens to build in.
    """
    entries = [entry for entry in environ.get("PATH", "").split(os.pathsep) if os.path.isabs(entry)]
    if os.name == "nt" and not os.path.dirname(name):  # there which() begins in that directory
        endings = ["", *environ.get("PATHEXT", ".EXE;.CMD;.BAT").split(os.pathsep)]
        endings = endings if os.path.splitext(name)[1] else endings[1:]
        paths = (os.path.join(entry, name + ending) for entry in entries for ending in endings)
        return next(filter(shutil.which, paths), None)
    found = shutil.which(name, path=os.pathsep.join(entries))
    return found if found and os.path.isabs(found) else None


def environment(environ: "Mapping[str, str]") -> dict[str, str]:
    """Return *environ* for a child: without what steers Python or a frozen program.

    ``ACR_CRED_NESTED`` marks it, so that a chain of programs that leads back here can be seen.
    """
    clean = {
        name: value
        for name, value in given_libraries(environ).items()
        if not name.startswith(("PYTHON", "_PYI_", "_MEI")) and name != "SSLKEYLOGFILE"
    }
    return {**clean, "ACR_CRED_NESTED": "1"}


def run(  # noqa: PLR0913, PLR0917  a process has that many sides
    arguments: list[str],
    deadline: Deadline,
    most: float,
    environ: "Mapping[str, str]",
    given: bytes = b"",
    largest: int = LARGEST,
) -> Result:
    """Run a program and return its output; *most* is its time limit in seconds.

    *given* is its standard input; more than *largest* bytes of output count as a fault of its own.

    Raises OSError if it cannot be started, OutOfTime if the deadline has passed already.
    """
    seconds = deadline.share(most)
    doing(f"running {os.path.basename(arguments[0])}")
    process = _started(arguments, environ, asked=bool(given))
    out, err = bytearray(), bytearray()
    readers = [
        threading.Thread(target=_collect, args=(pipe, into, largest), daemon=True)
        for pipe, into in ((process.stdout, out), (process.stderr, err))
    ]
    writer = threading.Thread(target=_feed, args=(process.stdin, given), daemon=True)
    for thread in (*readers, *([writer] if given else [])):
        thread.start()
    code: int | None
    try:
        code = process.wait(seconds)
        for reader in readers:
            reader.join(_GRACE)  # a grandchild may hold the pipe for as long as it likes
    except subprocess.TimeoutExpired:
        code = None
    finally:
        end(process)
    _stay_if_ending()
    return Result(None if len(out) > largest else code, bytes(out), bytes(err[:LARGEST]))


def _started(
    arguments: list[str], environ: "Mapping[str, str]", *, asked: bool
) -> "subprocess.Popen[bytes]":
    me = threading.get_ident()
    _stopped[me] = False
    try:
        with _starting:
            if not _ending.is_set():
                process = _opened(arguments, environ, asked=asked)
                _running[process] = process_tree.of(process.pid)
                return process
    finally:
        if _stopped.pop(me):
            raise KeyboardInterrupt
    _stay_if_ending()
    raise KeyboardInterrupt


def _opened(
    arguments: list[str], environ: "Mapping[str, str]", *, asked: bool
) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        arguments,
        stdin=subprocess.PIPE if asked else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=os.environ.get("SYSTEMROOT") if os.name == "nt" else "/",
        env=environment(environ),
        start_new_session=True,
    )


def _stay_if_ending() -> None:
    """Do nothing more: whoever ends our children ends us next, and nobody may take that for a failure."""
    if _ending.is_set():
        time.sleep(_END_SECONDS)


def stop(*_: object) -> None:
    """Handle a signal: raise KeyboardInterrupt, but never while a program is half started.

    Nobody would know of that program, and it would go on by itself.
    """
    me = threading.get_ident()
    if me not in _stopped:
        raise KeyboardInterrupt
    _stopped[me] = True


def _feed(pipe: "IO[bytes] | None", given: bytes) -> None:
    assert pipe is not None  # noqa: S101  asked for above
    with contextlib.suppress(OSError, ValueError), pipe:  # it may not want to read
        pipe.write(given)


def _collect(pipe: "IO[bytes] | None", into: bytearray, largest: int) -> None:
    assert pipe is not None  # noqa: S101  asked for above
    with pipe, contextlib.suppress(OSError, ValueError):
        while part := os.read(pipe.fileno(), 65536):
            if len(into) <= largest:  # the rest is read and dropped, so that the program can end
                into += part


def start_detached(arguments: list[str], environ: "Mapping[str, str]") -> None:
    """Start a program that outlives us, without console, streams or handles of ours (Windows)."""
    flags = sum(
        getattr(subprocess, name, 0)
        for name in ("DETACHED_PROCESS", "CREATE_NEW_PROCESS_GROUP", "CREATE_NO_WINDOW")
    )
    subprocess.Popen(
        arguments,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        creationflags=flags,
        close_fds=True,
        env=dict(environ),
    )


def start_window(arguments: list[str], environ: "Mapping[str, str]") -> int | None:
    """Start a program that outlives us and shows something; its exit code if it ends soon, else None.

    Raises OSError if it cannot be started.
    """
    clean = environment(environ)
    del clean["ACR_CRED_NESTED"]  # what is started from that window is no helper's child
    process = subprocess.Popen(
        arguments,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env=clean,
        start_new_session=True,
    )
    try:
        return process.wait(_WINDOW_SECONDS)
    except subprocess.TimeoutExpired:
        process.returncode = 0  # it is the browser itself, and nobody waits for it
        return None


def end(process: "subprocess.Popen[bytes]") -> None:
    """End *process* with its whole group and forget it.

    What has left the group by itself (``setsid``) is left alone: agents do so, and with a gpg-agent of
    ours a person would lose the key that was just unlocked for us.
    """
    tree = _running.get(process)
    with contextlib.suppress(OSError):
        if tree is not None:
            tree.end()
        if os.name == "nt":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE)
    _running.pop(process, None)


def end_all() -> None:
    """End every program that is still running, or just starting, and start no other: we end, too."""
    _ending.set()
    held = _starting.acquire(timeout=_GRACE)
    for process in list(_running):
        end(process)
    if held:
        _starting.release()
