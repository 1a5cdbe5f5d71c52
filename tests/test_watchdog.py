"""The watchdog: it ends the process when nobody else can, and never writes over an answer."""

import os
import signal
import subprocess
import sys
import time

import pytest

BEGIN = """
import os, sys, time
from docker_credential_acr import watchdog
from docker_credential_acr.__main__ import write
class Text(bytes):
    def __call__(self):
        return self
def Watchdog(seconds, sentence):
    return watchdog.Watchdog(seconds, Text(sentence), write)
"""


def run(script: str, **options: bytes) -> tuple[int, bytes, bytes]:
    found = subprocess.run(
        [sys.executable, "-c", BEGIN + script],
        capture_output=True,
        check=False,
        timeout=20,
        **options,  # type: ignore[call-overload]
    )
    return found.returncode, found.stdout, found.stderr


STUCK = {
    "sleeping": "time.sleep(60)",
    "computing": "while True: pass",
    "locked": "from _thread import allocate_lock; a = allocate_lock(); a.acquire(); a.acquire()",
    "reading": "os.read(os.pipe()[0], 1)",
}


@pytest.mark.parametrize("stuck", STUCK.values(), ids=STUCK)
def test_it_ends_what_is_stuck(stuck: str) -> None:
    """Whatever the main thread waits for, the process ends with the sentence on both streams."""
    started = time.monotonic()
    assert run(f"Watchdog(0.2, b'late\\n')\n{stuck}") == (1, b"late\n", b"late\n")
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP", "SIGBREAK"])
def test_a_signal_ends_what_is_stuck(name: str) -> None:
    """Python's own handler would wait for the main thread, which never comes back."""
    if not hasattr(signal, name):
        pytest.skip(f"no {name} on this system")
    script = f"""
import _thread, signal
w = Watchdog(60, b'late\\n')
w.watch_signals()
_thread.start_new_thread(lambda: (time.sleep(0.2), signal.raise_signal(signal.{name})), ())
{STUCK["locked"]}
"""
    code, out, err = run(script)
    assert code == 1
    assert out == err == b"stopped by a signal before an answer; run it again [stopped]\n"


def test_rearmed() -> None:
    """A new bound takes the place of the old one, sooner or later."""
    for signals in ("", "w.watch_signals();"):
        script = f"w = Watchdog(%s, b'first\\n'); {signals} w.rearm(%s, Text(b'second\\n')); time.sleep(60)"
        assert run(script % (60, 0.1)) == (1, b"second\n", b"second\n")
        assert run(script % (0.5, 1.0)) == (1, b"second\n", b"second\n")


def test_everything_at_the_end_is_done() -> None:
    """What must not be left behind is cleared away, even when one of the acts fails."""
    script = """
w = Watchdog(0.1, b'late\\n')
w.at_end += [lambda: os.write(1, b'cleared '), lambda: 1 / 0, lambda: os.write(1, b'all ')]
time.sleep(60)
"""
    code, out, err = run(script)
    assert (code, err) == (1, b"late\n")
    assert out in (b"cleared all late\n", b"late\ncleared all ")


def test_answers_never_mix() -> None:
    """An answer that is being written when the time is over is finished or absent, never two."""
    script = """
w = Watchdog(0.05, b'late\\n')
time.sleep(0.05)
told = w.answer(b'answer\\n')
os._exit(0 if told else 1)
"""
    for _ in range(10):
        assert run(script) in ((0, b"answer\n", b""), (1, b"late\n", b"late\n"))


def test_slow_reader() -> None:
    """A reader that has stopped reading does not hold the process for ever."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            BEGIN + "w = Watchdog(0.2, b'late\\n'); w.answer(b'x' * 2**20); os._exit(0)",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        assert process.wait(10) == 1
        assert process.stdout is not None
        assert b"late" not in process.stdout.read()


def test_only_one_answer() -> None:
    """The second of two answers is not written."""
    code, out, _ = run("w = Watchdog(9, b''); w.answer(b'one\\n'); w.answer(b'two\\n')")
    assert (code, out) == (0, b"one\n")


posix = pytest.mark.skipif(os.name == "nt", reason="signals")
ANSWERING = "w.answer(b'x' * 2**20)"
SIGNALLED = "import os, signal; os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)"


def full_pipe() -> tuple[int, int]:
    """A pipe that takes nothing more, and nobody reads it."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    for size in (4096, 1):
        try:
            while True:
                os.write(writer, b"x" * size)
        except BlockingIOError:
            continue
    os.set_blocking(writer, True)
    return reader, writer


@posix
@pytest.mark.parametrize("late", [False, True], ids=["signal", "time is up"])
@pytest.mark.parametrize("doing", [ANSWERING, "time.sleep(60)"], ids=["answering", "waiting"])
def test_nobody_reads(doing: str, *, late: bool) -> None:
    """A pipe that is full holds nobody who is to end, and what has to be cleared away is."""
    reader, writer = full_pipe()
    script = f"""
w = Watchdog({0.2 if late else 60}, b'late\\n')
w.at_end.append(lambda: os.write(2, b'cleared'))
w.watch_signals()
os.write(2, b'ready ')
{doing}
"""
    process = subprocess.Popen(
        [sys.executable, "-c", BEGIN + script], stdout=writer, stderr=subprocess.PIPE
    )
    with process:
        assert process.stderr is not None
        assert process.stderr.read(6) == b"ready "
        began = time.monotonic()
        if not late:
            process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 1
        seconds = time.monotonic() - began
        assert process.stderr.read().endswith(b"cleared")
    os.close(reader)
    os.close(writer)
    assert seconds < (5 if late else 1)


@posix
def test_signals_that_a_parent_has_blocked() -> None:
    """What starts us may have blocked them for itself; a program inherits that and could not be stopped."""
    block = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})"
    script = f"{block}\nw = Watchdog(9, b'late\\n'); w.watch_signals()\n{SIGNALLED}"
    code, out, _ = run(script)
    assert (code, out.rpartition(b"[")[2]) == (1, b"stopped]\n")
