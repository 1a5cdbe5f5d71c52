"""`managed-identity`: every place that has one, and everything that only looks like one."""

import os
import socket
import time
from collections.abc import Iterator

import pytest

from docker_credential_acr.clouds import REGISTRY_AUDIENCE
from docker_credential_acr.errors import (
    AudienceUnknown,
    Failure,
    MethodUnavailable,
    SettingsError,
    SignInRefused,
    Unreachable,
)
from docker_credential_acr.methods import managed_identity
from docker_credential_acr.methods.managed_identity import Options, detect
from tests.azure import FakeAzure, Garbage, Hang, ManagedIdentity, Redirect, Reset, Slow, Status
from tests.azure.tokens import peek
from tests.methods.worlds import Machine
from tests.stories.program import Program

METHOD = "managed-identity"
PLACES = ["vm", "app-service", "machine-learning", "service-fabric", "cloud-shell"]
RESOURCE_ID = (
    "/subscriptions/s/resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i"
)
NOBODY = "00000000-aaaa-bbbb-cccc-dddddddddddd"
DOCKER_DESKTOP = "connecting to 169.254.169.254:80: dial tcp: connectex: unreachable network."


def put(machine: Machine, place: str = "vm") -> Machine:
    machine.set(**machine.azure.metadata_environ(place))
    return machine


def failure(machine: Machine, options: Options | None = None) -> Failure:
    with pytest.raises(Failure) as raised:
        machine.token(METHOD, options)
    assert "CANARY" not in raised.value.what + raised.value.hint
    return raised.value


def who(machine: Machine, options: Options | None = None) -> str:
    """The object id in the token."""
    return str(peek(machine.token(METHOD, options).secret.reveal())[1]["oid"])


@pytest.fixture
def assigned(azure: FakeAzure) -> ManagedIdentity:
    return azure.add_managed_identity(resource_id=RESOURCE_ID)


class TestPlaces:
    @pytest.mark.parametrize("place", PLACES)
    def test_the_machines_own_identity_signs_in(self, machine: Machine, place: str) -> None:
        put(machine, place)
        assert detect(os.environ) == Options()
        assert who(machine) == machine.azure.system_identity.object_id
        assert machine.azure.count("metadata") == 1

    @pytest.mark.parametrize("place", PLACES)
    def test_an_audience_that_it_does_not_know_is_told_apart(
        self, machine: Machine, place: str
    ) -> None:
        """So that the cloud's ARM audience is tried, and only then."""
        put(machine, place).azure.audiences.discard(REGISTRY_AUDIENCE)
        assert isinstance(failure(machine), AudienceUnknown)

    @pytest.mark.parametrize("place", PLACES[:4])
    def test_a_machine_without_an_identity_is_refused(self, machine: Machine, place: str) -> None:
        put(machine, place).azure.remove_identity(machine.azure.system_identity)
        found = failure(machine)
        assert isinstance(found, SignInRefused)
        assert not isinstance(found, AudienceUnknown)
        assert found.reference == "identity-not-found"
        assert "system-assigned" in found.what

    def test_a_variable_that_is_no_address_is_said(self, machine: Machine) -> None:
        machine.set(AZURE_POD_IDENTITY_AUTHORITY_HOST="nonsense")
        found = failure(machine)
        assert isinstance(found, SignInRefused)
        assert found.reference == "metadata-refused"


class TestSelectors:
    @pytest.mark.parametrize("place", ["vm", "app-service"])
    @pytest.mark.parametrize("selector", ["client_id", "object_id", "resource_id"])
    def test_each_names_one_identity(
        self, machine: Machine, assigned: ManagedIdentity, place: str, selector: str
    ) -> None:
        put(machine, place)
        options = Options(**{selector: getattr(assigned, selector)})
        assert who(machine, options) == assigned.object_id

    def test_machine_learning_knows_the_client_id(
        self, machine: Machine, assigned: ManagedIdentity
    ) -> None:
        put(machine, "machine-learning")
        assert who(machine, Options(client_id=assigned.client_id)) == assigned.object_id

    @pytest.mark.parametrize("place", ["vm", "app-service", "machine-learning"])
    def test_one_that_is_not_there_is_refused_by_its_name(
        self, machine: Machine, place: str
    ) -> None:
        found = failure(put(machine, place), Options(client_id=NOBODY))
        assert isinstance(found, SignInRefused)
        assert not isinstance(found, AudienceUnknown)
        assert found.reference == "identity-not-found"
        assert NOBODY in found.what

    @pytest.mark.parametrize("place", ["cloud-shell", "service-fabric"])
    def test_where_nothing_selects_nobody_else_signs_in_than_was_asked_for(
        self, machine: Machine, assigned: ManagedIdentity, place: str
    ) -> None:
        found = failure(put(machine, place), Options(client_id=assigned.client_id))
        assert isinstance(found, SignInRefused)
        assert machine.azure.requests == []

    def test_among_several_none_is_guessed(
        self, machine: Machine, assigned: ManagedIdentity
    ) -> None:
        put(machine).azure.remove_identity(machine.azure.system_identity)
        assert who(machine) == assigned.object_id, "the only one, as the service has it"
        other = machine.azure.add_managed_identity()
        found = failure(machine)
        assert isinstance(found, SignInRefused)
        assert found.reference == "identity-ambiguous"
        assert "client_id" in found.hint
        assert who(machine, Options(client_id=other.client_id)) == other.object_id

    def test_two_at_once_are_a_mistake(self, machine: Machine) -> None:
        found = failure(put(machine), Options(client_id="a", object_id="b"))
        assert isinstance(found, SettingsError)
        assert "client_id and object_id" in found.what
        assert machine.azure.requests == []

    def test_the_usual_variable_selects_when_it_was_found_by_itself(
        self, machine: Machine, assigned: ManagedIdentity
    ) -> None:
        put(machine).set(AZURE_CLIENT_ID=assigned.client_id)
        assert detect(os.environ) == Options(client_id=assigned.client_id)
        assert who(machine, detect(os.environ)) == assigned.object_id


class TestServiceFabric:
    """The endpoint has a certificate of its own that nobody vouches for: its thumbprint is given."""

    @pytest.fixture
    def machine(self, machine: Machine) -> Machine:
        return put(machine, "service-fabric")

    def test_what_is_asked(self, machine: Machine) -> None:
        machine.token(METHOD)
        (asked,) = machine.azure.requests
        assert (asked.kind, asked.path) == ("metadata", "/fabric/token")
        assert asked.query == {"api-version": "2019-07-01-preview", "resource": REGISTRY_AUDIENCE}

    @pytest.mark.parametrize("thumbprint", ["0" * 40, "nonsense", " "])
    def test_another_certificate_gets_no_secret(self, machine: Machine, thumbprint: str) -> None:
        machine.set(IDENTITY_SERVER_THUMBPRINT=thumbprint)
        found = failure(machine)
        assert isinstance(found, SignInRefused)
        assert found.reference == "metadata-refused"
        assert machine.azure.requests == []

    def test_without_tls_it_gets_none_either(self, machine: Machine) -> None:
        machine.set(IDENTITY_ENDPOINT=f"{machine.azure.metadata_url}/fabric/token")
        assert failure(machine).reference == "metadata-refused"
        assert machine.azure.requests == []

    def test_a_wrong_secret_is_refused(self, machine: Machine) -> None:
        machine.set(IDENTITY_HEADER="CANARY-wrong")
        assert isinstance(failure(machine), SignInRefused)


class TestTrouble:
    @pytest.fixture
    def machine(self, machine: Machine) -> Machine:
        return put(machine)

    @pytest.mark.parametrize("status", [404, 410, 429, 500, 503])
    def test_one_bad_answer_is_asked_again(self, machine: Machine, status: int) -> None:
        """410 is what a metadata service says while it is being updated."""
        machine.azure.fault("metadata", Status(status), times=1)
        machine.token(METHOD)
        assert machine.azure.count("metadata") == 2

    def test_a_short_wait_is_waited(self, machine: Machine) -> None:
        machine.azure.fault("metadata", Status(429, {"Retry-After": "3"}), times=1)
        began = time.monotonic()
        machine.token(METHOD)
        assert time.monotonic() - began >= 3

    def test_a_long_wait_is_said(self, machine: Machine) -> None:
        machine.azure.fault("metadata", Status(429, {"Retry-After": "600"}))
        found = failure(machine)
        assert isinstance(found, Unreachable)
        assert found.reference == "entra-throttled"
        assert "600 s" in found.hint
        assert machine.azure.count("metadata") == 1

    @pytest.mark.parametrize("body", ["", '{"error": "invalid_request"}', "<html>"])
    @pytest.mark.parametrize("status", [410, 500, 503])
    def test_a_fault_that_stays_is_not_blamed_on_the_identity(
        self, machine: Machine, status: int, body: str
    ) -> None:
        machine.azure.fault("metadata", Status(status, body=body))
        found = failure(machine)
        assert isinstance(found, Unreachable)
        assert found.reference == "entra-unavailable"
        assert f"HTTP {status}" in found.what
        assert 2 <= machine.azure.count("metadata") <= 3

    @pytest.mark.parametrize("place", ["vm", "app-service", "machine-learning", "cloud-shell"])
    @pytest.mark.parametrize(
        "fault",
        [
            Garbage(),
            Garbage("{}", "application/json"),
            Garbage("[]", "application/json"),
            Garbage('{"access_token": "x"', "application/json"),
            Garbage('{"access_token": 5, "expires_in": "soon", "expires_on": "soon"}'),
            Status(403, body=DOCKER_DESKTOP),
            Status(200),
        ],
        ids=["html", "object", "list", "half", "soon", "docker-desktop", "empty"],
    )
    def test_what_is_no_metadata_service_is_no_internal_fault(
        self, machine: Machine, place: str, fault: Garbage | Status
    ) -> None:
        put(machine, place)
        if place != "vm":
            machine.set(AZURE_POD_IDENTITY_AUTHORITY_HOST=None)
        machine.azure.fault("metadata", fault)
        found = failure(machine)
        assert "guest network" not in found.what
        assert "unreachable network" not in found.what

    @pytest.mark.parametrize("place", ["vm", "app-service", "cloud-shell"])
    def test_a_redirect_is_not_followed(self, machine: Machine, place: str) -> None:
        put(machine, place).azure.fault("metadata", Redirect("http://127.0.0.1:9/"))
        assert failure(machine).reference == "redirect-refused"

    @pytest.mark.parametrize("fault", [Hang(), Slow(1), Reset()], ids=["hang", "slow", "reset"])
    def test_one_that_does_not_answer_is_given_up(
        self, machine: Machine, fault: Hang | Slow | Reset
    ) -> None:
        machine.seconds = 1
        machine.azure.fault("metadata", fault)
        found = failure(machine)
        assert isinstance(found, Unreachable)
        assert found.reference in ("metadata-unreachable", "out-of-time")


class Blackhole:
    """An address where connections are neither accepted nor refused: its queue is full."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._waiting = [socket.socket() for _ in range(4)]
        for each in self._waiting:
            each.settimeout(0)
            each.connect_ex(self._listener.getsockname())

    def close(self) -> None:
        for each in (*self._waiting, self._listener):
            each.close()


@pytest.fixture
def blackhole() -> Iterator[Blackhole]:
    made = Blackhole()
    yield made
    made.close()


class TestNobodyThere:
    def test_a_refused_connection_is_said_at_once(self, machine: Machine) -> None:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        machine.set(AZURE_POD_IDENTITY_AUTHORITY_HOST=f"http://127.0.0.1:{port}")
        began = time.monotonic()
        found = failure(machine)
        assert time.monotonic() - began < 2
        assert isinstance(found, Unreachable)
        assert found.reference == "metadata-unreachable"

    def test_a_network_that_swallows_everything_costs_four_seconds(
        self, machine: Machine, blackhole: Blackhole
    ) -> None:
        machine.set(AZURE_POD_IDENTITY_AUTHORITY_HOST=blackhole.url)
        began = time.monotonic()
        found = failure(machine)
        assert time.monotonic() - began <= 4
        assert found.reference == "metadata-unreachable"


class TestChassisTag:
    """Every Azure machine has the tag, also the CI runners that have no identity."""

    @pytest.fixture
    def machine(self, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Machine:
        path = machine.file("chassis_asset_tag", "7783-7084-3265-9085-8269-3286-77\n")
        monkeypatch.setattr(managed_identity, "_CHASSIS", path)
        return machine

    def test_it_announces_an_identity_to_probe_for(self, machine: Machine) -> None:
        assert detect(os.environ).probe
        machine.set(AZURE_CLIENT_ID="a")
        assert detect(os.environ) == Options(client_id="a", probe=True)

    def test_a_variable_of_the_platform_needs_no_probe(self, machine: Machine) -> None:
        assert not detect(put(machine).sign_in().environ).probe

    @pytest.mark.parametrize("tag", [b"", b"unknown\n", b"\xff\xfe", b"7783-7084"])
    def test_another_tag_announces_nothing(self, machine: Machine, tag: bytes) -> None:
        machine.file("chassis_asset_tag", tag)
        with pytest.raises(MethodUnavailable):
            detect(os.environ)

    def test_an_identity_that_answers_is_taken(self, machine: Machine) -> None:
        put(machine)
        assert who(machine, Options(probe=True)) == machine.azure.system_identity.object_id

    @pytest.mark.parametrize(
        "fault",
        [None, Status(403, body=DOCKER_DESKTOP), Status(404), Hang(), Reset(), Garbage()],
        ids=["no-identity", "403", "404", "hang", "reset", "html"],
    )
    def test_an_empty_promise_is_nothing_to_try_within_two_seconds(
        self, machine: Machine, fault: Status | Hang | Reset | Garbage | None
    ) -> None:
        put(machine).azure.remove_identity(machine.azure.system_identity)
        if fault:
            machine.azure.fault("metadata", fault)
        began = time.monotonic()
        found = failure(machine, Options(probe=True))
        assert time.monotonic() - began < 2.5
        assert isinstance(found, MethodUnavailable)

    def test_so_is_a_network_that_swallows_everything(
        self, machine: Machine, blackhole: Blackhole
    ) -> None:
        machine.set(AZURE_POD_IDENTITY_AUTHORITY_HOST=blackhole.url)
        began = time.monotonic()
        found = failure(machine, Options(probe=True))
        assert time.monotonic() - began < 2.5
        assert isinstance(found, MethodUnavailable)


class TestProgram:
    """The installed program: the SDK reads the environment of the process."""

    @pytest.fixture
    def program(self, program: Program) -> Program:
        for name in program.azure.service_principal_environ():
            del program.environ[name]
        program.environ["ACR_CRED_METHOD"] = METHOD
        return program

    @pytest.mark.parametrize("place", PLACES)
    def test_it_signs_in_everywhere(self, program: Program, host: str, place: str) -> None:
        del program.environ["AZURE_POD_IDENTITY_AUTHORITY_HOST"]
        variables = program.azure.metadata_environ(place)
        assert program.get(host, **variables).login["ServerURL"] == host

    @pytest.mark.parametrize("place", PLACES)
    def test_no_proxy_sees_a_metadata_request(
        self, program: Program, host: str, place: str
    ) -> None:
        """The answer is a token: with HTTP_PROXY set the SDK alone would ask for it there."""
        proxy = program.azure.proxy_url
        del program.environ["AZURE_POD_IDENTITY_AUTHORITY_HOST"]
        variables = program.azure.metadata_environ(place) | dict.fromkeys(
            ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"), proxy
        )
        assert program.get(host, NO_PROXY="", no_proxy="", **variables).code == 0
        asked = [r for r in program.azure.requests if r.listener == "proxy"]
        assert {r.kind for r in asked} == {"connect"}
        assert {r.host for r in asked} == {host}

    def test_the_audience_falls_back_and_is_remembered(self, program: Program, host: str) -> None:
        azure = program.azure
        azure.audiences.discard(REGISTRY_AUDIENCE)
        azure.registry(host).token_life = 600  # too short to be served again
        for wanted in (
            [REGISTRY_AUDIENCE, "https://management.azure.com"],
            ["https://management.azure.com"],
        ):
            azure.forget()
            assert program.get(host).code == 0
            asked = [r.query["resource"] for r in azure.requests if r.kind == "metadata"]
            assert asked == wanted

    def test_a_hanging_service_ends_within_eight_seconds(self, program: Program, host: str) -> None:
        program.azure.fault("metadata", Hang())
        began = time.monotonic()
        answer = program.get(host)
        assert answer.reference == "metadata-unreachable"
        assert time.monotonic() - began < 9.5

    def test_settings_select(self, program: Program, host: str) -> None:
        identity = program.azure.add_managed_identity()
        program.settings(
            f'[registries."{host}"]\nmethod = "{METHOD}"\nclient_id = "{identity.client_id}"\n'
        )
        assert program.get(host).code == 0
        asked = [r.query["client_id"] for r in program.azure.requests if r.kind == "metadata"]
        assert asked == [identity.client_id]
