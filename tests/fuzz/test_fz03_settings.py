"""FZ3: a settings file is read as the schema says, or refused in one sentence with its place."""

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from docker_credential_acr.errors import LONGEST, SettingsError, sentence
from docker_credential_acr.settings import Settings, for_host, parse
from tests.fuzz.mutation import mutated
from tests.fuzz.profile import examples, many, numbers
from tests.test_settings import FILES, REGISTRY, VALIDATOR, one_host_twice
from tests.test_toml_lines import Writer

HOST = "team.azurecr.io"
PATH = "/home/me/.config/docker-credential-acr/config.toml"
SAMPLES = b"""
version = 1
fallback = "desktop"
[defaults]
method = "automatic"
min_ttl = 900
----
[registries."team.azurecr.io"]
method = "client-secret"
client_id = "0000"
client_secret_command = ["pass", "show", "x"]
----
[registries."*.azurecr.cn"]
method = "azure-cli"
[clouds.factory]
suffix = "azurecr.factory.example"
authority = "https://login.factory.example"
----
# caf\xc3\xa9\r
[registries]\r
"a.azurecr.io" = { method = "anonymous", timeout = 30 }\r
----
\xef\xbb\xbf[defaults]
username = 'token'
audience = \"\"\"https://x.example\"\"\"
""".split(b"----\n")


def read(data: bytes) -> Settings | str:
    """The settings, or the sentence about what is wrong; nothing else may come of any bytes."""
    try:
        settings = parse(data, PATH)
    except SettingsError as error:
        line = sentence(error, HOST)
        assert line.isascii()
        assert line.isprintable()
        assert len(line) <= LONGEST
        assert "config.toml" in line
        return line
    with suppress(SettingsError):
        for_host(settings, HOST, {})
    return settings


def place(line: str) -> tuple[int, int]:
    found = re.search(r"config\.toml:(\d+):(\d+): ", line)
    assert found, line
    return int(found[1]), int(found[2])


@examples(quick=500, long=200_000)
@given(FILES, st.data())
def test_fz3_as_the_schema_says(
    tried: Callable[[int], None], content: dict[str, Any], data: st.DataObject
) -> None:
    """However it is written, with comments, dotted keys, inline tables and every sort of quotes."""
    writer = Writer(data)
    writer.table(content, ())
    found = read(writer.text.encode())
    expected = VALIDATOR.is_valid(content) and not one_host_twice(content)
    assert isinstance(found, Settings) == expected, writer.text
    if isinstance(found, str):
        line, column = place(found)
        assert column <= len(writer.text.split("\n")[line - 1])
    tried(1)


@examples(quick=300, long=50_000)
@given(st.sampled_from(sorted(REGISTRY)), st.text("abc", min_size=8, max_size=20))
def test_fz3_no_value_is_repeated(tried: Callable[[int], None], key: str, noise: str) -> None:
    """Whatever key a secret was put into by mistake, the sentence does not show it."""
    for value in (f"CANARY-{noise}", f"https://CANARY-{noise}", f"CANARY.{noise}:1"):
        for text in (
            f'[defaults]\n{key} = "{value}"',
            f'[registries."a.b"]\n{key} = ["{value}", 1]',
        ):
            found = read(text.encode())
            assert isinstance(found, Settings) or "CANARY" not in found
            tried(1)


def test_fz3_accidents(tried: Callable[[int], None]) -> None:
    """Files after accidents: settings, or a sentence, whose line is one of the file's."""
    some = numbers(3)
    for _ in range(many(6000, 200_000)):
        data = mutated(some, SAMPLES)
        found = read(data)
        if isinstance(found, str) and "not TOML" not in found and "larger" not in found:
            line, _ = place(found)
            assert line <= data.count(b"\n") + 1
        tried(1)
