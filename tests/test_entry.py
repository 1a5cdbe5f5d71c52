"""One cache entry: who may have it, when it is good, and what damage does to it."""

import os
import random
import subprocess
import sys
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from docker_credential_acr import entry, paths
from docker_credential_acr.methods import METHODS
from tests.entries import doubled

patient = settings(deadline=None)  # a busy machine is no mistake
HOST = "my.azurecr.io"
NOW = 1_800_000_000
ISSUED, RENEW, UNTIL, EXPIRES = NOW - 600, NOW + 5_000, NOW + 9_000, NOW + 10_000
ANSWER = b'"Username":"00000000-0000-0000-0000-000000000000","Secret":"CANARY.' + b"x" * 80 + b'"}'
STAMP = b"('stamp', None)"
HOUR = 3600

VARIABLES = [name.decode() for name in entry.VARIABLES]
SECRET_VARIABLES = [name.decode() for name in entry.SECRET_VARIABLES]


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("cache"))


def made(times: str = f"{ISSUED} {RENEW} {UNTIL} {EXPIRES}") -> bytes:
    return entry.head(HOST, STAMP) + doubled(times.encode(), ANSWER)


def put(folder: str, data: bytes, host: str = HOST, stamped: bytes = STAMP) -> str:
    path = os.path.join(folder, entry.file_name(host, stamped))
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    return path


# -- the stamp: who is asking


def environ(home: str, **more: str) -> dict[str, str]:
    return {"HOME": home, "USERPROFILE": home, "APPDATA": os.path.join(home, ".config"), **more}


def stamp_of(variables: Mapping[str, str], watched: tuple[bytes, ...] = ()) -> bytes:
    return entry.stamp(variables.get, entry.settings_stamp(variables.get), watched)


def test_the_same_asker_has_the_same_stamp(folder: str) -> None:
    """In another process with the same surroundings the stamp is the same, to the byte."""
    variables = environ(folder, AZURE_CLIENT_ID="me", GITHUB_JOB="job", AZURE_CLIENT_SECRET="s")
    script = (
        "import os, sys; from docker_credential_acr import entry, paths\n"
        "get = paths.variable\n"
        "sys.stdout.buffer.write(entry.stamp(get, entry.settings_stamp(get)))\n"
    )
    machine = {  # what Windows gives every process
        name: os.environ[name] for name in ("COMPUTERNAME", "SYSTEMROOT") if name in os.environ
    }
    found = {
        subprocess.run(
            [sys.executable, "-c", script],
            env=variables | {"PYTHONHASHSEED": seed} | machine,
            cwd=os.path.dirname(os.path.dirname(entry.__file__)),
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1")
    }
    assert found == {stamp_of(variables)}


@pytest.mark.parametrize("name", VARIABLES)
def test_each_variable_counts(folder: str, name: str) -> None:
    """Setting, changing or unsetting a watched variable makes another asker."""
    found = {
        stamp_of(environ(folder)),
        stamp_of(environ(folder, **{name: "a"})),
        stamp_of(environ(folder, **{name: "b"})),
        stamp_of(environ(folder, **{name: ""})),
    }
    assert len(found) == 4


# design.md 5: where the caller brings the proof, what it says about the caller.
CALLERS = {
    *("GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_JOB"),
    *("SYSTEM_TEAMPROJECTID", "SYSTEM_JOBID", "SYSTEM_OIDCREQUESTURI"),
    *("CI_PROJECT_ID", "CI_JOB_ID"),
}


def test_all_inputs_are_watched() -> None:
    """What a method declares as its input, and what tells one CI job from another, is watched."""
    wanted = {*CALLERS, "ACR_CRED_METHOD", "ACR_CRED_USERNAME", "AZURE_AUTHORITY_HOST"}
    secret: set[str] = set()
    for method in METHODS.values():
        wanted |= set(method.INPUTS)
        secret |= set(method.SECRET_INPUTS)
    assert wanted - secret <= set(VARIABLES)
    assert secret <= set(SECRET_VARIABLES)
    assert not set(VARIABLES) & set(SECRET_VARIABLES)


def test_values_do_not_run_together(folder: str) -> None:
    """The same text in another variable is another asker."""
    found = {stamp_of(environ(folder, **{name: "same"})) for name in VARIABLES}
    assert len(found) == len(VARIABLES)
    joined = stamp_of(environ(folder, AZURE_TENANT_ID="a', 'b"))
    assert joined != stamp_of(environ(folder, AZURE_TENANT_ID="a", AZURE_CLIENT_ID="b"))


@pytest.mark.parametrize("name", SECRET_VARIABLES)
def test_secrets_are_not_in_the_stamp(folder: str, name: str) -> None:
    """Of a secret only its presence counts; its value appears nowhere."""
    secret = "CANARY-0123456789"
    found = stamp_of(environ(folder, **{name: secret}))
    assert secret.encode() not in found
    assert secret not in entry.file_name(HOST, found)
    assert found == stamp_of(environ(folder, **{name: "another"}))
    assert found != stamp_of(environ(folder))
    assert stamp_of(environ(folder, **{name: ""})) == stamp_of(environ(folder))


def account_files(home: str) -> list[str]:
    token = os.path.join(home, "token")
    variables = environ(home, AZURE_FEDERATED_TOKEN_FILE=token)
    return [path for path in paths.account_files(variables.get) if path]


@pytest.mark.parametrize("number", range(4))
def test_each_account_file_counts(folder: str, number: int) -> None:
    """Signing in or out with another program, or a rotated token file, makes another asker."""
    path = account_files(folder)[number]
    os.makedirs(os.path.dirname(path), exist_ok=True)
    variables = environ(folder, AZURE_FEDERATED_TOKEN_FILE=os.path.join(folder, "token"))
    seen = [stamp_of(variables)]
    for text in ("one", "another"):
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(path + ".new", path)
        seen.append(stamp_of(variables))
    os.remove(path)
    seen.append(stamp_of(variables))
    assert len(set(seen)) == 3
    assert seen[0] == seen[-1]


def test_settings_and_watched_files_count(folder: str) -> None:
    """A new or touched settings file, and each further file that it names, makes another asker."""
    settings_file = os.path.join(folder, ".config", paths.NAME, "config.toml")
    token = os.path.join(folder, "token")
    variables = environ(folder)
    seen = [stamp_of(variables)]
    os.makedirs(os.path.dirname(settings_file))
    for path in (settings_file, token):
        for text in ("a", "bb"):
            with open(path + ".new", "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(path + ".new", path)
            seen.append(stamp_of(variables, (os.fsencode(token),)))
    assert len(set(seen)) == len(seen)
    if os.name == "nt":  # it notes when a file was made, not when it was changed
        return
    before = os.stat(settings_file)
    with open(settings_file, "w", encoding="utf-8") as file:
        file.write("cc")  # same size, same inode, and the old time put back
    os.utime(settings_file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert stamp_of(variables, (os.fsencode(token),)) != seen[-1]


@patient
@given(st.dictionaries(st.sampled_from(VARIABLES), st.text(max_size=20), max_size=4))
def test_stamp_is_one_line(variables: dict[str, str]) -> None:
    """Whatever variables hold, the stamp is one line of ASCII: nobody writes a line of his own."""
    found = stamp_of(environ("/nonexistent", **variables))
    assert found.isascii()
    assert b"\n" not in found
    assert found.decode().isprintable()


@patient
@given(st.binary(max_size=200), st.binary(max_size=200))
def test_file_names(first: bytes, second: bytes) -> None:
    """A name is plain, and the head decides: no other asker's entry begins with it."""
    for stamped in (first, second):
        name = entry.file_name("host.example:5000", stamped)
        assert name.isascii()
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.+@")
    lines = [stamped.replace(b"\n", b" ") for stamped in (first, second)]
    if lines[0] != lines[1]:
        assert not entry.head(HOST, lines[0]).startswith(entry.head(HOST, lines[1]))


# -- times


def served(folder: str, times: str, now: float = NOW) -> bool:
    put(folder, made(times))
    found = entry.answer(folder, HOST, STAMP, now)
    assert found in (None, ANSWER)
    return found is not None


@pytest.mark.parametrize(
    ("times", "good"),
    [
        (f"{ISSUED} {RENEW} {UNTIL} {EXPIRES}", True),
        (f"{NOW} {NOW} {NOW + 1} {NOW + 1}", True),
        (f"{ISSUED} {RENEW} {NOW} {EXPIRES}", False),
        (f"{ISSUED} {RENEW} {UNTIL} {NOW}", False),
        (f"{ISSUED} {RENEW} {UNTIL} {NOW - 1}", False),
        (f"{NOW + 300} {RENEW} {UNTIL} {EXPIRES}", True),
        (f"{NOW + 301} {RENEW} {UNTIL} {EXPIRES}", False),
        (f"{NOW - HOUR} {RENEW} {UNTIL} {NOW + 23 * HOUR}", True),
        (f"{NOW - HOUR} {RENEW} {UNTIL} {NOW + 23 * HOUR + 1}", False),
        (f"{EXPIRES} {RENEW} {UNTIL} {ISSUED}", False),
        (f"-{ISSUED} {RENEW} {UNTIL} {EXPIRES}", False),
        (f"{ISSUED} {RENEW} {UNTIL}", False),
        (f"{ISSUED} {RENEW} {UNTIL} {EXPIRES} 7", False),
        ("", False),
        ("nan nan nan nan", False),
        (f"{ISSUED} {RENEW} inf inf", False),
        (f"{ISSUED}.5 {RENEW} {UNTIL} {EXPIRES}", False),
        (f"{ISSUED} {RENEW} {UNTIL} {'9' * 5000}", False),
        (f"{ISSUED} {RENEW} {UNTIL} 1e999", False),
        ("0 0 0 0", False),
    ],
)
def test_times(folder: str, times: str, *, good: bool) -> None:
    """V38, F40, F42: an entry counts from its issue to its end, for a day at most."""
    assert served(folder, times) is good


@pytest.mark.parametrize(
    "now", [0, NOW - 365 * 24 * HOUR, NOW + 365 * 24 * HOUR, 2**31, 2**40, -1, ISSUED - 301, UNTIL]
)
def test_odd_clocks(folder: str, now: float) -> None:
    """F40: with a clock that is far off the entry is a miss and nothing breaks."""
    assert not served(folder, f"{ISSUED} {RENEW} {UNTIL} {EXPIRES}", now)


@patient
@given(st.lists(st.integers(-10, 2**63), min_size=4, max_size=4), st.integers(0, 2**33))
def test_never_expired(times: list[int], now: int) -> None:
    """No mixture of times makes an entry count that has expired."""
    line = " ".join(map(str, times))
    found = entry.parse(made(line), entry.head(HOST, STAMP), now)
    if found is not None:
        issued, _, _, expires = found[0]
        assert issued - 300 <= now < expires <= issued + 24 * HOUR


# -- damage


def harmless(folder: str, data: bytes) -> bool:
    """Whether the damaged entry is a miss or the very same answer."""
    put(folder, data)
    return entry.answer(folder, HOST, STAMP, NOW) in (None, ANSWER)


def test_f30_every_truncation(folder: str) -> None:
    """Cut at any byte an entry is a miss; its notes, the last line, nobody misses."""
    data = made()
    assert [end for end in range(len(data)) if not harmless(folder, data[:end])] == []
    for end in range(len(data) - len(b"{}\n")):
        put(folder, data[:end])
        assert entry.answer(folder, HOST, STAMP, NOW) is None, end


def test_f30_every_bit() -> None:
    """With any bit flipped an entry is a miss: another token, host or time would be worse."""
    data, begins = made(), entry.head(HOST, STAMP)
    whole = entry.parse(data, begins, NOW)
    assert whole
    for place in range(len(data)):
        for bit in range(8):
            damaged = bytearray(data)
            damaged[place] ^= 1 << bit
            found = entry.parse(bytes(damaged), begins, NOW)
            assert found is None or found[:2] == whole[:2]  # notes are a hint


def test_f30_random_bytes(folder: str) -> None:
    """Random bytes, zeros and other files are a miss and never an exception."""
    numbers = random.Random(1)
    for length in (0, 1, 10, 200, 5000):
        assert harmless(folder, numbers.randbytes(length))
        assert harmless(folder, b"\0" * length)
        assert harmless(folder, entry.head(HOST, STAMP) + numbers.randbytes(length))
        assert harmless(folder, entry.head(HOST, STAMP) + b"\n" * length)


@pytest.mark.parametrize("rest", [b"", b"a.example\n", b"\0" * 50, b"\xff\xfe\n\n\n"])
def test_f30_half_a_gate(folder: str, rest: bytes) -> None:
    """What a crash left of the hosts in the settings is a miss and never an exception."""
    settings = ("/settings", 1, 2, 3, 4)
    stamped = ascii(settings).encode()
    put(folder, entry.head(entry.GATE, stamped) + rest, entry.GATE, stamped)
    assert entry.read_gate(folder, settings) is None


def test_f31_entry_under_another_name(folder: str) -> None:
    """An entry answers only for the host and asker that stand in it."""
    for host, stamped in (("other.azurecr.io", STAMP), (HOST, b"('other',)"), (HOST, STAMP + b" ")):
        put(folder, made(), host, stamped)
        assert entry.answer(folder, host, stamped, NOW) is None


def test_f38_too_large(folder: str) -> None:
    """An entry that could not fit into one answer is a miss."""
    assert entry.answer(folder, HOST, STAMP, NOW) is None
    put(folder, made() + b" " * entry.LARGEST)
    assert entry.answer(folder, HOST, STAMP, NOW) is None


@pytest.mark.skipif(os.name == "nt", reason="the profile folder's rights protect it there")
@pytest.mark.parametrize("mode", [0o601, 0o610, 0o640, 0o604, 0o660, 0o777])
def test_f21_open_to_others(folder: str, mode: int) -> None:
    """An entry that others can open in any way is a miss."""
    path = put(folder, made())
    assert entry.answer(folder, HOST, STAMP, NOW) == ANSWER
    os.chmod(path, mode)
    assert entry.answer(folder, HOST, STAMP, NOW) is None


@pytest.mark.parametrize("path", ["", "no\0name", "/dev/null", "/", "x" * 5000])
def test_read_private_never_raises(path: str) -> None:
    """Whatever the path is, there is an answer."""
    assert entry.read_private(path) is None


def test_render(folder: str) -> None:
    """What the client sent is echoed before the answer, with one line break at the end."""
    put(folder, made())
    found = entry.answer(folder, HOST, STAMP, NOW)
    assert found is not None
    assert entry.render(b"https://MY.azurecr.io", found) == (
        b'{"ServerURL":"https://MY.azurecr.io",' + ANSWER + b"\n"
    )
