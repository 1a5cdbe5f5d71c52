"""Docker's config belongs to the person: only the member that is asked for changes."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from docker_credential_acr.json_text import NotEditable, with_member, without_member

HOST = "team.azurecr.io"
PATH = ("credHelpers", HOST)

SHAPES = {
    "as docker writes it": '{\n\t"auths": {\n\t\t"x": {}\n\t},\n\t"credsStore": "desktop"\n}\n',
    "two spaces": '{\n  "credHelpers": {\n    "gcr.io": "gcloud"\n  }\n}',
    "Windows": '{\r\n    "a": [1,\r\n 2]\r\n}\r\n',
    "one line": '{"a": 1, "b": {}}',
    "compact": '{"a":1,"b":[1,2]}',
    "numbers as they are": '{ "a": 1.50e2, "b": 12345678901234567890123 }',
    "escapes as they are": '{"a": "\\u00e9\\/é"}\n',
    "an empty object inside": '{\n\t"credHelpers": {}\n}',
    "empty": "{}",
    "empty, two lines": "{\n}\n",
    "no indentation": '{\n"a": 1\n}',
    "a plugin's settings": '{\n\t"plugins": {\n\t\t"-x-hints": {\n\t\t\t"on": "true"\n\t\t}\n\t}\n}',
}


@pytest.mark.parametrize("shape", SHAPES)
class TestShapes:
    def test_only_the_member_changes(self, shape: str) -> None:
        before = json.loads(SHAPES[shape])
        after = json.loads(with_member(SHAPES[shape], PATH, "acr"))
        assert after.pop("credHelpers") == {**before.pop("credHelpers", {}), HOST: "acr"}
        assert list(after.items()) == list(before.items())

    def test_every_other_byte_stays(self, shape: str) -> None:
        """Without the text that was put in, the rest is what it was."""
        text = SHAPES[shape]
        made = with_member(text, PATH, "acr")
        same = next(
            (i for i, (a, b) in enumerate(zip(text, made, strict=False)) if a != b), len(text)
        )
        assert made.endswith(text[same:].lstrip("\r\n"))

    def test_twice_is_once(self, shape: str) -> None:
        once = with_member(SHAPES[shape], PATH, "acr")
        assert with_member(once, PATH, "acr") == once

    def test_away_again_is_as_before_but_for_what_was_made_on_the_way(self, shape: str) -> None:
        text = SHAPES[shape]
        away = without_member(with_member(text, PATH, "acr"), PATH)
        if "credHelpers" not in json.loads(text):
            away = without_member(away, ("credHelpers",))
        assert away == text or (json.loads(text) == {} == json.loads(away))

    def test_a_second_one_stands_like_the_first(self, shape: str) -> None:
        once = with_member(SHAPES[shape], PATH, "acr")
        twice = with_member(once, ("credHelpers", "b.azurecr.io"), "acr")
        lines = [line for line in twice.splitlines() if "azurecr.io" in line]
        if len(lines) > 1:
            first, second = (line[: len(line) - len(line.lstrip())] for line in lines)
            assert first == second


def test_a_value_is_replaced_where_it_stands() -> None:
    text = '{"credHelpers": {"team.azurecr.io": "desktop", "gcr.io": "gcloud"}}'
    assert with_member(text, PATH, "acr") == text.replace("desktop", "acr")


@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_of_several_goes(place: int) -> None:
    names = ["a.azurecr.io", "b.azurecr.io", "c.azurecr.io"]
    text = json.dumps({"credHelpers": dict.fromkeys(names, "acr")}, indent=2)
    left = [name for name in names if name != names[place]]
    expected = json.dumps({"credHelpers": dict.fromkeys(left, "acr")}, indent=2)
    assert without_member(text, ("credHelpers", names[place])) == expected


def test_what_is_not_there_is_not_taken_away() -> None:
    assert without_member("{ }", PATH) == "{ }"
    assert without_member('{"credHelpers": {}}', PATH) == '{"credHelpers": {}}'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        '"x"',
        "{",
        '{"a"}',
        '{"a" 1}',
        '{"a": 1,}',
        '{"a": 1 "b": 2}',
        "{'a': 1}",
        '{"a": 1} x',
        "// comment\n{}",
        '{"credHelpers": []}',
        '{"credHelpers": "acr"}',
        '{"credHelpers": {}, "credHelpers": {}}',
        '{"credHelpers": {"team.azurecr.io": "a", "team.azurecr.io": "b"}}',
        '{"a": ' + "[" * 100_000,
    ],
)
def test_what_cannot_be_edited_is_refused(text: str) -> None:
    with pytest.raises(NotEditable):
        with_member(text, PATH, "acr")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)
CONFIGS = st.dictionaries(
    st.sampled_from(["auths", "credsStore", "HttpHeaders", "plugins", "x"]), VALUES, max_size=4
).flatmap(
    lambda config: (
        st.dictionaries(st.text(max_size=6), st.text(max_size=4), max_size=3).map(
            lambda helpers: {**config, "credHelpers": helpers}
        )
        | st.just(config)
    )
)
STYLES: list[dict[str, Any]] = [
    {},
    {"indent": "\t"},
    {"indent": 2},
    {"indent": 4, "ensure_ascii": False},
    {"separators": (",", ":")},
]


@settings(max_examples=200, deadline=None)
@given(CONFIGS, st.sampled_from(STYLES), st.text(max_size=8))
def test_whatever_the_config_nothing_else_changes(
    config: dict[str, Any], style: dict[str, Any], host: str
) -> None:
    text = json.dumps(config, **style)
    made = with_member(text, ("credHelpers", host), "acr")
    helpers = {**config.get("credHelpers", {}), host: "acr"}
    assert list(json.loads(made).items()) == list({**config, "credHelpers": helpers}.items())
    assert with_member(made, ("credHelpers", host), "acr") == made
    if host not in config.get("credHelpers", {}):
        away = without_member(made, ("credHelpers", host))
        if "credHelpers" not in config:
            away = without_member(away, ("credHelpers",))
        if config.get("credHelpers", config):
            assert away == text
