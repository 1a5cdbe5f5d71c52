"""A machine of its own for each test of a method."""

from pathlib import Path

import pytest

from docker_credential_acr.methods import aks_node, managed_identity
from tests.azure import FakeAzure
from tests.methods.worlds import Machine


@pytest.fixture
def machine(azure: FakeAzure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine that is not one of Azure's, whatever these tests run on."""
    monkeypatch.setattr(aks_node, "_FILE", str(tmp_path / "no-azure.json"))
    monkeypatch.setattr(managed_identity, "_CHASSIS", str(tmp_path / "no-chassis-tag"))
    monkeypatch.delenv("AZURE_POD_IDENTITY_AUTHORITY_HOST")
    return Machine(azure, str(tmp_path / "machine"), monkeypatch)
