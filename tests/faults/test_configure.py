"""`configure` on a bad disk, or killed: Docker's config is the old one or the new one, never half of it."""

import json
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.faults.tools import ALIKE, SYSTEM_PATH, Call, needs, run_verb, trace
from tests.stories.program import PATH, Answer, Program

pytestmark = needs("strace")

BEFORE = '{\n\t"auths": {},\n\t"HttpHeaders": {"X-A": "1.50"}\n}\n'
HOST = "myregistry.azurecr.io"
STEPS = ("openat", "write", "fchmod", "fsync", "rename")
ARGUMENTS = ("configure", HOST, "--no-verify")
CALLED = {"PATH": f"{os.path.dirname(PATH)}:{SYSTEM_PATH}"}


def config(program: Program) -> Path:
    """Docker's config, as it stood before."""
    path = Path(program.home, ".docker", "config.json")
    path.parent.mkdir()
    path.write_text(BEFORE)
    path.chmod(0o600)
    return path


def saving(programs: Callable[[], Program]) -> list[Call]:
    """The calls that save the copy and the config."""
    program = programs()
    config(program)
    calls = trace(program, "", ARGUMENTS, CALLED)
    made = re.compile(r"/\.docker/config\.json[^\s\">]*\.tmp")
    return [call for call in calls if call.name.startswith(STEPS) and made.search(call.text)]


def configure(program: Program, call: Call, what: str) -> Answer:
    """Run it with a fault in *call*."""
    inject = ["-e", f"trace={call.name}", "-e", f"inject={call.name}:{what}:when={call.number}"]
    command = ["strace", "-o", "/dev/null", *inject]  # the children that it starts are left alone
    return run_verb(program, command, ARGUMENTS, "", {**ALIKE, **CALLED})


def test_f88_a_disk_that_is_full_or_broken(programs: Callable[[], Program]) -> None:
    """It says so, the file is as it was, and nothing is left beside it; once more, and it is done."""
    calls = saving(programs)
    assert len(calls) == 2 * len(STEPS), "the copy, and the file"

    def fail(number: int) -> None:
        program, call = programs(), calls[number]
        path = config(program)
        answer = configure(program, call, f"error={('ENOSPC', 'EIO', 'EROFS')[number % 3]}")
        assert answer.code == 3, (call, answer)
        assert b"cannot be written" in answer.err, (call, answer)
        assert path.read_text() == BEFORE
        assert program.unfinished() == []
        assert program.run(*ARGUMENTS, **CALLED).code == 0
        assert json.loads(path.read_text())["credHelpers"] == {HOST: "acr"}

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(fail, range(len(calls))))


def test_f88_killed_while_saving(programs: Callable[[], Program]) -> None:
    """The file is the old one or the new one, and `--remove` brings back what stood there."""
    calls = saving(programs)

    def kill(call: Call) -> None:
        program = programs()
        path = config(program)
        assert configure(program, call, "signal=SIGKILL").code != 0
        found = json.loads(path.read_text())
        assert found.pop("credHelpers", {}) in ({}, {HOST: "acr"})
        assert found == json.loads(BEFORE)
        assert path.stat().st_mode & 0o777 == 0o600
        assert program.run(*ARGUMENTS, **CALLED).code == 0
        assert program.run("configure", HOST, "--remove").code == 0
        assert path.read_text() == BEFORE

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(kill, calls))
