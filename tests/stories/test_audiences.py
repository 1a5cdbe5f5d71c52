"""For whom an Entra token is: the registries' audience, the Resource Manager's, and what is remembered."""

import os

import pytest

from tests.azure import ACR_AUDIENCE
from tests.stories.program import Program, new_host

ARM = "https://management.azure.com"
DAY = 24 * 3600


def asked(program: Program) -> list[str]:
    """The audiences that were signed in for since the last time, in order."""
    forms = [r.form for r in program.azure.requests if r.kind == "sign-in"]
    program.azure.forget()
    return [form["scope"].removesuffix("/.default") for form in forms]


def read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def forget_entries(program: Program) -> None:
    """Take the registry's and the identity's tokens away; what was learnt stays."""
    for name in os.listdir(program.folder):
        if not name.startswith("memory@"):
            os.unlink(os.path.join(program.folder, name))


@pytest.fixture
def disconnected(program: Program) -> Program:
    """In a tenant that knows the Resource Manager and nothing else of registries."""
    program.azure.audiences.discard(ACR_AUDIENCE)
    return program


@pytest.fixture(autouse=True)
def _audiences(program: Program) -> object:
    yield
    program.azure.audiences.update({ACR_AUDIENCE, ARM})


class TestDisconnected:
    """Azure Stack and disconnected clouds (Azure/azure-cli#33674)."""

    def test_the_managers_token_is_taken_and_never_written(
        self, disconnected: Program, host: str
    ) -> None:
        assert disconnected.get(host).login
        (exchange,) = (r for r in disconnected.azure.requests if r.kind == "exchange")
        token = exchange.form["access_token"].encode()
        paths = [os.path.join(disconnected.home, name) for name in disconnected.files()]
        assert not [path for path in paths if token in read(path)]
        assert asked(disconnected) == [ACR_AUDIENCE, ARM]

    def test_once_is_enough_for_renewals(self, disconnected: Program, host: str) -> None:
        disconnected.azure.registry(host).token_life = 600  # always too old
        for expected in ([ACR_AUDIENCE, ARM], [ARM], [ARM]):
            assert disconnected.get(host).login
            assert asked(disconnected) == expected

    def test_also_when_the_entry_is_gone(self, disconnected: Program, host: str) -> None:
        assert disconnected.get(host).login
        asked(disconnected)
        forget_entries(disconnected)
        assert disconnected.get(host).login
        assert asked(disconnected) == [ARM]

    def test_not_for_another_registry(self, disconnected: Program, host: str) -> None:
        for each in (host, new_host()):
            assert disconnected.get(each).login
            assert asked(disconnected) == [ACR_AUDIENCE, ARM]

    def test_not_for_another_identity(self, disconnected: Program, host: str) -> None:
        other = disconnected.azure.add_service_principal(secret="CANARY-other")
        changes = {"AZURE_CLIENT_ID": other.client_id, "AZURE_CLIENT_SECRET": "CANARY-other"}
        assert disconnected.get(host).login
        asked(disconnected)
        assert disconnected.get(host, **changes).login
        assert asked(disconnected) == [ACR_AUDIENCE, ARM]

    def test_a_pod_whose_token_was_rotated_is_the_same_identity(
        self, disconnected: Program, host: str
    ) -> None:
        azure = disconnected.azure
        path = os.path.join(disconnected.home, "projected")
        disconnected.own.add(path)
        changes = {"AZURE_CLIENT_SECRET": None, "AZURE_FEDERATED_TOKEN_FILE": path}
        for expected in ([ACR_AUDIENCE, ARM], [ARM]):
            with open(path + ".new", "w", encoding="utf-8") as file:
                file.write(azure.federated_assertion())
            os.replace(path + ".new", path)
            assert disconnected.get(host, **changes).login
            assert asked(disconnected) == expected

    def test_after_a_day_the_better_one_is_tried_again(
        self, disconnected: Program, host: str
    ) -> None:
        assert disconnected.get(host).login
        asked(disconnected)
        forget_entries(disconnected)
        for name in os.listdir(disconnected.folder):
            path = os.path.join(disconnected.folder, name)
            with open(path, "rb") as file:
                *head, until, text = file.read().split(b"\n")
            with open(path, "wb") as file:
                file.write(b"\n".join([*head, b"%d" % (int(until) - DAY - 1), text]))
        disconnected.azure.audiences.add(ACR_AUDIENCE)
        assert disconnected.get(host).login
        assert asked(disconnected) == [ACR_AUDIENCE]

    def test_neither_known_is_one_sentence(self, disconnected: Program, host: str) -> None:
        disconnected.azure.audiences.discard(ARM)
        answer = disconnected.get(host)
        assert answer.reference == "audience-unknown"
        assert b"AADSTS500011" in answer.out
        assert asked(disconnected) == [ACR_AUDIENCE, ARM]


class TestHardened:
    """Registries that take no token of the Resource Manager: authentication-as-arm is disabled."""

    def test_it_is_not_even_asked_for(self, program: Program, host: str) -> None:
        program.azure.registry(host).arm_tokens_allowed = False
        assert program.get(host).login
        assert program.azure.count("exchange") == 1
        assert asked(program) == [ACR_AUDIENCE]

    def test_a_fixed_audience_that_is_not_taken_is_explained(
        self, program: Program, host: str
    ) -> None:
        program.azure.registry(host).arm_tokens_allowed = False
        program.settings(f'[registries."{host}"]\naudience = "{ARM}"\n')
        answer = program.get(host)
        assert answer.reference == "registry-refused"
        assert b"authentication-as-arm" in answer.out
        assert asked(program) == [ARM]

    def test_one_that_becomes_so_later_is_found_out(self, disconnected: Program, host: str) -> None:
        """The Resource Manager's was remembered; it is refused now, and the better one is known."""
        registry = disconnected.azure.registry(host)
        registry.token_life = 600
        assert disconnected.get(host).login
        registry.arm_tokens_allowed = False
        disconnected.azure.audiences.add(ACR_AUDIENCE)
        asked(disconnected)
        for expected in ([ARM, ACR_AUDIENCE], [ACR_AUDIENCE]):
            forget_entries(disconnected)
            assert disconnected.get(host).login
            assert asked(disconnected) == expected

    def test_in_a_cloud_without_the_better_one_both_reasons_are_told(
        self, disconnected: Program, host: str
    ) -> None:
        disconnected.azure.registry(host).arm_tokens_allowed = False
        answer = disconnected.get(host)
        assert answer.reference == "registry-refused"
        assert b"authentication-as-arm" in answer.out
        assert asked(disconnected) == [ACR_AUDIENCE, ARM]


class TestOthers:
    def test_a_refusal_for_another_reason_changes_nothing(
        self, program: Program, host: str
    ) -> None:
        """A registry that knows the identity and gives it nothing is not asked with a stronger token."""
        nobody = program.azure.add_service_principal(secret="CANARY-nobody", roles={})
        answer = program.get(
            host, AZURE_CLIENT_ID=nobody.client_id, AZURE_CLIENT_SECRET="CANARY-nobody"
        )
        assert answer.reference == "registry-refused"
        assert asked(program) == [ACR_AUDIENCE]

    def test_a_managed_identity_falls_back_too(self, disconnected: Program, host: str) -> None:
        disconnected.settings('[defaults]\nmethod = "managed-identity"\n')
        variables = {"AZURE_CLIENT_ID": None, **disconnected.azure.metadata_environ("vm")}
        assert disconnected.get(host, **variables).login
        resources = [
            r.query["resource"] for r in disconnected.azure.requests if r.kind == "metadata"
        ]
        assert resources == [ACR_AUDIENCE, ARM]

    def test_nothing_secret_is_remembered(self, disconnected: Program, host: str) -> None:
        assert disconnected.get(host).login
        names = [name for name in os.listdir(disconnected.folder) if name.startswith("memory@")]
        notes = [read(os.path.join(disconnected.folder, name)) for name in names]
        assert len([note for note in notes if note.endswith(f"\n{ARM}".encode())]) == 1
        for secret in disconnected.azure.secrets:
            assert not any(secret.encode() in note for note in notes)
