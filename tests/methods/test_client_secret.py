"""`client-secret`: where the secret comes from, and what can be wrong with it."""

import os

import pytest

from docker_credential_acr.errors import (
    Failure,
    MethodUnavailable,
    SettingsError,
    SignInRefused,
    Unreachable,
)
from docker_credential_acr.methods.client_secret import Options, detect
from tests.azure import Garbage, Hang, Redirect, Status
from tests.methods.worlds import Machine
from tests.systems import posix, scripts

METHOD = "client-secret"
GUID = "00000000-aaaa-bbbb-cccc-dddddddddddd"


@pytest.fixture
def machine(machine: Machine) -> Machine:
    """One that knows who it is, and not the secret."""
    machine.set(AZURE_TENANT_ID=machine.azure.tenant, AZURE_CLIENT_ID=machine.azure.client_id)
    return machine


def failure(machine: Machine, options: Options | None = None) -> Failure:
    with pytest.raises(Failure) as raised:
        machine.token(METHOD, options)
    assert "CANARY" not in raised.value.what + raised.value.hint
    return raised.value


class TestSources:
    def test_a_variable_of_any_name(self, machine: Machine) -> None:
        machine.set(TEAM_SECRET=machine.azure.client_secret)
        machine.token(METHOD, Options(client_secret_env="TEAM_SECRET"))
        machine.set(AZURE_CLIENT_SECRET="CANARY-wrong")
        machine.token(METHOD, Options(client_secret_env="TEAM_SECRET"))

    @pytest.mark.parametrize("form", ["{}", "{}\n", "{}\r\n", "\ufeff{}\n", "  {}  "])
    def test_a_file_however_an_editor_wrote_it(self, machine: Machine, form: str) -> None:
        path = machine.file("secret", form.format(machine.azure.client_secret))
        machine.token(METHOD, Options(client_secret_file=path))

    def test_a_file_is_read_anew_each_time(self, machine: Machine) -> None:
        path = machine.file("secret", "CANARY-old")
        assert isinstance(failure(machine, Options(client_secret_file=path)), SignInRefused)
        machine.file("secret", machine.azure.client_secret)
        machine.token(METHOD, Options(client_secret_file=path))

    def test_a_command_without_a_shell(self, machine: Machine) -> None:
        machine.set(PATH="/usr/bin:/bin")
        for program in ("printf", "/usr/bin/printf"):
            command = (program, "%s\n", machine.azure.client_secret)
            machine.token(METHOD, Options(client_secret_command=command))
        command = ("printf", "$(id) %s", machine.azure.client_secret)
        assert isinstance(failure(machine, Options(client_secret_command=command)), SignInRefused)

    def test_the_settings_outrank_the_usual_variable(self, machine: Machine) -> None:
        machine.set(AZURE_CLIENT_SECRET="CANARY-wrong", AZURE_CLIENT_ID=GUID)
        path = machine.file("secret", machine.azure.client_secret)
        machine.token(METHOD, Options(client_id=machine.azure.client_id, client_secret_file=path))


class TestNothingToTry:
    @pytest.mark.parametrize("name", ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"])
    @pytest.mark.parametrize("value", [None, ""])
    def test_what_is_missing_is_named(self, machine: Machine, name: str, value: str | None) -> None:
        machine.set(AZURE_CLIENT_SECRET=machine.azure.client_secret)
        machine.set(**{name: value})
        with pytest.raises(MethodUnavailable, match=name) as raised:
            detect(os.environ)
        others = {"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"} - {name}
        assert not any(other in raised.value.what for other in others)
        found = failure(machine)
        assert isinstance(found, MethodUnavailable)
        assert name in found.what + found.hint
        assert found.reference == "inputs-missing"

    @pytest.mark.parametrize("kind", ["missing", "empty", "blank", "directory", "binary", "large"])
    def test_a_file_without_a_secret(self, machine: Machine, kind: str) -> None:
        content: dict[str, bytes] = {
            "empty": b"",
            "blank": b"\xef\xbb\xbf \r\n",
            "binary": b"\xff\xfe\x00",
            "large": b"x" * 70_000,
        }
        path = machine.file(kind, content.get(kind, b""))
        if kind in ("missing", "directory"):
            os.unlink(path)
        if kind == "directory":
            os.mkdir(path)
        found = failure(machine, Options(client_secret_file=path))
        assert isinstance(found, MethodUnavailable)
        assert path in found.what
        assert found.reference == "secret-unreadable"

    @posix("FIFOs")
    def test_a_named_pipe_is_not_waited_for(self, machine: Machine) -> None:
        path = machine.file("pipe", b"")
        os.unlink(path)
        os.mkfifo(path)
        assert failure(machine, Options(client_secret_file=path)).reference == "secret-unreadable"

    @pytest.mark.parametrize(
        ("command", "what"),
        [
            (("no-such-program",), "is not on PATH"),
            (("/nowhere/program",), "cannot be started"),
            (("false",), "exit code 1"),
            (("true",), "printed nothing"),
            (("sh", "-c", "echo CANARY >&2; exit 3"), "exit code 3"),
        ],
    )
    @posix("sh, true and false")
    def test_a_command_without_a_secret(
        self, machine: Machine, command: tuple[str, ...], what: str
    ) -> None:
        machine.set(PATH="/usr/bin:/bin")
        found = failure(machine, Options(client_secret_command=command))
        assert isinstance(found, MethodUnavailable)
        assert what in found.what
        assert found.reference == "secret-unreadable"

    @scripts
    def test_a_command_in_the_working_directory_is_not_run(
        self, machine: Machine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = machine.file("bin/tool", f"#!/bin/sh\necho {machine.azure.client_secret}\n")
        os.chmod(path, 0o755)
        monkeypatch.chdir(os.path.dirname(path))
        machine.set(PATH=".::bin:/usr/bin:/bin")
        for name in ("tool", "./tool"):
            found = failure(machine, Options(client_secret_command=(name,)))
            assert isinstance(found, MethodUnavailable)
            assert found.reference == "secret-unreadable"


class TestForm:
    @pytest.mark.parametrize("secret", ["CANARY\nx", "CANARY\r\nx", "a=CANARY\nb=CANARY"])
    def test_a_line_break_inside_is_said_before_it_is_sent(
        self, machine: Machine, secret: str
    ) -> None:
        machine.set(AZURE_CLIENT_SECRET=secret)
        for options in (
            Options(),
            Options(client_secret_file=machine.file("secret", secret)),
            Options(client_secret_command=("/usr/bin/printf", secret)),
        ):
            found = failure(machine, options)
            assert isinstance(found, SettingsError)
            assert "line break" in found.what
        assert machine.azure.count("sign-in") == 0

    def test_a_space_around_a_variable_is_part_of_it(self, machine: Machine) -> None:
        """Somebody may have chosen it so; Entra decides."""
        machine.set(AZURE_CLIENT_SECRET=machine.azure.client_secret + " ")
        assert failure(machine).reference == "client-secret-refused"


class TestRefusals:
    """Each in words of its own, with the number and the id that support asks for."""

    def test_a_wrong_secret(self, machine: Machine) -> None:
        machine.set(AZURE_CLIENT_SECRET="CANARY-wrong")
        found = failure(machine)
        assert isinstance(found, SignInRefused)
        assert found.reference == "client-secret-refused"
        assert "AADSTS7000215" in found.what
        assert "correlation id" in found.what

    def test_an_expired_secret(self, machine: Machine) -> None:
        principal = machine.azure.add_service_principal(secret="CANARY-old", secret_expires=1)
        machine.set(AZURE_CLIENT_SECRET="CANARY-old", AZURE_CLIENT_ID=principal.client_id)
        assert failure(machine).reference == "client-secret-expired"

    def test_an_unknown_application(self, machine: Machine) -> None:
        machine.set(AZURE_CLIENT_SECRET="CANARY", AZURE_CLIENT_ID=GUID)
        found = failure(machine)
        assert isinstance(found, SignInRefused)
        assert found.reference == "app-unknown"

    def test_an_unknown_tenant(self, machine: Machine) -> None:
        machine.set(AZURE_CLIENT_SECRET="CANARY", AZURE_TENANT_ID=GUID)
        found = failure(machine)
        assert isinstance(found, SignInRefused)
        assert found.reference == "tenant-unknown"


class TestEntraItself:
    @pytest.fixture
    def machine(self, machine: Machine) -> Machine:
        machine.set(AZURE_CLIENT_SECRET=machine.azure.client_secret)
        return machine

    @pytest.mark.parametrize("status", [429, 500, 503, 504])
    def test_one_bad_answer_is_asked_again(self, machine: Machine, status: int) -> None:
        machine.azure.fault("sign-in", Status(status), times=1)
        machine.token(METHOD)
        assert machine.azure.count("sign-in") == 2

    @pytest.mark.parametrize("kind", ["sign-in", "discovery"])
    def test_a_wait_that_does_not_fit_is_said(self, machine: Machine, kind: str) -> None:
        machine.azure.fault(kind, Status(429, {"Retry-After": "600"}))
        found = failure(machine)
        assert isinstance(found, Unreachable)
        assert found.reference == "entra-throttled"
        assert "600 s" in found.hint
        assert machine.azure.count(kind) == 1

    @pytest.mark.parametrize("kind", ["sign-in", "discovery"])
    def test_a_fault_that_stays_is_said(self, machine: Machine, kind: str) -> None:
        machine.azure.fault(kind, Status(503))
        found = failure(machine)
        assert isinstance(found, Unreachable)
        assert found.reference == "entra-unavailable"

    @pytest.mark.parametrize("kind", ["sign-in", "discovery"])
    def test_a_captive_portal_is_no_refusal(self, machine: Machine, kind: str) -> None:
        machine.azure.fault(kind, Garbage())
        found = failure(machine)
        assert not isinstance(found, SignInRefused)
        assert found.reference == "answer-unusable"
        assert "guest network" not in found.what

    @pytest.mark.parametrize("kind", ["sign-in", "discovery"])
    def test_a_redirect_is_not_followed(self, machine: Machine, kind: str) -> None:
        machine.azure.fault(kind, Redirect("https://elsewhere.example/token"))
        assert failure(machine).reference == "redirect-refused"
        assert not [r for r in machine.azure.requests if "elsewhere" in r.host]

    def test_a_silent_entra_ends_with_the_deadline(self, machine: Machine) -> None:
        machine.azure.fault("sign-in", Hang())
        machine.seconds = 1
        assert isinstance(failure(machine), Unreachable)
