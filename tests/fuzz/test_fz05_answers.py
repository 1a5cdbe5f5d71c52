"""FZ5: whatever Azure, or somebody in its place, answers is a token or a sentence; a right one is kept."""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_credential_acr import asker, credentials, exchange, paths
from docker_credential_acr.deadline import Deadline
from docker_credential_acr.errors import LONGEST, Failure, sentence
from docker_credential_acr.references import REFERENCES
from tests.azure import FakeAzure, Raw, Status
from tests.azure.faults import Fault
from tests.fuzz import readers
from tests.fuzz.mutation import mutated
from tests.fuzz.profile import examples
from tests.fuzz.samples import CORPUS, token
from tests.stories.program import Answer, Program
from tests.systems import scripts

HOST = "team.azurecr.io"
SECONDS = 3.0  # no pause fits into it, so that no time is lost between two tries
WHERE = ("sign-in", "discovery", "exchange", "metadata", "oidc", "connect")
STATUSES = (
    200,
    200,
    200,
    201,
    204,
    206,
    301,
    307,
    400,
    401,
    403,
    404,
    407,
    410,
    418,
    429,
    500,
    503,
)
HEADERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Content-Type", ("application/json", "text/html; charset=utf-16", "x" * 5000, "")),
    ("Content-Encoding", ("gzip", "br", "deflate, gzip", "nonsense")),
    ("Content-Length", ("0", "5", "-1", "99999999", "x")),
    ("Transfer-Encoding", ("chunked", "identity")),
    ("Location", ("https://attacker.example/", "http://[::1", "//", "\t")),
    ("Retry-After", ("0", "1", "600", "-5", "1e9", "Wed, 21 Oct 2026 07:28:00 GMT", "9" * 400)),
    ("X-Ms-Correlation-Request-Id", ("11111111-2222-3333-4444-555555555555", "CANARY \x1b[2J", "")),
    ("Www-Authenticate", ('Bearer realm="https://attacker.example/x"', "Basic realm=/etc/passwd")),
    ("Set-Cookie", ("CANARY=1",)),
    ("Date", ("Thu, 01 Jan 1970 00:00:00 GMT",)),
)
LINES = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nCANARY",
    b"HTTP/1.0 200\r\n\r\n{}",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\nCANARY",
    b"HTTP/1.1 200 OK\r\n" + b"X: CANARY\r\n" * 120 + b"\r\n",
    b"SSH-2.0-CANARY\r\n",
    b"",
)


def right_bodies() -> list[bytes]:
    """What would be a right answer, somewhere."""
    now = int(time.time())
    good = token(aud=HOST, iat=now, exp=now + 9000).decode()
    return [
        json.dumps({"refresh_token": good}).encode(),
        json.dumps({"access_token": good, "token_type": "Bearer", "expires_in": 3599}).encode(),
        json.dumps({"access_token": good, "expires_on": str(now + 3599), "resource": "x"}).encode(),
        json.dumps({"value": good, "count": 1}).encode(),
        json.dumps(
            {
                "token_endpoint": "https://attacker.example/token",
                "authorization_endpoint": "https://attacker.example/",
                "issuer": "https://attacker.example/",
            }
        ).encode(),
    ]


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """A right answer after accidents, any JSON, any bytes."""
    kind = draw(st.integers(0, 3))
    if kind <= 1:
        samples = [*right_bodies(), *CORPUS["answer"].values()]
        return mutated(Random(draw(st.integers(0, 2**32))), samples)
    if kind == 2:
        leaves = st.none() | st.booleans() | st.floats() | st.text(max_size=9) | st.integers()
        names = st.sampled_from(["refresh_token", "access_token", "error", "value", "claims", "x"])
        values = st.recursive(
            leaves, lambda v: st.lists(v, max_size=3) | st.dictionaries(names, v, max_size=4)
        )
        return json.dumps(draw(values)).encode()
    return draw(st.binary(max_size=200))


@st.composite
def answers(draw: st.DrawFn) -> Fault:
    """A status with headers and a body, or bytes that are not even that."""
    if draw(st.integers(0, 5)) == 0:
        return Raw(mutated(Random(draw(st.integers(0, 2**32))), LINES))
    names = draw(st.lists(st.sampled_from(HEADERS), max_size=3, unique_by=lambda pair: pair[0]))
    headers = {name: draw(st.sampled_from(values)) for name, values in names}
    if draw(st.integers(0, 39)):  # else a false length is waited for
        headers["Connection"] = "close"
    return Status(draw(st.sampled_from(STATUSES)), headers, draw(bodies()))


@dataclass
class Machine:
    """This process as a client: its environment leads to the fake Azure."""

    azure: FakeAzure
    folder: str

    def asks(self, kind: str, fault: Fault) -> bytes | Failure:
        """Ask once, with nothing cached and this answer from one of the servers."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.azure.forget()
        self.azure.clear_faults()
        self.azure.fault(kind, fault)
        deadline = Deadline.after(SECONDS)
        try:
            return credentials.obtain(
                HOST, asker.who_asks(os.environ), deadline, lambda _: deadline
            )
        except Failure as failure:
            return failure

    def kept(self) -> list[str]:
        """What lies in the cache that holds a token."""
        names = os.listdir(self.folder) if os.path.isdir(self.folder) else []
        return [name for name in names if name.startswith(f"{HOST}@") and "." not in name[-8:]]


def method(kind: str, azure: FakeAzure) -> dict[str, str]:
    """The variables of a sign-in that asks the server *kind*."""
    if kind == "oidc":
        return {"ACR_CRED_METHOD": "github-actions"} | azure.job_environ("github-actions")
    return {"ACR_CRED_METHOD": "managed-identity" if kind == "metadata" else "client-secret"}


@pytest.fixture
def machine(
    azure: FakeAzure,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Machine]:
    for name in tuple(os.environ):
        if not name.startswith(("LANG", "TMPDIR", "PYTEST_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
    kind = request.node.callspec.params["kind"]
    variables = azure.environ() | azure.service_principal_environ() | method(kind, azure)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    folder = paths.cache_folder(os.environ.get)
    assert folder
    yield Machine(azure, folder)
    azure.clear_faults()


@pytest.mark.parametrize("kind", WHERE)
@examples(quick=80, long=30_000)
@given(fault=answers())
def test_fz5_answers(
    tried: Callable[[int], None], machine: Machine, kind: str, fault: Fault
) -> None:
    """A token of this registry, or a sentence without a word of theirs, in time, and nothing kept."""
    began = time.monotonic()
    found = machine.asks(kind, fault)
    assert time.monotonic() - began < SECONDS + 2
    if isinstance(found, Failure):
        line = sentence(found, HOST)
        assert found.reference in REFERENCES
        assert found.reference != "internal"
        assert line.isascii()
        assert line.isprintable()
        assert len(line) <= LONGEST
        assert "CANARY" not in line
        assert "attacker" not in line
        assert machine.kept() == []
    else:
        assert exchange.read(json.loads(b"{" + found)["Secret"], HOST)
        assert len(machine.kept()) == 1
    secret = machine.azure.client_secret
    told = [r for r in machine.azure.requests if secret in r.form.values() or secret in r.path]
    assert {request.host for request in told} <= {"login.microsoftonline.com"}
    assert {r.host for r in machine.azure.requests if "access_token" in r.form} <= {HOST}
    tried(1)


@pytest.fixture
def az(program: Program) -> Callable[[bytes, bytes, int], Answer]:
    """Asks with an `az` on PATH that says this on its two streams and ends with this code."""
    folder = os.path.join(program.home, "bin")
    os.mkdir(folder)
    path = os.path.join(folder, "az")
    with open(path, "w", encoding="ascii") as file:
        file.write(f'#!/bin/sh\ncat {folder}/out; cat {folder}/err >&2; exit "$CODE"\n')
    os.chmod(path, 0o755)
    program.own |= {os.path.join(folder, name) for name in ("out", "err")}
    paths = {"ACR_CRED_METHOD": "azure-cli", "PATH": f"{folder}:/usr/bin:/bin"}

    def ask(out: bytes, err: bytes, code: int) -> Answer:
        for name, data in (("out", out), ("err", err)):
            with open(os.path.join(folder, name), "wb") as stream:
                stream.write(data)
        shutil.rmtree(program.folder, ignore_errors=True)
        return program.get(HOST, **paths, CODE=str(code))

    return ask


@examples(quick=40, long=20_000, processes=True)
@given(out=bodies(), err=bodies(), code=st.sampled_from([0, 0, 0, 1, 2, 255]))
@scripts
def test_fz5_az(
    tried: Callable[[int], None],
    az: Callable[[bytes, bytes, int], Answer],
    out: bytes,
    err: bytes,
    code: int,
) -> None:
    """What the Azure CLI prints, on both its streams, with any exit code."""
    answer = az(out, err, code)
    if answer.code:
        assert answer.reference in REFERENCES
        assert b"CANARY" not in answer.out
    else:
        assert answer.login
    tried(1)


@examples(quick=1500, long=200_000)
@given(data=bodies())
def test_fz5_bodies(tried: Callable[[int], None], data: bytes) -> None:
    """The same bodies, only read: a token, or what is said of a refusal."""
    readers.answered(data)
    tried(1)
