"""`github-actions`: a fresh token of the job for every sign-in, from the runner's address only."""

import os

import pytest

from docker_credential_acr.clouds import REGISTRY_AUDIENCE
from docker_credential_acr.errors import (
    Failure,
    MethodUnavailable,
    NotSetUp,
    SettingsError,
    SignInRefused,
    Unreachable,
)
from docker_credential_acr.methods.github_actions import Options, detect
from tests.azure import Garbage, Redirect, Request, Status
from tests.azure.oidc import GITHUB
from tests.methods.worlds import Machine, unknown_job, workflow
from tests.stories.program import Program

METHOD = "github-actions"
URL, BEARER = "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
JOB = {"GITHUB_REPOSITORY": "o/r", "GITHUB_RUN_ID": "1", "GITHUB_JOB": "build"}


@pytest.fixture
def machine(machine: Machine) -> Machine:
    workflow(machine)
    return machine


def failure(machine: Machine) -> Failure:
    with pytest.raises(Failure) as raised:
        machine.token(METHOD)
    assert "CANARY" not in raised.value.what + raised.value.hint
    return raised.value


def asked(requests: list[Request]) -> list[tuple[str, str]]:
    """What was asked of whom, without the tunnels and Entra's addresses of itself."""
    silent = ("connect", "discovery", "instance-discovery")
    return [(request.kind, request.host) for request in requests if request.kind not in silent]


class TestRequest:
    def test_it_is_asked_exactly_this(self, machine: Machine) -> None:
        machine.token(METHOD)
        (request,) = (r for r in machine.azure.requests if r.kind == "oidc")
        assert (request.method, request.host, request.path) == ("GET", GITHUB, "/idtoken")
        assert request.query == {"api-version": "2.0", "audience": "api://AzureADTokenExchange"}
        assert request.headers["authorization"] == f"Bearer {os.environ[BEARER]}"

    def test_an_address_without_a_query_gets_one(self, machine: Machine) -> None:
        machine.set(**{URL: f"https://{GITHUB}/idtoken"})
        machine.token(METHOD)
        (request,) = (r for r in machine.azure.requests if r.kind == "oidc")
        assert request.query == {"audience": "api://AzureADTokenExchange"}

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

    def test_the_settings_name_another_app(self, machine: Machine) -> None:
        client_id = os.environ["AZURE_CLIENT_ID"]
        machine.set(AZURE_CLIENT_ID="nobody")
        machine.token(METHOD, Options(client_id=client_id))


class TestNothingToTry:
    def test_outside_a_job_there_is_no_trace(self, machine: Machine) -> None:
        machine.set(**{URL: None, BEARER: None})
        with pytest.raises(NotSetUp):
            detect(os.environ)

    def test_a_job_without_the_permission_reads_which(self, machine: Machine) -> None:
        machine.set(**{URL: None, BEARER: None}, GITHUB_JOB="build")
        with pytest.raises(MethodUnavailable) as raised:
            detect(os.environ)
        assert not isinstance(raised.value, NotSetUp)
        found = failure(machine)
        assert isinstance(found, MethodUnavailable)
        assert found.reference == "job-token"
        assert "id-token: write" in found.hint
        assert machine.azure.requests == []

    @pytest.mark.parametrize("name", ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", URL, BEARER])
    def test_what_is_missing_is_named(self, machine: Machine, name: str) -> None:
        machine.set(**{name: None})
        with pytest.raises(MethodUnavailable, match=name):
            detect(os.environ)
        found = failure(machine)
        assert isinstance(found, MethodUnavailable)
        assert name in found.what + found.hint
        assert machine.azure.requests == []


class TestAddress:
    @pytest.mark.parametrize("address", ["http://{}/idtoken", "//{}/x", "{}", "ftp://{}/x"])
    def test_only_https_is_asked(self, machine: Machine, address: str) -> None:
        machine.set(**{URL: address.format(GITHUB)})
        found = failure(machine)
        assert isinstance(found, SettingsError)
        assert URL in found.what
        assert machine.azure.requests == []

    def test_a_redirect_is_not_followed(self, machine: Machine) -> None:
        machine.azure.fault("oidc", Redirect("https://elsewhere.example/token"))
        assert failure(machine).reference == "redirect-refused"
        assert asked(machine.azure.requests) == [("oidc", GITHUB)]


class TestAnswers:
    def test_a_refusal_is_one(self, machine: Machine) -> None:
        machine.set(**{BEARER: "CANARY-wrong"})
        found = failure(machine)
        assert isinstance(found, SignInRefused)
        assert found.reference == "job-token"
        assert "HTTP 401" in found.what
        assert asked(machine.azure.requests) == [("oidc", GITHUB)]

    @pytest.mark.parametrize("status", [429, 500, 503])
    def test_one_fault_is_no_failure(self, machine: Machine, status: int) -> None:
        machine.azure.fault("oidc", Status(status), times=1)
        machine.token(METHOD)
        machine.azure.fault("oidc", Status(status))
        assert isinstance(failure(machine), Unreachable)

    def test_what_is_no_token_is_not_handed_on(self, machine: Machine) -> None:
        machine.azure.fault("oidc", Garbage())
        found = failure(machine)
        assert found.reference == "answer-unusable"
        assert machine.azure.count("sign-in") == 0

    def test_who_is_not_trusted_reads_which_subject_would_be(self, machine: Machine) -> None:
        unknown_job(machine)
        found = failure(machine)
        assert isinstance(found, SignInRefused)
        assert found.reference == "assertion-refused"
        assert "system:serviceaccount:default:builder" in found.hint


class TestProgram:
    """The installed program, as a step of a workflow runs it."""

    def test_a_step_pulls(self, program: Program, host: str) -> None:
        job = JOB | program.azure.job_environ(METHOD)
        answer = program.get(host, AZURE_CLIENT_SECRET=None, **job)
        assert answer.secret in program.azure.secrets
        assert asked(program.azure.requests) == [
            ("oidc", GITHUB),
            ("sign-in", "login.microsoftonline.com"),
            ("exchange", host),
        ]
        program.azure.forget()
        assert program.get(host, AZURE_CLIENT_SECRET=None, **job) == answer
        assert program.azure.requests == []

    def test_another_job_is_another_asker(self, program: Program, host: str) -> None:
        job = JOB | program.azure.job_environ(METHOD)
        program.get(host, AZURE_CLIENT_SECRET=None, **job)
        for change in ({"GITHUB_JOB": "other"}, {URL: job[URL] + "&job=2"}):
            program.azure.forget()
            assert program.get(host, AZURE_CLIENT_SECRET=None, **job | change).login
            assert program.azure.count("oidc") == program.azure.count("exchange") == 1

    def test_a_refusal_is_one_sentence(self, program: Program, host: str) -> None:
        job = JOB | program.azure.job_environ(METHOD)
        other = program.azure.add_service_principal(secret="CANARY-other")
        job["AZURE_CLIENT_ID"] = other.client_id
        answer = program.get(host, AZURE_CLIENT_SECRET=None, **job)
        assert answer.reference == "assertion-refused"
        assert b"system:serviceaccount:default:builder" in answer.out
        assert REGISTRY_AUDIENCE.encode() not in answer.out
        assert asked(program.azure.requests) == [
            ("oidc", GITHUB),
            ("sign-in", "login.microsoftonline.com"),
        ]

    def test_a_job_without_the_permission(self, program: Program, host: str) -> None:
        program.settings('[defaults]\nmethod = "github-actions"\n')
        answer = program.get(host, **JOB)
        assert answer.reference == "job-token"
        assert b"id-token: write" in answer.out
        assert program.azure.requests == []
