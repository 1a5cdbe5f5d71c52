"""Where in a TOML text a key stands: tomllib gives values and no places, a mistake needs its line.

One pass over the tokens that matter: comments, strings, brackets, key names, ``=`` and ``,``.
"""

import re
import tomllib
from bisect import bisect_left

_TOKEN = re.compile(
    r"""
    (?P<comment>\#[^\n]*)
  | (?P<string>\"\"\"(?:\\.|[^\\])*?\"{3,5} | '''.*?'{3,5} | "(?:\\.|[^"\\\n])*" | '[^'\n]*')
  | (?P<mark>[\[\]{}=,\n])
  | (?P<word>[^\s\[\]{}=,\#"']+)
    """,
    re.VERBOSE | re.DOTALL,
)

_HEADER = re.compile(r"\s*\[[^=,#]*")
_KEY = re.compile(r"""\s*(?:[\w.-]+|"[^"]*"|'[^']*'|\s*\.\s*)*\s*=?""")
_VALUE = re.compile(
    r"""
    \#.*
  | (?:"(?:\\.|[^"\\])*(?:"|$) | '[^']*(?:'|$) | [^\s\[\]{}=,\#"']+)(?P<key>\s*=)?
    """,
    re.VERBOSE,
)
_HARMLESS = re.compile(r"-?\d{1,6}|true|false")

Path = tuple[str, ...]


def places(text: str) -> dict[Path, tuple[int, int]]:  # noqa: C901, PLR0912  one state machine
    """Return for each key and table header of the valid TOML *text* its line and column, from 1.

    Keys of arrays of tables share one path; the first place counts.
    """
    found: dict[Path, tuple[int, int]] = {}
    breaks = [-1, *(end.start() for end in re.finditer("\n", text))]  # there may be 100,000 lines
    table: Path = ()
    prefixes: list[Path] = []  # of open inline tables
    brackets: list[str] = []  # open brackets of values
    key: list[tuple[str, int]] = []  # parts of the key being read, with where they begin
    header = in_value = False

    def note(base: Path) -> Path:
        path = base + tuple(part for part, _ in key)
        start = key[0][1]
        line = bisect_left(breaks, start)
        found.setdefault(path, (line, start - breaks[line - 1]))
        return path

    path: Path = ()
    for token in _TOKEN.finditer(text):
        kind, value = token.lastgroup, token[0]
        if kind == "comment":
            continue
        if not in_value and kind in ("string", "word"):
            key += _parts(value, kind, token.start())
        elif value == "[" and not in_value and not brackets and not prefixes:
            header, key = True, []
        elif value == "]" and header:
            if key:
                table = note(())
            key = []
        elif value == "\n" and not brackets:
            header = in_value = False
            key = []
        elif value == "=" and not in_value and key:
            path = note(prefixes[-1] if prefixes else table)
            key, in_value = [], True
        elif value == "{" and in_value:
            brackets.append(value)
            prefixes.append(path)
            in_value = False
        elif value == "[" and in_value:
            brackets.append(value)
        elif value in "}]" and brackets:
            if brackets.pop() == "{":
                path = prefixes.pop()  # the next table of the same array has the same one
            key, in_value = [], True
        elif value == "," and brackets and brackets[-1] == "{":
            key, in_value = [], False
    return found


def excerpt(text: str, line: int, column: int, told: str = "") -> tuple[int, int, str]:
    """Return the place in *text* and its line as it may be shown: no value but a number or what *told* has.

    A value may be a secret that belongs elsewhere, and so may a remark. *text* need not be valid TOML.
    """
    whole = text.split("\n")[line - 1]
    begin = _HEADER.match(whole) or _KEY.match(whole)
    end = begin.end() if begin else 0

    def shown(found: re.Match[str]) -> str:
        if found[0].startswith("#"):
            return ""
        inside = found.string[: found.start()].rstrip()[-1:] in ("{", ",")
        harmless = _HARMLESS.fullmatch(found[0]) or (found[0][0] == '"' and found[0] in told)
        return found[0] if harmless or (inside and found["key"]) else "..."

    def cut(part: str) -> str:
        left = part[:end] + _VALUE.sub(shown, part[end:])
        return "".join(
            " " if c == "\t" else c if c.isascii() and c.isprintable() else "?" for c in left
        )

    return line, len(cut(whole[: column - 1])) + 1, cut(whole).rstrip()


def _parts(value: str, kind: str, start: int) -> list[tuple[str, int]]:
    """Return the parts of a key's token: a quoted one is one part, a bare one may be dotted."""
    if kind == "string":
        return [(str(tomllib.loads(f"x = {value}")["x"]), start)]
    return [(part, start) for part in value.split(".") if part]
