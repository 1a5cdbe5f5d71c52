"""Peak memory of a program.

A process started by this one would inherit this one's high-water mark (``vfork`` shares the memory until
``exec``), so a parent that is smaller than what it measures stands in between.
"""

import os
import subprocess

from tests.bench.runs import Command, Unmeasured

_TIME = "/usr/bin/time"  # GNU time: some hundred KiB


def peak(command: Command) -> float:
    """Return the largest resident memory of *command* in MiB."""
    if not os.access(_TIME, os.X_OK):
        raise Unmeasured(f"{_TIME} is not installed (package time)")
    command.before()
    with open(command.stdin, "rb") as stdin:
        done = subprocess.run(
            [_TIME, "--quiet", "--format=%M", *command.argv],
            env=command.environ,
            stdin=stdin,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    if done.returncode != command.code:
        raise Unmeasured(f"{command.name} ended with {done.returncode}: {done.stderr.strip()!r}")
    return int(done.stderr.split()[-1]) / 1024
