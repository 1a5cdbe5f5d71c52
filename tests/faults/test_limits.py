"""Little of everything: descriptors, threads, memory, file size, and what a careless parent hands on."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from tests.faults.test_disk import UNPRIVILEGED, in_mounts
from tests.faults.tools import in_shell, needs, run
from tests.stories.program import PATH, Answer, Program

LIMITS = {
    "8 descriptors": "ulimit -n 8",
    "200 MB": "ulimit -v 200000",
    "60 MB": "ulimit -v 60000",
    "files of no size": "ulimit -f 0",
    "little stack": "ulimit -s 256",
    "one second of processor": "ulimit -t 1",
}


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
@pytest.mark.parametrize("limit", LIMITS.values(), ids=LIMITS)
def test_f77_limits(program: Program, host: str, limit: str, *, warm: bool) -> None:
    """A right answer or one sentence, never a part of one and never a traceback."""
    first = program.get(host) if warm else None
    answer = in_shell(program, limit, host)
    assert_whole(answer)
    if first:
        assert answer in (first, *([answer] if answer.code else []))
    assert program.unfinished() == [] or answer.code
    assert program.get(host).login


def assert_whole(answer: Answer) -> None:
    """An answer, or a failure without a part of an answer."""
    assert b"Traceback" not in answer.err + answer.out, answer
    if answer.code == 0:
        assert answer.login
    else:
        assert b"Secret" not in answer.out, answer
        assert answer.code in (1, -signal.SIGXCPU, -signal.SIGKILL), answer
        assert answer.out, answer
        assert answer.reference


def test_f77_no_file_may_grow(program: Program, host: str) -> None:
    """With a file size limit of nothing (SIGXFSZ) the answer is given and the cache is left out."""
    assert in_shell(program, "ulimit -f 0", host).login
    assert program.entries(host) == []
    assert program.unfinished() == []


@needs("root", "unshare", "setpriv")
@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
def test_f77_no_more_processes(program: Program, host: str, *, warm: bool) -> None:
    """Where no thread may be started, the kernel's alarm is the bound and the answer is given."""
    unprivileged = " ".join(UNPRIVILEGED).replace("65532", "65531")  # who runs nothing else
    first = f'printf %s {host} | {unprivileged} "$@" >/dev/null' if warm else ":"
    script = f"""
mount -t tmpfs -o mode=755 tmpfs /mnt
install -m 644 "$SSL_CERT_FILE" /mnt/trusted.pem
mkdir -m 777 /mnt/home
export SSL_CERT_FILE=/mnt/trusted.pem HOME=/mnt/home
cd /
{unprivileged} "$1" version >/dev/null || exit 77
{first}
exec prlimit --nproc=1 {unprivileged} "$@"
"""
    answer = run(program, in_mounts(script), host)
    if answer.code == 77:
        pytest.skip("optional: other users may not run this environment")
    assert_whole(answer)
    assert answer.code == 0


def test_f78_a_parent_with_threads(program: Program, host: str) -> None:
    """Started by a process with many threads, from any of them at once, it answers."""
    answers: list[Answer] = []
    crowd = [threading.Thread(target=lambda: answers.append(program.get(host))) for _ in range(8)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    assert len(set(answers)) == 1
    assert answers[0].login


def test_f78_a_lock_that_the_parent_holds(program: Program, host: str) -> None:
    """A parent's lock on a descriptor that is handed on is not mistaken for our own."""
    import fcntl  # noqa: PLC0415  POSIX only

    held = os.open(os.path.join(program.home, "lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        os.set_inheritable(held, True)  # noqa: FBT003  its signature
        found = subprocess.run(
            [PATH, "get"],
            input=host.encode(),
            capture_output=True,
            check=False,
            timeout=30,
            env=program.environ,
            pass_fds=[held],
        )
    finally:
        os.close(held)
    assert program.note(("get",), Answer(found.returncode, found.stdout, found.stderr)).login


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
def test_f78_a_thousand_descriptors(program: Program, host: str, *, warm: bool) -> None:
    """A thousand inherited descriptors are no obstacle."""
    if warm:
        program.get(host)
    null = os.open(os.devnull, os.O_RDWR)
    copies = [os.dup(null) for _ in range(900)]
    try:
        found = subprocess.run(
            [PATH, "get"],
            input=host.encode(),
            capture_output=True,
            check=False,
            timeout=30,
            env=program.environ,
            pass_fds=copies,
        )
    finally:
        for descriptor in (null, *copies):
            os.close(descriptor)
    assert program.note(("get",), Answer(found.returncode, found.stdout, found.stderr)).login


def test_f78_a_parent_that_has_blocked_the_alarm(program: Program) -> None:
    """A mask of signals is inherited, too: standard input is waited for no longer than five seconds."""
    code = "import os, signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM}); "
    code += "os.execv(sys.argv[1], sys.argv[1:])"
    process = subprocess.Popen(
        [sys.executable, "-c", code, PATH, "get"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=program.environ,
    )
    with process:
        try:
            process.wait(8)
        finally:
            process.kill()
