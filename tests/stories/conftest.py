"""One fake Azure for each worker; for each test a home, an environment and a registry of its own."""

import os
from collections.abc import Callable, Iterator

import pytest

from tests.azure import FakeAzure
from tests.stories import canary
from tests.stories.program import PATH, Program, new_host, surroundings


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeAzure]:
    if not os.access(PATH, os.X_OK):
        pytest.fail("docker-credential-acr is not installed beside this Python")
    with FakeAzure(tmp_path_factory.mktemp("azure")) as azure:
        yield azure


@pytest.fixture
def azure(running: FakeAzure) -> Iterator[FakeAzure]:
    running.forget()
    yield running
    running.clear_faults()
    running.sign_in_delay = running.exchange_delay = 0.0


@pytest.fixture
def host() -> str:
    return new_host()


@pytest.fixture
def programs(
    azure: FakeAzure, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], Program]]:
    """Makes programs with a service principal; no test ends with a secret in a wrong place."""
    made = []

    def new() -> Program:
        home = str(tmp_path_factory.mktemp("home"))
        environ = surroundings(home, str(tmp_path_factory.mktemp("temporary")))
        environ |= azure.environ() | azure.service_principal_environ()
        made.append(Program(home, azure, environ))
        return made[-1]

    yield new
    assert [leak for program in made for leak in canary.leaks(program)] == []


@pytest.fixture
def program(programs: Callable[[], Program]) -> Program:
    return programs()
