"""`azure-pipelines`: a fresh token for a service connection, from the job's address only."""

import os

import pytest

from docker_credential_acr.errors import (
    Failure,
    MethodUnavailable,
    NotSetUp,
    SettingsError,
    SignInRefused,
)
from docker_credential_acr.methods.azure_pipelines import Options, detect
from tests.azure import Redirect
from tests.azure.oidc import PIPELINES, SERVICE_CONNECTION
from tests.methods.worlds import Machine, pipeline
from tests.stories.program import Program

METHOD = "azure-pipelines"
URL, BEARER = "SYSTEM_OIDCREQUESTURI", "SYSTEM_ACCESSTOKEN"
CONNECTION = "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID"
GUID = "00000000-aaaa-bbbb-cccc-dddddddddddd"


@pytest.fixture
def machine(machine: Machine) -> Machine:
    pipeline(machine)
    return machine


def failure(machine: Machine, options: Options | None = None) -> Failure:
    with pytest.raises(Failure) as raised:
        machine.token(METHOD, options)
    assert "CANARY" not in raised.value.what + raised.value.hint
    return raised.value


class TestRequest:
    @pytest.mark.parametrize("end", ["", "/"])
    def test_it_is_asked_exactly_this(self, machine: Machine, end: str) -> None:
        machine.set(**{URL: os.environ[URL] + end})
        machine.token(METHOD)
        (request,) = (r for r in machine.azure.requests if r.kind == "oidc")
        assert (request.method, request.host) == ("POST", PIPELINES)
        assert request.path == "/organization/oidctoken"
        assert request.query == {"api-version": "7.1", "serviceConnectionId": SERVICE_CONNECTION}
        assert request.headers["authorization"] == f"Bearer {os.environ[BEARER]}"
        assert request.headers["x-tfs-fedauthredirect"] == "Suppress"

    def test_every_sign_in_has_a_fresh_assertion(self, machine: Machine) -> None:
        machine.token(METHOD)
        machine.token(METHOD)
        sent = [r.form["client_assertion"] for r in machine.azure.requests if r.kind == "sign-in"]
        assert len(set(sent)) == len(sent) == machine.azure.count("oidc") == 2

    def test_the_jobs_secret_goes_nowhere_else(self, machine: Machine) -> None:
        secret = os.environ[BEARER]
        machine.token(METHOD)
        for request in machine.azure.requests:
            told = f"{request.path}{request.query}{request.headers}{request.form}"
            assert (secret in told) == (request.kind == "oidc")

    def test_a_task_names_the_app_and_tenant_of_its_connection(self, machine: Machine) -> None:
        machine.set(
            AZURESUBSCRIPTION_CLIENT_ID=os.environ["AZURE_CLIENT_ID"],
            AZURESUBSCRIPTION_TENANT_ID=os.environ["AZURE_TENANT_ID"],
            AZURE_CLIENT_ID=GUID,
            AZURE_TENANT_ID=None,
        )
        assert detect(os.environ) == Options()
        machine.token(METHOD)

    def test_another_connection_is_not_the_tasks_app(self, machine: Machine) -> None:
        machine.set(AZURESUBSCRIPTION_CLIENT_ID=GUID, **{CONNECTION: GUID})
        machine.token(METHOD, Options(service_connection_id=SERVICE_CONNECTION))


class TestNothingToTry:
    def test_outside_a_job_there_is_no_trace(self, machine: Machine) -> None:
        machine.set(**{URL: None, BEARER: None})
        with pytest.raises(NotSetUp):
            detect(os.environ)

    @pytest.mark.parametrize(
        "name", ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", CONNECTION, URL, BEARER]
    )
    def test_what_is_missing_is_named(self, machine: Machine, name: str) -> None:
        machine.set(**{name: None}, SYSTEM_JOBID="1")
        with pytest.raises(MethodUnavailable, match=name):
            detect(os.environ)
        found = failure(machine)
        assert isinstance(found, MethodUnavailable)
        assert name in found.what + found.hint
        assert machine.azure.requests == []


class TestAnswers:
    def test_only_https_is_asked(self, machine: Machine) -> None:
        machine.set(**{URL: f"http://{PIPELINES}/organization/oidctoken"})
        assert isinstance(failure(machine), SettingsError)
        assert machine.azure.requests == []

    def test_a_redirect_is_not_followed(self, machine: Machine) -> None:
        machine.azure.fault("oidc", Redirect("https://elsewhere.example/token"))
        assert failure(machine).reference == "redirect-refused"
        assert machine.azure.count("sign-in") == 0

    def test_a_connection_that_is_not_there_is_a_refusal(self, machine: Machine) -> None:
        found = failure(machine, Options(service_connection_id=GUID))
        assert isinstance(found, SignInRefused)
        assert found.reference == "job-token"
        assert "HTTP 404" in found.what
        assert "service_connection_id" in found.hint


def test_the_installed_program(program: Program, host: str) -> None:
    """As a step of a pipeline runs it, and what a refusal looks like."""
    job = {"SYSTEM_JOBID": "1"} | program.azure.job_environ(METHOD)
    answer = program.get(host, AZURE_CLIENT_SECRET=None, **job)
    assert answer.secret in program.azure.secrets
    kinds = ("oidc", "sign-in", "exchange", "metadata")
    asked = [(r.kind, r.host) for r in program.azure.requests if r.kind in kinds]
    assert asked == [
        ("oidc", PIPELINES),
        ("sign-in", "login.microsoftonline.com"),
        ("exchange", host),
    ]
    program.azure.forget()
    assert program.get(host, AZURE_CLIENT_SECRET=None, **job) == answer
    assert program.azure.requests == []
    refused = program.get(host, AZURE_CLIENT_SECRET=None, **job | {CONNECTION: GUID})
    assert refused.reference == "job-token"
    assert program.azure.count("sign-in") == 0
