"""F20, F29, F93 on macOS: where the cache is, names in which case does not count, and the processor."""

import os
import platform
import stat
import subprocess
import sys

import pytest

from tests.stories.program import FROZEN, PATH, Program
from tests.systems import mac

pytestmark = mac


def test_f20_the_cache_is_in_library(program: Program, host: str) -> None:
    """Where the system may clear it away, and where backups pass it over."""
    assert program.get(host).secret == program.get(host).secret
    folder = os.path.join(
        program.home, "Library", "Caches", f"docker-credential-acr-{os.geteuid()}"
    )
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    assert {name.partition("/")[0] for name in program.files()} == {"Library"}


def test_f29_case_does_not_count(program: Program, host: str) -> None:
    """A home in another spelling is the same folder there: each has an answer, and none takes another's."""
    home = os.path.join(program.home, "Person")
    os.mkdir(home)
    if not os.path.exists(home.lower()):
        pytest.skip("this file system tells upper from lower case")
    first = program.get(host, HOME=home)
    second = program.get(host.upper(), HOME=os.path.join(program.home, "PERSON"))
    assert first.login["ServerURL"] == host
    assert second.login["ServerURL"] == host.upper()
    assert program.get(host, HOME=home) == first


def test_f29_a_folder_by_another_name(program: Program, host: str) -> None:
    """/tmp and /var lead to /private there."""
    folder = os.path.join(os.path.realpath(program.home), "base")
    first = program.get(host, ACR_CRED_CACHE_DIR=folder)
    short = folder.removeprefix("/private")
    assert program.get(host, ACR_CRED_CACHE_DIR=short).secret == first.secret


def test_f93_no_translation_is_needed() -> None:
    """What is installed for this processor runs on it, without Rosetta."""
    program = PATH if FROZEN else sys.executable
    told = subprocess.run(
        ["/usr/bin/lipo", "-archs", os.path.realpath(program)],
        capture_output=True,
        text=True,
        check=False,
    )
    if told.returncode != 0:
        pytest.skip("lipo is not installed")
    assert platform.machine() in told.stdout.split()
