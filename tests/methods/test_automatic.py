"""`automatic`: the first way in, by local signals only, and what it says when there is none."""

import json
import os
import time

import pytest

from docker_credential_acr.errors import Failure, MethodUnavailable, SignInRefused, Unreachable
from docker_credential_acr.methods import METHODS, managed_identity
from docker_credential_acr.methods.automatic import ORDER
from tests.azure import Status
from tests.azure.tokens import peek
from tests.methods.worlds import (
    WORLDS,
    Machine,
    person,
    pod,
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


def test_a_failure_tells_each_attempt_with_its_reason(machine: Machine) -> None:
    machine.set(PATH="/nowhere")
    found = failure(machine)
    assert isinstance(found, MethodUnavailable)
    assert found.reference == "no-method"
    assert [name for name in ORDER if name not in found.what] == []
    assert "azure-cli: az is not on PATH" in found.what


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


def test_an_identity_that_only_the_chassis_tag_announced_may_be_missing(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A developer's own virtual machine: the CLI is next, after two seconds at most."""
    person(machine)
    path = machine.file("chassis_asset_tag", "7783-7084-3265-9085-8269-3286-77\n")
    monkeypatch.setattr(managed_identity, "_CHASSIS", path)
    monkeypatch.setattr(managed_identity, "_SIGNALS", ())
    virtual_machine(machine)
    machine.azure.remove_identity(machine.azure.system_identity)
    began = time.monotonic()
    assert who(machine) == machine.azure.user.object_id
    assert time.monotonic() - began < 4
    assert machine.azure.count("metadata") >= 1


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
    assert [name for name in ORDER if name.encode() not in answer.out] == []
