"""Every cloud: which hosts it has, where the sign-in goes, for whom, and that nobody else is asked."""

import json
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

from docker_credential_acr.clouds import CLOUDS
from tests.azure import ACR_AUDIENCE, Status
from tests.azure.clouds import description
from tests.stories.program import NOT_FOUND, Program, new_host
from tests.systems import posix

LOGIN = "login.factory.example"
ARM = "management.factory.example"
SUFFIX = "azurecr.factory.example"
LOOKED_AT = (
    "sign-in",
    "exchange",
    "cloud-metadata",
    "instance-discovery",
    "discovery",
    "metadata",
    "arm",
)


class Row(NamedTuple):
    """One built-in cloud (acr.md 2.1)."""

    suffix: str
    authority: str
    arm: str


ROWS = {
    "public": Row("azurecr.io", "login.microsoftonline.com", "https://management.azure.com"),
    "china": Row("azurecr.cn", "login.chinacloudapi.cn", "https://management.chinacloudapi.cn"),
    "usgovernment": Row(
        "azurecr.us", "login.microsoftonline.us", "https://management.usgovcloudapi.net"
    ),
    "bleu": Row(
        "azurecr.sovcloud-azure.fr",
        "login.sovcloud-identity.fr",
        "https://management.sovcloud-api.fr",
    ),
    "delos": Row(
        "azurecr.sovcloud-azure.de",
        "login.sovcloud-identity.de",
        "https://management.sovcloud-api.de",
    ),
    "usnat": Row(
        "azurecr.eaglex.ic.gov",
        "login.microsoftonline.eaglex.ic.gov",
        "https://management.azure.eaglex.ic.gov",
    ),
    "ussec": Row(
        "azurecr.microsoft.scloud",
        "login.microsoftonline.microsoft.scloud",
        "https://management.azure.microsoft.scloud",
    ),
}
every = pytest.mark.parametrize("name", ROWS)


def asked(program: Program, *kinds: str) -> list[tuple[str, str]]:
    """Kind and host of every request of these kinds, in order."""
    return [(r.kind, r.host) for r in program.azure.requests if r.kind in (kinds or LOOKED_AT)]


def audiences(program: Program) -> list[str]:
    forms = [r.form for r in program.azure.requests if r.kind == "sign-in"]
    return [form["scope"].removesuffix("/.default") for form in forms]


def hosts(program: Program) -> set[str]:
    return {r.host for r in program.azure.requests if r.kind != "connect"}


def environment(program: Program, mode: int = 0o600, **changes: object) -> dict[str, str]:
    """Write an environment file, in go-autorest's form, and return the variable that names it."""
    table: dict[str, Any] = {
        "name": "AzureStackCloud",
        "managementPortalURL": "https://portal.factory.example/",
        "resourceManagerEndpoint": f"https://{ARM}/",
        "activeDirectoryEndpoint": f"https://{LOGIN}/",
        "tokenAudience": f"https://{ARM}/1234",
        "containerRegistryDNSSuffix": SUFFIX,
        "keyVaultDNSSuffix": "vault.factory.example",
        "resourceIdentifiers": {"graph": "N/A"},
    }
    merged = {**table, **changes}
    path = os.path.join(program.home, "environment.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump({key: value for key, value in merged.items() if value is not None}, file)
    os.chmod(path, mode)
    return {"AZURE_ENVIRONMENT_FILEPATH": path}


@pytest.fixture
def factory(program: Program) -> str:
    """A registry of a private cloud, which exists; its host."""
    host = new_host(SUFFIX)
    azure = program.azure
    azure.registry(host)
    azure.authorities.add(LOGIN)
    azure.clouds.described[ARM] = [description(ARM, f"https://{LOGIN}/", suffix="evil.example")]
    azure.arm_audiences.update({f"https://{ARM}", f"https://{ARM}/1234"})
    azure.audiences.update({f"https://{ARM}", f"https://{ARM}/1234"})
    return host


class TestBuiltIn:
    def test_the_table_is_whole(self) -> None:
        known = {c.name: Row(c.suffix, str(c.authority), str(c.arm)) for c in CLOUDS}
        assert known == ROWS

    @every
    def test_the_sign_in_is_its_own_clouds(self, program: Program, name: str) -> None:
        row, host = ROWS[name], new_host(ROWS[name].suffix)
        assert program.get(host).secret in program.azure.secrets
        assert asked(program, "sign-in", "exchange") == [
            ("sign-in", row.authority),
            ("exchange", host),
        ]
        assert audiences(program) == [ACR_AUDIENCE]
        assert hosts(program) == {row.authority, host}

    @every
    def test_what_it_knows_besides_is_its_own_manager(self, program: Program, name: str) -> None:
        row, host = ROWS[name], new_host(ROWS[name].suffix)
        program.azure.audiences.discard(ACR_AUDIENCE)
        try:
            assert program.get(host).login
        finally:
            program.azure.audiences.add(ACR_AUDIENCE)
        assert audiences(program) == [ACR_AUDIENCE, row.arm]
        assert hosts(program) == {row.authority, host}

    @every
    def test_passwords_are_read_from_its_own_manager(self, program: Program, name: str) -> None:
        row, host = ROWS[name], new_host(ROWS[name].suffix)
        program.azure.add_admin(host)
        program.settings('[defaults]\nmethod = "admin-user"\nsign_in = "client-secret"\n')
        assert program.get(host).login["Username"] == host.partition(".")[0]
        assert audiences(program) == [row.arm]
        assert hosts(program) == {row.authority, row.arm.removeprefix("https://"), host}

    def test_the_closed_german_cloud_is_not_ours(self, program: Program) -> None:
        assert program.get(new_host("azurecr.de")).out == NOT_FOUND
        assert program.azure.requests == []


class TestAuthorityHost:
    def test_one_of_microsofts_is_signed_in_to(self, program: Program, host: str) -> None:
        other = "login.microsoftonline.us"
        assert program.get(host, AZURE_AUTHORITY_HOST=f"https://{other}/").login
        assert hosts(program) == {other, host}

    def test_one_that_nobody_vouches_for_gets_no_secret(self, program: Program, host: str) -> None:
        program.azure.authorities.add(LOGIN)
        answer = program.get(host, AZURE_AUTHORITY_HOST=f"https://{LOGIN}")
        assert answer.reference == "authority-unknown"
        assert LOGIN not in hosts(program)
        assert not any(r.form.get("client_secret") for r in program.azure.requests)

    def test_a_private_cloud_keeps_its_own(self, program: Program, factory: str) -> None:
        program.settings(f'[clouds.f]\nsuffix = "{SUFFIX}"\nauthority = "https://{LOGIN}"\n')
        answer = program.get(factory, AZURE_AUTHORITY_HOST="https://login.microsoftonline.com")
        assert answer.login
        assert hosts(program) == {LOGIN, factory}


class TestPrivate:
    def test_its_own_authority_and_nobody_to_vouch(self, program: Program, factory: str) -> None:
        program.settings(f'[clouds.f]\nsuffix = "{SUFFIX}"\nauthority = "https://{LOGIN}"\n')
        assert program.get(factory).login
        assert asked(program) == [("discovery", LOGIN), ("sign-in", LOGIN), ("exchange", factory)]

    def test_both_audiences_can_be_said(self, program: Program, factory: str) -> None:
        program.settings(
            f'[clouds.f]\nsuffix = "{SUFFIX}"\nauthority = "https://{LOGIN}"\n'
            f'arm_endpoint = "https://{ARM}"\narm_audience = "https://{ARM}/1234"\n'
            'audience = "https://registries.factory.example"\n'
        )
        assert program.get(factory).login
        assert audiences(program) == ["https://registries.factory.example", f"https://{ARM}/1234"]
        assert hosts(program) == {LOGIN, factory}

    def test_microsoft_may_be_asked_to_vouch(self, program: Program, factory: str) -> None:
        program.settings(
            f'[clouds.f]\nsuffix = "{SUFFIX}"\nauthority = "https://{LOGIN}"\ninstance_discovery = true\n'
        )
        assert program.get(factory).reference == "authority-unknown"
        assert asked(program) == [("instance-discovery", "login.microsoftonline.com")]

    def test_the_longer_suffix_counts(self, program: Program, factory: str) -> None:
        program.settings(
            '[clouds.wide]\nsuffix = "factory.example"\nauthority = "https://login.wide.example"\n'
            f'[clouds.f]\nsuffix = "{SUFFIX}"\nauthority = "https://{LOGIN}"\n'
        )
        assert program.get(factory).login
        assert hosts(program) == {LOGIN, factory}

    def test_a_directory_service_of_its_own(self, program: Program, factory: str) -> None:
        """AD FS, which Azure Stack may have: no tenant stands in its addresses."""
        program.settings(f'[clouds.f]\nsuffix = "{SUFFIX}"\nauthority = "https://{LOGIN}/adfs/"\n')
        assert program.get(factory).login
        assert [
            r.path for r in program.azure.requests if r.host == LOGIN and r.kind != "connect"
        ] == [
            "/adfs/.well-known/openid-configuration",
            "/adfs/oauth2/token",
        ]


class TestMetadata:
    @pytest.fixture
    def program(self, program: Program) -> Program:
        program.settings(f'[clouds.f]\nsuffix = "{SUFFIX}"\narm_endpoint = "https://{ARM}/"\n')
        return program

    def test_the_manager_says_where_its_cloud_signs_in(
        self, program: Program, factory: str
    ) -> None:
        assert program.get(factory).login
        assert asked(program, "cloud-metadata", "sign-in", "exchange") == [
            ("cloud-metadata", ARM),
            ("sign-in", LOGIN),
            ("exchange", factory),
        ]
        (request,) = (r for r in program.azure.requests if r.kind == "cloud-metadata")
        assert (request.method, request.path) == ("GET", "/metadata/endpoints")
        assert request.query == {"api-version": "2019-05-01"}
        assert "authorization" not in request.headers
        assert hosts(program) == {ARM, LOGIN, factory}

    def test_and_for_whom_a_token_of_its_own_is(self, program: Program, factory: str) -> None:
        audience = f"https://{ARM}/1234"
        program.azure.clouds.described[ARM] = [description(ARM, f"https://{LOGIN}/", audience)]
        program.azure.audiences.discard(ACR_AUDIENCE)
        try:
            assert program.get(factory).login
        finally:
            program.azure.audiences.add(ACR_AUDIENCE)
        assert audiences(program) == [ACR_AUDIENCE, audience]

    def test_it_is_asked_once_a_day(self, program: Program, factory: str) -> None:
        other = new_host(SUFFIX)
        program.azure.registry(other)
        program.azure.registry(factory).token_life = 600
        for host in (factory, factory, other):
            assert program.get(host).login
        assert program.azure.count("cloud-metadata") == 1

    def test_what_registries_are_called_never_comes_from_there(
        self, program: Program, factory: str
    ) -> None:
        assert program.get(factory).login
        evil = new_host("evil.example")
        program.azure.registry(evil)
        program.azure.forget()
        assert program.get(evil).out == NOT_FOUND
        assert program.azure.requests == []

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            ([], b"no https loginEndpoint"),
            ({"authentication": {"loginEndpoint": f"http://{LOGIN}"}}, b"no https loginEndpoint"),
            ({"authentication": {"loginEndpoint": 5}}, b"no https loginEndpoint"),
            ({"authentication": []}, b"no https loginEndpoint"),
            ("CANARY", b"no https loginEndpoint"),
            (
                [description("other.example", f"https://{LOGIN}")] * 2,
                b"no https loginEndpoint",
            ),
        ],
    )
    def test_an_answer_that_says_nothing(
        self, program: Program, factory: str, answer: object, words: bytes
    ) -> None:
        program.azure.clouds.described[ARM] = answer
        found = program.get(factory)
        assert found.reference == "cloud-metadata"
        assert words in found.out
        assert b"set authority" in found.out
        assert hosts(program) == {ARM}

    @pytest.mark.parametrize(
        "answer",
        [
            description(ARM, f"https://{LOGIN}"),
            {"authentication": {"loginEndpoint": f"https://{LOGIN}", "audiences": []}},
            [description("other.example", "https://x"), description(ARM, f"https://{LOGIN}/")],
        ],
        ids=["object", "without-its-own-address", "one-of-several"],
    )
    def test_every_form_of_the_answer(self, program: Program, factory: str, answer: object) -> None:
        program.azure.clouds.described[ARM] = answer
        assert program.get(factory).login

    @pytest.mark.parametrize(
        ("fault", "reference"),
        [
            (Status(404), "cloud-metadata"),
            (Status(200, body="<html>CANARY"), "answer-unusable"),
            (Status(302, {"Location": "https://evil.example/"}), "redirect-refused"),
        ],
    )
    def test_a_manager_that_does_not_answer(
        self, program: Program, factory: str, fault: Status, reference: str
    ) -> None:
        program.azure.fault("cloud-metadata", fault)
        assert program.get(factory).reference == reference
        assert hosts(program) == {ARM}


class TestEnvironmentFile:
    def test_it_is_one_more_cloud(self, program: Program, factory: str) -> None:
        variable = environment(program)
        assert program.get(factory).out == NOT_FOUND
        assert program.azure.requests == []
        answer = program.get(factory, **variable)
        assert answer.secret in program.azure.secrets
        assert asked(program) == [("discovery", LOGIN), ("sign-in", LOGIN), ("exchange", factory)]
        program.azure.forget()
        assert program.get(factory, **variable) == answer
        assert program.azure.requests == []

    def test_the_other_clouds_stay_as_they_are(self, program: Program, host: str) -> None:
        assert program.get(host, **environment(program)).login
        assert hosts(program) == {"login.microsoftonline.com", host}

    def test_its_audience_of_the_manager(self, program: Program, factory: str) -> None:
        program.azure.audiences.discard(ACR_AUDIENCE)
        try:
            assert program.get(factory, **environment(program)).login
        finally:
            program.azure.audiences.add(ACR_AUDIENCE)
        assert audiences(program) == [ACR_AUDIENCE, f"https://{ARM}/1234"]

    def test_without_an_authority_its_manager_is_asked(
        self, program: Program, factory: str
    ) -> None:
        variable = environment(program, activeDirectoryEndpoint=None)
        assert program.get(factory, **variable).login
        assert asked(program)[0] == ("cloud-metadata", ARM)

    def test_letters_and_dots_as_people_write_them(self, program: Program, factory: str) -> None:
        """Go reads keys in any case; some write the suffix with a dot in front."""
        variable = environment(
            program,
            containerRegistryDNSSuffix=None,
            ContainerRegistryDnsSuffix=f".{SUFFIX.upper()}",
        )
        assert program.get(factory, **variable).login

    def test_a_cloud_without_registries_adds_no_host(self, program: Program, host: str) -> None:
        variable = environment(program, containerRegistryDNSSuffix="N/A")
        assert program.get(new_host(SUFFIX), **variable).out == NOT_FOUND
        assert program.get(host, **variable).login

    def test_a_host_of_another_domain_can_be_put_into_it(self, program: Program) -> None:
        host = "images.customer.example"
        program.azure.registry(host)
        program.azure.authorities.add(LOGIN)
        program.settings(f'[registries."{host}"]\ncloud = "environment"\n')
        assert program.get(host, **environment(program)).login
        assert hosts(program) == {LOGIN, host}
        answer = program.get(host)
        assert answer.reference == "settings-invalid"
        assert b"set AZURE_ENVIRONMENT_FILEPATH" in answer.out

    def test_another_file_is_another_asker_at_once(self, program: Program, factory: str) -> None:
        first = program.get(factory, **environment(program)).secret
        other = "login.other.example"
        program.azure.authorities.add(other)
        variable = environment(program, activeDirectoryEndpoint=f"https://{other}/")
        program.azure.forget()
        assert program.get(factory, **variable).secret != first
        assert hosts(program) == {other, factory}

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"containerRegistryDNSSuffix": None}, "containerRegistryDNSSuffix is missing"),
            (
                {"containerRegistryDNSSuffix": "example"},
                "containerRegistryDNSSuffix is not a suffix",
            ),
            ({"containerRegistryDNSSuffix": 5}, "containerRegistryDNSSuffix is not a suffix"),
            (
                {"containerRegistryDNSSuffix": "a.b c.d"},
                "containerRegistryDNSSuffix is not a suffix",
            ),
            (
                {"activeDirectoryEndpoint": f"http://{LOGIN}"},
                "activeDirectoryEndpoint is not an https address",
            ),
            (
                {"resourceManagerEndpoint": f"http://{ARM}"},
                "resourceManagerEndpoint is not an https address",
            ),
            (
                {"activeDirectoryEndpoint": "", "resourceManagerEndpoint": "N/A"},
                "activeDirectoryEndpoint is missing",
            ),
            ({"tokenAudience": "CANARY"}, "tokenAudience is not an audience"),
        ],
    )
    def test_a_mistake_is_named_with_file_and_key(
        self, program: Program, changes: Mapping[str, object], words: str
    ) -> None:
        variable = environment(program, 0o600, **changes)
        answer = program.get(new_host(SUFFIX), **variable)
        assert answer.reference == "environment-file"
        assert f"environment.json: {words}" in answer.out.decode()
        assert program.azure.requests == []

    @pytest.mark.parametrize("text", ["", "[]", "{", "[" * 50_000, " " * 70_000 + "{}"])
    def test_what_is_no_description(self, program: Program, text: str) -> None:
        variable = environment(program)
        with open(variable["AZURE_ENVIRONMENT_FILEPATH"], "w", encoding="utf-8") as file:
            file.write(text)
        answer = program.get(new_host(SUFFIX), **variable)
        assert answer.reference == "environment-file"
        assert b"not a JSON object" in answer.out

    @pytest.mark.parametrize("mode", [0o620, 0o602])
    def test_nobody_else_may_be_able_to_write_it(
        self, program: Program, factory: str, mode: int
    ) -> None:
        answer = program.get(factory, **environment(program, mode))
        assert answer.reference == "settings-unsafe"
        assert b"environment file" in answer.out
        assert b"chmod go-w" in answer.out
        assert program.azure.requests == []

    def test_one_that_is_not_there(self, program: Program, host: str) -> None:
        answer = program.get(host, AZURE_ENVIRONMENT_FILEPATH=os.path.join(program.home, "none"))
        assert answer.reference == "settings-missing"
        assert b"AZURE_ENVIRONMENT_FILEPATH" in answer.out

    @posix("FIFOs")
    def test_a_pipe_is_not_waited_for(self, program: Program, host: str) -> None:
        path = os.path.join(program.home, "pipe")
        os.mkfifo(path, 0o600)
        assert program.get(host, AZURE_ENVIRONMENT_FILEPATH=path).reference == "settings-missing"

    def test_a_broken_one_does_not_break_other_registries(self, program: Program) -> None:
        variable = environment(program, containerRegistryDNSSuffix="x")
        assert program.get("ghcr.io", **variable).out == NOT_FOUND
