"""What every method of finished logins promises; a new one needs a row of ``worlds.LOGIN_WORLDS``."""

import os

import pytest

from docker_credential_acr.errors import (
    Failure,
    MethodUnavailable,
    NoCredential,
    OutOfTime,
    RegistryRefused,
    SettingsError,
    sentence,
)
from docker_credential_acr.methods import ENTRA_METHODS, LOGIN_METHODS, automatic
from docker_credential_acr.references import REFERENCES
from tests.methods.worlds import LOGIN_WORLDS, Machine

every = pytest.mark.parametrize("name", LOGIN_WORLDS)
anyone = pytest.mark.parametrize("name", LOGIN_METHODS)


def test_each_has_a_world_but_the_one_without_logins() -> None:
    assert set(LOGIN_METHODS) - set(LOGIN_WORLDS) == {"anonymous"}
    assert not set(LOGIN_METHODS) & set(ENTRA_METHODS)


@anyone
def test_it_is_never_taken_by_itself(name: str) -> None:
    """Nobody falls from an identity of Entra to a password, silently or not."""
    assert name not in automatic.ORDER
    with pytest.raises(MethodUnavailable):
        LOGIN_METHODS[name].detect(os.environ)


@every
def test_the_registry_takes_its_login(name: str, machine: Machine, host: str) -> None:
    options = LOGIN_WORLDS[name].right(machine, host)
    login = machine.login(name, options, host)
    assert login.secret.reveal() in machine.azure.secrets
    assert LOGIN_METHODS[name].username(options, host) == login.username


@every
def test_a_refusal_is_the_registrys(name: str, machine: Machine, host: str) -> None:
    LOGIN_WORLDS[name].right(machine, host)
    options = LOGIN_WORLDS[name].refused(machine, host)
    with pytest.raises(RegistryRefused) as raised:
        machine.login(name, options, host)
    failure = raised.value
    assert failure.reference == "passwords-refused"
    assert "CANARY" not in sentence(failure, host)
    username = LOGIN_METHODS[name].username(options, host)
    assert username
    assert username in failure.what


@every
def test_nothing_given_is_nothing_to_try(name: str, machine: Machine, host: str) -> None:
    """Of a registry that nobody has heard of, with no password anywhere."""
    options = LOGIN_METHODS[name].Options()
    with pytest.raises((MethodUnavailable, SettingsError)) as raised:
        machine.offer(name, options, host)
    failure: Failure = raised.value
    assert failure.reference in REFERENCES
    assert machine.azure.count("token") == 0


@every
def test_past_the_deadline_nobody_is_asked(name: str, machine: Machine, host: str) -> None:
    options = LOGIN_WORLDS[name].right(machine, host)
    machine.seconds = 0
    try:
        machine.offer(name, options, host)  # a file is read all the same
    except OutOfTime:
        assert name == "admin-user"
    assert machine.azure.requests == []


@every
def test_nothing_of_it_is_written(name: str, machine: Machine, host: str, bare: str) -> None:
    machine.login(name, LOGIN_WORLDS[name].right(machine, host), host)
    assert os.listdir(bare) == []


def test_anonymous_has_none(machine: Machine, host: str) -> None:
    options = LOGIN_METHODS["anonymous"].Options()
    with pytest.raises(NoCredential):
        machine.offer("anonymous", options, host)
    assert LOGIN_METHODS["anonymous"].username(options, host) is None
    assert machine.azure.requests == []
