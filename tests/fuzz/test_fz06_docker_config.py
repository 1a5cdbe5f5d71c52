"""FZ6: Docker's config is edited, not written anew: nothing else changes, undone is undone."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from docker_credential_acr.docker_config import ConfigFile, helper_of, with_helper, without_helper
from docker_credential_acr.errors import LONGEST, SettingsError, sentence
from tests.fuzz.mutation import mutated
from tests.fuzz.profile import examples, many, numbers
from tests.test_json_text import CONFIGS, STYLES

SAMPLES = [
    b'{\n\t"auths": {\n\t\t"quay.io": {\n\t\t\t"auth": "Q0FOQVJZOkNBTkFSWQ=="\n\t\t}\n\t}\n}\n',
    b'{"credsStore":"desktop","credHelpers":{"a.azurecr.io":"acr","ghcr.io":"gh"},"x":1.10e2}',
    b'\xef\xbb\xbf{ "credHelpers" : { } , "HttpHeaders" : { "X" : "caf\xc3\xa9 \\u00e9 \\/" } }\r\n',
    b"{}",
    b'{"credHelpers": null, "credHelpers": {"x": "y"}}',
]
HOSTS = st.sampled_from(["team.azurecr.io", "a.azurecr.io", "cr.customer.example:8443"])


def config(text: str) -> ConfigFile:
    return ConfigFile("/home/me/.docker/config.json", "/home/me/.docker/config.json", text, 0o600)


def others(content: dict[str, Any], host: str) -> list[tuple[str, object]]:
    """Everything but the helper of *host*, in its order."""
    helpers = {k: v for k, v in content.get("credHelpers", {}).items() if k != host}
    whole = {**content, "credHelpers": helpers}
    return [item for item in whole.items() if item != ("credHelpers", {})]


@examples(quick=700, long=100_000)
@given(CONFIGS, st.sampled_from(STYLES), HOSTS)
def test_fz6_one_member_changes(
    tried: Callable[[int], None], content: dict[str, Any], style: dict[str, Any], host: str
) -> None:
    """Whatever the config, however it is written: other members and their order stay."""
    before = config(json.dumps(content, **style))
    after = with_helper(before, host)
    assert helper_of(after, host) == "acr"
    assert others(dict(after.content), host) == others(content, host)
    assert with_helper(after, host) == after, "twice is once"
    undone = without_helper(after, host)
    assert helper_of(undone, host) is None
    assert without_helper(undone, host) == undone
    if content.get("credHelpers", content) and host not in content.get("credHelpers", {}):
        assert undone == before, "to the byte"
    tried(1)


def test_fz6_accidents(tried: Callable[[int], None]) -> None:
    """A file after accidents is changed in that one place, or left alone with a sentence."""
    some = numbers(6)
    for _ in range(many(6000, 200_000)):
        text = mutated(some, SAMPLES).decode("utf-8", "replace")
        before = config(text)
        try:
            after = with_helper(before, "team.azurecr.io")
        except SettingsError as error:
            line = sentence(error)
            assert line.isascii()
            assert len(line) <= LONGEST
            assert "Q0FOQVJZ" not in line
        else:
            was, now = dict(before.content), dict(after.content)
            assert helper_of(after, "team.azurecr.io") == "acr"
            assert others(was, "team.azurecr.io") == others(now, "team.azurecr.io")
            undone = without_helper(after, "team.azurecr.io")
            assert replace(undone, text="") == replace(before, text="")
        tried(1)
