"""docker-py at work: `python -m tests.clients.with_docker_py VERB ARGUMENT...`, inside the lab."""

import json
import sys
from typing import Any

import docker
import docker.auth
import docker.credentials


def pull(repository: str) -> str:
    return str(docker.from_env().images.pull(repository, tag="latest").id)


def push(repository: str) -> list[dict[str, Any]]:
    said = list(docker.from_env().images.push(repository, stream=True, decode=True))
    assert not [line for line in said if "error" in line], said
    return said


def build(folder: str) -> str:
    image, _ = docker.from_env().images.build(path=folder, nocache=True, pull=True)
    return str(image.id)


def store(host: str) -> dict[str, Any]:
    """Use every verb of the protocol."""
    acr: Any = docker.credentials.Store("acr")
    got = acr.get(host)
    acr.store(host, got["Username"], got["Secret"])
    listed = acr.list()
    acr.erase(host)
    return {"got": got, "listed": listed}


def everything() -> dict[str, Any]:
    """Answer what docker-py hands to a build."""
    config: Any = docker.auth.load_config()
    return dict(config.get_all_credentials())


VERBS = {verb.__name__: verb for verb in (pull, push, build, store, everything)}

if __name__ == "__main__":
    print(json.dumps(VERBS[sys.argv[1]](*sys.argv[2:])))
