"""No secret in the arguments or the environment of a program that we start, nor in a core file."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.azure import Hang
from tests.azure.az import install_az
from tests.faults.tools import SYSTEM_PATH, needs
from tests.stories import canary
from tests.stories.other_helpers import KEEPS, own, script
from tests.stories.program import PATH, Answer, Program, until
from tests.stories.test_refresh_ahead import age

COMMAND = """
[registries."*.azurecr.io"]
method = "{method}"
{key} = ["/bin/cat", "{path}"]
"""


def started(program: Program, verb: str, given: str, **changes: str | None) -> list[str]:
    """Run *verb*; the system calls with which it, and whatever it left behind, started programs."""
    log = os.path.join(program.home, "execve.log")
    program.own.add(log)
    command = ["strace", "-f", "-v", "-s", "1000000", "-e", "trace=execve", "-o", log, PATH, verb]
    done = subprocess.run(
        command,
        input=given.encode(),
        capture_output=True,
        check=False,
        timeout=60,
        env=program.variables({"PATH": SYSTEM_PATH, **changes}),
        cwd=program.home,
    )
    answer = program.note((verb,), Answer(done.returncode, done.stdout, done.stderr))
    assert answer.code == 0, answer
    with open(log, encoding="utf-8", errors="replace") as file:
        calls = [line for line in file if 'execve("' in line and ") = -1 " not in line]
    assert len(calls) > 1, "it started something"
    return calls[1:]


def secretless(program: Program, calls: list[str]) -> None:
    """What we were told in variables may be handed on; nothing that we were given since may."""
    secrets = program.azure.secrets | program.secrets
    for call in calls:
        name = re.search(r'execve\("([^"]*)"', call)
        data = canary.without_what_was_told(program, call.encode())
        assert not canary.shown(data, secrets), name and name[1]


def by_az(program: Program) -> dict[str, str]:
    az = install_az(os.path.join(program.home, "bin"), program.azure)
    program.own.add(os.path.join(az.folder, "az-settings.json"))
    return {"ACR_CRED_METHOD": "azure-cli", "PATH": f"{az.folder}:{SYSTEM_PATH}"}


def by_command(program: Program, method: str, key: str, secret: str) -> dict[str, str]:
    path = os.path.join(program.home, "secret")
    with open(path, "w", encoding="ascii") as file:
        file.write(secret)
    program.own.add(path)
    program.settings(COMMAND.format(method=method, key=key, path=path))
    return {}


def by_secret_command(program: Program) -> dict[str, str]:
    secret = program.environ.pop("AZURE_CLIENT_SECRET")
    return by_command(program, "client-secret", "client_secret_command", secret)


def by_token_command(program: Program) -> dict[str, str]:
    del program.environ["AZURE_CLIENT_SECRET"]
    assertion = program.azure.federated_assertion()
    program.secrets.add(assertion)
    return by_command(program, "federated-token", "token_command", assertion)


WAYS = [by_az, by_secret_command, by_token_command]


@needs("strace")
@pytest.mark.parametrize("way", WAYS, ids=[way.__name__ for way in WAYS])
def test_a_sign_in_by_another_program(
    program: Program, host: str, way: Callable[[Program], dict[str, str]]
) -> None:
    secretless(program, started(program, "get", host, **way(program)))


@needs("strace")
def test_a_renewal(program: Program, host: str) -> None:
    """The process in the background finds everything where its parent found it."""
    program.get(host)
    age(program, host)
    calls = started(program, "get", host)
    assert any('"renew"' in call for call in calls)
    secretless(program, calls)


@needs("strace")
def test_a_login_that_is_kept(program: Program, host: str) -> None:
    """A password goes to the store's standard input."""
    helper = script(program, "keeps", KEEPS)
    program.settings('store = "keeps"\n')
    program.secrets.add("CANARY-a-kept-password")
    login = {"ServerURL": host, "Username": "me", "Secret": "CANARY-a-kept-password"}
    path = f"{os.path.join(program.home, 'bin')}:{SYSTEM_PATH}"
    calls = started(program, "store", json.dumps(login), PATH=path)
    own(program, helper)
    secretless(program, calls)


@pytest.mark.skipif(sys.platform == "darwin", reason="core files lie elsewhere")
def test_a_crash_leaves_no_core_file(program: Program, host: str) -> None:
    """Not even where somebody wants core files of everything: the search for secrets would find it."""
    program.azure.fault("exchange", Hang(), host=host)
    process = subprocess.Popen(
        ["/bin/sh", "-c", f'ulimit -S -c "$(ulimit -H -c)"; exec "{PATH}" get'],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=program.environ,
        cwd=program.home,
    )
    assert process.stdin is not None
    process.stdin.write(host.encode())
    process.stdin.close()
    process.stdin = None
    until(lambda: program.exchanges(host))
    process.send_signal(signal.SIGSEGV)
    answer = program.finish(process)
    assert answer.code == -signal.SIGSEGV
    assert not [name for name in os.listdir(program.home) if name.startswith("core")]
    program.azure.clear_faults()
