"""Every form of a registry's host, and what goes where: labels, regions, ports, own domains, tenants."""

import json

import pytest

from tests.azure import ACR_AUDIENCE, Garbage, Request
from tests.azure.tokens import peek
from tests.stories.program import GUID, NOT_FOUND, Program, new_host

LOGIN = "login.microsoftonline.com"
TOKEN = '[registries."{host}"]\nmethod = "repository-token"\ntoken_name = "edge"\npassword_env = "EDGE"\n'


def sent(program: Program, kind: str) -> list[Request]:
    return [request for request in program.azure.requests if request.kind == kind]


def everywhere(program: Program) -> set[tuple[str, str]]:
    """Host and path of everything that was asked, tunnels left out."""
    return {(r.host, r.path) for r in program.azure.requests if r.kind != "connect"}


def exchanged(program: Program) -> tuple[str, dict[str, str]]:
    """Where the only exchange went, and its form without the token."""
    (request,) = sent(program, "exchange")
    form = dict(request.form)
    assert form.pop("access_token") in program.azure.secrets
    return request.host, form


def form(service: str, tenant: str) -> dict[str, str]:
    return {"grant_type": "access_token", "service": service, "tenant": tenant}


def exchanged_hosts(program: Program) -> set[str]:
    return {request.host for request in sent(program, "exchange")}


def json_of(content: object) -> Garbage:
    return Garbage(json.dumps(content), "application/json")


class TestForms:
    @pytest.mark.parametrize(
        "host",
        [
            "team.azurecr.io",
            "team-a1b2c3d4e5f6g7h8.azurecr.io",
            "team.westeurope.geo.azurecr.io",
            "team-a1b2c3d4e5f6g7h8.germanywestcentral.geo.azurecr.cn",
        ],
    )
    def test_the_exchange_is_with_the_host_that_was_asked_for(
        self, program: Program, host: str
    ) -> None:
        answer = program.get(host)
        assert answer.login["ServerURL"] == host
        assert exchanged(program) == (host, form(host, program.azure.tenant))

    def test_a_region_may_answer_with_the_registrys_own_token(self, program: Program) -> None:
        """Tokens work across the endpoints of one registry; clients keep them by host name."""
        name = new_host().partition(".")[0]
        host = f"{name}.westeurope.geo.azurecr.io"
        token = program.token(f"{name}.azurecr.io")
        program.azure.fault("exchange", json_of({"refresh_token": token}))
        assert program.get(host).secret == token
        assert exchanged_hosts(program) == {host}

    def test_but_not_with_another_registrys(self, program: Program) -> None:
        host = "team.westeurope.geo.azurecr.io"
        program.azure.fault(
            "exchange", json_of({"refresh_token": program.token("other.azurecr.io")})
        )
        assert program.get(host).reference == "token-unusable"

    @pytest.mark.parametrize(
        "host",
        [
            "team.westeurope.data.azurecr.io",
            "team.westeurope.azurecr.io",
            "a.b.geo.geo.azurecr.io",
            "geo.azurecr.io.example",
            "team.azurecr.io:5000",
        ],
    )
    def test_what_only_looks_like_one_is_told_nothing(self, program: Program, host: str) -> None:
        assert program.get(host).out == NOT_FOUND
        assert program.azure.requests == []


class TestConnected:
    """A registry on somebody's own premises: a host and port of its own, no Entra."""

    HOST = "edge.factory.example:5000"

    @pytest.fixture
    def password(self, program: Program) -> str:
        program.azure.registry(self.HOST).connected = True
        return program.azure.add_repository_token(self.HOST, "edge")

    def test_a_token_of_its_own_is_verified_there_and_served(
        self, program: Program, password: str
    ) -> None:
        program.settings(TOKEN.format(host=self.HOST))
        answer = program.get(f"https://{self.HOST}/v2/", EDGE=password)
        assert answer.login == {
            "ServerURL": f"https://{self.HOST}/v2/",
            "Username": "edge",
            "Secret": password,
        }
        assert everywhere(program) == {(self.HOST, "/oauth2/token")}
        (request,) = sent(program, "token")
        assert request.query == {"service": self.HOST}

    def test_another_port_is_another_host(self, program: Program, password: str) -> None:
        program.settings(TOKEN.format(host=self.HOST))
        for host in ("edge.factory.example", "edge.factory.example:5001"):
            assert program.get(host, EDGE=password).out == NOT_FOUND
        assert program.azure.requests == []

    def test_a_wildcard_does_not_make_it_ours(self, program: Program, password: str) -> None:
        program.settings(TOKEN.format(host="*.factory.example:5000"))
        assert program.get(self.HOST, EDGE=password).out == NOT_FOUND
        assert program.azure.requests == []

    @pytest.mark.usefixtures("password")
    def test_an_entra_method_says_what_it_takes(self, program: Program) -> None:
        program.settings(f'[registries."{self.HOST}"]\nmethod = "client-secret"\n')
        answer = program.get(self.HOST)
        assert answer.reference == "exchange-missing"
        assert b'set method = "repository-token"' in answer.out
        assert {host for host, _ in everywhere(program)} == {LOGIN, self.HOST}

    def test_an_azure_registry_that_is_gone_is_told_otherwise(
        self, program: Program, host: str
    ) -> None:
        program.azure.registry(host).connected = True
        assert program.get(host).reference == "registry-missing"


class TestOwnDomain:
    HOST = "images.customer.example"

    def test_everything_goes_to_the_login_server(self, program: Program, host: str) -> None:
        program.settings(f'[registries."{self.HOST}"]\nlogin_server = "{host}"\n')
        program.azure.registry(self.HOST)  # it is there, and must not be asked
        answer = program.get(f"https://{self.HOST}")
        assert answer.login["ServerURL"] == f"https://{self.HOST}"
        assert answer.login["Username"] == GUID
        assert peek(answer.secret)[1]["aud"] == host
        assert exchanged(program) == (host, form(host, program.azure.tenant))
        assert {host for host, _ in everywhere(program)} == {LOGIN, host}

    def test_its_cloud_is_that_of_the_login_server(self, program: Program) -> None:
        host = new_host("azurecr.cn")
        program.settings(f'[registries."{self.HOST}"]\nlogin_server = "{host}"\n')
        assert program.get(self.HOST).login
        assert {host for host, _ in everywhere(program)} == {"login.chinacloudapi.cn", host}

    def test_a_token_of_the_domain_itself_is_not_taken(self, program: Program, host: str) -> None:
        """Whoever stands before the registry must not hand out tokens of its own."""
        program.settings(f'[registries."{self.HOST}"]\nlogin_server = "{host}"\n')
        program.azure.fault("exchange", json_of({"refresh_token": program.token(self.HOST)}))
        assert program.get(self.HOST).reference == "token-unusable"

    def test_without_the_setting_nobody_is_asked(self, program: Program) -> None:
        program.azure.registry(self.HOST)
        assert program.get(self.HOST).out == NOT_FOUND
        assert program.azure.requests == []


class TestTenants:
    HOME = "11111111-2222-3333-4444-555555555555"  # the app's own, which does not have the registry

    def test_the_tables_tenant_is_used_at_entra_and_in_the_exchange(
        self, program: Program, host: str
    ) -> None:
        program.settings(f'[registries."{host}"]\ntenant_id = "{program.azure.tenant}"\n')
        assert program.get(host, AZURE_TENANT_ID=self.HOME).login
        (request,) = sent(program, "sign-in")
        assert request.path == f"/{program.azure.tenant}/oauth2/v2.0/token"
        assert exchanged(program) == (host, form(host, program.azure.tenant))
        assert not any(self.HOME in r.path for r in program.azure.requests)

    def test_each_registry_has_its_own(self, program: Program, host: str) -> None:
        other = new_host()
        program.settings(f'[registries."{host}"]\ntenant_id = "{program.azure.tenant}"\n')
        answers = (
            program.get(host, AZURE_TENANT_ID=self.HOME),
            program.get(other, AZURE_TENANT_ID=self.HOME),
        )
        assert answers[0].login
        assert answers[1].reference == "tenant-unknown"
        assert exchanged_hosts(program) == {host}

    def test_a_tenant_may_be_named_by_its_domain(self, program: Program, host: str) -> None:
        """Entra takes the name, the registry wants the id: it is in the token."""
        program.settings(f'[registries."{host}"]\ntenant_id = "{program.azure.domain}"\n')
        assert program.get(host).login
        (request,) = sent(program, "sign-in")
        assert request.path == f"/{program.azure.domain}/oauth2/v2.0/token"
        assert exchanged(program) == (host, form(host, program.azure.tenant))

    def test_a_registry_of_another_tenant_is_a_refusal(self, program: Program, host: str) -> None:
        program.azure.registry(host).tenant = self.HOME
        answer = program.get(host)
        assert answer.reference == "registry-refused"
        assert b"check the tenant" in answer.out
        assert sent(program, "sign-in")[0].form["scope"] == f"{ACR_AUDIENCE}/.default"
