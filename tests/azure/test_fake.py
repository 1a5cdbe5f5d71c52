"""The fake Azure, driven by the real SDK and held against a real registry server."""

import concurrent.futures
import datetime as dt
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import (
    AzurePipelinesCredential,
    CertificateCredential,
    ClientSecretCredential,
    CredentialUnavailableError,
    DeviceCodeCredential,
    ManagedIdentityCredential,
    WorkloadIdentityCredential,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.azure import (
    ACR_AUDIENCE,
    NULL_GUID,
    PULL,
    Cut,
    Delay,
    Expired,
    FakeAzure,
    Garbage,
    Hang,
    NotYetValid,
    Raw,
    Redirect,
    Reset,
    SelfSigned,
    Slow,
    Status,
    WrongName,
    tokens,
)
from tests.azure.authorize import challenge_of
from tests.azure.az import install_az
from tests.azure.distribution import PROGRAM, SERVICE, Distribution
from tests.azure.faults import TLSFault

HOST = "team.azurecr.io"
SCOPE = f"{ACR_AUDIENCE}/.default"
ARM = "https://management.azure.com"
RESOURCE_ID = (
    "/subscriptions/s/resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i"
)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeAzure]:
    with FakeAzure(tmp_path_factory.mktemp("azure")) as azure:
        yield azure


@pytest.fixture
def azure(running: FakeAzure, monkeypatch: pytest.MonkeyPatch) -> FakeAzure:
    """The fake, with this process's own SDK and requests pointed at it."""
    for name, value in running.environ().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", running.ca_file)
    running.forget()
    running.clear_faults()
    return running


def exchange(azure: FakeAzure, token: str, host: str = HOST, **more: str) -> requests.Response:
    form = {"grant_type": "access_token", "service": host, "access_token": token}
    return requests.post(
        f"https://{host}/oauth2/exchange",
        data=form | {"tenant": azure.tenant} | more,
        allow_redirects=False,
        timeout=10,
    )


def refresh_token(azure: FakeAzure, host: str = HOST) -> str:
    return str(exchange(azure, azure.access_token(), host).json()["refresh_token"])


def access(
    user: str, password: str, scope: str = "repository:hello:pull,push", host: str = HOST
) -> requests.Response:
    return requests.get(
        f"https://{host}/oauth2/token",
        params={"service": host, "scope": scope},
        auth=(user, password),
        timeout=10,
    )


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


class TestSignIn:
    def test_a_service_principal_signs_in(self, azure: FakeAzure) -> None:
        with ClientSecretCredential(azure.tenant, azure.client_id, azure.client_secret) as me:
            token = me.get_token(SCOPE).token
        assert azure.count("sign-in") == 1
        assert {token, azure.client_secret} <= azure.secrets
        assert "CANARY" in azure.client_secret
        assert tokens.peek(token)[1]["aud"] == ACR_AUDIENCE

    @pytest.mark.parametrize(
        ("tenant", "client", "secret", "number"),
        [
            (None, None, "wrong", 7000215),
            (None, NULL_GUID, None, 700016),
            (NULL_GUID, None, None, 90002),
        ],
    )
    def test_refusals_carry_the_real_numbers(
        self,
        azure: FakeAzure,
        tenant: str | None,
        client: str | None,
        secret: str | None,
        number: int,
    ) -> None:
        answer = requests.post(
            f"https://login.microsoftonline.com/{tenant or azure.tenant}/oauth2/v2.0/token",
            data={
                "grant_type": "client_credentials",
                "client_id": client or azure.client_id,
                "client_secret": secret or azure.client_secret,
                "scope": SCOPE,
            },
            timeout=10,
        )
        error = answer.json()
        assert error["error_codes"] == [number]
        assert error["error_description"].startswith(f"AADSTS{number}: ")
        assert f"Correlation ID: {error['correlation_id']}" in error["error_description"]

    def test_an_expired_secret(self, azure: FakeAzure) -> None:
        old = azure.add_service_principal(secret="CANARY-old", secret_expires=time.time() - 1)
        with (
            ClientSecretCredential(azure.tenant, old.client_id, "CANARY-old") as me,
            pytest.raises(ClientAuthenticationError, match="AADSTS7000222"),
        ):
            me.get_token(SCOPE)

    def test_an_audience_the_tenant_does_not_know(self, azure: FakeAzure) -> None:
        azure.audiences.remove(ACR_AUDIENCE)
        try:
            with ClientSecretCredential(azure.tenant, azure.client_id, azure.client_secret) as me:
                with pytest.raises(ClientAuthenticationError, match="AADSTS500011"):
                    me.get_token(SCOPE)
                assert me.get_token(f"{ARM}/.default").token
        finally:
            azure.audiences.add(ACR_AUDIENCE)

    def test_an_unknown_authority_is_refused(self, azure: FakeAzure) -> None:
        with (
            ClientSecretCredential(
                azure.tenant, azure.client_id, "any", authority="login.other.example"
            ) as me,
            pytest.raises(ClientAuthenticationError, match="not well-known"),
        ):
            me.get_token(SCOPE)
        assert azure.count("instance-discovery") == 1

    @pytest.mark.parametrize("authority", ["login.chinacloudapi.cn", "login.microsoftonline.us"])
    def test_other_clouds(self, azure: FakeAzure, authority: str) -> None:
        with ClientSecretCredential(
            azure.tenant, azure.client_id, azure.client_secret, authority=authority
        ) as me:
            assert me.get_token(SCOPE).token
        assert {request.host for request in azure.requests} == {authority}

    @pytest.mark.parametrize(
        ("claims", "number"),
        [
            ({}, None),
            ({"subject": "somebody"}, 700213),
            ({"issuer": "https://else.example"}, 700211),
            ({"audience": "else"}, 700212),
            ({"lifetime": -600}, 700024),
        ],
    )
    def test_federated_credentials(
        self,
        azure: FakeAzure,
        tmp_path: os.PathLike[str],
        claims: dict[str, str],
        number: int | None,
    ) -> None:
        path = os.path.join(tmp_path, "token")
        with open(path, "w", encoding="utf-8") as file:
            file.write(azure.federated_assertion(**claims))  # type: ignore[arg-type]
        with WorkloadIdentityCredential(
            tenant_id=azure.tenant, client_id=azure.client_id, token_file_path=path
        ) as me:
            if number is None:
                assert me.get_token(SCOPE).token
                return
            with pytest.raises(ClientAuthenticationError, match=f"AADSTS{number}"):
                me.get_token(SCOPE)

    def test_a_certificate(self, azure: FakeAzure) -> None:
        certificate, pem = certified()
        known = azure.add_service_principal(certificates=[certificate])
        with CertificateCredential(azure.tenant, known.client_id, certificate_data=pem) as me:
            assert me.get_token(SCOPE).token
        with (
            CertificateCredential(azure.tenant, azure.client_id, certificate_data=pem) as me,
            pytest.raises(ClientAuthenticationError, match="AADSTS700027"),
        ):
            me.get_token(SCOPE)

    def test_a_job_in_azure_pipelines(
        self, azure: FakeAzure, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        job = azure.job_environ("azure-pipelines")
        for name, value in job.items():
            monkeypatch.setenv(name, value)
        with AzurePipelinesCredential(
            tenant_id=azure.tenant,
            client_id=azure.client_id,
            service_connection_id=job["AZURESUBSCRIPTION_SERVICE_CONNECTION_ID"],
            system_access_token=job["SYSTEM_ACCESSTOKEN"],
        ) as me:
            assert me.get_token(SCOPE).token

    def test_a_job_in_github_actions(self, azure: FakeAzure) -> None:
        job = azure.job_environ("github-actions")
        url = job["ACTIONS_ID_TOKEN_REQUEST_URL"] + "&audience=api://AzureADTokenExchange"
        secret = bearer(job["ACTIONS_ID_TOKEN_REQUEST_TOKEN"])
        token = requests.get(url, headers=secret, timeout=10).json()["value"]
        assert tokens.peek(token)[1]["aud"] == "api://AzureADTokenExchange"
        assert requests.get(url, timeout=10).status_code == 401

    def test_a_person_with_a_device_code(self, azure: FakeAzure) -> None:
        shown: list[str] = []
        with DeviceCodeCredential(
            prompt_callback=lambda _url, code, _end: shown.append(code)
        ) as me:
            me.get_token(SCOPE)
            second = me.get_token(f"{ARM}/.default").token  # silently, by refresh token
            assert len(shown) == 1
            assert tokens.peek(second)[1]["oid"] == azure.user.object_id
            azure.people.revoke()
            azure.people.device_code_problem = 70018
            with pytest.raises(ClientAuthenticationError, match="AADSTS70018"):
                me.get_token("https://management.core.windows.net/.default")
            azure.people.device_code_problem = None


class TestBrowser:
    """The sign-in page of a native app; the flow is msal's, and what it must refuse is ours."""

    def begun(self, azure: FakeAzure, **changes: str) -> requests.Response:
        asked = {
            "client_id": azure.client_id,
            "response_type": "code",
            "redirect_uri": "http://localhost:4321",
            "scope": f"{SCOPE} offline_access",
            "code_challenge": challenge_of("v" * 43),
            "code_challenge_method": "S256",
            "state": "s",
            "nonce": "n",
            "response_mode": "query",
        }
        address = f"https://login.microsoftonline.com/{azure.tenant}/oauth2/v2.0/authorize"
        return requests.get(address, params=asked | changes, allow_redirects=False, timeout=10)

    def redeemed(self, azure: FakeAzure, code: str, **changes: str) -> requests.Response:
        form = {
            "grant_type": "authorization_code",
            "client_id": azure.client_id,
            "code": code,
            "redirect_uri": "http://localhost:4321",
            "code_verifier": "v" * 43,
        }
        address = f"https://login.microsoftonline.com/{azure.tenant}/oauth2/v2.0/token"
        return requests.post(address, data=form | changes, timeout=10)

    def code(self, azure: FakeAzure) -> str:
        place = self.begun(azure).headers["Location"]
        query = dict(parse_qsl(urlsplit(place).query))
        assert place.startswith("http://localhost:4321?")
        assert query["state"] == "s"
        return query["code"]

    def test_a_code_is_good_once(self, azure: FakeAzure) -> None:
        code = self.code(azure)
        answer = self.redeemed(azure, code).json()
        assert tokens.peek(answer["id_token"])[1]["nonce"] == "n"
        assert tokens.peek(answer["access_token"])[1]["oid"] == azure.user.object_id
        assert "AADSTS54005" in self.redeemed(azure, code).text

    @pytest.mark.parametrize(
        ("changes", "number"),
        [
            ({"code_verifier": "w" * 43}, "AADSTS501481"),
            ({"code_verifier": ""}, "AADSTS501481"),
            ({"redirect_uri": "http://localhost:4322"}, "AADSTS500112"),
        ],
    )
    def test_only_who_began_can_redeem_it(
        self, azure: FakeAzure, changes: dict[str, str], number: str
    ) -> None:
        assert number in self.redeemed(azure, self.code(azure), **changes).text

    @pytest.mark.parametrize(
        "changes",
        [
            {"redirect_uri": "http://evil.example:4321"},
            {"code_challenge": ""},
            {"code_challenge_method": "plain"},
            {"response_type": "token"},
        ],
    )
    def test_what_nobody_registered_is_shown_and_not_sent(
        self, azure: FakeAzure, changes: dict[str, str]
    ) -> None:
        answer = self.begun(azure, **changes)
        assert answer.status_code == 400
        assert "Location" not in answer.headers

    def test_a_refusal_goes_back_to_the_app(self, azure: FakeAzure) -> None:
        azure.people.browser.problem = 65004
        place = self.begun(azure).headers["Location"]
        azure.people.browser.problem = None
        assert "error=access_denied" in place
        assert "AADSTS65004" in place


class TestManagedIdentity:
    @pytest.mark.parametrize(
        "place", ["vm", "app-service", "machine-learning", "service-fabric", "cloud-shell"]
    )
    def test_every_place_has_the_system_identity(
        self, azure: FakeAzure, monkeypatch: pytest.MonkeyPatch, place: str
    ) -> None:
        for name, value in azure.metadata_environ(place).items():
            monkeypatch.setenv(name, value)
        with ManagedIdentityCredential() as me:
            token = me.get_token(SCOPE).token
        assert tokens.peek(token)[1]["oid"] == azure.system_identity.object_id
        assert azure.count("metadata") == 1

    @pytest.mark.parametrize("selector", ["client_id", "object_id", "resource_id"])
    @pytest.mark.parametrize("place", ["vm", "app-service"])
    def test_selectors(
        self, azure: FakeAzure, monkeypatch: pytest.MonkeyPatch, place: str, selector: str
    ) -> None:
        for name, value in azure.metadata_environ(place).items():
            monkeypatch.setenv(name, value)
        mine = azure.add_managed_identity(resource_id=RESOURCE_ID)
        try:
            chosen = {selector: str(getattr(mine, selector))}
            with ManagedIdentityCredential(identity_config=chosen) as me:
                token = me.get_token(SCOPE).token
            assert tokens.peek(token)[1]["oid"] == mine.object_id
        finally:
            azure.remove_identity(mine)

    @pytest.mark.usefixtures("azure")
    def test_an_unknown_identity_is_not_found(self) -> None:
        with (
            ManagedIdentityCredential(client_id=NULL_GUID) as me,
            pytest.raises(CredentialUnavailableError, match="Identity not found"),
        ):
            me.get_token(SCOPE)

    @pytest.mark.usefixtures("azure")
    def test_an_unknown_resource_is_refused(self) -> None:
        with (
            ManagedIdentityCredential() as me,
            pytest.raises(CredentialUnavailableError, match="AADSTS500011"),
        ):
            me.get_token("https://nobody.example/.default")

    def test_several_identities_are_not_guessed_among(self, azure: FakeAzure) -> None:
        """IMDS takes the machine's own, or the only one; among others it does not choose."""
        mine = [azure.add_managed_identity() for _ in range(2)]
        azure.remove_identity(azure.system_identity)
        try:
            with (
                ManagedIdentityCredential() as me,
                pytest.raises(CredentialUnavailableError, match="Multiple user assigned"),
            ):
                me.get_token(SCOPE)
        finally:
            azure._directory.add(azure.system_identity)  # noqa: SLF001
            for identity in mine:
                azure.remove_identity(identity)

    def test_the_metadata_header_is_needed(self, azure: FakeAzure) -> None:
        url = f"{azure.metadata_url}/metadata/identity/oauth2/token"
        answer = requests.get(url, params={"resource": ACR_AUDIENCE}, timeout=10)
        assert answer.status_code == 400


class TestRegistry:
    @pytest.mark.usefixtures("azure")
    def test_the_challenge_names_the_host(self) -> None:
        answer = requests.get(f"https://{HOST}/v2/", timeout=10)
        assert answer.status_code == 401
        assert answer.headers["Www-Authenticate"] == (
            f'Bearer realm="https://{HOST}/oauth2/token",service="{HOST}"'
        )
        assert answer.headers["X-Ms-Correlation-Request-Id"]

    def test_an_entra_token_becomes_a_refresh_token(self, azure: FakeAzure) -> None:
        claims = tokens.peek(refresh_token(azure))[1]
        assert claims["aud"] == HOST
        assert claims["grant_type"] == "refresh_token"
        assert claims["exp"] - claims["iat"] == 11_700

    @pytest.mark.parametrize(
        "more", [{"tenant": NULL_GUID}, {"service": "else.azurecr.io"}, {"access_token": "a.b.c"}]
    )
    def test_a_wrong_exchange_is_refused(self, azure: FakeAzure, more: dict[str, str]) -> None:
        answer = exchange(azure, azure.access_token(), **more)
        assert answer.status_code == 401
        assert answer.json()["errors"][0]["code"] == "UNAUTHORIZED"

    def test_other_tokens_are_no_entra_tokens(self, azure: FakeAzure) -> None:
        assert exchange(azure, refresh_token(azure)).status_code == 401
        assert exchange(azure, azure.access_token(life=-1)).status_code == 401
        assert exchange(azure, azure.access_token("https://else.example")).status_code == 401

    def test_a_registry_may_refuse_arm_tokens(self, azure: FakeAzure) -> None:
        strict = azure.registry("strict.azurecr.io")
        assert exchange(azure, azure.access_token(ARM), strict.host).status_code == 200
        strict.arm_tokens_allowed = False
        assert exchange(azure, azure.access_token(ARM), strict.host).status_code == 401

    def test_access_is_what_the_identity_may_do(self, azure: FakeAzure) -> None:
        reader = azure.add_service_principal(roles=dict(PULL))
        token = exchange(azure, azure.access_token(identity=reader)).json()["refresh_token"]
        answer = access(NULL_GUID, token, "repository:hello:pull,push registry:catalog:*")
        assert tokens.peek(answer.json()["access_token"])[1]["access"] == [
            {"type": "repository", "name": "hello", "actions": ["pull"]},
            {"type": "registry", "name": "catalog", "actions": ["*"]},
        ]

    def test_a_token_opens_the_catalogue(self, azure: FakeAzure) -> None:
        token = access(NULL_GUID, refresh_token(azure)).json()["access_token"]
        url = f"https://{HOST}/v2/hello/tags/list"
        answer = requests.get(url, headers=bearer(token), timeout=10)
        assert answer.json() == {"name": "hello", "tags": ["latest"]}
        assert requests.get(url, timeout=10).status_code == 401

    def test_a_refresh_token_is_for_one_registry(self, azure: FakeAzure) -> None:
        other = refresh_token(azure, "other.azurecr.io")
        assert access(NULL_GUID, other).status_code == 401

    @pytest.mark.parametrize("answer", [401, 400, 200])
    def test_the_password_grant_for_the_guid_is_a_choice(
        self, azure: FakeAzure, answer: int
    ) -> None:
        host = f"grant{answer}.azurecr.io"
        azure.registry(host).password_grant_for_guid = answer
        form = {"grant_type": "password", "service": host, "username": NULL_GUID}
        form["password"] = refresh_token(azure, host)
        assert requests.post(f"https://{host}/oauth2/token", form, timeout=10).status_code == answer

    def test_a_chunked_form_is_read(self, azure: FakeAzure) -> None:
        form = f"grant_type=refresh_token&service={HOST}&refresh_token={refresh_token(azure)}"
        pieces = iter([form[:20].encode(), form[20:].encode()])
        answer = requests.post(
            f"https://{HOST}/oauth2/token",
            data=pieces,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            timeout=10,
        )
        assert answer.json()["access_token"]

    def test_docker_login_is_handed_an_identity_token(self, azure: FakeAzure) -> None:
        token = refresh_token(azure)
        answer = requests.get(
            f"https://{HOST}/oauth2/token",
            params={"service": HOST, "offline_token": "true"},
            auth=(NULL_GUID, token),
            timeout=10,
        )
        assert answer.json()["refresh_token"] == token

    def test_names_and_passwords(self, azure: FakeAzure) -> None:
        user, password = azure.add_admin(HOST)
        robot = azure.add_repository_token(HOST, "robot", {f"{HOST}/hello": frozenset(["pull"])})
        assert access(user, password).status_code == 200
        assert access(user, "wrong").status_code == 401
        assert access(azure.client_id, azure.client_secret).status_code == 200
        claims = tokens.peek(access("robot", robot).json()["access_token"])[1]
        assert claims["access"][0]["actions"] == ["pull"]

    def test_anonymous_pull(self, azure: FakeAzure) -> None:
        open_host = azure.registry("open.azurecr.io")
        url = f"https://{open_host.host}/oauth2/token"
        asked = {"service": open_host.host, "scope": "repository:hello:pull"}
        assert requests.get(url, asked, timeout=10).status_code == 401
        open_host.anonymous_pull = True
        assert requests.get(url, asked, timeout=10).status_code == 200

    def test_firewall_throttling_and_a_missing_registry(self, azure: FakeAzure) -> None:
        azure.registry("walled.azurecr.io").firewall = True
        azure.registry("busy.azurecr.io").throttled = 7
        azure.registry("gone.azurecr.io").missing = True
        walled = exchange(azure, azure.access_token(), "walled.azurecr.io")
        busy = exchange(azure, azure.access_token(), "busy.azurecr.io")
        assert (walled.status_code, walled.json()["errors"][0]["code"]) == (403, "DENIED")
        assert (busy.status_code, busy.headers["Retry-After"]) == (429, "7")
        with pytest.raises(requests.exceptions.ProxyError, match="502"):
            exchange(azure, azure.access_token(), "gone.azurecr.io")


class TestArm:
    def ask(self, azure: FakeAzure, method: str, path: str, **body: object) -> requests.Response:
        url = azure.arm.registry_id(azure.registry("arm.azurecr.io"))
        return requests.request(
            method,
            f"{ARM}{url}{path}?api-version=2025-11-01",
            json=body or None,
            headers=bearer(azure.access_token(ARM)),
            timeout=10,
        )

    def test_the_admin_user(self, azure: FakeAzure) -> None:
        assert self.ask(azure, "GET", "").json()["properties"]["adminUserEnabled"] is False
        self.ask(azure, "PATCH", "", properties={"adminUserEnabled": True})
        old = self.ask(azure, "POST", "/listCredentials").json()
        new = self.ask(azure, "POST", "/regenerateCredential", name="password2").json()
        values = [entry["value"] for entry in old["passwords"] + new["passwords"]]
        answers = [access("arm", value, host="arm.azurecr.io").status_code for value in values]
        assert answers == [200, 401, 200, 200]

    def test_a_repository_token(self, azure: FakeAzure) -> None:
        first = azure.add_repository_token("arm.azurecr.io", "robot")
        asked = {
            "tokenId": "/x/tokens/robot",
            "name": "password2",
            "expiry": "2001-01-01T00:00:00Z",
        }
        expired = self.ask(azure, "POST", "/generateCredentials", **asked).json()
        assert access("robot", first, host="arm.azurecr.io").status_code == 200
        second = expired["passwords"][0]["value"]
        assert access("robot", second, host="arm.azurecr.io").status_code == 401
        known = self.ask(azure, "GET", "/tokens/robot").json()["properties"]["credentials"]
        assert [entry["name"] for entry in known["passwords"]] == ["password1", "password2"]

    @pytest.mark.parametrize("header", ["Location", "Azure-AsyncOperation"])
    def test_an_operation_that_takes_a_while(self, azure: FakeAzure, header: str) -> None:
        azure.add_repository_token("arm.azurecr.io", "slow")
        azure.arm.announces = (header,)
        try:
            begun = self.ask(azure, "POST", "/generateCredentials", tokenId="/x/tokens/slow")
        finally:
            azure.arm.announces = ()
        assert begun.status_code == 202
        looks = [
            requests.get(begun.headers[header], headers=bearer(azure.access_token(ARM)), timeout=10)
            for _ in range(2)
        ]
        going_on = {"Location": 202, "Azure-AsyncOperation": 200}[header]
        assert [look.status_code for look in looks] == [going_on, 200]
        assert "slow" in looks[-1].text

    def test_who_may_not(self, azure: FakeAzure) -> None:
        azure.arm.denied = True
        try:
            answer = self.ask(azure, "POST", "/listCredentials")
        finally:
            azure.arm.denied = False
        assert answer.json()["error"]["code"] == "AuthorizationFailed"


class TestProxy:
    @pytest.mark.usefixtures("azure")
    def test_other_ports_are_refused(self) -> None:
        with pytest.raises(requests.exceptions.ProxyError, match="403"):
            requests.get(f"https://{HOST}:8443/", timeout=10)

    def test_plain_requests_are_recorded_and_refused(self, azure: FakeAzure) -> None:
        answer = requests.get(
            "http://plain.example/", proxies={"http": azure.proxy_url}, timeout=10
        )
        assert answer.status_code == 502
        assert azure.count("forward") == 1

    @pytest.mark.usefixtures("azure")
    def test_a_host_nobody_knows(self) -> None:
        assert requests.get("https://evil.example/", timeout=10).status_code == 421


class TestFaults:
    def test_a_status_as_often_as_ordered(self, azure: FakeAzure) -> None:
        azure.fault("exchange", Status(503, {"Retry-After": "3"}, "busy"), times=1)
        first = exchange(azure, azure.access_token())
        assert (first.status_code, first.headers["Retry-After"], first.text) == (503, "3", "busy")
        assert exchange(azure, azure.access_token()).status_code == 200

    def test_a_fault_for_one_host(self, azure: FakeAzure) -> None:
        azure.fault("exchange", Redirect("https://evil.example/"), host="one.azurecr.io")
        answer = exchange(azure, azure.access_token(), "one.azurecr.io")
        assert answer.headers["Location"] == "https://evil.example/"
        assert exchange(azure, azure.access_token()).status_code == 200

    @pytest.mark.parametrize("fault", [Reset(), Cut()])
    def test_broken_connections(self, azure: FakeAzure, fault: Reset | Cut) -> None:
        azure.fault("exchange", fault)
        with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
            exchange(azure, azure.access_token())

    def test_garbage_slow_and_late_answers(self, azure: FakeAzure) -> None:
        azure.fault("exchange", Garbage(), times=1)
        azure.fault("exchange", Slow(1e6), times=1)
        azure.fault("exchange", Delay(0.001), times=1)
        assert "guest network" in exchange(azure, azure.access_token()).text
        assert exchange(azure, azure.access_token()).json()["refresh_token"]
        assert exchange(azure, azure.access_token()).json()["refresh_token"]

    def test_a_request_that_hangs_is_counted(self, azure: FakeAzure) -> None:
        azure.fault("exchange", Hang())
        with pytest.raises(requests.Timeout):
            requests.post(f"https://{HOST}/oauth2/exchange", timeout=0.1)
        assert [request.status for request in azure.requests] == [200, 0]

    def test_bytes_that_are_no_answer(self, azure: FakeAzure) -> None:
        azure.fault("exchange", Raw(b"220 mail.example ESMTP\r\n"))
        with pytest.raises(requests.exceptions.ConnectionError, match="220 mail"):
            exchange(azure, azure.access_token())

    @pytest.mark.parametrize(
        ("problem", "words"),
        [
            (WrongName(), "[Hh]ostname"),
            (Expired(), "expired"),
            (NotYetValid(), "not yet valid"),
            (SelfSigned(), "unable to get local issuer|self.signed"),
        ],
    )
    def test_bad_certificates(self, azure: FakeAzure, problem: TLSFault, words: str) -> None:
        azure.fault("exchange", problem, host="bad.azurecr.io")
        with pytest.raises(requests.exceptions.SSLError, match=words):
            exchange(azure, azure.access_token(), "bad.azurecr.io")
        assert exchange(azure, azure.access_token()).status_code == 200


class TestServer:
    def test_200_clients_at_once(self, azure: FakeAzure) -> None:
        token = azure.access_token()
        azure.exchange_delay = 0.02
        try:
            with concurrent.futures.ThreadPoolExecutor(200) as pool:
                answers = list(pool.map(lambda _: exchange(azure, token), range(200)))
        finally:
            azure.exchange_delay = 0
        assert {answer.status_code for answer in answers} == {200}
        assert azure.count("exchange") == 200

    def test_a_connection_is_kept(self, azure: FakeAzure) -> None:
        with requests.Session() as session:
            for _ in range(3):
                session.get(f"https://{HOST}/v2/", timeout=10)
        assert azure.count("challenge") == 3
        assert azure.count("connect") == 1

    def test_a_form_through_the_proxy_waits_for_no_ack(self, azure: FakeAzure) -> None:
        token = azure.access_token()
        form = {"grant_type": "access_token", "service": HOST, "access_token": token}
        took = []
        with requests.Session() as session:
            for _ in range(10):
                answer = session.post(f"https://{HOST}/oauth2/exchange", form, timeout=10)
                took.append(answer.elapsed.total_seconds())
        assert min(took) < 0.04  # every one of them, with a delayed ACK

    def test_it_stops_while_clients_wait(self, tmp_path: os.PathLike[str]) -> None:
        with FakeAzure(tmp_path) as azure, requests.Session() as session:
            session.get(f"{azure.metadata_url}/", timeout=10)
            began = time.monotonic()
        assert time.monotonic() - began < 2


@pytest.mark.skipif(PROGRAM is None, reason="docker-registry is not installed")
class TestDistribution:
    @pytest.fixture
    def url(self, azure: FakeAzure, tmp_path: os.PathLike[str]) -> Iterator[str]:
        """A registry with CNCF Distribution behind it."""
        with Distribution(tmp_path, azure.root_cert_file) as server:
            azure.backend = server.address
            azure.registry(HOST).token_audience = SERVICE
            yield f"https://{HOST}/v2"
            azure.backend = ""
            azure.registry(HOST).token_audience = ""

    def test_a_real_registry_server_believes_the_tokens(self, azure: FakeAzure, url: str) -> None:
        challenge = requests.get(f"{url}/hello/tags/list", timeout=10)
        assert challenge.headers["Www-Authenticate"].startswith(
            f'Bearer realm="https://{HOST}/oauth2/token",service="{HOST}"'
        )
        token = access(NULL_GUID, refresh_token(azure)).json()["access_token"]
        assert requests.get(f"{url}/", headers=bearer(token), timeout=10).status_code == 200
        refresh = bearer(refresh_token(azure))  # no Bearer for the registry (acr.md 1.5)
        assert requests.get(f"{url}/", headers=refresh, timeout=10).status_code == 401

    def test_blobs_stream_up_and_down(self, azure: FakeAzure, url: str) -> None:
        token = access(NULL_GUID, refresh_token(azure)).json()["access_token"]
        blob = os.urandom(300_000)
        digest = hashes.Hash(hashes.SHA256())
        digest.update(blob)
        name = f"sha256:{digest.finalize().hex()}"
        with requests.Session() as session:
            session.headers.update(bearer(token))
            start = session.post(f"{url}/hello/blobs/uploads/", timeout=10)
            place = start.headers["Location"]
            assert place.startswith(f"https://{HOST}/v2/hello/blobs/uploads/")
            pieces = (blob[at : at + 50_000] for at in range(0, len(blob), 50_000))
            sent = session.patch(place, data=pieces, timeout=10)
            assert sent.status_code == 202
            done = session.put(sent.headers["Location"], params={"digest": name}, timeout=10)
            assert done.status_code == 201
            assert session.get(f"{url}/hello/blobs/{name}", timeout=10).content == blob
            head = session.head(f"{url}/hello/blobs/{name}", timeout=10)
            assert head.headers["Content-Length"] == str(len(blob))


class TestAz:
    ARGUMENTS = ("account", "get-access-token", "--output", "json", "--resource", ACR_AUDIENCE)

    def run(self, program: str, *more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [program, *self.ARGUMENTS, *more], capture_output=True, text=True, check=False
        )

    def test_a_person_who_has_signed_in(self, azure: FakeAzure, tmp_path: os.PathLike[str]) -> None:
        az = install_az(tmp_path, azure)
        answer = json.loads(self.run(az.program, "--tenant", azure.tenant).stdout)
        assert answer.keys() == {"accessToken", "expiresOn", "expires_on", "tenant", "tokenType"}
        assert exchange(azure, answer["accessToken"]).status_code == 200
        assert az.calls()[0]["argv"][:2] == ["account", "get-access-token"]
        assert os.stat(os.path.join(az.folder, "az-settings.json")).st_mode & 0o077 == 0

    @pytest.mark.parametrize(
        ("mode", "words"),
        [("signed_out", "Please run 'az login' to setup account."), ("refused", "AADSTS700082")],
    )
    def test_a_person_who_has_not(
        self, azure: FakeAzure, tmp_path: os.PathLike[str], mode: str, words: str
    ) -> None:
        az = install_az(tmp_path, azure)
        az.set(mode=mode)
        answer = self.run(az.program)
        assert (answer.returncode, answer.stdout) == (1, "")
        assert words in answer.stderr

    def test_a_grandchild_that_stays(self, azure: FakeAzure, tmp_path: os.PathLike[str]) -> None:
        az = install_az(tmp_path, azure, mode="grandchild")
        with subprocess.Popen([az.program, *self.ARGUMENTS], stdout=subprocess.PIPE) as child:
            assert child.wait() == 0
            os.kill(az.grandchildren()[0], signal.SIGKILL)


def certified() -> tuple[x509.Certificate, bytes]:
    """A service principal's certificate, and the PEM file with its key."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "builder")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate, private + certificate.public_bytes(pem)
