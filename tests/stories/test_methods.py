"""Every method signs in, in the program as it is installed: nothing may be missing in the frozen one."""

import os
from collections.abc import Callable

import pytest

from tests.azure import FakeAzure
from tests.methods.worlds import WORLDS, Machine
from tests.stories.program import Program

SETTINGS = '[defaults]\nmethod = "{}"\n'


@pytest.fixture
def machine(
    bare: str,  # noqa: ARG001  it comes first
    azure: FakeAzure,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Machine:
    for name, value in azure.environ().items():
        monkeypatch.setenv(name, value)
    return Machine(azure, str(tmp_path_factory.mktemp("machine")), monkeypatch)


@pytest.mark.parametrize("name", WORLDS)
def test_it_signs_in(
    name: str, machine: Machine, programs: Callable[[], Program], host: str
) -> None:
    """A world that says where a node's file is says it in the settings here."""
    WORLDS[name].right(machine)
    program = programs()
    program.environ = {**os.environ, "HOME": program.home}
    file = os.path.join(machine.folder, "azure.json")
    options = f'file = "{file}"\n' if name == "aks-node" else ""
    program.settings(SETTINGS.format(name) + options)
    secret = program.get(host).secret
    assert secret in program.azure.secrets
    assert program.exchanges(host) == 1
