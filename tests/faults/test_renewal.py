"""Renewal in the background, where something is in its way: who asked has been answered all the same."""

import json
import os
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable

import pytest

from tests.azure import Garbage, Hang, Reset, SelfSigned, Status
from tests.azure.faults import Fault
from tests.entries import times_of
from tests.faults.test_disk import in_mounts
from tests.faults.test_storms import near_its_end
from tests.faults.tools import inject, needs, run
from tests.stories.node import request
from tests.stories.program import PATH, Answer, Program, until
from tests.stories.test_refresh_ahead import age, entry, markers

on_linux = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="looks into /proc")
DAY = 24 * 3600
NOBODY = 65534


def marker_of(program: Program, host: str) -> str:
    (path,) = program.entries(host)
    return path + ".renewing"


def dated(path: str, seconds: float) -> None:
    """A marker of another time."""
    with open(path, "wb"):
        pass
    os.utime(path, (time.time() + seconds,) * 2)


def of_nobody(path: str) -> None:
    dated(path, -120)
    os.chown(path, NOBODY, NOBODY)


def dangling(path: str) -> None:
    os.symlink("/nowhere/at/all", path)
    os.utime(path, (time.time() - 120,) * 2, follow_symlinks=False)


STALE: list[tuple[str, Callable[[str], None]]] = [
    ("an hour old", lambda path: dated(path, -3600)),
    ("of tomorrow, before the clock was set back", lambda path: dated(path, DAY)),
    ("of a link", dangling),
]


@pytest.mark.parametrize("make", [make for _, make in STALE], ids=[name for name, _ in STALE])
def test_a_stale_marker_is_replaced(
    program: Program, host: str, make: Callable[[str], None]
) -> None:
    """Whoever made it is not renewing: it must not keep others from it."""
    first = program.get(host)
    aged = age(program, host)
    make(marker_of(program, host))
    assert program.get(host) == first
    until(lambda: entry(program, host) != aged and not markers(program))
    assert program.exchanges(host) == 2


@needs("root")
def test_so_is_one_that_belongs_to_nobody(program: Program, host: str) -> None:
    test_a_stale_marker_is_replaced(program, host, of_nobody)


@pytest.mark.parametrize("seconds", [-30, 20], ids=["half a minute old", "of a server's clock"])
def test_a_marker_that_is_not_stale_is_somebodys(
    program: Program, host: str, seconds: float
) -> None:
    first = program.get(host)
    aged = age(program, host)
    dated(marker_of(program, host), seconds)
    assert [program.get(host) for _ in range(3)] == [first] * 3
    assert entry(program, host) == aged
    assert program.exchanges(host) == 1


def test_a_folder_in_the_markers_place(program: Program, host: str) -> None:
    """Nobody renews ahead then; the answers are the same, and silent."""
    first = program.get(host)
    age(program, host)
    os.mkdir(marker_of(program, host))
    os.utime(marker_of(program, host), (1, 1))
    assert [program.get(host) for _ in range(3)] == [first] * 3
    assert program.exchanges(host) == 1


@needs("strace")
@pytest.mark.parametrize("error", ["EAGAIN", "ENOMEM"])
def test_a_full_process_table(program: Program, host: str, error: str) -> None:
    """Where nothing can be started the old token is the answer; so soon nobody tries again."""
    first = program.get(host)
    age(program, host)
    answer = inject(program, host, "clone,clone3,vfork,fork", f"error={error}")
    assert answer == first
    assert program.get(host) == first
    assert program.exchanges(host) == 1


@needs("root", "unshare")
def test_without_a_list_of_its_descriptors(program: Program, host: str) -> None:
    """Where nobody can say what would have to be closed, nothing is started."""
    first = program.get(host)
    age(program, host)
    assert run(program, in_mounts("mount -t tmpfs tmpfs /proc"), host) == first
    assert program.get(host) == first
    assert program.exchanges(host) == 1


@needs("root", "unshare")
def test_a_folder_that_nobody_can_write_to(program: Program, host: str) -> None:
    """What is cached is served though no marker can be made, and nothing is started for it."""
    first = program.get(host)
    age(program, host)
    script = f'mount --bind "{program.folder}" "{program.folder}"\n'
    script += f'mount -o remount,ro,bind "{program.folder}"\n'
    for _ in range(2):
        assert run(program, in_mounts(script), host) == first
    assert markers(program) == []
    assert program.exchanges(host) == 1


def never_ages(path: str) -> bool:
    """Whether there is no time at which another process would renew the entry at *path*."""
    with open(path, "rb") as file:
        issued, ages, until_, expires = times_of(file.read())
    assert issued < until_ < expires
    return ages == until_


INLINE = {
    "the settings": ('method = "client-secret"\nrefresh = "inline"\n', {}),
    "the variable": ('method = "client-secret"\n', {"ACR_CRED_REFRESH": "inline"}),
    "the variable before the settings": (
        'method = "client-secret"\nrefresh = "background"\n',
        {"ACR_CRED_REFRESH": "inline"},
    ),
    "a command": ('method = "client-secret"\nclient_secret_command = ["/bin/cat", "{}"]\n', {}),
}


@pytest.mark.parametrize("who", INLINE)
def test_inline(program: Program, host: str, who: str) -> None:
    """Where somebody wants it so, or might be asked something, nothing is done behind his back."""
    text, changes = INLINE[who]
    secret = os.path.join(program.home, "secret")
    with open(secret, "w", encoding="utf-8") as file:
        file.write(program.azure.client_secret)
    program.own.add(secret)
    program.settings(f'[registries."{host}"]\n' + text.replace("{}", secret))
    first = program.get(host, **changes)
    (path,) = program.entries(host)
    assert never_ages(path)
    assert program.get(host, **changes) == first


def test_background_is_what_others_get(program: Program, host: str) -> None:
    program.settings(f'[registries."{host}"]\nrefresh = "inline"\n')
    program.get(host, ACR_CRED_REFRESH="background")
    (path,) = program.entries(host)
    assert not never_ages(path)


def test_the_kubelet_is_inline(program: Program, host: str) -> None:
    assert program.run("kubelet", stdin=request(f"{host}/app")).code == 0
    (path,) = program.entries(host)
    assert never_ages(path)


@pytest.mark.parametrize("verb", ["get", "kubelet"])
def test_out_of_time_with_an_old_token(program: Program, host: str, verb: str) -> None:
    """Where everything hangs, the watchdog hands out the old token, whole and in silence."""

    def ask(**changes: str) -> Answer:
        return program.run(verb, stdin=host if verb == "get" else request(host + "/a"), **changes)

    first = ask()
    near_its_end(program, host, 600)
    program.azure.fault("tls", Hang(), host=host)
    began = time.monotonic()
    answer = ask(ACR_CRED_TIMEOUT="5")
    assert 4 < time.monotonic() - began < 9
    if verb == "get":
        assert answer == first
    else:
        assert answer.code == 0
        assert answer.err == b""
        assert json.loads(answer.out)["auth"] == json.loads(first.out)["auth"]
    near_its_end(program, host, 30)
    assert ask(ACR_CRED_TIMEOUT="5").code == 1, "never one that ends in the client's hands"


FAILING: list[tuple[str, Fault]] = [
    ("exchange", Status(500)),
    ("exchange", Status(429, {"Retry-After": "60"})),
    ("exchange", Status(401)),
    ("exchange", Status(403)),
    ("exchange", Status(404)),
    ("exchange", Reset()),
    ("exchange", Garbage()),
    ("tls", SelfSigned()),
    ("connect", Status(502)),
    ("sign-in", Status(500)),
]


@on_linux
@pytest.mark.parametrize(("kind", "fault"), FAILING, ids=str)
def test_whatever_it_fails_of_nobody_notices(
    program: Program, host: str, kind: str, fault: Fault
) -> None:
    """Same answer, silent, still listed; the failure is nobody's who asks for the token."""
    first = program.get(host)
    aged = age(program, host)
    if kind == "sign-in":
        for name in os.listdir(program.folder):
            if name.startswith("identity@"):
                os.remove(os.path.join(program.folder, name))
    before = len(program.azure.requests)
    program.azure.fault(kind, fault, host=None if kind == "sign-in" else host)
    assert program.get(host) == first
    until(lambda: not renewing(host) and len(program.azure.requests) > before, 20)
    assert [program.get(host) for _ in range(3)] == [first] * 3
    assert entry(program, host) == aged
    assert host in program.hosts()
    assert [name for name in program.files() if name.endswith(".tmp")] == []


def renewing(host: str) -> list[int]:
    """The processes that renew the entry of *host* now."""
    found = []
    for name in filter(str.isdecimal, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except OSError:
            continue
        if words[-3:-1] == [b"renew", host.encode()]:
            found.append(int(name))
    return found


@on_linux
def test_its_surroundings_and_its_end(program: Program, host: str) -> None:
    """A session of its own, the null device, nothing that it was handed; ended by the time limit."""
    program.get(host)
    age(program, host)
    program.azure.fault("exchange", Hang(), host=host)
    reader, handed = os.pipe()
    spare = os.dup2(handed, 200)
    os.set_inheritable(spare, True)  # noqa: FBT003  its signature
    os.set_inheritable(handed, True)  # noqa: FBT003
    try:
        found = subprocess.run(
            [PATH, "get"],
            input=host.encode(),
            capture_output=True,
            check=True,
            timeout=20,
            env=program.variables({"ACR_CRED_TIMEOUT": "5"}),
            close_fds=False,
        )
    finally:
        for descriptor in (handed, spare):
            os.close(descriptor)
    program.note(("get",), Answer(found.returncode, found.stdout, found.stderr))
    began = time.monotonic()
    until(lambda: renewing(host) and program.exchanges(host) == 2)
    assert os.read(reader, 1) == b"", "a careless parent's pipe ends with us"
    os.close(reader)
    (pid,) = renewing(host)
    assert os.getsid(pid) == pid
    assert {os.readlink(f"/proc/{pid}/fd/{number}") for number in range(3)} == {os.devnull}
    until(lambda: not renewing(host), 12)
    assert time.monotonic() - began < 10
    assert program.unfinished() == []


@on_linux
def test_descriptors_beyond_the_limit(program: Program, host: str) -> None:
    """Opened before the limit was lowered, they are not handed on either, and do not prevent a renewal."""
    first = program.get(host)
    aged = age(program, host)
    program.azure.exchange_delay = 2
    try:
        began = time.monotonic()
        command = ["bash", "-c", 'exec 200>&1; ulimit -n 64; exec "$@"', "bash"]
        assert run(program, command, host) == first
        assert time.monotonic() - began < 2
        until(lambda: entry(program, host) != aged and not markers(program))
    finally:
        program.azure.exchange_delay = 0


@on_linux
def test_it_can_be_stopped(program: Program, host: str) -> None:
    """A machine that shuts down does not wait for it."""
    program.get(host)
    aged = age(program, host)
    program.azure.fault("exchange", Hang(), host=host)
    program.get(host)
    until(lambda: renewing(host) and program.exchanges(host) == 2)
    (pid,) = renewing(host)
    os.kill(pid, signal.SIGTERM)
    until(lambda: not renewing(host), 1)
    assert entry(program, host) == aged
    assert program.unfinished() == []


@on_linux
def test_a_login_in_between_ends_the_right_to_save(program: Program, host: str) -> None:
    """What somebody stored by hand is not replaced by what a renewal brings later."""
    program.get(host)
    age(program, host)
    program.azure.exchange_delay = 0.5
    try:
        program.get(host)
        until(lambda: program.exchanges(host) == 2)
        token = program.token(host)
        assert program.store(host, "<token>", token) == (0, b"", b"")
    finally:
        program.azure.exchange_delay = 0
    until(lambda: not renewing(host))
    assert program.get(host).secret == token
    assert program.exchanges(host) == 2


def test_a_program_that_only_pythonpath_leads_to(program: Program, host: str) -> None:
    """What ``pip install --target`` makes is found by whom it starts, too."""
    base = os.path.join(sys.base_prefix, "bin", "python{}.{}".format(*sys.version_info))
    command = [base, "-P", "-m", "docker_credential_acr", "get"]
    environ = program.variables({"PYTHONPATH": sysconfig.get_path("purelib")})

    def ask() -> Answer:
        found = subprocess.run(
            command, input=host.encode(), capture_output=True, check=False, env=environ, timeout=30
        )
        return program.note(("get",), Answer(found.returncode, found.stdout, found.stderr))

    first = ask()
    aged = age(program, host)
    assert ask().login == first.login
    until(lambda: entry(program, host) != aged and not markers(program))
