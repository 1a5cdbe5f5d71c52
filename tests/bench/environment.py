"""The environment that is measured: a virtualenv of our own, and variables built from nothing.

An editable install, setuptools and old pips each put something into every start of the interpreter, and
a developer's machine has variables that change what is loaded. None of it is the program's doing.
"""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass

from tests.bench.runs import Unmeasured

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_DEBIAN = "/usr/bin/python3"
_OLDEST = (3, 11)
_PEER = "azure-identity"  # of the script that a cold get is compared with
_PIP = (25, 2)  # older ones write 'import re' into the script, half as much again as a whole get
_ASK = """\
import json, os, sys
origin = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
print(json.dumps({"version": sys.version_info[:3], "build": sys.version, "origin": origin}))
"""


@dataclass(frozen=True)
class Interpreter:
    """Which Python: builds of one version differ by half, so the build is told, too."""

    version: tuple[int, ...]
    build: str
    origin: str


@dataclass(frozen=True)
class Environment:
    """A virtualenv with the wheel and its dependencies in it, and nothing else."""

    folder: str
    interpreter: "Interpreter"

    @property
    def python(self) -> str:
        return os.path.join(self.folder, "bin", "python")

    @property
    def program(self) -> str:
        return os.path.join(self.folder, "bin", "docker-credential-acr")

    def machine(self) -> str:
        """Return one line about what was measured on what."""
        cores = len(os.sched_getaffinity(0))
        return (
            f"{cores} cores, {_processor()}, {platform.system()} {platform.release()}; "
            f"Python {self.interpreter.build} at {self.interpreter.origin}; {source()}"
        )


def source() -> str:
    """Return which state of the repository the wheel is of."""
    git = shutil.which("git")
    if git is None or not os.path.exists(os.path.join(REPOSITORY, ".git")):
        return "source of no known commit"
    return "commit " + _run([git, "-C", REPOSITORY, "describe", "--always", "--dirty"]).strip()


def variables(home: str, **more: str) -> dict[str, str]:
    """Return the environment of a process that is measured."""
    return {"PATH": "/usr/bin:/bin", "HOME": home, "LANG": "C.UTF-8", **more}


def default_python() -> str:
    """Return Debian's interpreter if it will do: an optimised build that others have, too."""
    if os.access(_DEBIAN, os.X_OK) and about(_DEBIAN).version >= _OLDEST:
        return _DEBIAN
    return sys.executable


def made(folder: str, python: str, scratch: str) -> Environment:
    """Return the virtualenv *folder*, made if it is not there; the wheel is built and put in anew."""
    inside = os.path.join(folder, "bin", "python")
    fresh = not os.path.exists(inside)
    if fresh:
        _run([python, "-m", "venv", "--without-pip", folder])
    environment = Environment(folder, about(inside))
    dist = os.path.join(scratch, "dist")
    uv = shutil.which("uv", path=f"{os.path.dirname(sys.executable)}:{os.environ.get('PATH', '')}")
    if uv:
        _run([uv, "build", "--quiet", "--wheel", "--out-dir", dist, REPOSITORY])
        install = [uv, "pip", "install", "--quiet", "--python", environment.python]
        again = ["--reinstall", "--no-deps"]
    else:
        _check_pip()
        pip = [sys.executable, "-m", "pip", "--quiet"]
        _run([*pip, "wheel", "--no-deps", "--wheel-dir", dist, REPOSITORY])
        install = [*pip, "--python", environment.python, "install"]
        again = ["--force-reinstall", "--no-deps"]
    wheel = next(os.path.join(dist, name) for name in os.listdir(dist) if name.endswith(".whl"))
    _run([*install, *([_PEER] if fresh else again), wheel])
    _run([environment.python, "-m", "compileall", "-q", os.path.join(folder, "lib")])
    return environment


def _check_pip() -> None:
    text = _run([sys.executable, "-m", "pip", "--version"])
    found = re.match(r"pip (\d+)\.(\d+)", text)
    if not found or (int(found[1]), int(found[2])) < _PIP:
        raise Unmeasured(f"uv or pip >= {_PIP[0]}.{_PIP[1]} is needed to install the wheel")


def about(python: str) -> Interpreter:
    found = json.loads(_run([python, "-c", _ASK]))
    return Interpreter(tuple(found["version"]), " ".join(found["build"].split()), found["origin"])


def _run(arguments: list[str]) -> str:
    """Run a tool; it keeps this machine's variables (mirrors, certificates), but not Python's."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PYTHON") and name != "VIRTUAL_ENV"
    }
    try:
        done = subprocess.run(
            arguments, env=kept, cwd="/", capture_output=True, text=True, check=True, timeout=600
        )
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or str(error)
        raise Unmeasured(f"{os.path.basename(arguments[0])} {arguments[1]}: {said}") from error
    return done.stdout


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.partition(":")[2] for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0].strip() if names else platform.machine()
