"""Who is asking: a second job or service account is never answered with the first one's token."""

import os

import pytest

from tests.azure.az import install_az
from tests.azure.oidc import SUBJECT
from tests.stories.program import Program

PLANS = (
    "https://dev.azure.com/team/_apis/distributedtask/hubs/build/plans/{}/jobs/12f1170f/oidctoken"
)
JOBS = [
    ("GITHUB_REPOSITORY", "team/app", "team/fork"),
    ("GITHUB_RUN_ID", "1001", "1002"),
    ("GITHUB_JOB", "build", "deploy"),
    ("SYSTEM_TEAMPROJECTID", "6ce954b1", "7df065c2"),
    ("SYSTEM_JOBID", "12f1170f", "23f2281f"),
    ("CI_PROJECT_ID", "41", "42"),
    ("CI_JOB_ID", "9001", "9002"),
    # A job without a name has the same SYSTEM_JOBID in every pipeline; the run is in the address.
    ("SYSTEM_OIDCREQUESTURI", PLANS.format("c738a23e"), PLANS.format("d849b34f")),
]
GITHUB = {"GITHUB_REPOSITORY": "team/app", "GITHUB_RUN_ID": "1001", "GITHUB_JOB": "build"}
ANOTHER = "system:serviceaccount:default:somebody"


@pytest.mark.parametrize("job", JOBS, ids=str)
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


PIPELINE = {
    "ACR_CRED_METHOD": "azure-pipelines",
    "AZURE_CLIENT_SECRET": None,
    "SYSTEM_TEAMPROJECTID": "6ce954b1",
    "SYSTEM_JOBID": "12f1170f-54f2-53f3-20dd-22fc7dff55f9",  # of every job without a name
}


def test_a_second_pipeline_of_the_same_project_is_refused(program: Program, host: str) -> None:
    """On one agent, with the same service connection, for which it is not authorised."""
    job = program.azure.job_environ("azure-pipelines")
    assert program.get(host, **PIPELINE, **job).login
    other = job | {
        "SYSTEM_OIDCREQUESTURI": job["SYSTEM_OIDCREQUESTURI"] + "/of-another-run",
        "SYSTEM_ACCESSTOKEN": "CANARY-of-another-pipeline",
    }
    for asked in (host, f"other-{host}"):
        assert program.get(asked, **PIPELINE, **other).reference == "job-token"


def test_two_containers_share_a_cache(program: Program, host: str) -> None:
    """The same user with one ACR_CRED_CACHE_DIR: what decides is in the variables and the settings."""
    shared = os.path.join(program.home, "shared")
    os.mkdir(shared)
    homes = [os.path.join(program.home, name) for name in ("one", "two")]
    for home in homes:
        os.mkdir(home)
    first, second = (
        program.get(host, HOME=home, ACR_CRED_CACHE_DIR=shared).secret for home in homes
    )
    assert first != second, "another home may have other accounts"
    refused = {"HOME": homes[1], "AZURE_CLIENT_ID": "somebody-else", "ACR_CRED_CACHE_DIR": shared}
    assert program.get(host, **refused).code == 1
    again = program.get(host, HOME=homes[0], ACR_CRED_CACHE_DIR=shared)
    assert again.secret == first
    assert program.exchanges(host) == 2


def test_another_account_of_the_cli(program: Program, host: str) -> None:
    """`az account set`: the next answer is the new account's, and the first one's if it is set again."""
    profile = os.path.join(program.home, ".azure", "azureProfile.json")
    os.mkdir(os.path.dirname(profile))
    az = install_az(os.path.join(program.home, "bin"), program.azure)
    program.own.add(os.path.join(az.folder, "az-settings.json"))
    by_cli = {"ACR_CRED_METHOD": "azure-cli", "PATH": f"{az.folder}:/usr/bin:/bin"}

    def set_account(name: str) -> None:
        with open(profile, "w", encoding="utf-8") as file:
            file.write(f'{{"subscriptions": [{{"name": "{name}", "isDefault": true}}]}}')

    set_account("first")
    first = program.get(host, **by_cli)
    assert program.get(host, **by_cli) == first
    set_account("other")
    assert program.get(host, **by_cli).secret != first.secret
    assert program.exchanges(host) == 2


def test_settings_that_look_the_same(program: Program, host: str) -> None:
    """Replaced by a file of the same size and times, or written over with the time set back."""
    text = '[registries."{}"]\nmethod = "client-secret"\nclient_id = "{}"\n'
    client_id = program.azure.client_id
    path = program.settings(text.format(host, client_id))
    times = os.stat(path)
    assert program.get(host).login
    stranger = client_id[::-1]
    for replaced in (True, False):
        if replaced:
            os.remove(path)
            with open(path + ".spare", "wb"):  # the next file does not get the number of the first
                program.settings(text.format(host, stranger))
        else:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text.format(host, stranger))
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert os.stat(path).st_size == times.st_size
        assert program.get(host).code == 1
    assert program.exchanges(host) == 1


def test_a_token_file_that_cannot_be_watched_is_not_read(program: Program, host: str) -> None:
    """A line break in its path would hide it from the stamp, and with it who is asking."""
    path = assertion(program, "to\nken")
    program.settings(
        f'[defaults]\nmethod = "workload-identity"\ntoken_file = "{path}"\n'.replace(
            "to\n", "to\\n"
        )
    )
    answer = program.get(host, AZURE_CLIENT_SECRET=None)
    assert answer.reference == "secret-unreadable"
    assert program.azure.count("sign-in") == 0
