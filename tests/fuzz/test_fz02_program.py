"""FZ2: the installed program with any arguments, input, environment, folder and streams."""

import json
import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.mutation import mutated
from tests.fuzz.profile import examples
from tests.fuzz.samples import CORPUS, token
from tests.stories.program import NO_SERVER, NOT_FOUND, PATH, SECONDS, Answer, Program
from tests.systems import posix

pytestmark = posix("environment that may be empty, nor /dev")

HOST = "team.azurecr.io"
VERBS = ("get", "get", "get", "store", "erase", "list")
OTHERS = (
    "version",
    "--version",
    "-v",
    "help",
    "--help",
    "-h",
    "",
    "GET",
    "get\n",
    "gett",
    "\u202e",
    "-",
)
NO_USER = b"no credentials username\n"
LOGINS = [
    json.dumps({"ServerURL": HOST, "Username": "<token>", "Secret": token().decode()}).encode(),
    json.dumps({"ServerURL": "quay.io", "Username": "me", "Secret": "CANARY-of-quay"}).encode(),
    json.dumps({"serverurl": HOST, "USERNAME": "", "Secret": None}).encode(),
]
# No value here leads past the fake Azure's proxy: what is wrong must not reach the real one either.
VARIABLES: dict[str, tuple[str | None, ...]] = {
    "ACR_CRED_METHOD": (
        *("client-secret", "automatic", "managed-identity", "anonymous", "azure-cli", "aks-node"),
        *("client-secret\n", "", "CANARY-method", "x" * 3000),
    ),
    "ACR_CRED_TIMEOUT": ("5", "0", "-1", "1e3", "55", "", "\u0665"),
    "ACR_CRED_USERNAME": ("token", "guid", "", "x"),
    "ACR_CRED_REFRESH": ("inline", "background", "x"),
    "ACR_CRED_NO_CACHE": ("1", "0", ""),
    "ACR_CRED_CACHE_DIR": (
        "relative",
        "/dev/null",
        "/nonexistent/a",
        "",
        "/" + "x" * 300,
        "HOME/\u00e9 ",
    ),
    "ACR_CRED_CONFIG": ("/nonexistent", "relative.toml", "/dev/null", "/", "HOME/broken.toml", ""),
    "ACR_CRED_DEBUG": ("HOME/log", "relative", "/dev/full", "/nonexistent/log"),
    "ACR_CRED_NESTED": ("1",),
    "HOME": (None, "", "/nonexistent", "relative", "/dev/null"),
    "XDG_CACHE_HOME": ("relative", "/dev/null", "HOME/other"),
    "XDG_CONFIG_HOME": ("relative", "HOME/nothing"),
    "AZURE_TENANT_ID": (None, "", "../..", "a b", "\u00e9", "organizations"),
    "AZURE_CLIENT_ID": (None, "", "CANARY\nx", "00000000-0000-0000-0000-000000000000"),
    "AZURE_CLIENT_SECRET": (None, "", "CANARY-wrong-secret", "CANARY\nwith-a-line-break"),
    "AZURE_AUTHORITY_HOST": ("http://x", "login.example", "https://", "https://[::1", "\x1b[2J"),
    "AZURE_FEDERATED_TOKEN_FILE": ("/dev/null", "/nonexistent", "/", "relative"),
    "IDENTITY_ENDPOINT": ("http://127.0.0.1:1/", "x", "http://127.0.0.1:99999"),
    "MSI_ENDPOINT": ("http://127.0.0.1:1/", ""),
    "SSL_CERT_FILE": ("/nonexistent", "/", "/dev/null"),
    "HTTPS_PROXY": (
        "http://127.0.0.1:1",
        "http://u:CANARY-proxy@127.0.0.1:1",
        "http://[::1",
        "x://y",
    ),
    "DOCKER_CONFIG": ("/dev/null", "HOME"),
    "LANG": ("C", "de_DE.UTF-8", "nonsense", "tr_TR.UTF-8"),
    "LC_ALL": ("C", "POSIX", "\x80"),
    "TZ": ("Asia/Kathmandu", ":/etc/passwd", "x"),
    "TMPDIR": ("/nonexistent",),
    "PATH": ("", ".", "/nonexistent", ":"),
    "PYTHONWARNINGS": ("default", "always"),
    "PYTHONUTF8": ("0", "1"),
    "PYTHONHASHSEED": ("0",),
    "COLUMNS": ("0", "-1"),
    "GITHUB_JOB": ("\u202e", "x" * 5000),
    "AZURE_LOG_LEVEL": ("debug",),
}


@dataclass(frozen=True)
class Case:
    """One start of the program."""

    arguments: tuple[str, ...]
    given: bytes
    changes: dict[str, str | None] = field(default_factory=dict)
    closed: tuple[int, ...] = ()
    folder: str = "HOME"
    times: int = 1  # that the input is sent


def inputs() -> st.SearchStrategy[bytes]:
    def after(samples: list[bytes]) -> st.SearchStrategy[bytes]:
        return st.integers(0, 2**32).map(lambda seed: mutated(Random(seed), samples))

    right = st.just(HOST.encode())
    return st.one_of(
        right, after(list(CORPUS["host"].values())), after(LOGINS), st.binary(max_size=80)
    )


def cases() -> st.SearchStrategy[Case]:
    names = st.lists(st.sampled_from(sorted(VARIABLES)), max_size=4, unique=True)
    verbs = st.sampled_from(VERBS).map(lambda verb: (verb,))
    odd = st.lists(
        st.sampled_from(VERBS + OTHERS) | st.text("ab-\u00e9 \x1b", max_size=5), max_size=3
    ).map(tuple)
    return st.builds(
        Case,
        verbs | verbs | verbs | odd,
        inputs(),
        names.flatmap(
            lambda names: st.fixed_dictionaries({n: st.sampled_from(VARIABLES[n]) for n in names})
        ),
        st.sampled_from([(), (), (), (), (0,), (1,), (2,), (0, 1, 2)]),
        st.sampled_from(["HOME", "/", "HOME/hostile", "HOME/gone"]),
        st.sampled_from([1] * 15 + [5000]),
    )


def close(descriptors: tuple[int, ...], *, gone: bool) -> None:
    if gone:
        os.rmdir(os.getcwd())
    for descriptor in descriptors:
        os.close(descriptor)


def start(program: Program, case: Case) -> Answer:
    home = program.home
    folder = case.folder.replace("HOME", home)
    os.makedirs(folder, exist_ok=True)
    environ = program.variables({"ACR_CRED_TIMEOUT": "5"})
    for name, value in case.changes.items():
        environ.pop(name, None)
        if value is not None:
            environ[name] = value.replace("HOME", home)
    done = subprocess.run(
        [PATH, *case.arguments],
        input=case.given * case.times,
        capture_output=True,
        check=False,
        timeout=SECONDS,
        env=environ,
        cwd=folder,
        preexec_fn=partial(close, case.closed, gone=case.folder == "HOME/gone"),
    )
    return program.note(case.arguments, Answer(done.returncode, done.stdout, done.stderr))


def check(case: Case, answer: Answer) -> None:
    """The oracle of all targets: exit code, one answer or one sentence, silence on success."""
    assert b"Traceback" not in answer.out + answer.err, answer
    assert b"Error:" not in answer.out + answer.err, answer
    assert b"[internal]" not in answer.out, answer
    verb = case.arguments[0] if len(case.arguments) == 1 else ""
    assert answer.code in ((0, 1) if verb in VERBS else (0, 1, 2)), answer
    if set(case.closed) & {1, 2}:
        assert answer.code == 1 or 1 not in case.closed
    elif answer.code == 0:
        assert answer.err == b"", answer
        if verb == "get":
            assert answer.login
        elif verb == "list":
            assert isinstance(json.loads(answer.out), dict)
        elif verb in ("store", "erase"):
            assert answer.out == b"", answer
    elif verb in VERBS:
        assert answer.out in (NOT_FOUND, NO_SERVER, NO_USER) or answer.reference, answer
    else:
        words = rb"Usage: |docker-credential-acr: unknown action: |[ -~]+\n$"
        assert re.match(words, answer.out or answer.err), answer


@pytest.fixture
def starting(program: Program) -> Callable[[Case], Answer]:
    """Starts a case in a home with files that nobody should trip over."""
    hostile = os.path.join(program.home, "hostile")
    os.makedirs(hostile)
    for name in ("json.py", "ssl.py", "docker_credential_acr.py", "az"):
        path = os.path.join(hostile, name)
        with open(path, "w", encoding="ascii") as file:
            file.write("#!/bin/sh\nraise SystemExit('hostile')\n")
        os.chmod(path, 0o755)
    with open(os.path.join(program.home, "broken.toml"), "w", encoding="ascii") as file:
        file.write('[defaults]\nmethod = "CANARY-in-settings"\n[[[\n')
    program.own.add(file.name)
    program.secrets |= {
        "CANARY-wrong-secret",
        "CANARY-of-quay",
        "CANARY-proxy",
        "CANARY-in-settings",
    }
    return lambda case: start(program, case)


@examples(quick=150, long=5000, processes=True)
@given(case=cases())
def test_fz2_any_start(
    tried: Callable[[int], None], starting: Callable[[Case], Answer], case: Case
) -> None:
    """An answer, or a sentence, whatever it is started with."""
    check(case, starting(case))
    tried(1)
