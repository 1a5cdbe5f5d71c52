"""Where a key stands in a TOML text."""

import datetime as dt
import json
import time
import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from docker_credential_acr.toml_lines import Path, excerpt, places


class TestKeys:
    @pytest.mark.parametrize(
        ("text", "path", "place"),
        [
            ("a = 1", ("a",), (1, 1)),
            ("\n\n  a=1", ("a",), (3, 3)),
            ("a.b.c = 1", ("a", "b", "c"), (1, 1)),
            ("a . b\t. c = 1", ("a", "b", "c"), (1, 1)),
            ('"a.b" = 1', ("a.b",), (1, 1)),
            ('"a.b".c = 1', ("a.b", "c"), (1, 1)),
            ("a.'b.c'.\"d\" = 1", ("a", "b.c", "d"), (1, 1)),
            ('"\\u00e9\\t" = 1', ("é\t",), (1, 1)),
            ('"" = 1', ("",), (1, 1)),
            ("'' . \"\" = 1", ("", ""), (1, 1)),
            ("1.5 = 1", ("1", "5"), (1, 1)),
            ("[a]\nb = 1", ("a", "b"), (2, 1)),
            ("[a]\nb = 1", ("a",), (1, 2)),
            ("[ a . 'b.c' ]\nd = 1", ("a", "b.c", "d"), (2, 1)),
            ("[a.b]\n[a]\nc = 1", ("a", "c"), (3, 1)),
            ("[[a]]\nb = 1\n[[a]]\nc = 1", ("a", "c"), (4, 1)),
            ("[[a]]\nb = 1", ("a",), (1, 3)),
            ("a = { b = 1, c = { d = 2 } }", ("a", "c", "d"), (1, 20)),
            ("a = { b = 1, c = { d = 2 } }", ("a", "b"), (1, 7)),
            ("a = { b.c = 1, 'd' = 2 }", ("a", "b", "c"), (1, 7)),
            ("a = { b.c = 1, 'd' = 2 }", ("a", "d"), (1, 16)),
            ("a = {}\nb = 1", ("b",), (2, 1)),
            ("a = [1,\n 2, # b = 1\n]\nb = 1", ("b",), (4, 1)),
            ("a = [{ c = 1 }, { d = 2 }]\nb = 1", ("b",), (2, 1)),
            ("a = [{ c = 1 }, { d = 2 }]\nb = 1", ("a", "d"), (1, 19)),
            ('a = """\nb = 1\n"""\nb = 2', ("b",), (4, 1)),
            ("a = '''\nb = 1\n'''\nb = 2", ("b",), (4, 1)),
            ('a = """x""""\nb = 2', ("b",), (2, 1)),
            ('a = """x"""""\nb = 2', ("b",), (2, 1)),
            ("a = '''x'''''\nb = 2", ("b",), (2, 1)),
            ('a = """\\""""\nb = 2', ("b",), (2, 1)),
            ('a = ""\nb = 2', ("b",), (2, 1)),
            ('a = "\\\\" # "\nb = 2', ("b",), (2, 1)),
            ("# a = 1\na = 2", ("a",), (2, 1)),
            ("[a] # [b]\nc = 1 # d = 2\ne = 3", ("a", "e"), (3, 1)),
            ("a = 1979-05-27T07:32:00Z\nb = 1", ("b",), (2, 1)),
            ("a = -1.5e+3\nb = inf", ("b",), (2, 1)),
        ],
    )
    def test_a_key_is_found_where_it_begins(
        self, text: str, path: Path, place: tuple[int, int]
    ) -> None:
        tomllib.loads(text)
        assert places(text)[path] == place

    def test_only_keys_are_found(self) -> None:
        text = "a = ['x', { b = \"y = 1\" }]\n# z = 1\n[c] # d\n"
        assert set(places(text)) == {("a",), ("a", "b"), ("c",)}


BARE = st.text("abcXYZ019_-", min_size=1, max_size=4)
ANY = BARE | st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
ODD = st.sampled_from(
    ['a"', "b'", "c # d", "e = f", "{", "}", "[g]", ",", "\n", '"""', "'''", "\\"]
)
LEAVES = st.one_of(
    ODD,
    ANY,
    st.integers(-5, 5),
    st.booleans(),
    st.floats(-10, 10),
    st.dates(dt.date(1, 1, 1)),
    st.datetimes(dt.datetime(1970, 1, 1)),  # noqa: DTZ001  TOML has local times
    st.lists(ODD | st.integers(), max_size=3),
)
TREES = st.recursive(
    st.dictionaries(ANY | ODD, LEAVES, max_size=3),
    lambda inner: st.dictionaries(ANY | ODD, LEAVES | inner, max_size=3),
    max_leaves=6,
)


class Writer:
    """Writes a tree as TOML in one of the many ways, and notes on which line each leaf stands."""

    def __init__(self, data: st.DataObject) -> None:
        self._data = data
        self.text = ""
        self.lines: dict[Path, int] = {}

    def pick(self, *choices: str) -> str:
        return self._data.draw(st.sampled_from(choices))

    def key(self, part: str) -> str:
        bare = part and part.isascii() and part.replace("-", "").replace("_", "").isalnum()
        quoted = quote(part)
        literal = f"'{part}'" if part.isprintable() and "'" not in part else quoted
        return self.pick(part if bare else quoted, quoted, literal)

    def note(self, path: Path) -> None:
        self.lines[path] = self.text.count("\n") + 1

    def table(self, tree: dict[str, Any], base: Path) -> None:
        """Values first: what follows a header belongs to it."""
        later = []
        for part, value in tree.items():
            form = self.pick("inline", "header", "dotted") if isinstance(value, dict) else "value"
            if form == "header":
                later.append((part, value))
                continue
            self.blank()
            if form == "dotted" and value and not any(isinstance(v, dict) for v in value.values()):
                for inner, leaf in value.items():
                    self.note((*base, part, inner))
                    self.text += f"{self.key(part)}{self.pick('.', ' . ')}{self.key(inner)} = "
                    self.value(leaf, (*base, part, inner))
                    self.text += "\n"
                continue
            self.note((*base, part))
            self.text += self.key(part) + self.pick(" = ", "=")
            self.value(value, (*base, part))
            self.text += self.pick("\n", " # x = 1\n", "\t\n")
        for part, value in later:
            path = (*base, part)
            self.blank()
            self.text += (
                f"[{self.pick(' . ', '.').join(map(self.key, path))}]{self.pick('', ' # [y]')}\n"
            )
            self.table(value, path)

    def blank(self) -> None:
        self.text += self.pick("", "\n", "# a = [1\n", "  ")

    def value(self, value: Any, path: Path) -> None:
        if isinstance(value, dict):
            self.text += "{"
            for number, (part, inner) in enumerate(value.items()):
                self.text += ", " if number else " "
                self.note((*path, part))
                self.text += f"{self.key(part)} = "
                self.value(inner, (*path, part))
            self.text += " }"
        elif isinstance(value, list):
            self.text += "["
            for item in value:
                self.text += self.pick("", "\n", " # ]\n")
                self.value(item, path)
                self.text += ","
            self.text += self.pick("]", "\n]")
        elif isinstance(value, str):
            self.text += self.string(value)
        elif isinstance(value, bool | int | float):
            self.text += json.dumps(value)
        else:
            self.text += value.isoformat()

    def string(self, value: str) -> str:
        several = value.replace("\n", "").isprintable() and "'''" not in value
        if several and not value.endswith("'"):
            return self.pick(quote(value), f"'''\n{value}'''", f'"""\n{quote(value)[1:-1]}"""')
        return quote(value)


def quote(text: str) -> str:
    """TOML escapes as JSON does, and DEL too."""
    quoted = json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
    return quoted.replace("\x85", "\\u0085")


@settings(max_examples=300, deadline=None)
@given(TREES, st.data())
def test_every_leaf_is_found_at_its_line(tree: dict[str, Any], data: st.DataObject) -> None:
    writer = Writer(data)
    writer.table(tree, ())
    assert tomllib.loads(writer.text) == tree
    found = places(writer.text)
    assert {path: found[path][0] for path in writer.lines} == writer.lines, writer.text


def test_a_long_file_takes_a_short_time() -> None:
    """A mistake in one of 100,000 tables is named well within the time of one `get`."""
    text = "".join(f'[registries."r{number}.azurecr.io"]\nx = 1\n' for number in range(100_000))
    began = time.process_time()
    found = places(text)
    assert time.process_time() - began < 10, (
        "with each key counted from the beginning it is a minute"
    )
    assert found["registries", "r99999.azurecr.io", "x"] == (200_000, 1)


@pytest.mark.parametrize(
    ("line", "column", "shown"),
    [
        ('method = "azure-cil"', 1, 'method = "azure-cil"'),
        ('client_secret = "CANARY"', 1, "client_secret = ..."),
        ("client_secret = 'CANARY'  # CANARY", 1, "client_secret = ..."),
        ('client_secret = "CANARY', 17, "client_secret = ..."),
        ("client_secret = CANARY==", 17, "client_secret = ...="),
        ('client_secret "CANARY"', 15, "client_secret ..."),
        ("client_secret = 123456789", 1, "client_secret = ..."),
        ("timeout = 3", 1, "timeout = 3"),
        ('command = ["CANARY", "CA\\"NARY"]', 1, "command = [..., ...]"),
        ('[registries."team.azurecr.io"]  # CANARY', 2, '[registries."team.azurecr.io"]'),
        ('\tusernme = "CANARY"', 2, " usernme = ..."),
        ("caf\xe9 = 1", 1, "caf? = 1"),
    ],
)
def test_a_line_is_shown_without_what_may_be_a_secret(line: str, column: int, shown: str) -> None:
    text = f"a = 1\n{line}\n"
    assert excerpt(text, 2, column, 'unknown method "azure-cil"') == (2, column, shown)


def test_the_column_is_that_of_what_is_shown() -> None:
    line = 'a."b.c" = { token = "CANARY-CANARY", client_secret = "CANARY" }'
    _, column, shown = excerpt(line, 1, line.index("client_secret") + 1)
    assert shown == 'a."b.c" = { token = ..., client_secret = ... }'
    assert shown[column - 1 :].startswith("client_secret")
