"""Instruction counts: the figure that does not depend on who else uses the machine.

User space only, counted by valgrind's callgrind over the process and what it starts, with a fixed hash
seed: without it the counts differ by two permille from run to run.
"""

import os
import re
import shutil
import subprocess

from tests.bench.runs import Command, Unmeasured

_COLLECTED = re.compile(r"Collected : (\d+)")
_SECONDS = 120


def count(command: Command) -> int:
    """Return how many instructions *command* takes."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise Unmeasured("valgrind is not installed")
    command.before()
    with open(command.stdin, "rb") as stdin:
        done = subprocess.run(
            [
                valgrind,
                "--tool=callgrind",
                "--trace-children=yes",
                f"--callgrind-out-file={os.devnull}",
                *command.argv,
            ],
            env={**command.environ, "PYTHONHASHSEED": "0"},
            stdin=stdin,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    found = collected(done.stderr)
    if done.returncode != command.code or not found:
        raise Unmeasured(f"{command.name} under valgrind ended with {done.returncode}")
    return found


def collected(report: str) -> int:
    """Return the sum over the processes in a callgrind *report*."""
    return sum(int(number) for number in _COLLECTED.findall(report))
