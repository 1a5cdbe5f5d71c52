"""`federated-token`: a JWT from anywhere; nobody is answered with what another subject was given."""

import json
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from docker_credential_acr.errors import Failure, MethodUnavailable, SettingsError, SignInRefused
from docker_credential_acr.methods.federated_token import Options, each_caller
from tests.azure import FakeAzure
from tests.methods.worlds import Machine, foreign_job
from tests.stories.program import GUID, Program

METHOD = "federated-token"
OTHER = "project_path:group/other:ref_type:branch:ref:main"


@pytest.fixture
def machine(machine: Machine) -> Machine:
    foreign_job(machine)
    return machine


def failure(machine: Machine, options: Options | None = None) -> Failure:
    with pytest.raises(Failure) as raised:
        machine.token(METHOD, options)
    assert "CANARY" not in raised.value.what + raised.value.hint
    return raised.value


class TestSources:
    def test_each_source_is_read_anew(self, machine: Machine) -> None:
        machine.set(PATH="/usr/bin:/bin", AZURE_FEDERATED_TOKEN="CANARY")
        for _ in range(2):
            token = machine.azure.federated_assertion()
            path = machine.file("token", token + "\n")
            machine.set(ID_TOKEN=token)
            machine.azure.forget()
            machine.token(METHOD, Options(token_env="ID_TOKEN"))
            machine.token(METHOD, Options(token_file=path))
            machine.token(METHOD, Options(token_command=("cat", path)))
            requests = [r for r in machine.azure.requests if r.kind == "sign-in"]
            assert [r.form["client_assertion"] for r in requests] == [token] * 3

    def test_two_sources_are_one_too_many(self, machine: Machine) -> None:
        found = failure(machine, Options(token_env="A", token_command=("b",)))
        assert isinstance(found, SettingsError)
        assert "token_env and token_command" in found.what
        assert machine.azure.requests == []

    @pytest.mark.parametrize(
        "options",
        [
            Options(token_env="NOT_SET"),
            Options(token_file="/nowhere"),
            Options(token_command=("/nowhere",)),
            Options(token_command=("/bin/false",)),
        ],
    )
    def test_nothing_there_is_nothing_to_try(self, machine: Machine, options: Options) -> None:
        assert isinstance(failure(machine, options), MethodUnavailable)
        assert machine.azure.requests == []

    @pytest.mark.parametrize("token", ["CANARY", "CANARY.b.c", "a.b"])
    def test_what_is_no_jwt_is_refused_by_entra(self, machine: Machine, token: str) -> None:
        machine.set(AZURE_FEDERATED_TOKEN=token)
        assert isinstance(failure(machine), SignInRefused)


@pytest.mark.parametrize(
    ("options", "environ", "known_by"),
    [
        (Options(), {}, "token"),
        (Options(token_env="A"), {}, "token"),
        (Options(token_env="A"), {"GITHUB_ACTIONS": "true", "CI_JOB_ID": ""}, "token"),
        (Options(token_env="A"), {"CI_JOB_ID": "1"}, "stamp"),
        (Options(token_env="A"), {"GITHUB_RUN_ID": "1"}, "stamp"),
        (Options(token_env="A"), {"SYSTEM_OIDCREQUESTURI": "1"}, "stamp"),
        (Options(token_command=("a",)), {"CI_JOB_ID": "1"}, "token"),
        (Options(token_file="/a"), {}, "stamp"),
    ],
)
def test_who_is_known_by_the_token_only(
    options: Options, environ: dict[str, str], known_by: str
) -> None:
    assert each_caller(options, environ) is (known_by == "token")


class TestCallers:
    """The installed program; callers differ in nothing but what they bring."""

    @pytest.fixture
    def caller(self, program: Program) -> Program:
        program.settings(f'[defaults]\nmethod = "{METHOD}"\ntoken_env = "ID_TOKEN"\n')
        program.azure.add_federated_credential(program.azure.client_id, subject=OTHER)
        return program

    @staticmethod
    def bring(azure: FakeAzure, **claims: str) -> str:
        return azure.federated_assertion(**claims)  # type: ignore[arg-type]

    def test_each_subject_signs_in_for_itself(self, caller: Program, host: str) -> None:
        mine, others = self.bring(caller.azure), self.bring(caller.azure, subject=OTHER)
        first = caller.get(host, ID_TOKEN=mine)
        second = caller.get(host, ID_TOKEN=others)
        assert len({first.secret, second.secret}) == 2
        sent = [r.form["client_assertion"] for r in caller.azure.requests if r.kind == "sign-in"]
        assert sent == [mine, others]
        assert caller.azure.count("exchange") == 2

    def test_the_same_subject_is_answered_from_the_cache(self, caller: Program, host: str) -> None:
        """With a new token, too: Entra is asked once."""
        first = caller.get(host, ID_TOKEN=self.bring(caller.azure))
        caller.get(host, ID_TOKEN=self.bring(caller.azure, subject=OTHER))
        caller.azure.forget()
        assert caller.get(host, ID_TOKEN=self.bring(caller.azure)) == first
        assert caller.azure.requests == []

    def test_who_is_trusted_by_nobody_gets_nothing_of_others(
        self, caller: Program, host: str
    ) -> None:
        assert caller.get(host, ID_TOKEN=self.bring(caller.azure)).login
        for claims in ({"subject": "nobody"}, {"issuer": "https://elsewhere.example"}):
            answer = caller.get(host, ID_TOKEN=self.bring(caller.azure, **claims))
            assert answer.reference == "assertion-refused"
        assert caller.get(host, ID_TOKEN="CANARY").code == 1
        assert caller.get(host).reference == "inputs-missing"
        assert caller.get(host, ID_TOKEN=self.bring(caller.azure)).login

    def test_a_refusal_is_one_sentence_with_the_subject(self, caller: Program, host: str) -> None:
        answer = caller.get(host, ID_TOKEN=self.bring(caller.azure, subject="nobody"))
        assert answer.reference == "assertion-refused"
        assert b"subject is nobody" in answer.out
        assert [r.kind for r in caller.azure.requests if r.kind in ("sign-in", "exchange")] == [
            "sign-in"
        ]

    def test_another_registry_takes_the_same_subjects_entra_token(
        self, caller: Program, host: str
    ) -> None:
        mine = self.bring(caller.azure)
        caller.get(host, ID_TOKEN=mine)
        caller.get("b" + host, ID_TOKEN=self.bring(caller.azure))
        assert caller.azure.count("sign-in") == 1
        caller.get("b" + host, ID_TOKEN=self.bring(caller.azure, subject=OTHER))
        assert caller.azure.count("sign-in") == 2

    def test_many_at_once_sign_in_once_for_each_subject(self, caller: Program, host: str) -> None:
        subjects = [{}, {"subject": OTHER}] * 10
        tokens = [self.bring(caller.azure, **claims) for claims in subjects]
        with ThreadPoolExecutor(len(tokens)) as pool:
            answers = list(pool.map(lambda token: caller.get(host, ID_TOKEN=token), tokens))
        assert len({answer.secret for answer in answers[::2]}) == 1
        assert len({answer.secret for answer in answers[1::2]}) == 1
        assert answers[0].secret != answers[1].secret
        assert caller.azure.count("sign-in") == caller.azure.count("exchange") == 2

    def test_docker_login_hands_back_and_keeps_nothing_for_others(
        self, caller: Program, host: str
    ) -> None:
        mine, others = self.bring(caller.azure), self.bring(caller.azure, subject=OTHER)
        first = caller.get(host, ID_TOKEN=mine)
        assert caller.store(host, GUID, first.secret, ID_TOKEN=mine).code == 0
        handed = caller.token(host)
        assert caller.store(host, GUID, handed, ID_TOKEN=mine).code == 0
        assert caller.get(host, ID_TOKEN=mine).secret == handed
        assert caller.get(host, ID_TOKEN=others).secret not in (first.secret, handed)
        assert host in caller.hosts()

    def test_logout_forgets_them_all(self, caller: Program, host: str) -> None:
        mine = self.bring(caller.azure)
        first = caller.get(host, ID_TOKEN=mine)
        assert caller.erase(host).code == 0
        assert caller.get(host, ID_TOKEN=mine).secret != first.secret

    def test_a_job_that_the_stamp_knows_is_answered_fast(self, caller: Program, host: str) -> None:
        """Without its token: the stamp says which job it is, and another job is another asker."""
        job = {"CI_PROJECT_ID": "7", "CI_JOB_ID": "8"}
        first = caller.get(host, ID_TOKEN=self.bring(caller.azure), **job)
        assert caller.get(host, **job) == first
        assert caller.get(host, **job | {"CI_JOB_ID": "9"}).reference == "inputs-missing"

    def test_a_command_runs_once_for_each_get(self, caller: Program, host: str) -> None:
        """And decides each time who is calling; a sign-in does not run it again."""
        folder = caller.home
        token, runs = os.path.join(folder, "token"), os.path.join(folder, "runs")
        caller.own.add(token)
        script = f"echo >> {runs}; cat {token}"
        caller.settings(
            f'[defaults]\nmethod = "{METHOD}"\ntoken_command = {json.dumps(["sh", "-c", script])}\n'
        )
        answers = []
        for claims in ({}, {"subject": OTHER}, {}):
            with open(token, "w", encoding="utf-8") as file:
                file.write(self.bring(caller.azure, **claims))
            answers.append(caller.get(host, CI_JOB_ID="1"))
        assert answers[0] == answers[2] != answers[1]
        assert os.path.getsize(runs) == 3
        assert caller.azure.count("sign-in") == 2
