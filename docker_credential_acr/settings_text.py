"""Change one registry's table in the text of a settings file; comments and everything else stay."""

from collections.abc import Mapping

from docker_credential_acr.settings import parse
from docker_credential_acr.settings_keys import Common, names, taken_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tomlkit import TOMLDocument


def with_registry(
    text: str, path: str, host: str, keys: "Mapping[str, Any]", *, whole: bool = False
) -> str:
    """Return *text* with the table of *host* holding *keys*, and without options of another method.

    *whole* takes every other key away, too; *path* is for messages.
    Raises SettingsError if the text is not TOML or would not be accepted.
    """
    import tomlkit  # noqa: PLC0415  configure only

    document = _document(text, path)
    registries = document.get("registries")
    if registries is None:
        registries = tomlkit.table(is_super_table=True)
        document["registries"] = registries
    table = registries.get(host)
    if table is None:
        inline = isinstance(registries, tomlkit.items.InlineTable)
        table = tomlkit.inline_table() if inline else tomlkit.table()
        registries[host] = table
    for key in [key for key in table if whole and key not in keys]:
        del table[key]
    if keys.get("method", table.get("method")) != table.get("method"):
        for key in _options_of_another_method(table, keys):
            del table[key]
    for key, value in keys.items():
        if table.get(key) != value:
            table[key] = value
    return _checked(document, path)


def without_registry(text: str, path: str, host: str) -> str:
    """Return *text* without the table of *host*. Raises SettingsError."""
    document = _document(text, path)
    registries = document.get("registries", {})
    if host not in registries:
        return text
    del registries[host]
    if not registries:
        del document["registries"]
    left = _checked(document, path).rstrip(
        "\n"
    )  # the empty line in front of the table stays behind
    return left + "\n" if left else ""


def _options_of_another_method(table: "Mapping[str, Any]", keys: "Mapping[str, Any]") -> list[str]:
    taken = names(Common) | taken_options(keys)
    return [key for key in table if key not in taken]


def _document(text: str, path: str) -> "TOMLDocument":
    import tomlkit  # noqa: PLC0415  configure only

    parse(text.encode(), path)  # our own words for what is wrong with it
    return tomlkit.parse(text)


def _checked(document: "TOMLDocument", path: str) -> str:
    text = document.as_string()
    parse(text.encode(), path)
    return text
