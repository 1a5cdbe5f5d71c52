"""What every method promises; a new one needs a row of ``worlds.WORLDS`` and no test here."""

import dataclasses
import os
import subprocess
import sys
from importlib import import_module
from typing import get_type_hints

import pytest

from docker_credential_acr import entry
from docker_credential_acr.clouds import REGISTRY_AUDIENCE
from docker_credential_acr.deadline import Deadline
from docker_credential_acr.errors import (
    AudienceUnknown,
    MethodUnavailable,
    OutOfTime,
    SignInRefused,
    sentence,
)
from docker_credential_acr.exchange import registry_token
from docker_credential_acr.methods import ENTRA_METHODS, METHODS
from docker_credential_acr.references import REFERENCES
from docker_credential_acr.schema import schema
from docker_credential_acr.settings_keys import option_names
from tests.azure.tokens import peek
from tests.methods.worlds import WORLDS, Machine

VARIABLES, SECRET_VARIABLES = (
    set(map(bytes.decode, names)) for names in (entry.VARIABLES, entry.SECRET_VARIABLES)
)
every = pytest.mark.parametrize("name", METHODS)
entra = pytest.mark.parametrize("name", ENTRA_METHODS)

OFFLINE = """
import sys
from docker_credential_acr.errors import MethodUnavailable
from docker_credential_acr.methods import METHODS, managed_identity
managed_identity._CHASSIS = "/nonexistent"

def refuse(event, _):
    if event.startswith(("socket.", "subprocess.", "os.exec", "os.posix_spawn", "os.fork")):
        raise SystemExit(f"detect looked outside: {event}")

sys.addaudithook(refuse)
try:
    METHODS[sys.argv[1]].detect({})
except MethodUnavailable as reason:
    print(reason.what, reason.hint, reason.reference, sep="\\n")
"""


@entra
def test_it_has_a_world(name: str) -> None:
    assert name in WORLDS


@every
def test_options_are_frozen_and_have_defaults(name: str) -> None:
    options = METHODS[name].Options
    assert dataclasses.is_dataclass(options)
    made = options()
    assert isinstance(hash(made), int)
    for field in dataclasses.fields(options):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(made, field.name, "x")


@every
def test_options_are_of_types_that_settings_can_hold(name: str) -> None:
    hints = get_type_hints(METHODS[name].Options)
    kinds = {kind for key, kind in hints.items() if key in option_names(METHODS[name].Options)}
    assert kinds <= {str | None, tuple[str, ...] | None, bool, int, str}


@every
def test_every_input_is_part_of_the_stamp(name: str) -> None:
    """Who changes one is another asker, and never answered with the first one's token."""
    assert set(METHODS[name].INPUTS) <= VARIABLES
    assert set(METHODS[name].SECRET_INPUTS) <= SECRET_VARIABLES
    assert not set(METHODS[name].SECRET_INPUTS) & VARIABLES


@every
def test_every_option_has_a_row_in_the_schema(name: str) -> None:
    registry = schema()["definitions"]["registry"]
    options = option_names(METHODS[name].Options)
    assert options <= set(registry["properties"])
    rules = {
        rule["if"]["properties"]["method"]["const"]: rule["then"]
        for rule in registry["allOf"]
        if "properties" in rule["if"]
    }
    assert options <= set(rules[name]["propertyNames"]["enum"])


@every
def test_an_empty_environment_is_nothing_to_try_and_nobody_is_asked(name: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", OFFLINE, name],
        capture_output=True,
        text=True,
        check=False,
        env={},
        cwd=import_module("docker_credential_acr").__path__[0] + "/..",
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    what, hint, reference = ran.stdout.splitlines()
    assert what
    assert hint
    assert reference in REFERENCES


@entra
def test_what_it_finds_by_itself_signs_in(name: str, machine: Machine) -> None:
    WORLDS[name].right(machine)
    module = METHODS[name]
    options = module.Options() if name == "automatic" else module.detect(machine.sign_in().environ)
    assert machine.token(name, options).secret.reveal() in machine.azure.secrets


@entra
def test_the_token_is_for_the_registry_and_the_registry_takes_it(
    name: str, machine: Machine, host: str
) -> None:
    WORLDS[name].right(machine)
    token = machine.token(name)
    assert peek(token.secret.reveal())[1]["aud"] == REGISTRY_AUDIENCE
    assert token.tenant in (None, machine.azure.tenant)
    found = registry_token(host, token, Deadline.after(10))
    assert found.expires - found.issued == machine.azure.registry(host).token_life


@entra
def test_the_audience_is_the_one_that_is_asked_for(name: str, machine: Machine) -> None:
    WORLDS[name].right(machine)
    token = machine.token(name, audience="https://management.azure.com")
    assert peek(token.secret.reveal())[1]["aud"] == "https://management.azure.com"


@entra
def test_a_refusal_is_a_refusal(name: str, machine: Machine, host: str) -> None:
    """And not "nothing to try", which would let another identity sign in."""
    WORLDS[name].right(machine)
    options = WORLDS[name].refused(machine)
    with pytest.raises(SignInRefused) as raised:
        machine.token(name, options)
    failure = raised.value
    assert not isinstance(failure, MethodUnavailable)
    assert not isinstance(failure, AudienceUnknown)
    assert failure.reference in REFERENCES
    assert "CANARY" not in sentence(failure, host)
    assert failure.what[0].islower() or failure.what.startswith("Entra")


@entra
def test_an_audience_that_nobody_knows_is_told_apart(name: str, machine: Machine) -> None:
    """It is the only refusal after which another audience is tried."""
    machine.azure.audiences.discard(REGISTRY_AUDIENCE)
    WORLDS[name].right(machine)
    with pytest.raises(AudienceUnknown) as raised:
        machine.token(name)
    assert raised.value.reference == "audience-unknown"


@entra
def test_past_the_deadline_nobody_is_asked(name: str, machine: Machine) -> None:
    WORLDS[name].right(machine)
    machine.seconds = 0
    with pytest.raises(OutOfTime):
        machine.token(name)
    assert machine.azure.requests == []


@entra
def test_nothing_of_a_sign_in_is_written(name: str, machine: Machine, bare: str) -> None:
    """No SDK cache, no log: the home stays as it is."""
    WORLDS[name].right(machine)
    before = [(folder, sorted(names)) for folder, _, names in os.walk(bare)]
    machine.token(name)
    assert [(folder, sorted(names)) for folder, _, names in os.walk(bare)] == before
