"""What README shows of a terminal: the installed program, typed at, with the fake Azure behind it."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.azure import FakeAzure
from tests.azure.az import FakeAz, install_az

PROGRAM = Path(sys.executable).with_name("docker-credential-acr")
HOST = "myregistry.azurecr.io"
# Times and numbers differ from run to run, and so do versions: pages are compared without them.
_MASKS = (
    (r"\b\d+ h \d\d min\b|\b\d+(\.\d+)? (min|ms|s)\b", "TIME"),
    (r"docker-credential-acr \d+\.\d+\.\d\S*, \w+, Python [\d.]+, \w+", "VERSION"),
)


@dataclass(frozen=True, slots=True)
class Step:
    """What is typed, after *before* has happened; the exit code that it must end with."""

    typed: str
    code: int = 0
    before: Callable[[FakeAz], None] = lambda _: None


SESSIONS: Mapping[str, tuple[Step, ...]] = {  # in this order, in one home
    "configure": (Step(f"docker-credential-acr configure {HOST} --method azure-cli"),),
    "status": (Step("docker-credential-acr status"),),
    "doctor": (
        Step(f"docker-credential-acr doctor {HOST}", 1, lambda az: az.set(mode="signed_out")),
    ),
}


def masked(text: str) -> str:
    """Return *text* without what differs from run to run."""
    for form, mask in _MASKS:
        text = re.sub(form, mask, text)
    return text


def played(folder: Path) -> dict[str, str]:
    """Play all sessions in *folder*; what the pages show of each, as Markdown."""
    with _laptop(folder) as (az, environ):
        return {
            name: f"```console\n{''.join(_typed(step, az, environ) for step in steps)}```\n"
            for name, steps in SESSIONS.items()
        }


@contextmanager
def _laptop(folder: Path) -> Iterator[tuple[FakeAz, dict[str, str]]]:
    """Somebody who has run `az login`, with the program on PATH; the fake Azure lives so long."""
    home, programs = folder / "home", folder / "bin"
    for each in (home, programs):
        each.mkdir()
    (programs / PROGRAM.name).symlink_to(PROGRAM)
    with FakeAzure(folder / "azure") as azure:
        az = install_az(folder / "az", azure)
        path = os.pathsep.join((str(programs), az.folder, os.defpath))
        yield az, {"HOME": str(home), "PATH": path, "COLUMNS": "100", **azure.environ()}


def _typed(step: Step, az: FakeAz, environ: Mapping[str, str]) -> str:
    """Run one step; its line and what came of it, with the home and the program where they usually are."""
    step.before(az)
    done = subprocess.run(
        ["/bin/sh", "-c", step.typed],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environ,
        cwd=environ["HOME"],
        timeout=60,
        check=False,
    )
    if done.returncode != step.code:
        raise AssertionError(f"{step.typed} ended with {done.returncode}\n{done.stdout}")
    return f"$ {step.typed}\n{_as_usual(done.stdout, environ)}"


def _as_usual(text: str, environ: Mapping[str, str]) -> str:
    places = {
        environ["HOME"]: "~",
        environ["PATH"].partition(os.pathsep)[0]: "/usr/local/bin",
        f"docker-credential-acr-{os.geteuid()}": "docker-credential-acr-1000",
    }
    for here, usual in places.items():
        text = text.replace(here, usual)
    return text
