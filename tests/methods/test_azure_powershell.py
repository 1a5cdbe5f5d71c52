"""`azure-powershell`: a real program called pwsh, in every mood."""

import os
import time
from typing import get_args

import pytest

from docker_credential_acr.clouds import REGISTRY_AUDIENCE
from docker_credential_acr.errors import (
    AudienceUnknown,
    Failure,
    MethodUnavailable,
    NotSetUp,
    SignInRefused,
    Unreachable,
    sentence,
)
from docker_credential_acr.methods.azure_powershell import Options, detect
from tests.azure import FakeAzure
from tests.azure.pwsh import SUBSCRIPTION, Mode
from tests.azure.tokens import peek
from tests.methods.worlds import Machine, powershell
from tests.stories.program import Program

METHOD = "azure-powershell"
TENANT = "99999999-aaaa-bbbb-cccc-dddddddddddd"
HOSTILE = "x'; Remove-Item $HOME; ' \u2019; exit; \u2018 $(id) `n \"{audience}"


def failure(machine: Machine, options: Options | None = None) -> Failure:
    with pytest.raises(Failure) as raised:
        machine.token(METHOD, options)
    assert "CANARY" not in raised.value.what + raised.value.hint
    return raised.value


class TestCall:
    def test_it_is_asked_exactly_this(self, machine: Machine) -> None:
        """One script for the audience, on a null device, outside of any folder where somebody builds."""
        pwsh = powershell(machine)
        machine.token(METHOD)
        (call,) = pwsh.calls()
        assert call["argv"][:-1] == ["-NoProfile", "-NonInteractive", "-EncodedCommand"]
        wanted = {"audience": REGISTRY_AUDIENCE, "tenant": "", "subscription": ""}
        assert wanted.items() <= call["values"].items()
        assert call["cwd"] == "/"

    def test_tenant_and_subscription_are_handed_on(self, machine: Machine) -> None:
        pwsh = powershell(machine)
        machine.tenant = TENANT
        assert machine.token(METHOD, Options(subscription=SUBSCRIPTION)).tenant == TENANT
        wanted = {"tenant": TENANT, "subscription": SUBSCRIPTION}
        assert wanted.items() <= pwsh.calls()[0]["values"].items()

    def test_what_looks_like_code_stays_a_value(self, machine: Machine) -> None:
        """PowerShell ends a text at four kinds of quotes; nothing else of it is read as code."""
        pwsh = powershell(machine)
        failure(machine, Options(subscription=HOSTILE))
        assert pwsh.calls()[0]["values"]["subscription"] == HOSTILE

    @pytest.mark.parametrize("mode", ["plain", "secure", "noisy"])
    def test_the_token_and_its_tenant_come_back(self, machine: Machine, mode: Mode) -> None:
        powershell(machine, mode)
        token = machine.token(METHOD)
        assert token.tenant == machine.azure.tenant
        assert peek(token.secret.reveal())[1]["oid"] == machine.azure.user.object_id


class TestModes:
    CASES: tuple[tuple[Mode, type[Failure], str, str], ...] = (
        ("no_module", MethodUnavailable, "powershell-module", "Install-Module Az.Accounts"),
        ("old_module", MethodUnavailable, "powershell-module", "Az.Accounts 2.1.0 is too old"),
        ("broken_module", MethodUnavailable, "powershell-module", "does not load"),
        ("policy", MethodUnavailable, "powershell-module", "Set-ExecutionPolicy"),
        ("no_context", MethodUnavailable, "powershell-signed-out", "run: Connect-AzAccount"),
        ("not_logged_in", MethodUnavailable, "powershell-signed-out", "run: Connect-AzAccount"),
        ("refused", SignInRefused, "sign-in-expired", "AADSTS700082"),
        ("interaction", SignInRefused, "sign-in-expired", "run: Connect-AzAccount"),
        ("other", MethodUnavailable, "powershell-failed", "Get-AzAccessToken"),
        ("silent", MethodUnavailable, "powershell-failed", "printed no token"),
        ("half", MethodUnavailable, "powershell-failed", "printed no token"),
        ("crash", MethodUnavailable, "powershell-failed", "exit code 134"),
        ("slow", Unreachable, "powershell-timeout", "in time"),
    )

    def test_every_mode_of_the_fake_is_tried(self) -> None:
        here = {"plain", "secure", "noisy"} | {case[0] for case in self.CASES}
        assert here == set(get_args(Mode))

    @pytest.mark.parametrize(("mode", "kind", "reference", "words"), CASES)
    def test_what_is_no_token_is_named(
        self, machine: Machine, mode: Mode, kind: type[Failure], reference: str, words: str
    ) -> None:
        powershell(machine, mode)
        machine.seconds = 2
        began = time.monotonic()
        found = failure(machine)
        assert time.monotonic() - began < 4
        assert type(found) is kind
        assert found.reference == reference
        line = sentence(found, "team.azurecr.io")
        assert words in line
        assert "az login" not in line

    def test_a_subscription_without_a_sign_in_is_said(self, machine: Machine) -> None:
        powershell(machine)
        found = failure(machine, Options(subscription="another"))
        assert found.reference == "powershell-signed-out"
        assert "subscription" in found.what

    def test_an_unknown_audience_is_told_apart(self, machine: Machine) -> None:
        machine.azure.audiences.discard(REGISTRY_AUDIENCE)
        powershell(machine)
        assert isinstance(failure(machine), AudienceUnknown)


class TestDetection:
    def test_without_the_program(self, machine: Machine) -> None:
        powershell(machine)
        machine.set(PATH="/nowhere")
        with pytest.raises(NotSetUp, match="pwsh is not on PATH"):
            detect(os.environ)
        assert failure(machine).reference == "powershell-missing"

    def test_without_a_sign_in_it_is_not_even_started(self, machine: Machine) -> None:
        """CI runners have PowerShell; starting it takes seconds."""
        pwsh = powershell(machine)
        assert detect(os.environ) == Options()
        os.remove(os.path.join(os.path.expanduser("~"), ".Azure", "AzureRmContext.json"))
        with pytest.raises(NotSetUp):
            detect(os.environ)
        assert pwsh.calls() == []

    def test_the_working_directory_is_not_searched(
        self, machine: Machine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pwsh = powershell(machine)
        monkeypatch.chdir(pwsh.folder)
        machine.set(PATH=".::bin")
        with pytest.raises(NotSetUp):
            detect(os.environ)


def test_the_installed_program(
    program: Program, machine: Machine, azure: FakeAzure, host: str
) -> None:
    """One exchange, nothing of Entra, and a sentence for who is signed out."""
    pwsh = powershell(machine, "noisy")
    program.settings(f'[defaults]\nmethod = "{METHOD}"\nsubscription = "{SUBSCRIPTION}"\n')
    changes = {"PATH": pwsh.folder, "AZURE_TENANT_ID": None}
    assert program.get(host, **changes).secret in azure.secrets
    asked = [(r.kind, r.host) for r in azure.requests if r.kind != "connect"]
    assert asked == [("exchange", host)]
    powershell(machine, "no_context")
    program.erase(host)
    answer = program.get(host, **changes)
    assert answer.reference == "powershell-signed-out"
    assert b"run: Connect-AzAccount" in answer.out
