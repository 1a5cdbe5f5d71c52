"""Helpers of other registries and stores, answering from what they keep."""

import base64
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator

from tests.bench.environment import variables
from tests.bench.runs import Command, Unmeasured

_KEY = "AKIAEXAMPLE0000000000"
_ACCOUNT = "123456789012"
_REGION = "eu-west-1"
_SERVER = "peer.example"


def ecr(home: str) -> Command:
    """Amazon's helper with a cached token as long as ours: offline, with keys that are no keys."""
    program = _needed("docker-credential-ecr-login")
    folder = os.path.join(home, ".ecr")
    os.makedirs(folder)
    host = f"{_ACCOUNT}.dkr.ecr.{_REGION}.amazonaws.com"
    hashed = base64.b64encode(_KEY.encode() + hashlib.md5(b"").digest()).decode()
    token = {
        "AuthorizationToken": base64.b64encode(b"AWS:" + b"x" * 1500).decode(),
        "RequestedAt": "2020-01-01T00:00:00Z",
        "ExpiresAt": "2099-01-01T00:00:00Z",  # half the window counts as expired
        "ProxyEndpoint": f"https://{host}",
        "RegistryID": _ACCOUNT,
        "Service": "ecr",
    }
    cache = {"Registries": {f"{_REGION}-{hashed}-{_ACCOUNT}": token}, "Version": "1.0"}
    with open(os.path.join(folder, "cache.json"), "w", encoding="utf-8") as file:
        json.dump(cache, file)
    keys = {
        "AWS_ACCESS_KEY_ID": _KEY,
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    return Command(
        "ECR helper, cached get", (program, "get"), variables(home, **keys), stdin(home, host)
    )


@contextlib.contextmanager
def password_store(home: str) -> Iterator[Command]:
    """Docker's helper for pass, with one key without a passphrase; its agent ends with it."""
    program = _needed("docker-credential-pass")
    gpg = _needed("gpg")
    _needed("pass")
    os.makedirs(home, mode=0o700)
    environ = variables(home, GNUPGHOME=home)  # the agent's socket is there: keep the path short
    login = json.dumps({"ServerURL": _SERVER, "Username": "user", "Secret": "x" * 1500})
    try:
        for arguments, given in (
            ([gpg, "--batch", "--passphrase", "", "--quick-generate-key", "bench"], ""),
            (["/usr/bin/env", "pass", "init", "bench"], ""),
            ([program, "store"], login),
        ):
            try:
                subprocess.run(
                    arguments,
                    env=environ,
                    input=given,
                    capture_output=True,
                    text=True,
                    check=True,
                    timeout=60,
                )
            except (OSError, subprocess.SubprocessError) as error:
                raise Unmeasured(f"pass cannot be set up: {error}", optional=True) from error
        yield Command("docker-credential-pass get", (program, "get"), environ, stdin(home, _SERVER))
    finally:
        subprocess.run(
            ["gpgconf", "--kill", "all"], env=environ, capture_output=True, check=False, timeout=10
        )


def az(program: str, home: str) -> Command:
    """Azure CLI without a sign-in, which fails before any request: what each of its calls costs."""
    if not os.access(program, os.X_OK):
        raise Unmeasured(f"{program} cannot be run")
    environ = variables(home, AZURE_CONFIG_DIR=os.path.join(home, "azure"))
    environ["AZURE_CORE_COLLECT_TELEMETRY"] = "no"
    return Command(
        "az account get-access-token (fails at once)",
        (program, "account", "get-access-token"),
        environ,
        code=1,
    )


def stdin(home: str, text: str) -> str:
    """Return the path of a file with *text* as a client sends it."""
    path = os.path.join(home, "stdin")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text + "\n")
    return path


def _needed(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise Unmeasured(f"{name} is not installed", optional=True)
    return found
