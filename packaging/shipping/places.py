"""Where things are, how they are called, and the tools that are started."""

import os
import platform
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DIST = os.path.join(ROOT, "dist")
BUILD = os.path.join(ROOT, "build")
NAME = "docker-credential-acr"
FOLDER = os.path.join(DIST, NAME)  # the frozen program with everything it needs
SUFFIX = ".exe" if os.name == "nt" else ""
PROGRAM = os.path.join(FOLDER, NAME + SUFFIX)
LICENSES = "THIRD-PARTY-LICENSES.txt"

_SYSTEMS = {"darwin": "macos", "win32": "windows"}
_MACHINES = {"amd64": "x86_64", "aarch64": "arm64"}
_SECONDS = 900


class BuildError(Exception):
    """What is missing or too large, in a sentence."""


def version() -> str:
    """Return the version of the package in this checkout, without importing it."""
    with open(os.path.join(ROOT, "docker_credential_acr", "__init__.py"), encoding="utf-8") as file:
        found = re.search(r'^__version__ = "([^"]+)"$', file.read(), re.MULTILINE)
    if found is None:
        raise BuildError("docker_credential_acr/__init__.py has no version")
    return found[1]


def target() -> str:
    """Return system and processor as archives are named by them: ``linux-x86_64``, ``windows-arm64`` ..."""
    machine = platform.machine().lower()
    system = _SYSTEMS.get(sys.platform, sys.platform)
    if system == "linux" and not platform.libc_ver()[0]:
        system = "linux-musl"
    return f"{system}-{_MACHINES.get(machine, machine)}"


def epoch() -> int:
    """Return the time that every file in an archive gets, in seconds since 1970."""
    return int(os.environ["SOURCE_DATE_EPOCH"])


def tool(name: str, advice: str) -> str:
    """Return the path of a program from the build environment or PATH; *advice* says where it is from."""
    beside = os.path.dirname(sys.executable)
    found = shutil.which(name, path=f"{beside}{os.pathsep}{os.environ.get('PATH', '')}")
    if found is None:
        raise BuildError(f"{name} is needed: {advice}")
    return found


def run(*arguments: str, **variables: str) -> str:
    """Run a tool in the repository's root and return its output; it fails with what it said."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        arguments,
        cwd=ROOT,
        env=environ | variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=_SECONDS,
        check=False,
    )
    if done.returncode:
        raise BuildError(f"{os.path.basename(arguments[0])} failed:\n{done.stdout[-4000:]}")
    return done.stdout


def files(folder: str) -> list[str]:
    """Return every file and link under *folder*, by its path from there with ``/``, sorted."""
    return sorted(
        os.path.relpath(os.path.join(root, name), folder).replace(os.sep, "/")
        for root, folders, names in os.walk(folder)
        for name in [
            *names,
            *(each for each in folders if os.path.islink(os.path.join(root, each))),
        ]
    )
