"""Pages in the macros of man(7), the form that every man understands."""

import re

_ESCAPES = {"\\": "\\e", "-": "\\-", "'": "\\(aq", "^": "\\(ha", "~": "\\(ti", "`": "\\(ga"}


def text(words: str) -> str:
    """Return *words* as roff shows them: no character of theirs is an instruction."""
    escaped = "".join(_ESCAPES.get(letter, letter) for letter in words)
    return re.sub(r"(?m)^(?=[.])", r"\\&", escaped)


def quoted(words: str) -> str:
    """Return *words* as one argument of a macro."""
    return '"' + text(words).replace('"', "\\(dq") + '"'


def title(name: str, section: int, day: str, source: str) -> str:
    """Return how a page begins; *day* is YYYY-MM-DD, *source* what it belongs to.

    Names are not hyphenated and lines not stretched: what is to be typed stays as it is.
    """
    return f".TH {quoted(name.upper())} {section} {day} {quoted(source)}\n.nh\n.ad l\n"


def heading(words: str) -> str:
    return f".SH {quoted(words)}\n"


def subheading(words: str) -> str:
    return f".SS {quoted(words)}\n"


def paragraph(words: str) -> str:
    return f".PP\n{text(words)}\n"


def term(name: str, words: str) -> str:
    """Return a row of a list: *name* in bold, and below it what it means."""
    return f".TP\n.B {text(name)}\n{text(words)}\n"


def command(words: str) -> str:
    """Return a line to be typed, on a line of its own."""
    return f".PP\n.B {text(words)}\n"


def example(lines: str) -> str:
    """Return *lines* as they are."""
    return f".PP\n.RS 4\n.nf\n{text(lines.rstrip())}\n.fi\n.RE\n"


def page(parts: list[str]) -> str:
    """Return *parts* as a page. A heading begins its own paragraph: a second beginning is left out."""
    return re.sub(r"(?m)^(\.S[HS] .*\n)\.PP\n", r"\1", "".join(parts))
