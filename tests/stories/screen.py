"""A terminal, with the program on it or beside it."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from types import TracebackType
from typing import Self

from tests.stories.program import PATH, Answer, Program
from tests.systems import posix

if sys.platform != "win32":
    import fcntl
    import pty
    import termios

needs_terminal = posix("terminals that a test could hold the other end of")
SECONDS = 20


class Screen:
    """The program with a terminal of its own, to which the streams named in *on* lead.

    The others are pipes, as in a script: the terminal is still there, and can be asked for by name.
    """

    def __init__(
        self,
        program: Program,
        *arguments: str,
        on: Iterable[str] = ("stderr",),
        **changes: str | None,
    ) -> None:
        self._program, self._arguments = program, arguments
        self._master, slave = pty.openpty()
        self.shown = ""
        self._new = threading.Condition()
        streams = {
            name: slave if name in on else subprocess.PIPE for name in ("stdin", "stdout", "stderr")
        }

        def own_the_terminal() -> None:
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            [PATH, *arguments],
            **streams,  # type: ignore[call-overload]  # three of the many
            env=program.variables(changes),
            cwd=program.home,
            start_new_session=True,
            preexec_fn=own_the_terminal,  # noqa: PLW1509  one system call, and no other way
            pass_fds=(slave,),
        )
        os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._master, 4096)
            except OSError:  # nobody has it open any more
                return
            with self._new:
                self.shown += data.decode()
                self._new.notify_all()

    def until(self, text: str) -> None:
        """Wait until *text* is shown."""
        with self._new:
            assert self._new.wait_for(lambda: text in self.shown, SECONDS), self.shown

    def press_ctrl_c(self) -> None:
        os.write(self._master, b"\x03")

    def stop(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self) -> Answer:
        """Wait for its end; what came out of the pipes, with the screen added to what is searched."""
        out, err = self.process.communicate(timeout=SECONDS)
        self._reader.join(SECONDS)
        answer = Answer(self.process.returncode, out or b"", err or b"")
        self._program.note(self._arguments, Answer(answer.code, answer.out, self.shown.encode()))
        return self._program.note(self._arguments, answer)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe:
                pipe.close()
        self._reader.join(SECONDS)
        os.close(self._master)
