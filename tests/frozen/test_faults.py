"""F90 to F95: odd places, odd ways to be started, a temp folder that is none, kills, an upgrade."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.azure.az import FakeAz, install_az
from tests.entries import times_of
from tests.faults.tools import SYSTEM_PATH, in_namespaces, needs
from tests.stories.program import NOT_FOUND, PATH, SECONDS, Answer, Program, until
from tests.stories.test_refresh_ahead import age, entry, markers

FOLDER = os.path.dirname(os.path.realpath(PATH))
NAME = "docker-credential-acr"
KILLS = 100
UPGRADES = 6
TEMPORARY = {
    "missing": "export TMPDIR=/nonexistent",
    "full": "mount -t tmpfs -o size=4k tmpfs /mnt; dd if=/dev/zero of=/mnt/full 2>/dev/null || :\n"
    "export TMPDIR=/mnt",
    "noexec": "mount -t tmpfs -o noexec tmpfs /mnt; export TMPDIR=/mnt",
    "read-only": "mount -t tmpfs -o ro tmpfs /mnt; export TMPDIR=/mnt",
    "open to all": "mount -t tmpfs -o mode=777 tmpfs /mnt; export TMPDIR=/mnt",
}


def signed_in(program: Program) -> FakeAz:
    """Install an `az` that somebody is signed in to."""
    az = install_az(os.path.join(program.home, "bin"), program.azure)
    program.own.add(os.path.join(az.folder, "az-settings.json"))  # its tokens
    return az


@needs("root", "unshare")
@pytest.mark.parametrize("kind", TEMPORARY)
def test_f90_the_temp_folder_does_not_matter(program: Program, host: str, kind: str) -> None:
    secret = program.get(host).secret
    assert in_namespaces(program, TEMPORARY[kind], host).secret == secret


@needs("root", "unshare")
@pytest.mark.parametrize("kind", ["full", "noexec"])
def test_f90_one_file_without_room_says_so(
    program: Program, host: str, one_file: str, kind: str
) -> None:
    """What a client then shows is no credential, and not "not found", which would end as anonymous."""
    script = f'set -e\n{TEMPORARY[kind]}\nexec "$@"'
    done = subprocess.run(
        ["unshare", "--mount", "/bin/sh", "-c", script, "sh", one_file, "get"],
        input=host.encode(),
        capture_output=True,
        env=program.variables({"PATH": SYSTEM_PATH}),
        check=False,
        timeout=SECONDS,
    )
    assert done.returncode not in (0, 1)
    assert done.stdout == b""
    assert b"PYI-" in done.stderr or b"error while loading shared libraries" in done.stderr


def test_one_file_answers_and_renews_inline(program: Program, host: str, one_file: str) -> None:
    """A process in the background would unpack all of it once more."""
    first = program.get_from(one_file, host)
    issued, renew, until_, expires = times_of(entry(program, host))
    assert issued < renew == until_ < expires, "it never ages, it only grows old"
    assert program.get_from(one_file, host).secret == first.secret
    assert program.exchanges(host) == 1


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The folder once more, where a user may have put it."""
    base = str(tmp_path_factory.mktemp("a b") / "Größe 程序")
    shutil.copytree(FOLDER, base, symlinks=True)
    yield base
    shutil.rmtree(base)


def test_f91_spaces_and_other_alphabets(program: Program, host: str, copy: str) -> None:
    path = os.path.join(copy, NAME)
    assert program.get_from(path, host).secret == program.get_from(path, host).secret
    assert program.get_from(path, host, LANG="C", LC_ALL="C").secret


@pytest.mark.parametrize("relative", [True, False])
def test_f91_links(program: Program, host: str, copy: str, *, relative: bool) -> None:
    """A link on PATH, to a link, to the program: as packages and package managers make them."""
    bin_ = os.path.join(program.home, "bin")
    other = os.path.join(program.home, "other")
    os.mkdir(bin_)
    os.mkdir(other)
    target = os.path.join(copy, NAME)
    os.symlink(os.path.relpath(target, other) if relative else target, os.path.join(other, NAME))
    os.symlink(os.path.join("..", "other", NAME), os.path.join(bin_, NAME))
    found = program.get_from("/usr/bin/env", host, PATH=f"{bin_}:/usr/bin:/bin")
    assert found.code != 0, "env alone is no helper"
    for path in (os.path.join(bin_, NAME), os.path.join("bin", NAME)):
        assert program.get_from(path, host).secret
    process = ["/usr/bin/env", NAME, "get"]
    environ = program.variables({"PATH": f"{bin_}:/usr/bin:/bin"})
    done = subprocess.run(
        process, input=host.encode(), capture_output=True, env=environ, cwd=program.home, check=True
    )
    assert program.note(("get",), Answer(0, done.stdout, done.stderr)).secret


def test_f91_no_working_directory(program: Program, host: str) -> None:
    gone = os.path.join(program.home, "gone")
    os.mkdir(gone)
    script = f'cd "{gone}"; rmdir "{gone}"; exec "{PATH}" get'
    done = subprocess.run(
        ["/bin/sh", "-c", script],
        input=host.encode(),
        capture_output=True,
        env=program.environ,
        check=False,
    )
    assert program.note(("get",), Answer(done.returncode, done.stdout, done.stderr)).secret


def test_f91_started_by_itself(program: Program, host: str, copy: str) -> None:
    """One frozen program started by another keeps its own files: here of another copy, by a shell."""
    az = signed_in(program)
    inner = os.path.join(copy, NAME)
    with open(az.program, encoding="utf-8") as file:
        script = file.read()
    os.rename(az.program, az.program + ".real")
    with open(az.program, "w", encoding="utf-8") as file:
        file.write(f'#!/bin/sh\n"{inner}" version >&2 || exit 9\nexec "$0.real" "$@"\n')
    os.chmod(az.program, 0o755)
    assert script.startswith("#!")
    program.settings('[defaults]\nmethod = "azure-cli"\n')
    assert program.get(host, PATH=f"{az.folder}:/usr/bin:/bin").secret


def test_f92_kills_leave_nothing(program: Program, host: str) -> None:
    """Killed a hundred times, at any moment: nothing in the temp folder, and the next call answers."""
    temporary = os.path.join(program.home, "tmp")
    os.mkdir(temporary)
    program.get(host)
    for number in range(KILLS):
        process = program.start("get", TMPDIR=temporary)
        if number % 2:
            time.sleep(number * 0.0002)  # anywhere in a start, which takes some 15 ms
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert os.listdir(temporary) == []
    assert program.get(host, TMPDIR=temporary).secret
    assert program.exchanges(host) == 1


@pytest.mark.parametrize("given", [None, "/opt/theirs/lib"])
def test_children_have_the_library_path_that_was_given(
    program: Program, host: str, given: str | None
) -> None:
    """``az`` loads its own OpenSSL, not ours; in a renewal in the background, too."""
    az = signed_in(program)
    program.settings('[defaults]\nmethod = "azure-cli"\n')
    changes = {"PATH": f"{az.folder}:/usr/bin:/bin", "LD_LIBRARY_PATH": given}
    assert program.get(host, **changes).secret
    aged = age(program, host)
    for path in Path(program.folder).glob("identity@*"):
        path.unlink()  # so that the renewal signs in anew
    assert program.get(host, **changes).secret
    until(lambda: entry(program, host) != aged and not markers(program))
    calls = az.calls()
    assert len(calls) == 2
    assert [call["environ"].get("LD_LIBRARY_PATH") for call in calls] == [given, given]


def test_variables_of_python_are_ignored(program: Program, host: str) -> None:
    """What steers an interpreter does not steer the frozen program."""
    folder = os.path.join(program.home, "evil")
    os.mkdir(folder)
    for name in ("json", "sitecustomize", "usercustomize", "encodings", "requests"):
        with open(os.path.join(folder, f"{name}.py"), "w", encoding="utf-8") as file:
            file.write("raise SystemExit('evil')\n")
    answer = program.get(
        host,
        PYTHONPATH=folder,
        PYTHONHOME=folder,
        PYTHONSTARTUP=os.path.join(folder, "json.py"),
        PYTHONINSPECT="1",
        PYTHONVERBOSE="1",
        PYTHONWARNINGS="error",
        PYTHONUTF8="0",
        PYTHONMALLOC="debug",
    )
    assert answer.secret


@needs("root", "unshare")
@pytest.mark.parametrize("place", ["/etc/ssl/cert.pem", "/etc/ssl/ca-bundle.pem"])
def test_the_trust_of_other_systems(program: Program, host: str, place: str) -> None:
    """The bundled OpenSSL knows where the system that built it keeps its certificates; others differ."""
    script = f"""
cp "$SSL_CERT_FILE" "$HOME/trusted.pem"
mount -t tmpfs tmpfs /etc/ssl
[ ! -d /usr/lib/ssl ] || mount -t tmpfs tmpfs /usr/lib/ssl
cp "$HOME/trusted.pem" {place}
unset SSL_CERT_FILE SSL_CERT_DIR
"""
    command = ["unshare", "--mount", "/bin/sh", "-c", f'set -e\n{script}\nexec "$@"', "sh", PATH]
    done = subprocess.run(
        [*command, "get"],
        input=host.encode(),
        capture_output=True,
        env=program.variables({"PATH": SYSTEM_PATH}),
        check=False,
        timeout=SECONDS,
    )
    assert program.note(("get",), Answer(done.returncode, done.stdout, done.stderr)).secret


def test_f95_upgrades_while_helpers_run(program: Program, host: str, copy: str) -> None:
    """As packages do it: the new folder beside the old one, the link flipped, the old one removed
    when nobody runs from it any more. Fifty at a time, cached and cold, and none fails."""
    base = os.path.join(program.home, "lib")
    link = os.path.join(program.home, NAME)
    os.mkdir(base)

    def install(number: int) -> str:
        folder = os.path.join(base, str(number))
        shutil.copytree(copy, folder, symlinks=True, copy_function=os.link)
        os.symlink(os.path.join(folder, NAME), link + ".new")
        os.replace(link + ".new", link)
        return folder

    def runs_from(folder: str) -> bool:
        for number in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.readlink(f"/proc/{number}/exe").startswith(folder + os.sep):
                    return True
            except OSError:
                continue
        return False

    current = install(0)
    with ThreadPoolExecutor(50) as pool:
        for upgrade in range(1, UPGRADES):
            hosts = [host if each % 5 else f"u{upgrade}x{each}-{host}" for each in range(50)]
            answers = [pool.submit(program.get_from, link, each) for each in hosts]
            old, current = current, install(upgrade)
            until(lambda folder=old: not runs_from(folder))  # type: ignore[misc]
            shutil.rmtree(old)
            assert all(answer.result().secret for answer in answers)
    assert program.get_from(link, "registry.example.com").out == NOT_FOUND
