"""Standard streams in every state that clients, shells and services leave them in."""

import errno
import functools
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any

import pytest

from tests.azure import Hang
from tests.stories.program import NOT_FOUND, PATH, Answer, Program, until, used_by
from tests.systems import posix

if sys.platform != "win32":
    import pty
    import resource

pytestmark = posix("descriptors that are closed or changed before a program starts")


def run_with(program: Program, verb: str, **options: Any) -> Answer:
    """Run it with streams of the test's own."""
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    found = subprocess.run(
        [PATH, verb], env=program.environ, cwd=program.home, timeout=30, check=False, **streams
    )
    return program.note((verb,), Answer(found.returncode, found.stdout or b"", found.stderr or b""))


def closing(*descriptors: int) -> Callable[[], None]:
    """What a child does before it starts the program: close these descriptors."""

    def close() -> None:
        for descriptor in descriptors:
            os.close(descriptor)

    return close


def test_v24_list_does_not_wait_for_input(program: Program) -> None:
    """`list` answers at once while its input stays open, as testcontainers leaves it."""
    process = program.start("list")
    assert process.stdout is not None
    assert select.select([process.stdout], [], [], 5)[0], "no answer before the input is closed"
    assert program.finish(process, b"", "list") == (0, b"{}\n", b"")


def test_v24_list_with_closed_input(program: Program) -> None:
    """`list` answers without any standard input."""
    assert run_with(program, "list", preexec_fn=closing(0)) == (0, b"{}\n", b"")


def test_v24_list_at_a_terminal(program: Program) -> None:
    """`list` answers a person who types it."""
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb"), os.fdopen(theirs, "rb") as terminal:
        assert run_with(program, "list", stdin=terminal) == (0, b"{}\n", b"")


@pytest.mark.parametrize("verb", ["get", "erase"])
def test_f12_closed_input(program: Program, verb: str) -> None:
    """Without standard input there is no server."""
    answer = run_with(program, verb, preexec_fn=closing(0))
    assert answer == (1, b"no credentials server URL\n", b"")


def test_f12_closed_input_of_store(program: Program) -> None:
    """Nor is there a login."""
    assert run_with(program, "store", preexec_fn=closing(0)).reference == "bad-login"


@pytest.mark.parametrize("verb", ["get", "store", "erase"])
def test_f12_input_is_a_directory(program: Program, verb: str) -> None:
    """A directory in place of the input is a failure and not a hang.

    Python itself refuses it, before a line of the program has run.
    """
    descriptor = os.open(program.home, os.O_RDONLY)
    try:
        answer = run_with(program, verb, stdin=descriptor)
    finally:
        os.close(descriptor)
    assert answer.code == 1
    assert b"Traceback" not in answer.err


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
def test_streams_that_do_not_block(program: Program, host: str, *, warm: bool) -> None:
    """Pipes that somebody made non-blocking are waited for: late input, a reader who is behind."""
    if warm:
        program.get(host)
    (given, giver), (taker, taken) = os.pipe(), os.pipe()
    os.set_blocking(given, False)
    os.set_blocking(taken, False)
    with suppress(BlockingIOError):
        while os.write(taken, b"x" * 512):
            pass
    process = subprocess.Popen(
        [PATH, "get"], stdin=given, stdout=taken, env=program.environ, cwd=program.home
    )
    os.close(given)
    os.close(taken)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.2)  # it waits for its input
    os.write(giver, host.encode())
    os.close(giver)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)  # and for its reader
    with os.fdopen(taker, "rb") as file:
        out = file.read().lstrip(b"x")
    assert program.note(("get",), Answer(process.wait(10), out, b"")).secret


def test_v29_all_streams_closed(program: Program, host: str) -> None:
    """With nothing to read from and nobody to write to it ends, and not with success."""
    for verb in ("get", "list", "store", "erase", "version"):
        answer = run_with(program, verb, preexec_fn=closing(0, 1, 2))
        assert answer.code != 0
    cached = program.get(host).secret
    assert program.get(host).secret == cached


def test_f19_output_closed(program: Program, host: str) -> None:
    """With standard output closed nothing says success, whether the answer is cached or not."""
    for _ in range(2):
        answer = run_with(program, "get", input=host.encode(), preexec_fn=closing(1))
        assert answer.code != 0
        assert answer.err == b""
        program.get(host)


def test_f19_errors_closed(program: Program, host: str) -> None:
    """With standard error closed the answer is the same."""
    for _ in range(2):
        assert run_with(program, "get", input=host.encode(), preexec_fn=closing(2)).login


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
def test_v29_reader_has_gone(program: Program, host: str, *, warm: bool) -> None:
    """When the reader has gone (EPIPE) it ends without a traceback, and not with success."""
    if warm:
        program.get(host)
    reader, writer = os.pipe()
    os.close(reader)
    try:
        answer = run_with(program, "get", input=host.encode(), stdout=writer)
    finally:
        os.close(writer)
    assert answer.code != 0
    assert b"Traceback" not in answer.err
    assert b"Error" not in answer.err


@pytest.mark.skipif(
    not os.access("/dev/full", os.W_OK), reason="/dev/full cannot be written to here"
)
@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
def test_f19_output_is_full(program: Program, host: str, *, warm: bool) -> None:
    """An answer that could not be written is no success."""
    if warm:
        program.get(host)
    with open("/dev/full", "wb") as full:
        answer = run_with(program, "get", input=host.encode(), stdout=full)
    assert answer.code != 0
    assert b"Traceback" not in answer.err


def test_v33_nothing_holds_the_pipes(program: Program, host: str) -> None:
    """When the program has ended the client sees the end of both pipes at once."""
    process = program.start("get")
    assert process.stdin is not None
    process.stdin.write(host.encode())
    process.stdin.close()
    assert process.wait(30) == 0
    ended = time.monotonic()
    for pipe in (process.stdout, process.stderr):
        assert pipe is not None
        read_to_end(pipe)
    assert time.monotonic() - ended < 0.5
    process.stdin = None
    program.finish(process)


def read_to_end(pipe: IO[bytes]) -> None:
    os.set_blocking(pipe.fileno(), False)
    while True:
        try:
            if not os.read(pipe.fileno(), 65536):
                return
        except BlockingIOError as error:
            raise AssertionError("somebody holds the pipe") from error


def test_f11_endless_input(program: Program) -> None:
    """Endless input is refused after 64 KiB, whatever memory there would be for more."""
    with subprocess.Popen(["yes"], stdout=subprocess.PIPE) as endless:
        try:
            found = subprocess.run(
                ["/bin/sh", "-c", f'ulimit -v 400000; exec "{PATH}" get'],
                stdin=endless.stdout,
                capture_output=True,
                check=False,
                timeout=30,
                env=program.environ,
            )
        finally:
            endless.kill()
    answer = Answer(found.returncode, found.stdout, found.stderr)
    assert program.note(("get",), answer).reference == "input-too-long"


LARGE = 200 * 1024 * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="no /proc")
@pytest.mark.parametrize("verb", ["get", "store", "erase"])
@pytest.mark.parametrize(
    "writer", [["yes"], ["head", "-c", str(LARGE), "/dev/zero"]], ids=["endless", "large"]
)
def test_f11_little_memory_for_much_input(program: Program, verb: str, writer: list[str]) -> None:
    """Whatever comes, it takes less than 60 MB and less than 6 s."""
    with subprocess.Popen(writer, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as endless:
        began = time.monotonic()
        process = subprocess.Popen(
            [PATH, verb],
            stdin=endless.stdout,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=program.environ,
        )
        assert endless.stdout is not None
        endless.stdout.close()
        with process:
            used = used_by(process)
            seconds = time.monotonic() - began
            answer = program.note((verb,), Answer(process.returncode, *process.communicate()))
        endless.kill()
    assert answer.reference == "input-too-long"
    assert 0 < used.memory < 60_000
    assert seconds < 6


def test_input_is_drained_before_an_error(program: Program) -> None:
    """A client that writes all it has first meets no broken pipe, whatever the answer is."""
    login = json.dumps({"Secret": "s" * 900_000, "ServerURL": "quay.io", "Username": "me"})
    process = program.start("store")
    assert process.stdin is not None
    try:
        process.stdin.write(login.encode())
        process.stdin.flush()
    except OSError as error:
        assert error.errno != errno.EPIPE  # noqa: PT017
    assert program.finish(process, b"", "store").reference == "store-not-ours"


@pytest.mark.parametrize("most", range(5, 10))
def test_few_descriptors_to_be_had(program: Program, host: str, most: int) -> None:
    """Without descriptors to work with it says so in a sentence, if it cannot go on."""
    limit = functools.partial(resource.setrlimit, resource.RLIMIT_NOFILE, (most, most))
    answer = run_with(program, "get", input=host.encode(), preexec_fn=limit)
    assert answer.login if answer.code == 0 else answer.reference == "internal"


def test_no_core_file(program: Program, host: str) -> None:
    """A crash leaves no core file with secrets in it."""
    program.azure.fault("exchange", Hang(), host=host)
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    with program.start("get") as process:
        assert process.stdin is not None
        resource.prlimit(process.pid, resource.RLIMIT_CORE, (hard, hard))
        process.stdin.write(host.encode())
        process.stdin.close()
        until(lambda: program.exchanges(host))
        until(lambda: resource.prlimit(process.pid, resource.RLIMIT_CORE)[0] == 0)
        process.kill()


def test_many_descriptors_inherited(program: Program, host: str) -> None:
    """Descriptors that the parent left open are no obstacle, and get nothing."""
    pairs = [os.pipe() for _ in range(100)]
    try:
        writers = [writer for _, writer in pairs]
        answer = run_with(program, "get", input=host.encode(), pass_fds=writers)
        assert answer.login
        assert run_with(program, "get", input=b"quay.io", pass_fds=writers).out == NOT_FOUND
        for reader, _ in pairs:
            assert not select.select([reader], [], [], 0)[0]
    finally:
        for descriptor in (end for pair in pairs for end in pair):
            os.close(descriptor)
