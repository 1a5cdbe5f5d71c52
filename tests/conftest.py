"""For tests inside this process: a fake Azure, and an environment made from nothing that leads there."""

import os
import signal
import socket
from collections.abc import Iterator

import pytest

from tests.azure import FakeAzure
from tests.stories import canary
from tests.stories.program import PATH, Program, new_host, surroundings

KEPT = ("LANG", "TMPDIR", "PYTEST_")

# Who starts the tests in the background has them ignore signals, and programs inherit that: ours must end.
for _number in (signal.SIGINT, signal.SIGHUP) if os.name != "nt" else ():
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def no_default_timeout() -> Iterator[None]:
    """Service Fabric's sign-in bounds every socket of its process; the fake's have to go on listening."""
    yield
    socket.setdefaulttimeout(None)


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Take every variable of this machine away; the home that is left."""
    home = str(tmp_path_factory.mktemp("home"))
    environ = surroundings(home, str(tmp_path_factory.mktemp("temporary")))
    for name in tuple(os.environ):
        if not name.startswith(KEPT):
            monkeypatch.delenv(name)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return home


@pytest.fixture
def azure(
    bare: str,  # noqa: ARG001  it comes first
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[FakeAzure]:
    with FakeAzure(tmp_path_factory.mktemp("azure")) as azure:
        for name, value in azure.environ().items():
            monkeypatch.setenv(name, value)
        yield azure


@pytest.fixture
def host() -> str:
    """A registry that no other test knows."""
    return new_host()


@pytest.fixture
def program(
    azure: FakeAzure, bare: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Program]:
    """The installed program with a service principal; no secret ends in a wrong place."""
    if not os.access(PATH, os.X_OK):
        pytest.fail("docker-credential-acr is not installed beside this Python")
    environ = surroundings(bare, str(tmp_path_factory.mktemp("temporary")))
    environ |= azure.environ() | azure.service_principal_environ()
    program = Program(bare, azure, environ)
    yield program
    assert canary.leaks(program) == []
