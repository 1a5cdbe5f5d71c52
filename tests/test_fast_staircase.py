"""What a cached get may load: measured in a fresh, isolated process of the installed program."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from docker_credential_acr import entry, paths
from tests.entries import doubled
from tests.systems import posix

pytestmark = posix("descriptors that a child is handed by number")

HOST = "staircase.azurecr.io"
ANSWER = b'"Username":"00000000-0000-0000-0000-000000000000","Secret":"CANARY"}'

# Beyond a bare interpreter: our rooms, and modules that are built into it. A line more here needs a
# measurement in the commit message.
ROOMS = {"docker_credential_acr"} | {
    f"docker_credential_acr.{name}" for name in ("__main__", "entry", "paths")
}
GATE = {"docker_credential_acr.registry"}  # only for a host that is not in the cache as it was sent
BUILT_IN = {"gc", "posix", "pwd"}

# Runs main() as the script that pip installs does, and tells what was loaded instead of ending.
PROBE = """
import os, sys
before = set(sys.modules)
def tell(code):
    import json
    os.write(int(os.environ["TELL"]), json.dumps([code, sorted(loaded)]).encode())
    real(code)
real, loaded = os._exit, None
def leave(code):
    global loaded
    loaded = set(sys.modules) - before
    tell(code)
os._exit = leave
sys.argv = ["docker-credential-acr", "get"]
from docker_credential_acr.__main__ import main
main()
"""


@pytest.fixture(name="environ")
def _environ(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path), "PATH": os.defpath}


def remember(environ: dict[str, str], host: str) -> None:
    """Write a cache entry for *host* as the slow path does."""
    folder = paths.cache_folder(environ.get)
    assert folder is not None
    Path(folder).mkdir(parents=True, mode=0o700, exist_ok=True)
    stamped = entry.stamp(environ.get, entry.settings_stamp(environ.get))
    now = int(time.time())
    times = f"{now} {now + 5000} {now + 9000} {now + 10000}".encode()
    file = Path(folder, entry.file_name(host, stamped))
    file.write_bytes(entry.head(host, stamped) + doubled(times, ANSWER))
    file.chmod(0o600)


def loaded(environ: dict[str, str], given: bytes) -> tuple[int, set[str], bytes]:
    """Return exit code, modules beyond a bare interpreter's and output for the input *given*."""
    reader, writer = os.pipe()
    found = subprocess.run(
        [sys.executable, "-I", "-c", PROBE],
        input=given,
        capture_output=True,
        env={**environ, "TELL": str(writer)},
        pass_fds=(writer,),
        timeout=30,
        check=False,
    )
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        code, names = json.loads(pipe.read())
    assert found.stderr == b""
    return code, set(names), found.stdout


def test_a_cached_get_climbs_the_fast_staircase_only(environ: dict[str, str]) -> None:
    remember(environ, HOST)

    code, names, out = loaded(environ, HOST.encode())

    assert (code, out) == (0, b'{"ServerURL":"' + HOST.encode() + b'",' + ANSWER + b"\n")
    assert names - BUILT_IN == ROOMS


def test_a_cached_get_in_another_spelling_needs_the_gate(environ: dict[str, str]) -> None:
    remember(environ, HOST)

    code, names, _ = loaded(environ, b"https://Staircase.AzureCR.io/v2/")

    assert code == 0
    assert names - BUILT_IN == ROOMS | GATE


def test_a_foreign_host_costs_no_import_beyond_the_gate(environ: dict[str, str]) -> None:
    code, names, out = loaded(environ, b"docker.io")

    assert (code, out) == (1, b"credentials not found in native keychain\n")
    assert names - BUILT_IN == ROOMS | GATE


def test_with_settings_a_cached_get_reads_no_toml(environ: dict[str, str], tmp_path: Path) -> None:
    """What the settings say about hosts was written down by the first get."""
    settings = tmp_path / "settings.toml"
    settings.write_text('[registries."staircase.azurecr.io"]\nmethod = "client-secret"\n')
    settings.chmod(0o600)
    environ["ACR_CRED_CONFIG"] = str(settings)
    program = str(Path(sys.executable).with_name("docker-credential-acr"))
    subprocess.run(
        [program, "get"],
        input=b"docker.io",
        env=environ,
        check=False,
        timeout=30,
        capture_output=True,
    )
    remember(environ, HOST)

    code, names, _ = loaded(environ, HOST.encode())

    assert code == 0
    assert names - BUILT_IN == ROOMS


def test_a_cached_get_opens_no_file_of_others(environ: dict[str, str]) -> None:
    """Nothing but the interpreter's own files, ours and the cache entry is opened; no socket at all."""
    strace = "/usr/bin/strace"
    if not Path(strace).exists():
        pytest.skip("strace is not installed")
    remember(environ, HOST)
    program = str(Path(sys.executable).with_name("docker-credential-acr"))
    trace = Path(environ["HOME"], "trace")
    command = [strace, "-f", "-e", "trace=openat,open,socket,connect,clone,clone3,fork,vfork"]
    found = subprocess.run(
        [*command, "-o", str(trace), program, "get"],
        input=HOST.encode(),
        capture_output=True,
        env=environ,
        timeout=60,
        check=True,
    )

    assert found.stdout.startswith(b'{"ServerURL":')
    lines = [line for line in trace.read_text().splitlines() if "ENOENT" not in line]
    assert not [line for line in lines if "socket(" in line or "clone" in line or "fork(" in line]
    home = [line for line in lines if environ["HOME"] in line]
    assert len(home) == 1
    assert "@" in home[0]
