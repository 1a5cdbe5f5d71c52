"""`automatic`: the first way in, by local signals only, and what it says when there is none."""

import dataclasses
import json
import os
import socket
import time
from collections.abc import Callable

import pytest

from docker_credential_acr.clouds import REGISTRY_AUDIENCE
from docker_credential_acr.errors import (
    AudienceUnknown,
    Failure,
    MethodUnavailable,
    SignInRefused,
    Unreachable,
    sentence,
)
from docker_credential_acr.memory import Remembered
from docker_credential_acr.methods import METHODS, automatic, managed_identity
from docker_credential_acr.methods.automatic import ORDER
from docker_credential_acr.private_files import open_folder
from tests.azure import Garbage, Hang, ManagedIdentity, Redirect, Reset, Slow, Status
from tests.azure.az import install_az
from tests.azure.faults import Fault
from tests.azure.tokens import peek
from tests.methods.worlds import (
    WORLDS,
    Machine,
    azd,
    developer,
    expired_person,
    person,
    pod,
    powershell,
    service_principal,
    virtual_machine,
    wrong_secret,
)
from tests.stories.program import Program

METHOD = "automatic"


def failure(machine: Machine) -> Failure:
    with pytest.raises(Failure) as raised:
        machine.token(METHOD)
    return raised.value


def who(machine: Machine) -> str:
    return str(peek(machine.token(METHOD).secret.reveal())[1]["oid"])


def test_the_order_is_the_documented_one() -> None:
    documented = (
        "client-secret",
        "client-certificate",
        "workload-identity",
        "github-actions",
        "azure-pipelines",
        "managed-identity",
        "aks-node",
        "azure-cli",
        "azure-powershell",
        "azure-developer-cli",
    )
    assert tuple(ORDER) == tuple(name for name in documented if name in METHODS)
    assert all(ORDER[name] is METHODS[name] for name in ORDER)


def test_what_comes_first_signs_in(machine: Machine) -> None:
    """Each signal is taken away in turn, and the next method answers."""
    person(machine)
    virtual_machine(machine)
    principal = machine.azure.add_service_principal(secret="CANARY-other")
    pod(machine)
    machine.set(AZURE_CLIENT_SECRET="CANARY-other", AZURE_CLIENT_ID=principal.client_id)
    assert who(machine) == principal.object_id
    machine.set(AZURE_CLIENT_SECRET=None, AZURE_CLIENT_ID=machine.azure.client_id)
    machine.azure.forget()
    machine.token(METHOD)
    (sent,) = (r.form for r in machine.azure.requests if r.kind == "sign-in")
    assert "client_assertion" in sent
    machine.set(AZURE_FEDERATED_TOKEN_FILE=None, AZURE_CLIENT_ID=None, AZURE_TENANT_ID=None)
    assert who(machine) == machine.azure.system_identity.object_id
    machine.set(AZURE_POD_IDENTITY_AUTHORITY_HOST=None)
    assert who(machine) == machine.azure.user.object_id


@pytest.mark.parametrize("name", list(ORDER))
def test_each_method_is_found_by_its_own_signal(machine: Machine, name: str) -> None:
    WORLDS[name].right(machine)
    machine.token(METHOD)


class TestNothingFound:
    """The sentence that a person reads has 300 characters, and every attempt in it."""

    def told(self, machine: Machine, host: str) -> str:
        with pytest.raises(MethodUnavailable) as raised:
            automatic.entra_token(automatic.Options(), machine.sign_in(host), REGISTRY_AUDIENCE)
        assert raised.value.reference == "no-method"
        return sentence(raised.value, host)

    def test_what_was_tried_is_told_with_its_reason(self, machine: Machine) -> None:
        powershell(machine, "no_context")
        line = self.told(machine, "t.azurecr.io")
        assert "azure-cli: az is not on PATH" in line
        assert "azure-powershell: nobody is signed in to the Azure PowerShell" in line
        assert line.endswith("; run: Connect-AzAccount, or set a method [no-method]")

    def test_what_is_not_set_up_is_named_where_there_is_room(self, machine: Machine) -> None:
        machine.set(PATH="/nowhere")
        assert [name for name in ORDER if name not in self.told(machine, "t.azurecr.io")] == []
        line = self.told(machine, "team-with-a-name-0123456789.azurecr.io")
        assert "azure-cli: az is not on PATH; 9 others are not set up" in line

    @pytest.mark.parametrize("length", [5, 63, 80])
    def test_many_attempts_fit(self, machine: Machine, looks_like_azure: None, length: int) -> None:
        """Four programs and services that know nobody: their page of `help` stands for the reason."""
        assert looks_like_azure is None
        machine.azure.fault("metadata", Status(404))
        install_az(os.path.join(machine.folder, "bin"), machine.azure, mode="signed_out")
        powershell(machine, "no_context")
        azd(machine, "echo 'not logged in' >&2; exit 1")
        line = self.told(machine, "h" * length)
        assert len(line) <= 300
        for name in ("managed-identity", "azure-cli", "azure-powershell", "azure-developer-cli"):
            assert f"{name}: " in line
        assert "..." not in line
        assert line.endswith("; run: azd auth login, or set a method [no-method]")


def test_a_refusal_ends_the_search(machine: Machine) -> None:
    """A wrong secret must not turn silently into somebody else's sign-in."""
    person(machine)
    virtual_machine(machine)
    service_principal(machine)
    wrong_secret(machine)
    found = failure(machine)
    assert isinstance(found, SignInRefused)
    assert found.reference == "client-secret-refused"
    assert machine.azure.count("metadata") == 0
    assert not os.path.exists(os.path.join(machine.folder, "bin", "az-calls.jsonl"))


def test_a_fault_ends_the_search(machine: Machine) -> None:
    person(machine)
    service_principal(machine)
    machine.azure.fault("sign-in", Status(503))
    assert isinstance(failure(machine), Unreachable)


@pytest.fixture
def looks_like_azure(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chassis tag and a metadata service, as hosted runners and developers' machines have them."""
    path = machine.file("chassis_asset_tag", "7783-7084-3265-9085-8269-3286-77\n")
    monkeypatch.setattr(managed_identity, "_CHASSIS", path)
    monkeypatch.setattr(managed_identity, "_SIGNALS", ())
    virtual_machine(machine)


@pytest.fixture
def memory(machine: Machine) -> Remembered:
    machine.memory = Remembered(open_folder(os.path.join(machine.folder, "cache")), b"somebody")
    return machine.memory


def nobody_there(machine: Machine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    machine.set(AZURE_POD_IDENTITY_AUTHORITY_HOST=f"http://127.0.0.1:{port}")


def no_identity(machine: Machine) -> None:
    machine.azure.remove_identity(machine.azure.system_identity)


def answering(fault: Fault) -> Callable[[Machine], None]:
    return lambda machine: machine.azure.fault("metadata", fault)


@pytest.mark.usefixtures("looks_like_azure", "memory")
class TestLooksLikeAzure:
    """The person's own sign-in is next, after two seconds at most, and at once the next time."""

    @pytest.mark.parametrize(
        "service",
        [
            no_identity,
            nobody_there,
            answering(Status(403, body="not for you")),
            answering(Status(404)),
            answering(Status(400, body='{"error": "invalid_request"}')),
            answering(Hang()),
            answering(Slow(0.3)),
            answering(Reset()),
            answering(Garbage()),
            answering(Redirect("http://127.0.0.1:9/login")),
        ],
        ids=[
            "no-identity",
            "refused",
            "403",
            "404",
            "400",
            "silent",
            "dripping",
            "reset",
            "html",
            "redirect",
        ],
    )
    def test_the_cli_signs_in(self, machine: Machine, service: Callable[[Machine], None]) -> None:
        person(machine)
        service(machine)
        began = time.monotonic()
        assert who(machine) == machine.azure.user.object_id
        assert time.monotonic() - began < 4
        machine.azure.forget()
        began = time.monotonic()
        assert who(machine) == machine.azure.user.object_id
        assert time.monotonic() - began < 1.5
        assert machine.azure.requests == []

    @pytest.mark.parametrize("status", [429, 500, 503])
    def test_a_busy_service_is_no_empty_promise(self, machine: Machine, status: int) -> None:
        """There is one; that it is busy must not make somebody else sign in."""
        person(machine)
        machine.azure.fault("metadata", Status(status))
        assert isinstance(failure(machine), Unreachable)

    def test_nobody_at_all_does_not_wait_twice(self, machine: Machine) -> None:
        machine.set(PATH="/nowhere")
        machine.azure.fault("metadata", Hang())
        failure(machine)
        machine.azure.forget()
        began = time.monotonic()
        found = failure(machine)
        assert time.monotonic() - began < 0.5
        assert "managed-identity: none answered on this machine in the last ten min" in found.what
        assert machine.azure.requests == []

    def test_another_asker_looks_for_himself(self, machine: Machine) -> None:
        person(machine)
        machine.azure.fault("metadata", Status(404))
        machine.token(METHOD)
        machine.azure.forget()
        machine.azure.clear_faults()
        machine.memory = dataclasses.replace(machine.memory, owner=b"somebody else")
        assert who(machine) == machine.azure.system_identity.object_id


class TestSeveralIdentities:
    """Nobody is to guess which of a machine's identities is meant."""

    @pytest.fixture
    def several(self, machine: Machine) -> list[ManagedIdentity]:
        person(machine)
        virtual_machine(machine)
        no_identity(machine)
        return [machine.azure.add_managed_identity() for _ in range(2)]

    @pytest.mark.usefixtures("several")
    def test_the_search_ends_with_what_to_name(self, machine: Machine) -> None:
        found = failure(machine)
        assert isinstance(found, SignInRefused)
        assert found.reference == "identity-ambiguous"
        assert "several managed identities" in found.what
        assert "client_id" in found.hint

    @pytest.mark.usefixtures("several", "looks_like_azure", "memory")
    def test_so_it_does_where_only_the_chassis_tag_spoke_for_them(self, machine: Machine) -> None:
        for _ in range(2):
            assert failure(machine).reference == "identity-ambiguous"
        assert machine.azure.count("metadata") == 2, "a refusal is not an absence"

    def test_the_usual_variable_names_one(
        self, machine: Machine, several: list[ManagedIdentity]
    ) -> None:
        for identity in several:
            machine.set(AZURE_CLIENT_ID=identity.client_id)
            assert who(machine) == identity.object_id

    def test_the_only_one_needs_no_name(
        self, machine: Machine, several: list[ManagedIdentity]
    ) -> None:
        machine.azure.remove_identity(several[0])
        assert who(machine) == several[1].object_id


@pytest.mark.usefixtures("memory")
class TestRemembering:
    @pytest.mark.usefixtures("looks_like_azure")
    def test_what_worked_goes_first(self, machine: Machine) -> None:
        """Also when somebody before it in the order has something to try by now."""
        person(machine)
        no_identity(machine)
        machine.token(METHOD)
        assert machine.memory.recall(METHOD) == "azure-cli"
        virtual_machine(machine)
        machine.azure.add_managed_identity()
        machine.azure.forget()
        assert who(machine) == machine.azure.user.object_id
        assert machine.azure.requests == []

    def test_what_has_nothing_to_try_any_more_gives_way(self, machine: Machine) -> None:
        """The whole order again, what was remembered last among the reasons."""
        person(machine)
        machine.token(METHOD)
        install_az(os.path.join(machine.folder, "bin"), machine.azure, mode="signed_out")
        found = failure(machine)
        assert isinstance(found, MethodUnavailable)
        assert "azure-cli: nobody is signed in" in found.what
        developer(machine)
        machine.token(METHOD)
        assert machine.memory.recall(METHOD) == "azure-developer-cli"

    def test_what_is_refused_now_is_not_replaced(self, machine: Machine) -> None:
        person(machine)
        machine.token(METHOD)
        virtual_machine(machine)
        expired_person(machine)
        found = failure(machine)
        assert isinstance(found, SignInRefused)
        assert found.reference == "sign-in-expired"
        assert machine.azure.count("metadata") == 0

    def test_who_knows_no_such_audience_is_asked_for_the_next_one(self, machine: Machine) -> None:
        virtual_machine(machine)
        machine.azure.audiences.discard(REGISTRY_AUDIENCE)
        assert isinstance(failure(machine), AudienceUnknown)
        assert machine.memory.recall(METHOD) == "managed-identity"

    def test_a_name_that_is_none_is_nothing(self, machine: Machine) -> None:
        service_principal(machine)
        machine.memory.remember(METHOD, "browser", 60)
        machine.token(METHOD)
        assert machine.memory.recall(METHOD) == "client-secret"


def test_an_identity_that_the_platform_announced_is_not_replaced(machine: Machine) -> None:
    person(machine)
    virtual_machine(machine)
    machine.azure.remove_identity(machine.azure.system_identity)
    assert failure(machine).reference == "identity-not-found"


def test_without_a_signal_no_metadata_address_is_waited_for(program: Program, host: str) -> None:
    """The installed program on a machine that is nobody's: one sentence, at once."""
    if os.path.exists("/sys/class/dmi/id/chassis_asset_tag"):
        with open("/sys/class/dmi/id/chassis_asset_tag", encoding="ascii") as file:
            if file.read().startswith("7783-7084"):
                pytest.skip("optional: this machine is one of Azure's")
    variables = dict.fromkeys(
        (*program.azure.service_principal_environ(), "AZURE_POD_IDENTITY_AUTHORITY_HOST")
    )
    began = time.monotonic()
    answer = program.get(host, PATH="/nowhere", **variables)
    assert answer.reference == "no-method"
    assert time.monotonic() - began < 5
    assert program.azure.requests == []
    assert b"az login" in answer.out


def test_the_sentence_of_the_installed_program_names_what_was_tried(
    program: Program, host: str
) -> None:
    names = (*program.azure.service_principal_environ(), "AZURE_POD_IDENTITY_AUTHORITY_HOST")
    answer = program.get(host, PATH="/nowhere", **dict.fromkeys(names))
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.out)
    assert b"azure-cli: az is not on PATH" in answer.out
    assert b"9 others are not set up" in answer.out or b"not set up: client-secret" in answer.out
