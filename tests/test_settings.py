"""The settings file: what it may say, which table counts, and how a mistake is named."""

import json
import os
import re
from pathlib import Path
from typing import Any, get_type_hints

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from docker_credential_acr import clouds
from docker_credential_acr.errors import LONGEST, SettingsError, sentence
from docker_credential_acr.methods import METHODS, client_secret, managed_identity
from docker_credential_acr.schema import schema
from docker_credential_acr.settings import LARGEST, Settings, for_host, load, parse
from docker_credential_acr.settings_keys import option_names
from tests.azure import FakeAzure
from tests.stories.program import GUID, NOT_FOUND, Program, new_host
from tests.systems import modes, needs_root, posix

HOST = "team.azurecr.io"
PATH = "config.toml"


def mistake(text: str | bytes) -> SettingsError:
    with pytest.raises(SettingsError) as raised:
        parse(text.encode() if isinstance(text, str) else text, PATH)
    assert len(sentence(raised.value, HOST)) <= LONGEST
    return raised.value


def parsed(text: str) -> Settings:
    return parse(text.encode(), PATH)


class TestMistakes:
    @pytest.mark.parametrize(
        ("text", "place", "what", "hint"),
        [
            (
                "versoin = 1",
                "1:1: versoin",
                'unknown key, did you mean "version"?',
                "write version",
            ),
            ("version = 2", "1:1: version", "reads version 1", "version = 1"),
            ("version = true", "1:1: version", "reads version 1", "version = 1"),
            ("version = '1'", "1:1: version", "reads version 1", "version = 1"),
            ("defaults = 5", "1:1: defaults", "this is a table", "[defaults]"),
            ("registries = []", "1:1: registries", "this is a table", "[registries]"),
            ("[registries]\na = 1", "2:1: [registries] a", "this is a table", "[registries."),
            (
                "[defaults]\nmetod = 'azure-cli'",
                "2:1: [defaults] metod",
                'unknown key, did you mean "method"?',
                "write method",
            ),
            (
                "[defaults]\nmethod = 'azurecli'",
                "2:1: [defaults] method",
                'unknown method "azurecli", did you mean "azure-cli"?',
                "use one of automatic, azure-cli",
            ),
            (
                "[defaults]\n\n  username = 'tokens'",
                "3:3: [defaults] username",
                'did you mean "token"?',
                "use one of guid, token",
            ),
            (
                "[defaults]\ncloud = 'chine'",
                "2:1: [defaults] cloud",
                'did you mean "china"?',
                "public, china",
            ),
            ("[defaults]\nmin_ttl = '900'", "2:1: [defaults] min_ttl", "a whole number", "correct"),
            ("[defaults]\nmin_ttl = true", "2:1: [defaults] min_ttl", "a whole number", "correct"),
            ("[defaults]\nmin_ttl = 9e2", "2:1: [defaults] min_ttl", "a whole number", "correct"),
            ("[defaults]\nmin_ttl = 59", "2:1: [defaults] min_ttl", "out of range", "60 to 10800"),
            ("[defaults]\ntimeout = 56", "2:1: [defaults] timeout", "out of range", "5 to 55"),
            ("[defaults]\nclient_id = 7", "2:1: [defaults] client_id", "a text in quotes", ""),
            ("[defaults]\nclient_id = ''", "2:1: [defaults] client_id", "a text in quotes", ""),
            (
                "[defaults]\nclient_secret_command = 'pass show x'",
                "2:1: [defaults] client_secret_command",
                "a list of texts",
                "correct the value",
            ),
            (
                "[defaults]\nclient_secret_command = []",
                "2:1: [defaults] client_secret_command",
                "a list of texts",
                "correct the value",
            ),
            (
                "[defaults]\nclient_secret_command = ['a', 1]",
                "2:1: [defaults] client_secret_command",
                "a list of texts",
                "correct the value",
            ),
            (
                "[defaults]\naudience = 'containerregistry'",
                "2:1: [defaults] audience",
                "not an audience",
                clouds.REGISTRY_AUDIENCE,
            ),
            (
                '[registries."x.example"]\nlogin_server = "https://team.azurecr.io"',
                '2:1: [registries."x.example"] login_server',
                "not a host name",
                HOST,
            ),
            (
                '[registries."team.azurecr.io"]\nmethod = "azure-cli"\nclient_id = "x"',
                '3:1: [registries."team.azurecr.io"] client_id',
                "the method azure-cli does not take this",
                "it takes subscription",
            ),
            (
                '[defaults]\nmethod = "automatic"\nsubscription = "x"',
                "3:1: [defaults] subscription",
                "the method automatic does not take this",
                "it takes no options",
            ),
            (
                '[registries."*.azurecr.io"]\nmethod = "admin-user"\npassword_file = "/x"',
                '3:1: [registries."*.azurecr.io"] password_file',
                "this belongs to one registry, and this table is for many",
                "a table of its own",
            ),
            (
                "[defaults]\nmethod = 'repository-token'\ntoken_name = 'robot'",
                "3:1: [defaults] token_name",
                "this belongs to one registry",
                "a table of its own",
            ),
            (
                '[registries."team.azurecr.io"]\nmethod = "admin-user"\nclient_id = "x"',
                '3:1: [registries."team.azurecr.io"] client_id',
                "the method admin-user does not take this",
                "password_file",
            ),
            (
                (
                    '[registries."team.azurecr.io"]\nmethod = "admin-user"\n'
                    'sign_in = "client-certificate"\npassword_env = "X"'
                ),
                '4:1: [registries."team.azurecr.io"] password_env',
                "admin-user and client-certificate both take this",
                "a certificate that needs no password",
            ),
            (
                '[registries."team.azurecr.io"]\nmethod = "admin-user"\nregistry_id = "team"',
                '3:1: [registries."team.azurecr.io"] registry_id',
                "not the resource id of a registry",
                "/subscriptions/ID/",
            ),
            (
                '[registries."https://team.azurecr.io"]',
                "1:2: [registries] https://team.azurecr.io",
                "not a registry host",
                "without https://",
            ),
            ('[registries."team.azurecr.io/x"]', "1:2: [registries] team", "not a registry", ""),
            ('[registries."team.azurecr.io:443"]', "1:2: [registries]", "not a registry", ""),
            ('[registries."team.azurecr.io."]', "1:2: [registries]", "not a registry", ""),
            ('[registries."tëam.azurecr.io"]', "1:2: [registries]", "not a registry", ""),
            ('[registries."*"]', "1:2: [registries] *", "not a registry host", "*.azurecr.io"),
            ('[registries."*.*"]', "1:2: [registries]", "not a registry host", "*.azurecr.io"),
            (
                '[registries."team.azurecr.io"]\n[registries."TEAM.azurecr.io"]',
                "2:2: [registries] TEAM.azurecr.io",
                "this host has a table already",
                "keep one",
            ),
            ("[clouds.f]\nauthority = 'https://l'", "1:2: [clouds] f", "suffix is missing", "add"),
            ("[clouds.f]\nsuffix = 'a.b'", "1:2: [clouds] f", "authority is missing", "add"),
            (
                "[clouds.f]\nsuffix = 'example'\nauthority = 'https://l'",
                "2:1: [clouds.f] suffix",
                "at least two labels",
                "azurecr.factory.example",
            ),
            (
                "[clouds.f]\nsuffix = 'a.b'\nauthority = 'http://l'",
                "3:1: [clouds.f] authority",
                "an https address",
                "https://login.factory.example",
            ),
            (
                "[clouds.f]\nsuffix = 'a.b'\nauthority = 'https://'",
                "3:1: [clouds.f] authority",
                "an https address",
                "https://login.factory.example",
            ),
            ("[clouds.f]\nsuffix = 'a.b'", "1:2: [clouds] f", "authority is", "or arm_endpoint"),
            (
                "[clouds.f]\nsuffix = 'a.b'\narm_endpoint = 'http://a'",
                "3:1: [clouds.f] arm_endpoint",
                "an https address",
                "https://management.factory.example",
            ),
            (
                "[clouds.f]\nsuffix = 'a.b'\nauthority = 'https://l'\narm_audience = 'arm'",
                "4:1: [clouds.f] arm_audience",
                "not an audience",
                "https://management.factory.example/",
            ),
            (
                "[clouds.environment]\nsuffix = 'a.b'\nauthority = 'https://l'",
                "1:2: [clouds] environment",
                "AZURE_ENVIRONMENT_FILEPATH",
                "another name",
            ),
            (
                "[clouds.f]\nsufix = 'a.b'\nauthority = 'https://l'",
                "2:1: [clouds.f] sufix",
                'did you mean "suffix"?',
                "write suffix",
            ),
            (
                "clouds = { f = { suffix = 'a.b', authority = 5 } }",
                "1:34: [clouds.f] authority",
                "a text in quotes",
                "correct",
            ),
        ],
    )
    def test_each_is_named_with_its_place_and_the_way_out(
        self, text: str, place: str, what: str, hint: str
    ) -> None:
        error = mistake(text)
        assert error.what.startswith(f"{PATH}:{place}"), error.what
        assert what in error.what
        assert hint in error.hint
        assert error.reference == "settings-invalid"

    @pytest.mark.parametrize(
        ("data", "what"),
        [
            (b"[defaults\n", ":1:10: "),
            (b"a = 1\na = 2\n", ":2:6: "),
            (b'[defaults]\nclient_id = "a\0b"\n', ":2:15: "),
            (b"\xff\xfe[\0", ":1: not TOML: not UTF-8"),
            (b"#" * (LARGEST + 1), "larger than 4 MiB"),
            (b"a = " + b"[" * 100_000 + b"]" * 100_000, "TOML"),
            (b"[" + b"a." * 5_000 + b"a]\n", ""),
        ],
        ids=["open", "twice", "nul", "utf-16", "large", "deep", "long-path"],
    )
    def test_what_is_not_toml_is_said_with_the_line(self, data: bytes, what: str) -> None:
        error = mistake(data)
        assert error.what.startswith(PATH)
        assert what in error.what

    def test_what_is_not_toml_shows_its_line_without_values(self) -> None:
        found = mistake("[defaults]\nclient_secret = CANARY\n")
        assert found.what == f"{PATH}:2:17: not TOML: invalid value"
        assert found.excerpt == (2, 17, "client_secret = ...")
        inside = mistake('a = """\nCANARY\\q\n"""\n')
        assert inside.excerpt is None

    def test_the_place_survives_in_one_sentence(self) -> None:
        """However long the path of the file and the list of keys are."""
        with pytest.raises(SettingsError) as raised:
            parse(b"[defaults]\nzzz = 1", "/a" * 100 + "/config.toml")
        assert "/config.toml:2:1: [defaults] zzz: unknown key" in sentence(raised.value, "h" * 80)

    def test_a_table_in_place_of_a_table_of_tables_is_named(self) -> None:
        assert mistake("[[registries]]").what.startswith(f"{PATH}:1:3: registries: this is a table")

    def test_no_value_is_repeated_that_could_be_a_secret(self) -> None:
        error = mistake("[defaults]\nclient_secret = 'CANARY-secret'")
        assert "client_secret_file" in error.hint
        assert "CANARY" not in error.what + error.hint
        error = mistake("[defaults]\ncloud = 'CANARY-secret'")
        assert "CANARY" not in error.what + error.hint


class TestForm:
    @pytest.mark.parametrize("begin", ["", "\ufeff"])
    @pytest.mark.parametrize("end", ["\n", "\r\n"])
    def test_editors_of_every_system_are_understood(self, begin: str, end: str) -> None:
        text = begin + end.join(["# settings", "[defaults]", 'method = "azure-cli"', "nope = 1"])
        assert mistake(text).what.startswith(f"{PATH}:4:1: [defaults] nope")
        good = text.rpartition(end)[0]
        assert for_host(parsed(good), HOST, {}).method == "azure-cli"

    def test_an_empty_file_is_a_file_without_wishes(self) -> None:
        found, without = for_host(parsed(""), HOST, {}), for_host(load(None), HOST, {})
        assert found == without
        assert found.method == "automatic"

    def test_four_mebibytes_are_read(self) -> None:
        text = 'defaults.method = "azure-cli"\n#'
        assert parsed(text + "x" * (LARGEST - len(text))).defaults == {"method": "azure-cli"}


class TestChoice:
    TEXT = """
        [defaults]
        username = "token"
        min_ttl = 600
        [registries."team.azurecr.io"]
        min_ttl = 61
        [registries."*.azurecr.io"]
        min_ttl = 62
        [registries."te*.azurecr.io"]
        min_ttl = 63
        [registries."*"]
        min_ttl = 64
    """.replace('[registries."*"]\n        min_ttl = 64', "")

    @pytest.mark.parametrize(
        ("host", "min_ttl"),
        [
            ("team.azurecr.io", 61),
            ("test.azurecr.io", 63),
            ("other.azurecr.io", 62),
            ("team.azurecr.cn", 600),
        ],
    )
    def test_exact_before_wildcard_and_longer_before_shorter(self, host: str, min_ttl: int) -> None:
        chosen = for_host(parsed(self.TEXT), host, {})
        assert chosen.min_ttl == min_ttl
        assert chosen.username == "<token>"  # the defaults still hold for what a table leaves out

    def test_the_order_in_the_file_does_not_count(self) -> None:
        tables = [
            "[registries.'*.azurecr.io']\nmin_ttl=62",
            "[registries.'t*.azurecr.io']\nmin_ttl=63",
        ]
        for text in ("\n".join(tables), "\n".join(reversed(tables))):
            assert for_host(parsed(text), HOST, {}).min_ttl == 63

    def test_a_name_is_the_same_in_upper_case(self) -> None:
        assert parsed('[registries."TEAM.AzureCR.io"]').exact_hosts == (HOST,)

    def test_options_travel_with_the_method(self) -> None:
        """A table that names its own method takes no options of the defaults' method."""
        text = """
            [defaults]
            method = "client-secret"
            client_id = "of the application"
            tenant_id = "t"
            [registries."team.azurecr.io"]
            method = "managed-identity"
            [registries."b.azurecr.io"]
            min_ttl = 61
            [registries."c.azurecr.io"]
            method = "client-secret"
            client_secret_env = "C"
        """
        own = for_host(parsed(text), HOST, {})
        assert own.options == managed_identity.Options()
        assert own.tenant_id == "t"
        merged = for_host(parsed(text), "b.azurecr.io", {})
        assert merged.options == client_secret.Options(client_id="of the application")
        same = for_host(parsed(text), "c.azurecr.io", {})
        assert same.options == client_secret.Options(client_secret_env="C")
        error = mistake(text.replace("min_ttl", "object_id").replace("61", '"x"'))
        assert "an option stands beside the method that takes it" in error.what

    def test_a_method_from_the_environment_leaves_the_options_behind(self) -> None:
        text = '[defaults]\nmethod = "client-secret"\nclient_id = "of the application"'
        chosen = for_host(parsed(text), HOST, {"ACR_CRED_METHOD": "managed-identity"})
        assert chosen.method == "managed-identity"
        assert chosen.options == managed_identity.Options()
        same = for_host(parsed(text), HOST, {"ACR_CRED_METHOD": "client-secret"})
        assert same.options.client_id == "of the application"

    def test_lists_become_tuples(self) -> None:
        """Settings are frozen: they are part of a key."""
        text = '[defaults]\nmethod = "client-secret"\nclient_secret_command = ["a", "b"]'
        assert for_host(parsed(text), HOST, {}).options.client_secret_command == ("a", "b")

    def test_a_key_has_one_type_whichever_method_takes_it(self) -> None:
        kinds: dict[str, set[object]] = {}
        for method in METHODS.values():
            for key in option_names(method.Options):
                kinds.setdefault(key, set()).add(get_type_hints(method.Options)[key])
        assert [key for key, found in kinds.items() if len(found) > 1] == []


class TestVariables:
    @pytest.mark.parametrize(
        ("environ", "what"),
        [
            (
                {"ACR_CRED_METHOD": "azure_cli"},
                'ACR_CRED_METHOD names no known value: did you mean "a',
            ),
            ({"ACR_CRED_USERNAME": "<token>"}, 'did you mean "token"'),
            ({"ACR_CRED_TIMEOUT": "4"}, "ACR_CRED_TIMEOUT is not a number of seconds"),
            ({"ACR_CRED_TIMEOUT": "56"}, "ACR_CRED_TIMEOUT"),
            ({"ACR_CRED_TIMEOUT": "٢٠"}, "ACR_CRED_TIMEOUT"),
            ({"ACR_CRED_TIMEOUT": "9" * 5000}, "ACR_CRED_TIMEOUT"),
            ({"ACR_CRED_TIMEOUT": "00259"}, "ACR_CRED_TIMEOUT"),
            ({"AZURE_AUTHORITY_HOST": "http://login.example"}, "AZURE_AUTHORITY_HOST"),
            ({"AZURE_AUTHORITY_HOST": "https://a b"}, "AZURE_AUTHORITY_HOST"),
            ({"AZURE_AUTHORITY_HOST": "https://a/b"}, "AZURE_AUTHORITY_HOST"),
        ],
    )
    def test_one_that_cannot_be_used_is_named(self, environ: dict[str, str], what: str) -> None:
        with pytest.raises(SettingsError) as raised:
            for_host(Settings(), HOST, environ)
        assert what in raised.value.what
        assert raised.value.reference == "variable-invalid"

    def test_they_outrank_the_file(self) -> None:
        environ = {
            "ACR_CRED_METHOD": "azure-cli",
            "ACR_CRED_USERNAME": "token",
            "ACR_CRED_TIMEOUT": "7",
            "AZURE_AUTHORITY_HOST": "https://login.microsoftonline.us/",
        }
        text = '[defaults]\nmethod = "managed-identity"\nusername = "guid"\ntimeout = 9'
        chosen = for_host(parsed(text), HOST, environ)
        assert (chosen.method, chosen.username, chosen.timeout) == ("azure-cli", "<token>", 7)
        assert chosen.authority == "login.microsoftonline.us"

    def test_the_file_outranks_the_usual_tenant(self) -> None:
        environ = {"AZURE_TENANT_ID": "a"}
        assert for_host(Settings(), HOST, environ).tenant_id == "a"
        assert for_host(parsed('defaults.tenant_id = "b"'), HOST, environ).tenant_id == "b"

    def test_a_cloud_of_the_settings_keeps_its_authority(self) -> None:
        text = '[clouds.f]\nsuffix = ".cr.factory.example"\nauthority = "https://Login.Factory.example/"'
        environ = {"AZURE_AUTHORITY_HOST": "login.microsoftonline.com"}
        chosen = for_host(parsed(text), "team.cr.factory.example", environ)
        assert chosen.authority == "login.factory.example"
        assert chosen.cloud.suffix == "cr.factory.example"
        assert not chosen.cloud.discovery


class TestClouds:
    TEXT = """
        [clouds.one]
        suffix = "cr.one.example"
        arm_endpoint = "https://arm.one.example/"
        arm_audience = "https://arm.one.example/"
        audience = "https://cr.one.example"
        [clouds.more]
        suffix = "more.cr.one.example"
        authority = "https://login.more.example"
        instance_discovery = true
        [clouds.public-again]
        suffix = "azurecr.io"
        authority = "https://login.again.example"
    """

    def test_everything_that_can_be_said(self) -> None:
        (one, more, _) = parsed(self.TEXT).clouds
        arm = "https://arm.one.example"
        assert one == clouds.Cloud(
            "one",
            "cr.one.example",
            None,
            arm,
            "https://cr.one.example",
            discovery=False,
            arm_audience=f"{arm}/",
        )
        assert (one.for_arm, more.for_arm) == (f"{arm}/", None)
        assert (more.authority, more.discovery) == ("login.more.example", True)

    @pytest.mark.parametrize(
        ("host", "cloud"),
        [
            ("team.cr.one.example", "one"),
            ("team.more.cr.one.example", "more"),
            ("team.xmore.cr.one.example", "one"),
            ("team.azurecr.io", "public-again"),
            ("team.azurecr.cn", "china"),
            ("team.example", "public"),
        ],
    )
    def test_a_host_is_in_the_cloud_with_the_longest_suffix(self, host: str, cloud: str) -> None:
        assert for_host(parsed(self.TEXT), host, {}).cloud.name == cloud


FIFO = pytest.param("fifo", marks=posix("FIFOs"))


class TestFile:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        path = tmp_path / "config.toml"
        path.write_text('[defaults]\nmethod = "azure-cli"\n')
        path.chmod(0o600)
        return path

    @pytest.mark.parametrize("mode", [0o400, 0o644, 0o755])
    def test_others_may_read_it(self, path: Path, mode: int) -> None:
        path.chmod(mode)
        assert load(str(path)).defaults == {"method": "azure-cli"}

    @pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
    @modes
    def test_others_may_not_write_it(self, path: Path, mode: int) -> None:
        path.chmod(mode)
        with pytest.raises(SettingsError, match="can be changed by other users") as raised:
            load(str(path))
        assert raised.value.hint == f"run: chmod go-w {path}"
        assert raised.value.reference == "settings-unsafe"

    @needs_root
    def test_it_belongs_to_nobody_else(self, path: Path) -> None:
        os.chown(path, 12345, -1)
        with pytest.raises(SettingsError, match="belongs to another user") as raised:
            load(str(path))
        assert "chown" in raised.value.hint

    @modes
    def test_a_link_is_followed_to_what_counts(self, path: Path) -> None:
        """Kubernetes mounts a ConfigMap as a chain of links."""
        link = path.with_name("link")
        link.symlink_to(path)
        assert load(str(link)).defaults == {"method": "azure-cli"}
        path.chmod(0o666)
        with pytest.raises(SettingsError, match="can be changed"):
            load(str(link))

    @pytest.mark.parametrize("kind", ["missing", "directory", "nul", FIFO])
    def test_one_that_cannot_be_read_is_named(self, tmp_path: Path, kind: str) -> None:
        path = str(tmp_path / "there")
        if kind == "directory":
            os.mkdir(path)
        elif kind == "fifo":  # what is read from it once is gone at the second reading
            os.mkfifo(path, 0o600)
        elif kind == "nul":
            path += "\0"
        with pytest.raises(SettingsError, match="cannot be read") as raised:
            load(path)
        assert raised.value.reference == "settings-missing"
        assert "ACR_CRED_CONFIG" in raised.value.hint


SCHEMA = schema()
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)
TEXTS = st.sampled_from(
    [
        "",
        "azure-cli",
        "client-secret",
        "automatic",
        "token",
        "https://login.example",
        "https://login.example:8443/x/",
        "https://",
        "http://login.example",
        "api://x",
        "a.b",
        ".a.b",
        "a",
        "a..b",
        "team.azurecr.io",
        "team.azurecr.io:5000",
        "team.azurecr.io:443",
        "Team.azurecr.io",
        "é.b",
        "[::1]",
    ]
) | st.text("aB.-_:*/[é ", max_size=8)
VALUES = st.one_of(
    TEXTS,
    st.booleans(),
    st.sampled_from([4, 5, 55, 56, 59, 60, 10800, 10801, 1, 0.5]),
    st.lists(TEXTS | st.integers(0, 1), max_size=2),
    st.dictionaries(st.sampled_from(["x"]), st.just(1), max_size=1),
)
REGISTRY = SCHEMA["definitions"]["registry"]["properties"]
CLOUD = SCHEMA["definitions"]["cloud"]["properties"]


def good(key: str, value: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Mostly what the schema asks for, so that whole files are valid often enough."""
    if "enum" in value:
        return st.sampled_from(value["enum"])
    if "minimum" in value:
        return st.integers(value["minimum"] - 1, value["maximum"] + 1)
    right = {
        "cloud": st.sampled_from([cloud.name for cloud in clouds.CLOUDS]),
        "audience": st.just("https://x.example"),
        "login_server": st.just("a.b"),
        "suffix": st.just("a.b"),
        "authority": st.just("https://a"),
        "arm_endpoint": st.just("https://b/c"),
    }
    of_type = {"array": st.just(["a"]), "boolean": st.booleans()}
    return right.get(key, of_type.get(value.get("type", ""), st.just("text")))


def tables(properties: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Some keys, right or wrong; the name of a cloud is always one that exists: no schema can tell."""
    keys = {
        key: good(key, value) | (st.nothing() if key == "cloud" else VALUES)
        for key, value in properties.items()
    }
    right = st.fixed_dictionaries({}, optional={k: good(k, v) for k, v in properties.items()})
    return right | st.fixed_dictionaries({}, optional={**keys, "unknown": VALUES})


def method_tables() -> st.SearchStrategy[dict[str, Any]]:
    """A method, and few other keys: most methods take few."""
    few = st.dictionaries(st.sampled_from(sorted(REGISTRY)), st.just("text"), max_size=2)
    method = st.fixed_dictionaries({"method": st.sampled_from(list(METHODS))})
    fixed = ("method", "username", "cloud", "login_server", "audience", "min_ttl", "timeout")
    return st.builds(
        lambda a, b: {**{k: v for k, v in a.items() if k not in fixed}, **b}, few, method
    )


NAMES = TEXTS | st.sampled_from(["*.azurecr.io", "*", "t*.a", "a.azurecr.io", "b.azurecr.io"])
FILES = st.fixed_dictionaries(
    {},
    optional={
        "version": st.sampled_from([1, 1, 1, 2, True, "1"]),
        "defaults": tables(REGISTRY) | method_tables() | VALUES,
        "registries": st.dictionaries(NAMES, tables(REGISTRY) | method_tables(), max_size=2)
        | VALUES,
        "clouds": st.dictionaries(TEXTS, tables(CLOUD), max_size=2),
        "unknown": VALUES,
    },
)


def toml(value: Any) -> str:
    """JSON is TOML, but for the sign between key and value; surrogates do not occur here."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


def accepted(content: dict[str, Any]) -> bool:
    text = "".join(f"{json.dumps(key)} = {toml(value)}\n" for key, value in content.items())
    try:
        parse(text.encode(), PATH)
    except SettingsError as error:
        if re.match(rf"{PATH}:\d+:\d+: ", error.what):
            return False
        raise  # a mistake without its place is one of ours
    return True


def one_host_twice(content: dict[str, Any]) -> bool:
    found = content.get("registries")
    names = [name.lower() for name in found] if isinstance(found, dict) else []
    return len(names) != len(set(names))


@settings(max_examples=400, deadline=None)
@given(FILES)
def test_what_the_schema_allows_is_what_the_program_reads(content: dict[str, Any]) -> None:
    """And each mistake has its line and column, however the file is written."""
    expected = VALIDATOR.is_valid(content) and not one_host_twice(content)
    assert accepted(content) == expected


class TestProgram:
    """The installed program, whose fast way never reads TOML."""

    def test_a_wildcard_never_widens_the_gate(self, program: Program, azure: FakeAzure) -> None:
        """It chooses a method; the hosts that may receive a token stay what they are."""
        program.settings(
            '[registries."*.example"]\nmin_ttl = 60\n[registries."*.io"]\nmin_ttl = 60'
        )
        for host in (
            "evil.example",
            "ghcr.io",
            "azurecr.io",
            "a.b.azurecr.io",
            "a.azurecr.io.example",
        ):
            for _ in range(2):
                assert program.get(host)[:2] == (1, NOT_FOUND)
        assert azure.requests == []

    def test_a_change_takes_effect_at_once(self, program: Program, host: str) -> None:
        assert program.get(host).login["Username"] == GUID
        path = program.settings('defaults.username = "token"')
        assert program.get(host).login["Username"] == "<token>"
        assert program.get(host).login["Username"] == "<token>"
        program.settings('[registries."*.azurecr.io"]\nusername = "guid"')
        assert program.get(host).login["Username"] == GUID
        program.settings('defaults.username = "tokem"')
        assert program.get(host).reference == "settings-invalid"
        os.remove(path)
        assert program.get(host).login["Username"] == GUID

    def test_a_change_within_the_same_second_and_size_counts(
        self, program: Program, host: str
    ) -> None:
        path = program.settings('defaults.username = "token" ')
        before = os.stat(path)
        assert program.get(host).login["Username"] == "<token>"
        program.settings('defaults.username = "guid"  ')
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert os.stat(path).st_size == before.st_size
        assert program.get(host).login["Username"] == GUID

    def test_broken_settings_do_not_break_foreign_hosts(self, program: Program, host: str) -> None:
        program.settings("this is not TOML")
        assert program.get("ghcr.io") == (1, NOT_FOUND, b"")
        assert program.get(host).reference == "settings-invalid"

    def test_broken_settings_are_said_for_a_host_that_they_name(self, program: Program) -> None:
        program.settings('[registries."cr.customer.example"]\nnope = 1')
        answer = program.get("cr.customer.example")
        assert answer.reference == "settings-invalid"
        assert b"config.toml:2:1" in answer.out

    def test_a_file_that_is_named_and_missing_is_said(self, program: Program, host: str) -> None:
        path = os.path.join(program.home, "nowhere.toml")
        answer = program.get(host, ACR_CRED_CONFIG=path)
        assert answer.reference == "settings-missing"
        assert path.encode() in answer.out

    def test_unsafe_settings_are_refused_and_hosts_elsewhere_are_not(
        self, program: Program, host: str
    ) -> None:
        os.chmod(program.settings('defaults.username = "token"'), 0o666)
        assert program.get(host).reference == "settings-unsafe"
        assert program.get("ghcr.io") == (1, NOT_FOUND, b"")

    def test_a_private_cloud_signs_in_at_its_own_authority(
        self, program: Program, azure: FakeAzure
    ) -> None:
        """And nobody asks Microsoft whether it may."""
        azure.authorities.add("login.factory.example")
        host = new_host("cr.factory.example")
        azure.registry(host)
        program.settings(
            '[clouds.factory]\nsuffix = "cr.factory.example"\n'
            'authority = "https://login.factory.example"\n'
        )
        assert program.get(host).login["ServerURL"] == host
        assert program.get("cr.factory.example")[:2] == (1, NOT_FOUND)
        assert program.get(f"x.{host}")[:2] == (1, NOT_FOUND)
        assert azure.count("instance-discovery") == 0
        hosts = {request.host for request in azure.requests if request.kind != "connect"}
        assert hosts == {"login.factory.example", host}

    def test_a_domain_of_the_customers_own_exchanges_at_the_login_server_only(
        self, program: Program, azure: FakeAzure, host: str
    ) -> None:
        own = f"cr-{host}:8443".replace(".azurecr.io", ".customer.example")
        program.settings(f'[registries."{own}"]\nlogin_server = "{host}"\n')
        assert program.get(own).login["ServerURL"] == own
        assert program.get(own.removesuffix(":8443"))[:2] == (1, NOT_FOUND)
        assert {r.host for r in azure.requests if r.kind == "exchange"} == {host}
        assert not [r for r in azure.requests if "customer.example" in r.host]
