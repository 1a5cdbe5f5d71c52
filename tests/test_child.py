"""Starting a program safely."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from docker_credential_acr import child
from docker_credential_acr.child import LARGEST, Result
from docker_credential_acr.deadline import Deadline
from docker_credential_acr.errors import OutOfTime
from tests.systems import gone, linux, posix

shells = posix("/bin/sh")
PATH = {"PATH": "/usr/bin:/bin"}


def shell(text: str, seconds: float = 10, most: float = 10, **environ: str) -> Result:
    return child.run(["/bin/sh", "-c", text], Deadline.after(seconds), most, PATH | environ)


STOPPED = """
import os, signal
from docker_credential_acr import child
from docker_credential_acr.deadline import Deadline

signal.signal(signal.SIGALRM, child.stop)
stopped = 0
for step in range(40):
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.0001 + step * 0.000125)
        child.run(["/bin/sleep", "600"], Deadline.after(30), 30, {})
    except KeyboardInterrupt:
        stopped += 1
child.end_all()
try:
    while os.waitpid(-1, os.WNOHANG) != (0, 0):
        pass
    left = "some"
except ChildProcessError:
    left = "none"
print(f"{stopped} stopped, {left} left")
"""

ENDED = """
import os, threading, time
from docker_credential_acr import child
from docker_credential_acr.deadline import Deadline

def watch():
    os.read(reader, 1)
    child.end_all()
    time.sleep(0.3)
    os._exit(0)

reader, writer = os.pipe()
threading.Thread(target=watch).start()
script = f"echo $$ > /proc/{os.getpid()}/fd/1; echo > /proc/{os.getpid()}/fd/{writer}; sleep 60"
for _ in range(2):
    child.run(["/bin/sh", "-c", script], Deadline.after(30), 30, {"PATH": "/usr/bin:/bin"})
    print("went on", flush=True)
"""


@posix("programs without an ending")
class TestFind:
    @pytest.fixture
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A folder with a program, which is the working directory, too."""
        folder = tmp_path / "bin"
        folder.mkdir()
        (folder / "tool").write_text("#!/bin/sh\n")
        (folder / "tool").chmod(0o755)
        monkeypatch.chdir(folder)
        return folder

    def test_it_is_an_absolute_path(self, folder: Path) -> None:
        assert child.find("tool", {"PATH": f"/nowhere:{folder}:/bin"}) == str(folder / "tool")

    @pytest.mark.parametrize("path", ["", ".", ":", "::", "./", "../bin", ".:", "~", "bin"])
    def test_relative_and_empty_entries_are_passed_over(self, folder: Path, path: str) -> None:
        assert folder.exists()
        assert child.find("tool", {"PATH": path}) is None
        assert child.find("tool", {"PATH": f"{path}:/nowhere"}) is None

    def test_without_path_nothing_is_found(self, folder: Path) -> None:
        assert folder.exists()
        assert child.find("tool", {}) is None
        assert child.find("sh", {}) is None

    @pytest.mark.parametrize("name", ["./tool", "../bin/tool", "bin/tool"])
    def test_a_relative_name_is_nothing(self, folder: Path, name: str) -> None:
        assert child.find(name, {"PATH": str(folder)}) is None

    @pytest.mark.parametrize("mode", [0o644, 0o000])
    def test_a_file_that_cannot_be_executed_is_passed_over(self, folder: Path, mode: int) -> None:
        (folder / "tool").chmod(mode)
        assert child.find("tool", {"PATH": str(folder)}) is None
        (folder / "other").mkdir()
        assert child.find("other", {"PATH": str(folder)}) is None


class TestEnvironment:
    def test_what_steers_python_is_taken_away(self) -> None:
        names = (
            "PYTHONPATH",
            "PYTHONHOME",
            "PYTHONWARNINGS",
            "_PYI_X",
            "_MEIPASS2",
            "SSLKEYLOGFILE",
        )
        found = child.environment({**dict.fromkeys(names, "x"), "HOME": "/h", "AZURE_X": "y"})
        assert found == {"HOME": "/h", "AZURE_X": "y", "ACR_CRED_NESTED": "1"}

    def test_the_library_path_of_a_frozen_program_is_its_own(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        environ = {"LD_LIBRARY_PATH": "/frozen", "LD_LIBRARY_PATH_ORIG": "/before"}
        assert child.environment(environ)["LD_LIBRARY_PATH"] == "/frozen"
        monkeypatch.setattr(sys, "frozen", True, raising=False)
        assert child.environment(environ) == {"LD_LIBRARY_PATH": "/before", "ACR_CRED_NESTED": "1"}
        del environ["LD_LIBRARY_PATH_ORIG"]
        assert "LD_LIBRARY_PATH" not in child.environment(environ)

    @shells
    def test_nothing_else_is_inherited(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CANARY", "x")
        assert b"CANARY" not in shell("env").out


@shells
class TestRun:
    def test_output_and_code_come_back(self) -> None:
        assert shell("echo out; echo err >&2; exit 7") == Result(7, b"out\n", b"err\n")

    def test_its_surroundings(self) -> None:
        assert shell("pwd").out == b"/\n"
        assert shell("cat").out == b""  # no standard input
        assert shell("ps -o sid= -p $$ || true; echo $$").code == 0
        pid = int(shell("echo $$").out)
        assert pid != os.getpid()

    def test_it_has_a_session_of_its_own(self) -> None:
        code = "import os; print(os.getsid(0) == os.getpid())"
        found = child.run([sys.executable, "-IS", "-c", code], Deadline.after(10), 10, PATH)
        assert found.out == b"True\n"

    @linux
    def test_no_descriptor_of_ours_is_handed_on(self) -> None:
        reader, writer = os.pipe()
        os.set_inheritable(writer, True)  # noqa: FBT003
        try:
            assert shell(f"test -e /proc/self/fd/{writer}; echo $?").out == b"1\n"
        finally:
            os.close(reader)
            os.close(writer)

    def test_arguments_are_not_for_a_shell(self) -> None:
        found = child.run(["/bin/echo", "$(id) `id` ; id"], Deadline.after(10), 10, PATH)
        assert found.out == b"$(id) `id` ; id\n"

    @pytest.mark.parametrize(("seconds", "most"), [(0.5, 10), (10, 0.5)])
    def test_one_that_does_not_end_is_ended(self, seconds: float, most: float) -> None:
        began = time.monotonic()
        found = shell("trap '' TERM INT HUP; echo $$; while :; do sleep 1; done", seconds, most)
        assert time.monotonic() - began < 2
        assert found.code is None
        assert gone(int(found.out))

    def test_what_it_started_is_ended_with_it(self) -> None:
        found = shell("sleep 60 & echo $!")
        assert found.code == 0
        assert gone(int(found.out))

    def test_an_agent_that_it_started_stays(self) -> None:
        """gpg-agent leaves its session when it is started; it neither holds us nor is ended with it."""
        start = "subprocess.Popen(['/bin/sleep', '60'], start_new_session=True)"
        code = f"import subprocess; print({start}.pid)"
        began = time.monotonic()
        found = child.run([sys.executable, "-IS", "-c", code], Deadline.after(20), 20, PATH)
        pid = int(found.out)
        try:
            assert found.code == 0
            assert time.monotonic() - began < 10
            assert not gone(pid)
        finally:
            os.kill(pid, signal.SIGKILL)

    def test_one_that_writes_too_much_is_no_answer(self) -> None:
        found = shell("head -c 10000000 /dev/zero")
        assert found.code is None
        assert LARGEST < len(found.out) <= LARGEST + 65536

    def test_exactly_enough_is_an_answer(self) -> None:
        found = shell(f"head -c {LARGEST} /dev/zero")
        assert (found.code, len(found.out)) == (0, LARGEST)

    def test_it_may_complain_as_much_as_it_likes(self) -> None:
        found = shell("head -c 10000000 /dev/zero >&2; echo answer")
        assert (found.code, found.out) == (0, b"answer\n")
        assert len(found.err) == LARGEST

    def test_a_signal_is_a_code_that_is_not_zero(self) -> None:
        assert shell("kill -9 $$").code == -signal.SIGKILL

    def test_one_that_cannot_be_started_is_said(self, tmp_path: Path) -> None:
        for path in ("/nowhere/program", str(tmp_path)):
            with pytest.raises(OSError, match=r"(?i)no such file|denied"):
                child.run([path], Deadline.after(10), 10, PATH)

    def test_past_the_deadline_nothing_is_started(self, tmp_path: Path) -> None:
        with pytest.raises(OutOfTime):
            shell(f"touch {tmp_path}/started", seconds=0)
        assert not (tmp_path / "started").exists()

    def test_a_signal_while_one_is_started_leaves_none_behind(self) -> None:
        """Whenever it comes; in a process of its own, which has no other children."""
        told = subprocess.run(
            [sys.executable, "-c", STOPPED], capture_output=True, text=True, timeout=60, check=True
        ).stdout
        assert told == "40 stopped, none left\n"

    @linux
    def test_the_watchdog_ends_all_that_run(self) -> None:
        """From its own thread; the main thread learns nothing of it, and starts nothing else."""
        began = time.monotonic()
        told = subprocess.run(
            [sys.executable, "-c", ENDED], capture_output=True, text=True, timeout=60, check=True
        ).stdout
        assert time.monotonic() - began < 5
        pid, *more = told.split()
        assert gone(int(pid))
        assert more == [], "nobody took a program that we ended for one that failed"
