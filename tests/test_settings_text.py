"""A settings file that a person has written keeps everything that is not asked to change."""

import pytest

from docker_credential_acr.errors import SettingsError
from docker_credential_acr.settings import parse
from docker_credential_acr.settings_text import with_registry, without_registry

HOST = "team.azurecr.io"
PATH = "config.toml"
WRITTEN = {
    "nothing": "",
    "comments": '# mine\n\n[defaults]\nmethod = "azure-cli"   # why\n',
    "another table": '[registries."a.azurecr.cn"]\nmethod = "client-secret"\nclient_id = "x"\n',
    "dotted": 'registries."a.azurecr.cn".method = "azure-cli"\n',
    "inline": 'registries = {"a.azurecr.cn" = {method = "azure-cli"}}\n',
    "a cloud behind": '[clouds.f]\nsuffix = "azurecr.f.example"\nauthority = "https://f.example"\n',
    "Windows": '[defaults]\r\nmethod = "azure-cli"\r\n',
}
KEYS = {"method": "managed-identity", "client_id": "00000000-1111-2222-3333-444444444444"}


@pytest.mark.parametrize("kind", WRITTEN)
class TestWritten:
    def test_the_table_is_there_and_the_rest_as_it_was(self, kind: str) -> None:
        before = parse(WRITTEN[kind].encode(), PATH)
        after = parse(with_registry(WRITTEN[kind], PATH, HOST, KEYS).encode(), PATH)
        assert dict(after.registries) == {**before.registries, HOST: KEYS}
        assert (after.defaults, after.clouds) == (before.defaults, before.clouds)

    def test_every_line_that_was_there_still_is(self, kind: str) -> None:
        made = with_registry(WRITTEN[kind], PATH, HOST, KEYS)
        if kind != "inline":
            assert set(WRITTEN[kind].splitlines()) <= set(made.splitlines())

    def test_twice_is_once(self, kind: str) -> None:
        once = with_registry(WRITTEN[kind], PATH, HOST, KEYS)
        assert with_registry(once, PATH, HOST, KEYS) == once

    def test_away_again(self, kind: str) -> None:
        made = with_registry(WRITTEN[kind], PATH, HOST, KEYS)
        left = without_registry(made, PATH, HOST)
        assert parse(left.encode(), PATH) == parse(WRITTEN[kind].encode(), PATH)
        if kind not in ("inline", "Windows"):
            assert left == WRITTEN[kind]


def test_a_key_that_is_not_given_stays() -> None:
    text = with_registry("", PATH, HOST, {"method": "azure-cli", "min_ttl": 600})
    made = parse(with_registry(text, PATH, HOST, {"tenant_id": "t"}).encode(), PATH)
    assert made.registries[HOST] == {"method": "azure-cli", "min_ttl": 600, "tenant_id": "t"}


def test_options_of_another_method_go_with_it() -> None:
    text = with_registry("", PATH, HOST, {**KEYS, "tenant_id": "t"})
    made = parse(with_registry(text, PATH, HOST, {"method": "azure-cli"}).encode(), PATH)
    assert made.registries[HOST] == {"method": "azure-cli", "tenant_id": "t"}


@pytest.mark.parametrize(
    "text", ["[", "registries = 5", '[registries."a b"]\nmethod = "azure-cli"']
)
def test_what_is_no_settings_file_is_refused(text: str) -> None:
    with pytest.raises(SettingsError):
        with_registry(text, PATH, HOST, KEYS)


def test_what_would_not_be_accepted_is_refused() -> None:
    with pytest.raises(SettingsError, match="does not take this"):
        with_registry("", PATH, HOST, {"method": "azure-cli", "client_id": "x"})
