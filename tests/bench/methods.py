"""A cold get by each method, on the machine that the contract tests have for it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from tests.azure import FakeAzure
from tests.bench.environment import variables
from tests.bench.homes import HOST, trust
from tests.bench.peers import stdin
from tests.bench.runs import Command
from tests.methods.worlds import WORLDS, Machine

_STAND_INS = {"azure-cli": "az", "azure-powershell": "pwsh", "azure-developer-cli": "azd"}


@contextmanager
def colds(folder: str, program: str, azure: FakeAzure) -> Iterator[list[Command]]:
    """Make a home for each method; what it finds there stays until the end."""
    with pytest.MonkeyPatch.context() as patch:
        yield [_cold(os.path.join(folder, name), name, program, azure, patch) for name in WORLDS]


def _cold(
    home: str, name: str, program: str, azure: FakeAzure, patch: pytest.MonkeyPatch
) -> Command:
    os.makedirs(home)
    before = dict(os.environ)
    for variable in before:
        patch.delenv(variable)
    for variable, value in azure.environ().items() | {("HOME", home)}:
        patch.setenv(variable, value)
    WORLDS[name].right(Machine(azure, home, patch))
    found = dict(os.environ)
    for variable in found:
        patch.delenv(variable)
    for variable, value in before.items():
        patch.setenv(variable, value)
    settings = os.path.join(home, ".config", "docker-credential-acr")
    os.makedirs(settings)
    path = os.path.join(settings, "config.toml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'allow_unencrypted = true\n[defaults]\nmethod = "{name}"\n')
        if name == "aks-node":
            file.write(f'file = "{os.path.join(home, "azure.json")}"\n')
    os.chmod(path, 0o600)
    environ = variables(home) | found | {"SSL_CERT_FILE": trust(azure, home)}
    stand_in = _STAND_INS.get(name)
    told = f"cold get, {name}" + (f" (a stand-in for {stand_in})" if stand_in else "")
    cache = os.path.join(home, ".cache")
    forget = partial(shutil.rmtree, cache, ignore_errors=True)
    return Command(told, (program, "get"), environ, stdin(home, HOST), before=forget)
