"""Azure Resource Manager: what its answers mean, and operations that take a while."""

import pytest

from docker_credential_acr.arm import Manager, call, items
from docker_credential_acr.errors import (
    Failure,
    MethodUnavailable,
    OutOfTime,
    RegistryRefused,
    Unreachable,
    sentence,
)
from docker_credential_acr.references import REFERENCES
from tests.azure import ACR_AUDIENCE, FakeAzure, Garbage, Redirect, Reset, Status
from tests.managers import manager

PATH = (
    "/subscriptions/{}/resourceGroups/registries/providers/Microsoft.ContainerRegistry/registries/"
)


@pytest.fixture
def asking(azure: FakeAzure, host: str) -> Manager:
    azure.add_admin(host)
    return manager(azure, host)


def where(azure: FakeAzure, asking: Manager) -> str:
    return azure.arm.registry_id(azure.registry(asking.sign_in.host))


def refused(asking: Manager, verb: str, path: str) -> Failure:
    with pytest.raises(Failure) as raised:
        call(verb, path, asking)
    failure = raised.value
    assert failure.reference in REFERENCES
    assert "CANARY" not in sentence(failure)
    assert len(failure.what) + len(failure.hint) < 270, "host and reference have room beside it"
    return failure


class TestRefusals:
    @pytest.mark.parametrize(
        ("verb", "what", "action"),
        [
            ("POST", "/listCredentials", "registries/listCredentials/action"),
            ("POST", "/generateCredentials", "registries/generateCredentials/action"),
            ("PATCH", "", "registries/write"),
        ],
    )
    def test_403_names_what_a_role_must_allow(
        self, azure: FakeAzure, asking: Manager, verb: str, what: str, action: str
    ) -> None:
        azure.arm.denied = True
        failure = refused(asking, verb, where(azure, asking) + what)
        assert type(failure) is RegistryRefused
        assert failure.reference == "arm-denied"
        assert "(HTTP 403, AuthorizationFailed)" in failure.what
        assert failure.hint == f"grant it Microsoft.ContainerRegistry/{action}"

    @pytest.mark.parametrize(
        ("path", "action"),
        [
            ("", "Microsoft.ContainerRegistry/registries/read"),
            ("/tokens/robot", "Microsoft.ContainerRegistry/registries/tokens/read"),
        ],
    )
    def test_403_of_a_reader(
        self, azure: FakeAzure, asking: Manager, path: str, action: str
    ) -> None:
        azure.fault("arm", Status(403), times=1)
        failure = refused(asking, "GET", where(azure, asking) + path)
        assert failure.hint == f"grant it {action}"

    def test_403_of_the_subscriptions(self, azure: FakeAzure, asking: Manager) -> None:
        azure.fault("arm", Status(403), times=1)
        failure = refused(asking, "GET", "/subscriptions")
        assert failure.hint == "grant it Microsoft.Resources/subscriptions/read"

    def test_401_is_about_the_identity(self, azure: FakeAzure, host: str) -> None:
        token = azure.access_token(ACR_AUDIENCE)
        failure = refused(manager(azure, host, token=token), "GET", "/subscriptions")
        assert type(failure) is RegistryRefused
        assert failure.reference == "arm-identity"
        assert "(HTTP 401, InvalidAuthenticationTokenAudience)" in failure.what
        assert "tenant_id" in failure.hint

    @pytest.mark.parametrize(
        ("path", "what", "hint"),
        [
            ("nobody", "knows no such registry (HTTP 404, ResourceNotFound)", "registry_id"),
            ("{}/tokens/robot", "knows no such token (HTTP 404, ResourceNotFound)", "token_name"),
        ],
    )
    def test_404_is_about_what_was_named(
        self, azure: FakeAzure, asking: Manager, path: str, what: str, hint: str
    ) -> None:
        name = azure.registry(asking.sign_in.host).name
        base = PATH.format(azure.arm.subscription)
        failure = refused(asking, "GET", base + path.format(name))
        assert type(failure) is MethodUnavailable
        assert failure.reference == "registry-not-found"
        assert what in failure.what
        assert hint in failure.hint

    def test_a_lock_is_named_by_its_code(self, azure: FakeAzure, asking: Manager) -> None:
        body = b'{"error": {"code": "ScopeLocked", "message": "CANARY"}}'
        azure.fault("arm", Status(409, body=body), times=1)
        failure = refused(asking, "POST", where(azure, asking) + "/listCredentials")
        assert type(failure) is RegistryRefused
        assert failure.reference == "arm-refused"
        assert "(HTTP 409, ScopeLocked)" in failure.what

    @pytest.mark.parametrize(
        "body", [b'{"error": {"code": "two words\\u001b"}}', b'{"error": "x"}', b"[]", b"<html>"]
    )
    def test_what_is_no_code_is_not_shown(
        self, azure: FakeAzure, asking: Manager, body: bytes
    ) -> None:
        azure.fault("arm", Status(400, body=body), times=1)
        assert "(HTTP 400)" in refused(asking, "GET", "/subscriptions").what

    def test_throttling_says_how_long(self, azure: FakeAzure, asking: Manager) -> None:
        azure.fault("arm", Status(429, {"Retry-After": "77"}))
        failure = refused(asking, "GET", "/subscriptions")
        assert type(failure) is Unreachable
        assert failure.reference == "arm-unavailable"
        assert failure.what.startswith("management.azure.com is throttling requests (HTTP 429)")
        assert failure.hint == "try again in 77 s"

    def test_a_fault_of_its_own(self, azure: FakeAzure, asking: Manager) -> None:
        azure.fault("arm", Status(503))
        failure = refused(asking, "GET", "/subscriptions")
        assert failure.what.startswith("management.azure.com has a fault of its own (HTTP 503)")
        assert azure.count("arm") == 2, "tried again once"

    @pytest.mark.parametrize(
        ("fault", "reference"),
        [
            (Reset(), "unreachable"),
            (Garbage(), "answer-unusable"),
            (Redirect("https://evil.example"), "redirect-refused"),
        ],
    )
    def test_the_network_has_its_own_words(
        self, azure: FakeAzure, asking: Manager, fault: Reset | Garbage | Redirect, reference: str
    ) -> None:
        azure.fault("arm", fault)
        failure = refused(asking, "GET", "/subscriptions")
        assert isinstance(failure, Unreachable)
        assert failure.reference == reference
        assert "management.azure.com" in failure.what

    @pytest.mark.parametrize("body", [b"[]", b"null", b"{", b"[" * 100_000, b"<html>log in</html>"])
    def test_an_answer_that_is_none(self, azure: FakeAzure, asking: Manager, body: bytes) -> None:
        azure.fault("arm", Status(200, body=body), times=1)
        assert refused(asking, "GET", "/subscriptions").reference == "answer-unusable"

    def test_past_the_deadline_nobody_is_asked(self, azure: FakeAzure, host: str) -> None:
        with pytest.raises(OutOfTime):
            call("GET", "/subscriptions", manager(azure, host, seconds=0))
        assert azure.requests == []


class TestListings:
    def listing(self, azure: FakeAzure, *links: str | None) -> None:
        for number, link in enumerate(links):
            more = f', "nextLink": "{link}"' if link else ""
            body = f'{{"value": [{{"n": {number}}}, "junk"]{more}}}'
            azure.fault("arm", Status(200, body=body.encode()), times=1)

    def test_every_page_is_read(self, azure: FakeAzure, asking: Manager) -> None:
        here = "https://management.azure.com"
        self.listing(azure, f"{here}/next?page=2", f"{here}:443/next?page=3", None)
        assert [each["n"] for each in items("/x", asking)] == [0, 1, 2]
        pages = [request.query.get("page") for request in azure.requests if request.kind == "arm"]
        assert pages == [None, "2", "3"]

    @pytest.mark.parametrize(
        "link",
        [
            "https://management.azure.com.evil.example/x",
            "http://management.azure.com/x",
            "https://management.azure.com:444/x",
            "https://management.azure.com@evil.example/x",
            "https://[::1",
            "//evil.example",
        ],
    )
    def test_the_token_goes_to_no_other_place(
        self, azure: FakeAzure, asking: Manager, link: str
    ) -> None:
        self.listing(azure, link)
        with pytest.raises(Unreachable) as raised:
            list(items("/x", asking))
        assert raised.value.reference == "answer-unusable"
        assert {request.host for request in azure.requests if request.kind != "connect"} == {
            "management.azure.com"
        }

    def test_it_ends(self, azure: FakeAzure, asking: Manager) -> None:
        link = "https://management.azure.com/again"
        body = f'{{"value": [], "nextLink": "{link}"}}'.encode()
        azure.fault("arm", Status(200, body=body))
        assert list(items("/x", asking)) == []
        assert azure.count("arm") < 30


class TestOperations:
    @pytest.mark.parametrize(
        "announced",
        [("Location",), ("Azure-AsyncOperation",), ("Azure-AsyncOperation", "Location")],
    )
    def test_it_is_waited_for(
        self, azure: FakeAzure, asking: Manager, announced: tuple[str, ...]
    ) -> None:
        azure.add_repository_token(asking.sign_in.host, "robot")
        azure.arm.announces = announced
        body = {"tokenId": "x/tokens/robot", "name": "password2"}
        answer = call("POST", where(azure, asking) + "/generateCredentials", asking, body)
        assert answer["username"] == "robot"
        assert [each["name"] for each in answer["passwords"]] == ["password2"]
        asked = [request.method for request in azure.requests if request.kind == "arm"]
        assert asked.count("POST") == 1

    def test_a_failure_is_told(self, azure: FakeAzure, asking: Manager) -> None:
        azure.add_repository_token(asking.sign_in.host, "robot")
        azure.arm.announces, azure.arm.fails = (
            ("Azure-AsyncOperation", "Location"),
            "TokenNotActive",
        )
        with pytest.raises(RegistryRefused) as raised:
            call(
                "POST",
                where(azure, asking) + "/generateCredentials",
                asking,
                {"tokenId": "x/tokens/robot", "name": "password2"},
            )
        assert raised.value.reference == "arm-refused"
        assert raised.value.what == "Azure Resource Manager could not do it (TokenNotActive)"

    @pytest.mark.parametrize("header", ["Location", "Azure-AsyncOperation"])
    def test_it_is_bounded(self, azure: FakeAzure, host: str, header: str) -> None:
        """However long the other side wants to be waited for."""
        place = {header: "https://management.azure.com/x", "Retry-After": "0"}
        azure.fault("arm", Status(202, place), times=1)
        going_on = Status(202, place) if header == "Location" else Status(200, place, b"{}")
        azure.fault("arm", going_on)
        with pytest.raises(OutOfTime):
            call("POST", "/x", manager(azure, host, seconds=1))

    @pytest.mark.parametrize("headers", [{}, {"Location": "https://evil.example/x"}])
    def test_the_token_goes_to_no_other_place(
        self, azure: FakeAzure, asking: Manager, headers: dict[str, str]
    ) -> None:
        azure.fault("arm", Status(202, headers), times=1)
        assert refused(asking, "POST", "/x").reference == "answer-unusable"
        assert azure.count("arm") == 1
