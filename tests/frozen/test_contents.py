"""What is in the folder, and what of it a start reads."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import docker_credential_acr
from tests.faults.tools import needs
from tests.stories.program import PATH, Program

INSIDE = Path(os.path.realpath(PATH)).parent / "_internal"
SOURCE = Path(docker_credential_acr.__file__).parent


def test_every_module_of_ours_is_in_it() -> None:
    """Imports inside functions, and those by name, are easily missed by a freezer."""
    wanted = {path.relative_to(SOURCE).with_suffix("") for path in SOURCE.rglob("*.py")}
    folder = INSIDE / "docker_credential_acr"
    assert {path.relative_to(folder).with_suffix("") for path in folder.rglob("*.pyc")} == wanted


@pytest.mark.skipif(sys.platform != "linux", reason="optional: macOS and Windows keep ctypes")
def test_what_would_slow_the_start_is_not_where_a_start_looks() -> None:
    """PyInstaller looks at each entry there at every start, and imports ctypes if it finds it."""
    found = {name for name in os.listdir(INSIDE) if ".so" not in name}
    python = f"python{sys.version_info.major}."
    assert {name for name in found if not name.startswith(python)} == {
        "docker_credential_acr",
        "encodings",
        "later",
    }
    assert not list(INSIDE.rglob("*ctypes*"))


def test_no_start_up_hooks(program: Program) -> None:
    """Each would import more than the program itself: the archive inside names them, if there are."""
    with open(PATH, "rb") as file:
        content = file.read()
    assert b"pyi_rth_" not in content
    assert b"pyiboot01_bootstrap" in content, "this would be seen"
    assert program.run("version").code == 0


@needs("strace")
def test_a_cached_get_reads_no_other_file(program: Program, host: str) -> None:
    program.get(host)
    log = os.path.join(program.home, "strace.log")
    strace = shutil.which("strace") or "strace"
    command = [strace, "-f", "-e", "trace=openat", "-o", log, PATH, "get"]
    subprocess.run(
        command,
        input=host.encode(),
        env=program.environ,
        cwd=program.home,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    lines = Path(log).read_text(encoding="utf-8").splitlines()
    names = [line.split('"')[1] for line in lines if "openat" in line and "ENOENT" not in line]
    inside = str(INSIDE) + os.sep
    read = {name.removeprefix(inside) for name in names if name.startswith(inside)}
    assert {name for name in read if name.endswith(".pyc")} == {
        "encodings/__init__.pyc",
        "encodings/aliases.pyc",
        "encodings/utf_8.pyc",
        *(f"docker_credential_acr/{n}.pyc" for n in ("__init__", "__main__", "entry", "paths")),
    }
    assert not [name for name in read if name.startswith("later")]


@needs("root", "unshare")
def test_it_brings_every_library_but_libc(program: Program) -> None:
    """A small image has no zlib: the first thing that PyInstaller's own starter asks for."""
    command = [PATH, "version"]
    environ = program.environ | {"LD_DEBUG": "libs"}
    said = subprocess.run(command, capture_output=True, text=True, env=environ, check=True).stderr
    loaded = {line.split()[-1] for line in said.splitlines() if "calling init:" in line}
    outside = {os.path.basename(path) for path in loaded if not path.startswith(str(INSIDE))}
    of_libc = ("libc.", "libdl.", "libm.", "libpthread.", "librt.", "libutil.", "ld-")
    assert any("libz." in path for path in loaded)
    assert not [name for name in outside if not name.startswith(of_libc)]


def test_licences_of_everything() -> None:
    text = (INSIDE.parent / "THIRD-PARTY-LICENSES.txt").read_text(encoding="utf-8")
    for name in (
        "Python 3.",
        "PyInstaller bootloader",
        "OpenSSL",
        "msal ",
        "cryptography ",
        "zlib",
    ):
        assert f"\n{name}" in text
    assert (INSIDE.parent / "LICENSE").exists()


def test_glibc_that_it_needs() -> None:
    """No part needs a newer glibc than the machine that built it: packages ask for that one."""
    readelf = shutil.which("readelf")
    if readelf is None:
        pytest.skip("optional: readelf is not installed (binutils)")
    libraries = [str(path) for path in INSIDE.rglob("*.so*")]
    said = subprocess.run(
        [readelf, "--version-info", PATH, *libraries], capture_output=True, text=True, check=True
    ).stdout
    wanted = {
        tuple(map(int, part.split()[0].split("."))) for part in said.split("Name: GLIBC_")[1:]
    }
    here = tuple(map(int, platform.libc_ver()[1].split(".")))
    assert wanted
    assert max(wanted) <= here
