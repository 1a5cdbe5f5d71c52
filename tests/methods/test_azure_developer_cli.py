"""`azure-developer-cli`: a real program called azd."""

import os

import pytest

from docker_credential_acr.errors import Failure, MethodUnavailable, SignInRefused, Unreachable
from docker_credential_acr.methods.azure_developer_cli import detect
from tests.azure import FakeAzure
from tests.methods.worlds import Machine, azd, developer, expired_developer
from tests.stories.program import Program

METHOD = "azure-developer-cli"


def failure(machine: Machine) -> Failure:
    with pytest.raises(Failure) as raised:
        machine.token(METHOD)
    assert "CANARY" not in raised.value.what + raised.value.hint
    return raised.value


def test_it_is_asked_exactly_this(machine: Machine) -> None:
    path = os.path.join(machine.folder, "asked")
    azd(machine, f'echo "$@ $NO_COLOR" > {path}; pwd >> {path}; echo \'{{"token": "a.b.c"}}\'')
    machine.tenant = "some-tenant"
    assert machine.token(METHOD).secret.reveal() == "a.b.c"
    with open(path, encoding="utf-8") as file:
        assert file.read() == (
            "auth token --output json --no-prompt --scope https://containerregistry.azure.net/.default"
            " --tenant-id some-tenant true\n/\n"
        )


@pytest.mark.parametrize(
    ("script", "kind", "reference"),
    [
        (
            "echo 'ERROR: not logged in, run `azd auth login` to login CANARY' >&2; exit 1",
            MethodUnavailable,
            "azd-signed-out",
        ),
        ("echo CANARY >&2; exit 3", MethodUnavailable, "azd-failed"),
        ("echo CANARY", MethodUnavailable, "azd-failed"),
        ("echo '{\"token\": 5}'", MethodUnavailable, "azd-failed"),
        ("sleep 60", Unreachable, "azd-timeout"),
    ],
)
def test_what_is_no_token_is_named(
    machine: Machine, script: str, kind: type[Failure], reference: str
) -> None:
    azd(machine, script)
    machine.seconds = 1
    found = failure(machine)
    assert type(found) is kind
    assert found.reference == reference


def test_an_expired_sign_in_is_a_refusal(machine: Machine) -> None:
    expired_developer(machine)
    found = failure(machine)
    assert isinstance(found, SignInRefused)
    assert found.reference == "sign-in-expired"


def test_the_working_directory_is_not_searched(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    azd(machine, "exit 0")
    monkeypatch.chdir(os.path.join(machine.folder, "bin"))
    machine.set(PATH=".::bin")
    with pytest.raises(MethodUnavailable, match="azd is not on PATH"):
        detect(os.environ)
    assert failure(machine).reference == "azd-missing"


def test_the_installed_program(
    program: Program, machine: Machine, azure: FakeAzure, host: str
) -> None:
    """One exchange, nothing of Entra, and a sentence for who is signed out."""
    developer(machine)
    program.settings(f'[defaults]\nmethod = "{METHOD}"\n')
    path = os.environ["PATH"]
    assert program.get(host, PATH=path, AZURE_TENANT_ID=None).secret in azure.secrets
    asked = [(r.kind, r.host) for r in azure.requests if r.kind != "connect"]
    assert asked == [("exchange", host)]
    azd(machine, "echo 'not logged in, run `azd auth login` to login' >&2; exit 1")
    program.erase(host)
    answer = program.get(host, PATH=path, AZURE_TENANT_ID=None)
    assert answer.reference == "azd-signed-out"
    assert b"run: azd auth login" in answer.out
