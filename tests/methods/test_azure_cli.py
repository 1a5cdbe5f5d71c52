"""`azure-cli`: a real program called az, in every mood."""

import json
import os
import time
from typing import get_args

import pytest

from docker_credential_acr.clouds import REGISTRY_AUDIENCE
from docker_credential_acr.errors import (
    AudienceUnknown,
    Failure,
    MethodUnavailable,
    SignInRefused,
    Unreachable,
)
from docker_credential_acr.methods.azure_cli import Options, detect
from tests.azure.az import ENVIRONMENT, FakeAz, Mode, install_az
from tests.azure.tokens import peek
from tests.methods.worlds import Machine
from tests.systems import gone, need_scripts

METHOD = "azure-cli"
TENANT = "99999999-aaaa-bbbb-cccc-dddddddddddd"


def az_of(machine: Machine, mode: Mode = "signed_in", *more: str, seconds: float = 60) -> FakeAz:
    az = install_az(
        os.path.join(machine.folder, "bin"),
        machine.azure,
        mode=mode,
        seconds=seconds,
        environment=(*ENVIRONMENT, *more),
    )
    machine.set(PATH=az.folder)
    return az


def script(machine: Machine, text: str) -> str:
    need_scripts()
    path = machine.file("bin/az", f"#!/bin/sh\n{text}\n")
    os.chmod(path, 0o755)
    machine.set(PATH=os.path.dirname(path) + ":/usr/bin:/bin")
    return path


def failure(machine: Machine, options: Options | None = None) -> Failure:
    with pytest.raises(Failure) as raised:
        machine.token(METHOD, options)
    assert "CANARY" not in raised.value.what + raised.value.hint
    return raised.value


class TestCall:
    def test_it_is_asked_exactly_this(self, machine: Machine) -> None:
        az = az_of(machine)
        machine.token(METHOD)
        assert [call["argv"] for call in az.calls()] == [
            ["account", "get-access-token", "--output", "json", "--resource", REGISTRY_AUDIENCE]
        ]

    def test_tenant_and_subscription_are_handed_on(self, machine: Machine) -> None:
        az = az_of(machine)
        machine.tenant = TENANT
        assert machine.token(METHOD, Options(subscription="Team A")).tenant == TENANT
        assert az.calls()[0]["argv"][6:] == ["--tenant", TENANT, "--subscription", "Team A"]

    def test_an_option_that_looks_like_another_stays_a_value(self, machine: Machine) -> None:
        az = az_of(machine)
        machine.token(METHOD, Options(subscription="--debug; id"))
        assert az.calls()[0]["argv"][-1] == "--debug; id"

    def test_its_surroundings_are_clean(
        self, machine: Machine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nothing that steers our Python steers the CLI's, and it does not run where somebody builds."""
        removed = ("PYTHONPATH", "PYTHONHOME", "PYTHONWARNINGS", "PYTHONSTARTUP", "SSLKEYLOGFILE")
        kept = ("AZURE_CONFIG_DIR", "HTTPS_PROXY", "LD_LIBRARY_PATH")
        az = az_of(machine, "signed_in", *removed, *kept, "ACR_CRED_NESTED")
        monkeypatch.chdir(machine.folder)
        machine.set(**dict.fromkeys((*removed, *kept), "/nowhere"))
        machine.token(METHOD)
        call = az.calls()[0]
        assert call["cwd"] == "/"
        assert not set(removed) & set(call["environ"])
        assert {name: call["environ"][name] for name in kept} == dict.fromkeys(kept, "/nowhere")
        assert call["environ"]["ACR_CRED_NESTED"] == "1"
        assert call["environ"].get("HOME") == os.environ.get("HOME")

    def test_the_token_and_its_tenant_come_back(self, machine: Machine) -> None:
        az_of(machine)
        token = machine.token(METHOD)
        assert token.tenant == machine.azure.tenant
        assert peek(token.secret.reveal())[1]["oid"] == machine.azure.user.object_id

    def test_a_tenant_that_is_none_is_left_out(self, machine: Machine) -> None:
        answer = r'{"accessToken":"CANARY-token","tenant":"a\\ud800"}'
        path = machine.file("bin/az", f"#!/bin/sh\nprintf '{answer}'\n")
        os.chmod(path, 0o755)
        machine.set(PATH=f"{os.path.dirname(path)}:/usr/bin:/bin")
        assert machine.token(METHOD).tenant is None


class TestModes:
    def test_every_mode_of_the_fake_is_tried(self) -> None:
        here = {"signed_in", "noisy", "slow", "grandchild"} | {case[0] for case in self.CASES}
        assert here == set(get_args(Mode))

    CASES = (
        ("signed_out", MethodUnavailable, "az-signed-out"),
        ("refused", SignInRefused, "sign-in-expired"),
        ("garbage", MethodUnavailable, "az-failed"),
        ("flood", Unreachable, "az-timeout"),
        ("stubborn", Unreachable, "az-timeout"),
    )

    @pytest.mark.parametrize(("mode", "kind", "reference"), CASES)
    def test_what_is_no_token_is_named(
        self, machine: Machine, mode: Mode, kind: type[Failure], reference: str
    ) -> None:
        az = az_of(machine, mode)
        machine.seconds = 2
        began = time.monotonic()
        found = failure(machine)
        assert time.monotonic() - began < 3
        assert type(found) is kind
        assert found.reference == reference
        assert gone(az.calls()[0]["pid"])

    def test_a_warning_in_front_of_the_answer_is_passed_over(self, machine: Machine) -> None:
        az_of(machine, "noisy")
        assert machine.token(METHOD).secret.reveal() in machine.azure.secrets

    def test_a_slow_one_is_waited_for_within_the_deadline(self, machine: Machine) -> None:
        az = az_of(machine, "slow", seconds=0.3)
        machine.token(METHOD)
        az.set(seconds=60)
        machine.seconds = 1
        assert failure(machine).reference == "az-timeout"
        assert all(gone(call["pid"]) for call in az.calls())

    def test_what_it_leaves_behind_is_ended(self, machine: Machine) -> None:
        """A grandchild that holds the pipe open does not hold us, and does not stay."""
        az = az_of(machine, "grandchild")
        began = time.monotonic()
        machine.token(METHOD)
        assert time.monotonic() - began < 5
        (left,) = az.grandchildren()
        assert gone(left)

    def test_an_unknown_audience_is_told_apart(self, machine: Machine) -> None:
        machine.azure.audiences.discard(REGISTRY_AUDIENCE)
        az_of(machine)
        assert isinstance(failure(machine), AudienceUnknown)


class TestFinding:
    @pytest.mark.parametrize("path", [None, "", ".", ":", "bin", ".:bin::", "./bin"])
    def test_relative_and_empty_entries_of_path_are_ignored(
        self, machine: Machine, monkeypatch: pytest.MonkeyPatch, path: str | None
    ) -> None:
        """They would run what lies in the folder that somebody happens to build in."""
        az = az_of(machine)
        machine.file("bin/bin/keep", "")
        os.link(az.program, os.path.join(az.folder, "bin", "az"))
        monkeypatch.chdir(az.folder)
        machine.set(PATH=path)
        with pytest.raises(MethodUnavailable, match="not on PATH"):
            detect(os.environ)
        assert failure(machine).reference == "az-missing"
        assert az.calls() == []

    def test_the_first_absolute_entry_counts(self, machine: Machine) -> None:
        az = az_of(machine)
        machine.set(PATH=f".:bin:/nowhere:{az.folder}:/usr/bin")
        machine.token(METHOD)
        assert len(az.calls()) == 1

    def test_what_cannot_be_executed_is_not_az(self, machine: Machine) -> None:
        az = az_of(machine)
        os.chmod(az.program, 0o644)
        assert failure(machine).reference == "az-missing"

    def test_a_program_that_cannot_be_started_is_named(self, machine: Machine) -> None:
        path = script(machine, "")
        machine.file("bin/az", "#!/nowhere/python\n")
        found = failure(machine)
        assert isinstance(found, MethodUnavailable)
        assert path in found.what
        assert found.reference == "az-failed"


class TestStrangeAnswers:
    @pytest.mark.parametrize(
        "answer",
        [
            "",
            "[]",
            "5",
            "{}",
            '{"accessToken": null}',
            '{"accessToken": ""}',
            '{"accessToken": 5}',
            '{"accessToken": "CANARY x"}',
            '{"accessToken": "CANARY\\nx"}',
            '{"accessToken": "CANARYé"}',
            '{"accessToken": "CANARY"',
            '{"a":' * 5000,
        ],
    )
    def test_exit_code_0_without_a_token(self, machine: Machine, answer: str) -> None:
        path = machine.file("answer", answer)
        script(machine, f"cat {path}")
        found = failure(machine)
        assert isinstance(found, MethodUnavailable)
        assert found.reference == "az-failed"

    def test_its_words_are_not_repeated(self, machine: Machine) -> None:
        script(machine, "echo 'eyJCANARY token' >&2; echo CANARY; exit 7")
        found = failure(machine)
        assert isinstance(found, MethodUnavailable)
        assert "exit code 7" in found.what

    def test_another_language_is_no_riddle(self, machine: Machine) -> None:
        script(machine, "echo 'FEHLER: Bitte anmelden: az login' >&2; exit 1")
        assert failure(machine).reference == "az-signed-out"

    def test_a_number_of_entra_chooses_the_words(self, machine: Machine) -> None:
        script(machine, "echo 'ERROR: AADSTS50076: CANARY you must use MFA. az login' >&2; exit 1")
        found = failure(machine)
        assert isinstance(found, SignInRefused)
        assert found.reference == "sign-in-blocked"
        script(machine, "echo 'ERROR: AADSTS99999999: CANARY' >&2; exit 1")
        found = failure(machine)
        assert found.reference == "sign-in-refused"
        assert found.hint == "run: az login"

    def test_it_never_reads_our_standard_input(self, machine: Machine) -> None:
        az_of(machine)
        token = machine.token(METHOD).secret.reveal()
        script(machine, f"cat; echo '{json.dumps({'accessToken': token})}'")
        assert machine.token(METHOD).secret.reveal() == token
