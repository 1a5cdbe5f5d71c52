"""`workload-identity`: the projected token, which changes under us."""

import os

import pytest

from docker_credential_acr.errors import Failure, MethodUnavailable, SettingsError, SignInRefused
from docker_credential_acr.methods.workload_identity import Options, detect
from tests.methods.worlds import Machine, pod

METHOD = "workload-identity"


@pytest.fixture
def machine(machine: Machine) -> Machine:
    pod(machine)
    return machine


def failure(machine: Machine, options: Options | None = None) -> Failure:
    with pytest.raises(Failure) as raised:
        machine.token(METHOD, options)
    return raised.value


def test_the_file_is_read_anew_for_every_sign_in(machine: Machine) -> None:
    """The kubelet rotates it in place."""
    machine.token(METHOD)
    fresh = machine.azure.federated_assertion()
    machine.file("token", fresh)
    machine.azure.forget()
    machine.token(METHOD)
    sent = [r.form["client_assertion"] for r in machine.azure.requests if r.kind == "sign-in"]
    assert sent == [fresh]


def test_the_settings_name_another_file_and_client(machine: Machine) -> None:
    path = machine.file("other", machine.azure.federated_assertion())
    client_id = os.environ["AZURE_CLIENT_ID"]
    machine.set(AZURE_FEDERATED_TOKEN_FILE="/nowhere", AZURE_CLIENT_ID="nobody")
    machine.token(METHOD, Options(client_id=client_id, token_file=path))


@pytest.mark.parametrize(
    "name", ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE"]
)
def test_what_is_missing_is_named(machine: Machine, name: str) -> None:
    machine.set(**{name: None})
    with pytest.raises(MethodUnavailable, match=name):
        detect(os.environ)
    found = failure(machine)
    assert isinstance(found, MethodUnavailable)
    assert name in found.hint


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xff"])
def test_a_file_without_a_token_is_nothing_to_try(machine: Machine, content: bytes | None) -> None:
    path = machine.file("token", content or b"")
    if content is None:
        os.unlink(path)
    found = failure(machine)
    assert isinstance(found, MethodUnavailable)
    assert path in found.what
    assert found.reference == "secret-unreadable"
    assert machine.azure.count("sign-in") == 0


def test_two_tokens_in_one_file_are_not_sent(machine: Machine) -> None:
    machine.file("token", "a.b.c\na.b.c\n")
    assert isinstance(failure(machine), SettingsError)
    assert machine.azure.count("sign-in") == 0


@pytest.mark.parametrize(
    ("assertion", "reference"),
    [
        ({"lifetime": -3600}, "assertion-expired"),
        ({"subject": "system:serviceaccount:other:builder"}, "assertion-refused"),
        ({"issuer": "https://elsewhere.example"}, "assertion-refused"),
        ({"audience": "api://other"}, "assertion-refused"),
    ],
)
def test_a_token_that_does_not_fit_is_refused_in_its_own_words(
    machine: Machine, assertion: dict[str, str], reference: str
) -> None:
    machine.file("token", machine.azure.federated_assertion(**assertion))  # type: ignore[arg-type]
    found = failure(machine)
    assert isinstance(found, SignInRefused)
    assert found.reference == reference
    assert "AADSTS" in found.what


def test_a_token_that_nobody_signed_is_refused(machine: Machine) -> None:
    good = machine.azure.federated_assertion()
    machine.file("token", good[:-8] + "AAAAAAAA")
    found = failure(machine)
    assert isinstance(found, SignInRefused)
    assert found.reference == "assertion-refused"
