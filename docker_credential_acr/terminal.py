"""How the verbs for people speak: results on standard output, everything else on standard error.

Colour only on a terminal (https://no-color.org, https://force-color.org); nothing moves in CI; lines are
as wide as the terminal.
"""

import io
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TextIO

from docker_credential_acr.errors import Failure, printable
from docker_credential_acr.secret import redacted

_COLOURS = {"good": "32", "bad": "31", "warning": "33", "dim": "2", "strong": "1"}
_SCREEN = "CONOUT$" if os.name == "nt" else "/dev/tty"
_CI = ("CI", "GITHUB_ACTIONS", "TF_BUILD", "GITLAB_CI", "JENKINS_URL")
_WIDEST = 100  # characters: longer lines are hard to read
_NARROWEST = 40
# Lines that a person copies something from, and those that point at a place in a file.
_COPIED = re.compile(r" *(fix|next|more):|.*https://| *\d+ \| | *\| ")
_LABEL = re.compile(r" +[A-Za-z]+ +")  # of a list's row


@dataclass(frozen=True, slots=True)
class Terminal:
    """Where a verb writes; *colour* for standard output, *lively* whether a line may be drawn anew."""

    out: TextIO
    err: TextIO
    width: int
    colour: bool
    lively: bool

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Terminal":
        """Return this process's own."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):  # half a character, or a locale without it
                stream.reconfigure(errors="backslashreplace")
        width = shutil.get_terminal_size((80, 24)).columns
        return cls(
            sys.stdout,
            sys.stderr,
            max(_NARROWEST, min(width, _WIDEST)),
            _coloured(environ, sys.stdout),
            sys.stderr.isatty() and not any(environ.get(name) for name in _CI),
        )

    def prompting(self) -> "Terminal":
        """Return the same, with ``err`` on the terminal itself where standard error leads elsewhere.

        Where there is no terminal at all, it stays as it is.
        """
        if self.err.isatty():
            return self
        try:
            screen = open(_SCREEN, "w", encoding="utf-8")  # noqa: SIM115  until the process ends
        except OSError:
            return self
        return replace(self, err=screen, lively=True)

    def tell(self, text: str = "") -> None:
        """Write a line of the result. The verb that prints a secret on purpose writes to ``out`` itself."""
        print(
            self._fitted(redacted(text), self.out), file=self.out, flush=True
        )  # in a log, before what is noted next

    def note(self, text: str) -> None:
        """Write a line of progress, a warning or a failure."""
        print(self._fitted(redacted(text), self.err), file=self.err, flush=True)

    def _fitted(self, text: str, stream: TextIO) -> str:
        """Return one long line as several on a terminal, the further ones under the text of the first.

        What is there to be copied stays whole, and so does what a program reads.
        """
        if len(text) <= self.width or "\n" in text or _COPIED.match(text) or not stream.isatty():
            return text
        label = _LABEL.match(text)
        hanging = " " * (len(label[0]) if label else 2)
        lines = textwrap.wrap(
            text,
            self.width,
            subsequent_indent=hanging,
            break_long_words=False,
            break_on_hyphens=False,
        )
        return "\n".join(lines)

    def explain(self, failure: Failure) -> None:
        """Tell what failed, the next step, and where more stands."""
        self.note(f"error: {printable(failure.what)}")
        excerpt = getattr(failure, "excerpt", None)
        if excerpt is not None:
            line, column, text = excerpt
            begin = f"{line:>5} | "
            self.note(begin + printable(text))
            self.note(" " * (len(begin) - 2) + "| " + " " * (column - 1) + "^")
        self.note(f"  next: {printable(failure.hint)}")
        self.note(f"  more: docker-credential-acr help {failure.reference}")

    def draw(self, text: str) -> None:
        """Write *text* over the last drawn line, on a terminal only; an empty one takes it away."""
        if self.lively:
            self.err.write("\r\x1b[K" + redacted(text)[: self.width])
            self.err.flush()

    def paint(self, text: str, kind: str) -> str:
        """Return *text* in the colour of *kind* (good, bad, warning, dim, strong) if there is colour."""
        return f"\x1b[{_COLOURS[kind]}m{text}\x1b[0m" if self.colour else text


def _coloured(environ: Mapping[str, str], stream: TextIO) -> bool:
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and environ.get("TERM") != "dumb" and os.name != "nt"


def minutes(seconds: float) -> str:
    """Return a life as people say it."""
    whole = max(0, int(seconds // 60))
    return f"{whole // 60} h {whole % 60:02} min" if whole >= 60 else f"{whole} min"  # noqa: PLR2004  minutes
