"""Folders, variables and links that somebody else has laid in the way: they change nothing.

The frozen program heeds no variable of Python's at all. For the wheel what can be held is held: whatever
is imported before its first line is the interpreter's (SECURITY.md).
"""

import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from docker_credential_acr.paths import NAME
from tests.azure.az import install_az
from tests.stories.program import FROZEN, NOT_FOUND, PATH, Program
from tests.stories.test_surroundings import run_in
from tests.systems import needs_root

NOBODY = 65534
# What the program and its libraries import, and what a bare interpreter does.
MODULES = (
    *(
        "json",
        "os",
        "re",
        "io",
        "abc",
        "stat",
        "codecs",
        "site",
        "signal",
        "select",
        "fcntl",
        "resource",
    ),
    *(
        "ssl",
        "_ssl",
        "socket",
        "_socket",
        "subprocess",
        "shutil",
        "logging",
        "tomllib",
        "argparse",
        "zlib",
    ),
    *("azure", "msal", "requests", "urllib3", "truststore", "filelock", "cryptography", "certifi"),
    *("apport_python_hook", "readline", "rlcompleter"),
)
# The interpreter takes these before it runs a line of anybody's.
FIRST = ("encodings", "sitecustomize", "usercustomize")
PLACES = [
    "{work}",
    "{work}/",
    ".",
    "",
    ":",
    "/nonexistent:",
    "../work",
    "{work}/../work",
    "{work}.zip",
]


@pytest.fixture
def work(program: Program) -> str:
    """A folder to build in, with a module for each name that is imported; each says so if it is run."""
    folder = os.path.join(program.home, "work")
    os.mkdir(folder)
    for name in (*MODULES, *(FIRST if FROZEN else ())):
        with open(os.path.join(folder, f"{name}.py"), "w", encoding="utf-8") as file:
            file.write(f"import posix\nposix.mkdir({program.home + '/told-' + name!r})\n")
    shutil.make_archive(folder, "zip", folder)
    return folder


def told(program: Program) -> list[str]:
    return [name for name in os.listdir(program.home) if name.startswith("told-")]


@pytest.mark.parametrize("place", PLACES)
def test_modules_of_others(program: Program, host: str, work: str, place: str) -> None:
    """In the working directory and wherever PYTHONPATH leads, whatever the call comes to."""
    changes = {"PYTHONPATH": place.format(work=work)}
    assert run_in(program, work, host, **changes).login
    assert run_in(program, work, host, **changes).login
    assert run_in(program, work, "quay.io", **changes).out == NOT_FOUND
    nobody = dict.fromkeys(("AZURE_CLIENT_SECRET", "AZURE_POD_IDENTITY_AUTHORITY_HOST"))
    assert run_in(program, work, host, **changes, **nobody).reference == "no-method"
    for verb in ("list", "status", "kubelet"):
        found = subprocess.run(
            [PATH, verb],
            input=b"{}",
            capture_output=True,
            check=False,
            timeout=30,
            cwd=work,
            env=program.variables(changes),
        )
        assert b"Traceback" not in found.stderr
    assert told(program) == []


@pytest.mark.skipif(FROZEN, reason="it has no interpreter to be started with")
def test_started_as_a_module(program: Program, host: str, work: str) -> None:
    """`python -m` puts the working directory first."""
    python = os.path.join(os.path.dirname(PATH), "python")
    found = subprocess.run(
        [python, "-X", "dev", "-m", "docker_credential_acr", "get"],
        input=host.encode(),
        capture_output=True,
        check=True,
        timeout=30,
        cwd=work,
        env=program.environ,
    )
    assert found.stderr == b""
    assert host.encode() in found.stdout
    assert told(program) == []


def test_the_library_may_be_named(program: Program, host: str) -> None:
    """Some wrappers name every folder of the interpreter; without them nothing could be loaded."""
    library = os.path.dirname(os.__file__)
    assert program.get(host, PYTHONPATH=f"{library}:{library}/lib-dynload").login


SILENT = {  # the wheel, too, says nothing of these
    "PYTHONSTARTUP": "{work}/json.py",
    "PYTHONINSPECT": "1",
    "PYTHONBREAKPOINT": "json.hook",
    "PYTHONPYCACHEPREFIX": "{work}/cache",
    "PYTHONUSERBASE": "{work}",
    "PYTHONMALLOC": "debug",
    "PYTHONFAULTHANDLER": "1",
    "PYTHONTRACEMALLOC": "3",
    "PYTHONDEVMODE": "1",
    "PYTHONDUMPREFS": "1",
    "PYTHONDUMPREFSFILE": "{work}/refs",
    "PYTHON_PERF_JIT_SUPPORT": "1",
    "PYTHONWARNINGS": "error",
    "PYTHONOPTIMIZE": "2",
    "PYTHONDEBUG": "9",
    "PYTHONCASEOK": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONNOUSERSITE": "",
}
NOISY = {  # the interpreter itself speaks on standard error
    "PYTHONVERBOSE": "2",
    "PYTHONPROFILEIMPORTTIME": "1",
    "PYTHONMALLOCSTATS": "1",
    "PYTHON_IMPORTTIME": "1",
}
FATAL = {  # the interpreter itself does not start
    "PYTHONHOME": "{work}",
    "PYTHONPLATLIBDIR": "{work}",
    "PYTHONHASHSEED": "x",
    "PYTHONUTF8": "x",
    "PYTHONIOENCODING": "nonsense",
    "PYTHONINTMAXSTRDIGITS": "1",
    "PYTHONEXECUTABLE": "/nonexistent/python",
}


@pytest.mark.parametrize("name", SILENT)
def test_variables_of_python(program: Program, host: str, work: str, name: str) -> None:
    """One that asks for debugging or names a file changes no byte on either stream."""
    changes = {name: SILENT[name].format(work=work)}
    for _ in range(2):  # cold and cached
        assert program.get(host, **changes).login
    assert program.get("quay.io", **changes) == (1, NOT_FOUND, b"")
    nobody = dict.fromkeys(("AZURE_CLIENT_SECRET", "AZURE_POD_IDENTITY_AUTHORITY_HOST"))
    assert program.get(host, **changes, **nobody).reference == "no-method"
    assert told(program) == []


@pytest.mark.parametrize("name", [*NOISY, *FATAL])
def test_variables_that_the_interpreter_takes(
    program: Program, host: str, work: str, name: str
) -> None:
    """The frozen program does not know them. With the wheel the answer is whole, or there is none."""
    values = {**NOISY, **FATAL}
    changes = {name: values[name].format(work=work)}
    for server in (host, host, "quay.io"):
        answer = program.get(server, **changes)
        if FROZEN:
            assert answer == (1, NOT_FOUND, b"") if server != host else answer.login
        elif name in NOISY:
            assert answer.out == NOT_FOUND if server != host else answer._replace(err=b"").login
        else:
            assert answer.code
            assert answer.out == b""
    assert told(program) == []


def test_children_get_none_of_them(program: Program, host: str, work: str) -> None:
    """`az` is a Python program itself, and what we were given may be for another one."""
    slow = ("PYTHONTRACEMALLOC", "PYTHONDEVMODE", "PYTHONMALLOC")
    wanted = {name: value for name, value in SILENT.items() if name not in slow}
    wanted["PYTHONPATH"] = "{work}"
    az = install_az(os.path.join(program.home, "bin"), program.azure, environment=[*wanted, "HOME"])
    program.own.add(os.path.join(az.folder, "az-settings.json"))
    changes = {name: value.format(work=work) for name, value in wanted.items()}
    changes |= {"ACR_CRED_METHOD": "azure-cli", "PATH": f"{az.folder}:/usr/bin:/bin"}
    assert program.get(host, **changes).login
    assert [call["environ"] for call in az.calls()] == [{"HOME": program.home}]


@pytest.mark.parametrize("path", [".", "", ".:", ":", "./", "../work", "relative", "~", "work"])
def test_programs_of_others(program: Program, host: str, work: str, path: str) -> None:
    """No program is taken from the working directory, however PATH leads there."""
    for name in (
        "az",
        "pwsh",
        "azd",
        "docker-credential-other",
        "docker-credential-pass",
        "xdg-open",
    ):
        for folder in (work, os.path.join(work, "relative")):
            os.makedirs(folder, exist_ok=True)
            place = os.path.join(folder, name)
            with open(place, "w", encoding="utf-8") as file:
                file.write(f"#!/bin/sh\nmkdir '{program.home}/told-{name}'\n")
            os.chmod(place, 0o755)
    program.settings('fallback = "other"\nstore = "pass"\n')
    nobody = dict.fromkeys(("AZURE_CLIENT_SECRET", "AZURE_POD_IDENTITY_AUTHORITY_HOST"))
    answer = run_in(program, work, host, PATH=path, **nobody)
    assert answer.reference == "no-method"
    assert run_in(program, work, "quay.io", PATH=path).reference == "helper-missing"
    assert told(program) == []


# -- a cache in a folder that everybody may write to


def foreign_folder(ours: Path, other: Path) -> None:
    other.rename(ours)


def link_to_a_foreign_one(ours: Path, other: Path) -> None:
    ours.symlink_to(other)


def link_to_one_of_ours(ours: Path, other: Path) -> None:
    os.chown(other, os.geteuid(), os.getegid())
    ours.symlink_to(other)


def foreign_file(ours: Path, _: Path) -> None:
    ours.touch()
    os.chown(ours, NOBODY, NOBODY)


@needs_root
@pytest.mark.parametrize(
    "plant", [foreign_folder, link_to_a_foreign_one, link_to_one_of_ours, foreign_file]
)
def test_a_cache_that_somebody_else_has_laid_out(
    program: Program, host: str, plant: Callable[[Path, Path], None]
) -> None:
    """Nothing is written there, nothing believed that lies there, and its rights stay as they are."""
    entry = planted(program, host)
    shared, other = Path(program.home, "shared"), Path(program.home, "shared", "other")
    shared.mkdir()
    shared.chmod(0o777)
    other.mkdir()
    ours = shared / f"{NAME}-{os.geteuid()}"
    name = os.path.basename(entry)
    shutil.copy(entry, other / name)
    for path in (other / name, other):
        os.chown(path, NOBODY, NOBODY)
        path.chmod(0o777)
    plant(ours, other)
    left = ours if plant is foreign_folder else other
    program.own |= {str(left / name), entry}
    before = [p.lstat()[:8] for p in (left, left / name)]
    first = program.get(host, ACR_CRED_CACHE_DIR=str(shared)).secret
    assert first != program.get(host, ACR_CRED_CACHE_DIR=str(shared)).secret
    assert [p.lstat()[:8] for p in (left, left / name)] == before
    assert os.listdir(left) == [name]


def planted(program: Program, host: str) -> str:
    """An entry that would be believed if it were ours."""
    assert program.get(host).login
    (entry,) = program.entries(host)
    return entry


def test_a_cache_below_a_link(program: Program, host: str) -> None:
    """A home or ~/.cache that is a link is the person's own doing; the folder in it is private."""
    real = os.path.join(program.home, "disk")
    os.mkdir(real, 0o777)
    os.symlink(real, os.path.join(program.home, ".cache"))
    assert program.get(host).secret == program.get(host).secret
    (name,) = os.listdir(real)
    assert stat.S_IMODE(os.lstat(os.path.join(real, name)).st_mode) == 0o700
