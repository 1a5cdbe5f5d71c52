"""Who is asking: a second job or service account is never answered with the first one's token."""

import os

import pytest

from tests.azure.oidc import SUBJECT
from tests.stories.program import Program

JOBS = [
    ("GITHUB_REPOSITORY", "team/app", "team/fork"),
    ("GITHUB_RUN_ID", "1001", "1002"),
    ("GITHUB_JOB", "build", "deploy"),
    ("SYSTEM_TEAMPROJECTID", "6ce954b1", "7df065c2"),
    ("SYSTEM_JOBID", "12f1170f", "23f2281f"),
    ("CI_PROJECT_ID", "41", "42"),
    ("CI_JOB_ID", "9001", "9002"),
]
GITHUB = {"GITHUB_REPOSITORY": "team/app", "GITHUB_RUN_ID": "1001", "GITHUB_JOB": "build"}
ANOTHER = "system:serviceaccount:default:somebody"


@pytest.mark.parametrize("job", JOBS, ids=[name for name, _, _ in JOBS])
def test_a_second_job_is_refused(program: Program, host: str, job: tuple[str, str, str]) -> None:
    """Same home, settings and client id, another job whose proof Entra refuses: it gets the refusal."""
    variable, first, second = job
    mine = program.get(host, **{variable: first}).secret

    for asked in (host, f"other-{host}"):
        answer = program.get(asked, **{variable: second}, AZURE_CLIENT_SECRET="CANARY-of-a-fork")
        assert answer.reference == "client-secret-refused"

    assert program.exchanges(f"other-{host}") == 0, "nor with the first one's Entra token"
    assert program.get(host, **{variable: first}).secret == mine
    assert program.exchanges(host) == 1, "the first one's token still lies there"


def assertion(program: Program, name: str, subject: str = SUBJECT) -> str:
    """A projected service account token; the path of its file."""
    path = os.path.join(program.home, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(program.azure.federated_assertion(subject=subject))
    os.chmod(path, 0o600)
    program.own.add(path)
    return path


def workload(**changes: str) -> dict[str, str | None]:
    return {"ACR_CRED_METHOD": "workload-identity", "AZURE_CLIENT_SECRET": None, **changes}


def test_a_second_service_account_is_refused(program: Program, host: str) -> None:
    """Same client id, another service account's token file, which Entra refuses."""
    first = assertion(program, "first")
    second = assertion(program, "second", ANOTHER)
    mine = program.get(host, **workload(AZURE_FEDERATED_TOKEN_FILE=first)).secret

    other = workload(AZURE_FEDERATED_TOKEN_FILE=second)
    for asked in (host, f"other-{host}"):
        assert program.get(asked, **other).reference == "assertion-refused"

    again = program.get(host, **workload(AZURE_FEDERATED_TOKEN_FILE=first))
    assert again.secret == mine
    assert program.exchanges(host) == 1


@pytest.mark.parametrize("named", ["variable", "settings"])
def test_a_second_service_account_at_the_same_path(program: Program, host: str, named: str) -> None:
    """Two pods that share a cache see their tokens at the same path: the file tells them apart."""
    path = assertion(program, "token")
    changes = workload(**GITHUB)
    if named == "variable":
        changes["AZURE_FEDERATED_TOKEN_FILE"] = path
    else:
        changes["ACR_CRED_METHOD"] = None
        method = f'method = "workload-identity"\ntoken_file = "{path}"\n'
        program.settings(f'[registries."*.azurecr.io"]\n{method}')
    assert program.get(host, **changes).login
    kept = program.entries(host)

    os.remove(path)
    assertion(program, "token", ANOTHER)

    assert program.get(host, **changes).reference == "assertion-refused"
    assert kept[0] in program.entries(host)
    assert program.exchanges(host) == 1


@pytest.mark.parametrize("verb", ["get", "list"])
def test_the_first_ones_token_is_not_listed_to_the_second(
    program: Program, host: str, verb: str
) -> None:
    """Another job does not even learn which registries the first one has been to."""
    program.get(host, **GITHUB)
    other = {**GITHUB, "GITHUB_REPOSITORY": "team/fork", "AZURE_CLIENT_SECRET": "CANARY-no-secret"}
    if verb == "get":
        assert program.get(host, **other).code == 1
    assert host not in program.hosts(**other)
    assert host in program.hosts(**GITHUB)
