"""docker-py, in a process of its own."""

import json
import sys

import pytest

from tests.clients.desk import CONFIGS, GUID, Desk, Done, needs
from tests.clients.lab import ROOT
from tests.clients.places import BASE, REGISTRY, SECOND
from tests.clients.recorder import Calls

pytest.importorskip("docker")
pytestmark = needs("dockerd")


def docker_py(desk: Desk, operation: str, *arguments: str) -> Done:
    """Let docker-py do one thing: the first word of the operation."""
    desk.env["PYTHONPATH"] = ROOT
    program = (sys.executable, "-m", "tests.clients.with_docker_py")
    verb = operation.split(",", maxsplit=1)[0]
    return desk.measure(f"docker-py {operation}", *program, verb, *arguments)


def test_pull(desk: Desk) -> None:
    """A pull asks once."""
    assert Calls(get=1) == docker_py(desk, "pull", BASE).calls


def test_push(desk: Desk, archive: str) -> None:
    """A push asks once."""
    desk.prepare("docker", "import", archive, f"{REGISTRY}/docker-py/pushed")

    assert Calls(get=1) == docker_py(desk, "push", f"{REGISTRY}/docker-py/pushed").calls


@pytest.mark.parametrize("config", CONFIGS)
def test_build(desk: Desk, context: str, config: str) -> None:
    """A build takes every host of the config or the list along; the private base is pulled."""
    desk.configure(CONFIGS[config])
    if config == "credsStore":
        desk.prepare("docker", "pull", BASE)  # only then is there something to list

    done = docker_py(desk, f"build, {config}", context)

    assert {"credHelpers": Calls(get=2), "credsStore": Calls(list=1, get=1)}[config] == done.calls


def test_store(desk: Desk, username: str) -> None:
    """`Store("acr")` gets, stores, lists and erases without an exception."""
    done = docker_py(desk, "store", REGISTRY)

    said = json.loads(done.stdout)
    assert {"guid": GUID, "token": "<token>"}[username] == said["got"]["Username"]
    assert REGISTRY in said["listed"]
    assert Calls(get=1, store=1, list=1, erase=1) == done.calls


@pytest.mark.parametrize("config", CONFIGS)
def test_everything(desk: Desk, config: str) -> None:
    """All credentials at once: those of both registries."""
    desk.configure(CONFIGS[config])
    desk.get(REGISTRY)
    desk.get(SECOND)

    said = json.loads(docker_py(desk, f"everything, {config}").stdout)

    assert {REGISTRY, SECOND} == set(said)
