"""Passwords lie where the platform keeps them; a store that fails is said, never passed over silently."""

import json
import os
import signal
import time
from collections.abc import Iterator

import pytest

from tests.stories.other_helpers import (
    KEEPS,
    OWN_SERVER,
    Helper,
    Keyring,
    keyring,
    own,
    pass_store,
    script,
)
from tests.stories.program import GUID, PATH, Program, new_host
from tests.stories.test_logins import ADMIN, files, lost, pair, password
from tests.systems import scripts

pytestmark = scripts


@pytest.fixture(scope="module")
def passes() -> Iterator[Helper]:
    with pass_store() as found:
        yield found


@pytest.fixture
def rings() -> Iterator[Keyring]:
    with keyring() as found:
        yield found


@pytest.fixture(params=["pass", "secretservice"])
def real(request: pytest.FixtureRequest, program: Program) -> Helper:
    """One of the platform's stores, the only one that is set up here."""
    found: Helper = request.getfixturevalue({"pass": "passes"}.get(request.param, "rings"))
    program.environ |= found.environ
    return found


# -- the real ones


def test_a_login_lies_there_and_nowhere_else(real: Helper, program: Program, host: str) -> None:
    secret = password(program)
    assert program.store(host, ADMIN, secret) == (0, b"", b"")
    assert files(program) == [f"{host}@login"]
    assert real.secret(OWN_SERVER + host) == secret

    assert pair(program.get(host)) == (ADMIN, secret)
    assert program.hosts() == {host: ADMIN}
    assert program.store(host, "other", secret) == (0, b"", b"")
    assert pair(program.get(host)) == ("other", secret)
    assert real.servers()[OWN_SERVER + host] == "other"

    assert program.erase(host) == (0, b"", b"")
    assert program.erase(host) == (0, b"", b"")
    assert real.secret(OWN_SERVER + host) == ""
    assert OWN_SERVER + host not in real.servers()
    assert files(program) == []
    assert pair(program.get(host))[0] == GUID


def test_what_docker_keeps_there_stays_as_it_is(real: Helper, program: Program, host: str) -> None:
    """The person may have logged in before this program was there, by the same store."""
    theirs = {host: "CANARY-a", f"https://{host}": "CANARY-b", f"https://{host}/v2/": "CANARY-c"}
    for server, secret in theirs.items():
        real.keep(server, "docker", secret)
    secret = password(program)
    program.store(host, ADMIN, secret)
    assert {server: real.secret(server) for server in theirs} == theirs
    assert pair(program.get(host)) == (ADMIN, secret)
    program.erase(host)
    assert {server: real.secret(server) for server in theirs} == theirs
    for server in theirs:
        real.run("erase", stdin=server)


def test_what_was_left_there_does_not_count(real: Helper, program: Program, host: str) -> None:
    """Another user's password under our own name, whose marker is gone (a home that was restored)."""
    real.keep(OWN_SERVER + host, "aaa", "CANARY-old")
    secret = password(program)
    assert program.store(host, ADMIN, secret) == (0, b"", b"")
    assert pair(program.get(host)) == (ADMIN, secret)
    program.erase(host)
    assert OWN_SERVER + host not in real.servers()


@pytest.mark.usefixtures("real")
def test_many_characters(program: Program, host: str) -> None:
    secret = password(program) + "/+=\u00e4\u20ac\U0001f511 \"'\\$`!"
    assert program.store(host, "a name @ b", secret) == (0, b"", b"")
    found = json.loads(program.get(host).out)
    assert (found["Username"], found["Secret"]) == ("a name @ b", secret)
    program.erase(host)


def test_what_pass_cannot_give_back_is_not_left_to_it(
    passes: Helper, program: Program, host: str
) -> None:
    """It cuts line breaks off; such a password goes to the next store."""
    program.environ |= passes.environ
    secret = password(program) + "\n"
    answer = program.store(host, ADMIN, secret)
    assert answer.code == 0
    assert answer.err.endswith(b"[login-in-file]\n")
    assert OWN_SERVER + host not in passes.servers(), "nothing of it is left there"
    found = json.loads(program.get(host).out)
    assert found["Secret"] == secret


def test_a_locked_keyring_is_said_and_not_passed_over(
    rings: Keyring, program: Program, host: str
) -> None:
    program.environ |= rings.environ
    secret = password(program)
    program.store(host, ADMIN, secret)
    rings.lock()

    answer = lost(program, host)
    assert answer.reference == "helper-failed"
    assert b"docker logout" in answer.out
    answer = program.erase(host)
    assert answer.reference == "helper-failed", "logged out is who is logged out"
    assert b"still there" in answer.out
    assert files(program) == [f"{host}@login"]
    assert program.entries(host) == []


def test_a_locked_keyring_takes_no_login_so_the_next_store_does(
    rings: Keyring, passes: Helper, program: Program, host: str
) -> None:
    program.environ |= rings.environ | passes.environ
    rings.lock()
    secret = password(program)
    assert program.store(host, ADMIN, secret) == (0, b"", b"")
    assert passes.secret(OWN_SERVER + host) == secret
    program.erase(host)


def test_pass_that_is_not_set_up_is_passed_over(program: Program, host: str) -> None:
    secret = password(program)
    answer = program.store(host, ADMIN, secret, PASSWORD_STORE_DIR=f"{program.home}/none")
    assert answer.code == 0
    assert answer.err.endswith(b"[login-in-file]\n")


def test_pass_without_its_key_is_said(passes: Helper, program: Program, host: str) -> None:
    """A key with a passphrase that nobody can type, or one that is gone."""
    program.environ |= passes.environ
    program.store(host, ADMIN, password(program))
    program.environ["GNUPGHOME"] = program.home
    assert lost(program, host).reference == "helper-failed"
    program.environ["GNUPGHOME"] = passes.environ["GNUPGHOME"]
    assert program.erase(host) == (0, b"", b"")


def test_without_a_session_nobody_asks_for_a_keyring(program: Program, host: str) -> None:
    """It would start a bus, or wait for one."""
    helper = script(program, "secretservice", KEEPS)
    script(program, "pass", "exit 1")
    program.store(host, ADMIN, password(program))
    assert helper.calls() == []
    program.store(host, "other", password(program), DBUS_SESSION_BUS_ADDRESS="unix:path=/nowhere")
    own(program, helper)
    assert helper.calls() == ["erase", "get", "store", "get"]


# -- the one that the settings name


def named(program: Program, does: str, name: str = "own") -> str:
    """A helper that the settings name as the store; the folder of its notes."""
    program.settings(f'store = "{name}"\n')
    return script(program, name, does).notes


def test_only_the_named_one_is_used(passes: Helper, program: Program, host: str) -> None:
    program.environ |= passes.environ
    named(program, "exit 1")
    answer = program.store(host, ADMIN, password(program))
    assert answer.reference == "helper-failed"
    assert files(program) == []
    assert OWN_SERVER + host not in passes.servers()


def test_a_named_one_that_is_missing_is_said(program: Program, host: str) -> None:
    program.settings('store = "nowhere-to-be-found"\n')
    answer = program.store(host, ADMIN, password(program))
    assert answer.reference == "helper-missing"
    assert b"docker-credential-nowhere-to-be-found" in answer.out
    assert files(program) == []


def test_when_a_new_one_fails_the_login_of_before_stays(program: Program, host: str) -> None:
    program.settings('store = "file"\n')
    secret = password(program)
    program.store(host, ADMIN, secret)
    named(program, "exit 1")
    assert program.store(host, ADMIN, password(program)).reference == "helper-failed"
    assert pair(program.get(host)) == (ADMIN, secret)


@pytest.mark.parametrize("username", [ADMIN, "somebody"])
@pytest.mark.parametrize(
    "fails", ["store) exit 1 ;;", 'store) sed s/CANARY/other/ "$given" >"$kept" ;;']
)
def test_a_store_that_fails_has_the_login_of_before_all_the_same(
    program: Program, host: str, username: str, fails: str
) -> None:
    """It was taken out for the new one, or written over."""
    notes = named(program, KEEPS)
    secret = password(program)
    assert program.store(host, ADMIN, secret).code == 0
    once = 'if [ $verb = store ] && mkdir "$notes/once"; then case store in {} esac; exit; fi\n'
    named(program, once.format(fails) + KEEPS)
    assert program.store(host, username, password(program)).reference == "helper-failed"
    program.own |= {os.path.join(notes, name) for name in os.listdir(notes)}
    assert pair(program.get(host)) == (ADMIN, secret)


def test_another_store_takes_over(passes: Helper, program: Program, host: str) -> None:
    """The login of before does not stay behind; where it has to, that is said."""
    program.environ |= passes.environ
    program.store(host, ADMIN, password(program))
    program.settings('store = "file"\n')
    secret = password(program)
    assert program.store(host, ADMIN, secret) == (0, b"", b"")
    assert OWN_SERVER + host not in passes.servers()
    assert pair(program.get(host)) == (ADMIN, secret)

    notes = named(program, KEEPS.replace('rm -f "$kept"', "exit 1"))
    third = password(program)
    program.store(host, ADMIN, third)
    program.settings('store = "file"\n')
    answer = program.store(host, ADMIN, password(program))
    assert answer.code == 0
    assert b"stays in own" in answer.err
    program.own |= {os.path.join(notes, name) for name in os.listdir(notes)}


@pytest.mark.parametrize(
    ("does", "says"),
    [
        ("echo hello", b"no login"),
        ("echo '[]'", b"no login"),
        ("printf '\\377'", b"no login"),
        ("echo '{\"Username\":7}'", b"no login"),
        ("echo locked by its owner; exit 7", b"locked by its owner"),
        ("echo something >&2; exit 7", b"exit code 7"),
        ("kill -9 $$", b"signal 9"),
        ("head -c 2000000 /dev/zero", b"too much"),
        ('echo \'{"Username":"admin","Secret":"CANARY-shown"}\'; exit 1', b"exit code 1"),
        ("printf 'a\\033[31mb\\nc'; exit 1", b"x1b[31mb c"),
    ],
    ids=str,
)
def test_a_helper_that_fails(program: Program, host: str, does: str, says: bytes) -> None:
    """What it says is shortened and printable; a secret in it is not said."""
    notes = named(program, KEEPS)
    program.store(host, ADMIN, password(program))
    program.own |= {os.path.join(notes, name) for name in os.listdir(notes)}
    program.secrets.add("CANARY-shown")
    broken = script(program, "own", f'[ "$verb" = get ] || exit 0\n{does}')
    program.own.add(broken.path)

    answer = lost(program, host)

    assert answer.reference == "helper-failed"
    assert says in answer.out
    own(program, broken)


@pytest.mark.parametrize(
    "does",
    [
        "echo 'credentials not found in native keychain'; exit 1",
        'echo \'{"ServerURL":"x","Username":"","Secret":""}\'',
        "echo '{}'",
        'echo \'{"Username":"somebody","Secret":"CANARY-theirs"}\'',
        'echo \'{"Username":"admin","Secret":""}\'',
    ],
)
def test_a_helper_that_has_lost_it(program: Program, host: str, does: str) -> None:
    """However it says so; and another user's password is not this login's."""
    notes = named(program, KEEPS)
    program.store(host, ADMIN, password(program))
    program.own |= {os.path.join(notes, name) for name in os.listdir(notes)}
    program.secrets.add("CANARY-theirs")
    broken = script(program, "own", does)
    program.own.add(broken.path)
    assert lost(program, host).reference == "login-lost"
    own(program, broken)


def test_a_helper_that_does_not_answer(program: Program, host: str) -> None:
    """A client waits: the store has five seconds, and is ended then."""
    notes = named(program, KEEPS)
    program.store(host, ADMIN, password(program))
    program.own |= {os.path.join(notes, name) for name in os.listdir(notes)}
    hanging = script(program, "own", 'echo $$ >"$notes/pid"; exec sleep 600')

    began = time.monotonic()
    answer = lost(program, host)
    seconds = time.monotonic() - began

    assert answer.reference == "helper-failed"
    assert b"within 5 s" in answer.out
    assert 4.5 < seconds < 8
    with (
        open(os.path.join(notes, "pid"), encoding="utf-8") as file,
        pytest.raises(ProcessLookupError),
    ):
        os.kill(int(file.read()), signal.SIGCONT)
    own(program, hanging)


def test_an_erase_that_fails_is_no_logout(program: Program, host: str) -> None:
    notes = named(program, KEEPS)
    secret = password(program)
    program.store(host, ADMIN, secret)
    script(program, "own", KEEPS.replace('rm -f "$kept"', "echo no right to; exit 1"))

    answer = program.erase(host)
    assert answer.reference == "helper-failed"
    assert b"no right to" in answer.out
    assert pair(program.get(host)) == (ADMIN, secret)

    script(program, "own", KEEPS)
    assert program.erase(host) == (0, b"", b"")
    assert pair(program.get(host))[0] == GUID
    program.own |= {os.path.join(notes, name) for name in os.listdir(notes)}


def test_its_store_is_the_markers_not_the_settings(program: Program, host: str) -> None:
    """Who names another store keeps the logins of before."""
    notes = named(program, KEEPS)
    secret = password(program)
    program.store(host, ADMIN, secret)
    program.settings('store = "file"\n')
    assert pair(program.get(host)) == (ADMIN, secret)
    program.own |= {os.path.join(notes, name) for name in os.listdir(notes)}


def test_list_asks_no_store(program: Program) -> None:
    """It is offline and at once, also where a store would ask for a password."""
    notes = named(program, KEEPS)
    hosts = [new_host() for _ in range(3)]
    for name in hosts:
        program.store(name, ADMIN, password(program))
    program.own |= {os.path.join(notes, name) for name in os.listdir(notes)}
    silent = script(program, "own", "sleep 600")
    calls = len(silent.calls())
    assert program.hosts() == dict.fromkeys(hosts, ADMIN)
    assert len(silent.calls()) == calls


# -- this program is no store of its own


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_a_store_that_is_this_program(program: Program, host: str, link: object) -> None:
    named(program, KEEPS)
    path = os.path.join(program.home, "bin", "docker-credential-own")
    os.unlink(path)
    assert callable(link)
    try:
        link(PATH, path)
    except OSError:
        pytest.skip("two file systems: there is no hard link between them")
    assert program.store(host, ADMIN, password(program)).reference == "helper-is-us"
    assert files(program) == []


def test_nobody_is_asked_where_a_helper_has_started_us(program: Program, host: str) -> None:
    notes = named(program, KEEPS)
    secret = password(program)
    program.store(host, ADMIN, secret)
    program.own |= {os.path.join(notes, name) for name in os.listdir(notes)}
    calls = len(os.listdir(notes))

    assert program.get(host, ACR_CRED_NESTED="1").reference == "helper-nested"
    assert program.erase(host, ACR_CRED_NESTED="1").reference == "helper-nested"
    program.settings("")
    other = new_host()
    answer = program.store(other, ADMIN, password(program), ACR_CRED_NESTED="1")
    assert answer.reference == "helper-nested"
    assert len(os.listdir(notes)) == calls
    assert files(program) == [f"{host}@login"]


def test_it_is_told_that_we_started_it(program: Program, host: str) -> None:
    named(program, KEEPS)
    helper = script(program, "own", KEEPS)
    program.store(host, ADMIN, password(program))
    assert {nested for _, _, nested in helper.heard()} == {"1"}
    own(program, helper)
