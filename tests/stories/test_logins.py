"""A login that the person wants kept wins over the method, until it is erased, whatever happens."""

import json
import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from docker_credential_acr import cache, credentials, entry, markers
from docker_credential_acr.asker import who_asks
from docker_credential_acr.markers import Marker
from docker_credential_acr.paths import data_folder
from docker_credential_acr.private_files import open_folder
from tests.stories.node import Response, request
from tests.stories.other_helpers import KEEPS, own, script
from tests.stories.program import GUID, Answer, Program, new_host, until
from tests.stories.test_refresh_ahead import age
from tests.systems import linux, scripts

pytestmark = scripts

FILE = 'store = "file"\n'
ADMIN = "admin"


def password(program: Program, name: str = "password") -> str:
    """A secret that the search for secrets knows."""
    found = f"CANARY-{name}-{os.urandom(8).hex()}"
    program.secrets.add(found)
    return found


def pair(answer: Answer) -> tuple[str, str]:
    return answer.login["Username"], answer.login["Secret"]


def files(program: Program) -> list[str]:
    """What is kept, without locks."""
    try:
        names = os.listdir(program.kept)
    except FileNotFoundError:
        return []
    return sorted(name for name in names if ".lock" not in name)


@pytest.fixture
def filed(program: Program) -> Program:
    """Keeps logins in files, as the settings say."""
    program.settings(FILE)
    return program


def test_it_wins_over_the_method_until_it_is_erased(filed: Program, host: str) -> None:
    secret = password(filed)
    method = filed.get(host).secret
    assert len(filed.entries(host)) == 1

    assert filed.store(host, ADMIN, secret) == (0, b"", b"")
    assert filed.entries(host) == [], "else the fast staircase would answer with it"
    seen = len(filed.azure.requests)
    for way in (host, f"https://{host}", f" {host.upper()}:443/v2/\r\n"):
        assert pair(filed.get(way)) == (ADMIN, secret)
    assert len(filed.azure.requests) == seen, "nobody is asked but the store"
    assert filed.hosts() == {host: ADMIN}
    assert filed.entries(host) == []

    assert filed.erase(f"https://{host}") == (0, b"", b"")
    assert filed.erase(host) == (0, b"", b"")
    assert files(filed) == []
    assert filed.hosts() == {}
    assert pair(filed.get(host))[0] == GUID
    assert filed.get(host).secret != method


def test_other_registries_keep_their_method(filed: Program, host: str) -> None:
    filed.store(host, ADMIN, password(filed))
    assert pair(filed.get(new_host()))[0] == GUID


def test_a_file_is_the_last_resort_and_said_once(program: Program, host: str) -> None:
    """Where no store works, the password lies in a file of ours, as Docker would keep it, too."""
    secret = password(program)

    code, out, err = program.store(host, ADMIN, secret)

    assert (code, out) == (0, b"")
    assert err.count(b"\n") == 1
    assert err.endswith(b"[login-in-file]\n")
    assert program.kept.encode() in err
    assert files(program) == [f"{host}@login", f"{host}@password"]
    assert {
        os.stat(os.path.join(program.kept, name)).st_mode & 0o777 for name in files(program)
    } == {0o600}
    assert os.stat(program.kept).st_mode & 0o777 == 0o700
    assert program.store(host, ADMIN, secret) == (0, b"", b""), "it is kept already"
    assert pair(program.get(host)) == (ADMIN, secret)


def test_a_marker_says_where_and_for_whom(filed: Program, host: str) -> None:
    filed.store(host, ADMIN, password(filed))
    with open(os.path.join(filed.kept, f"{host}@login"), encoding="utf-8") as file:
        found = json.load(file)
    assert found == {
        "host": host,
        "username": ADMIN,
        "store": "file",
        "pending": False,
        "expires": None,
    }


def test_the_last_login_counts(filed: Program, host: str) -> None:
    """As with Docker itself there is one login for a registry."""
    first, second = password(filed), password(filed)
    filed.store(host, ADMIN, first)
    filed.store(host, "somebody-else", second)
    assert pair(filed.get(host)) == ("somebody-else", second)
    token = filed.token(host)
    assert filed.store(host, GUID, token) == (0, b"", b"")
    assert files(filed) == []
    assert pair(filed.get(host)) == (GUID, token)
    filed.store(host, ADMIN, first)
    assert pair(filed.get(host)) == (ADMIN, first)


@pytest.mark.parametrize("username", ["pull token", "\u00e4", 'a"b\\c', "x" * 300, "a/b"])
def test_whatever_the_user_is_called(filed: Program, host: str, username: str) -> None:
    secret = password(filed) + ' "\\\n\t\u00e4\U0001f511'
    assert filed.store(host, username, secret) == (0, b"", b"")
    found = json.loads(filed.get(host).out)
    assert (found["Username"], found["Secret"]) == (username, secret)


def test_a_host_of_its_own_domain_with_a_port(program: Program, host: str) -> None:
    named = f"{host}.example:8443"
    program.settings(f'{FILE}[registries."{named}"]\nusername = "token"\n')
    secret = password(program)
    assert program.store(f"https://{named}", ADMIN, secret) == (0, b"", b"")
    assert pair(program.get(named)) == (ADMIN, secret)
    assert program.hosts() == {named: ADMIN}
    assert program.erase(named) == (0, b"", b"")
    assert files(program) == []


def test_without_a_cache(filed: Program, host: str) -> None:
    secret = password(filed)
    assert filed.store(host, ADMIN, secret, ACR_CRED_NO_CACHE="1") == (0, b"", b"")
    assert pair(filed.get(host, ACR_CRED_NO_CACHE="1")) == (ADMIN, secret)
    assert filed.erase(host, ACR_CRED_NO_CACHE="1") == (0, b"", b"")
    assert pair(filed.get(host, ACR_CRED_NO_CACHE="1"))[0] == GUID


def test_clearing_the_cache_loses_no_login(filed: Program, host: str) -> None:
    secret = password(filed)
    filed.store(host, ADMIN, secret)
    filed.get(new_host())
    for name in os.listdir(filed.folder):
        os.unlink(os.path.join(filed.folder, name))
    assert pair(filed.get(host)) == (ADMIN, secret)


# -- what get has answered is handed back


def test_what_is_kept_is_handed_back(program: Program, host: str) -> None:
    """`docker login` without arguments asks, logs in, and gives back what it was given."""
    helper = script(program, "own", KEEPS)
    program.settings('store = "own"\n')
    secret = password(program)
    program.store(host, ADMIN, secret)
    own(program, helper)
    assert helper.calls().count("store") == 1

    answer = program.get(host).login
    assert program.store(host, answer["Username"], answer["Secret"]) == (0, b"", b"")

    assert helper.calls().count("store") == 1
    own(program, helper)


def test_what_the_method_has_answered_is_not_kept(program: Program, host: str) -> None:
    """An admin user's password from the settings is handed back by `docker login`, too."""
    username, secret = program.azure.add_admin(host)
    path = os.path.join(program.home, "password")
    with open(path, "w", encoding="utf-8") as file:
        file.write(secret)
    os.chmod(path, 0o600)
    program.own.add(path)
    program.settings(
        f'{FILE}[registries."{host}"]\nmethod = "admin-user"\npassword_file = "{path}"\n'
    )
    answer = pair(program.get(host))
    assert answer == (username, secret)

    assert program.store(host, *answer) == (0, b"", b"")
    assert files(program) == []
    assert program.store(host, username, password(program)) == (0, b"", b"")
    assert files(program) == [f"{host}@login", f"{host}@password"]


# -- what cannot be kept is refused


@pytest.mark.parametrize("secret", ["", "x" * 70_000], ids=["none", "long"])
def test_no_password_and_a_very_long_one_are_refused(
    filed: Program, host: str, secret: str
) -> None:
    assert filed.store(host, ADMIN, secret).reference == "store-not-kept"
    assert files(filed) == []


def test_where_nothing_can_be_written_it_is_refused(filed: Program, host: str) -> None:
    """A login is never dropped silently."""
    with open(os.path.join(filed.home, "file"), "w", encoding="utf-8"):
        pass
    for place in ("/proc/nowhere", os.path.join(filed.home, "file")):
        answer = filed.store(host, ADMIN, password(filed), XDG_DATA_HOME=place)
        assert answer.reference == "store-not-kept"
    assert files(filed) == []


def test_a_full_disk_is_no_login_kept(filed: Program, host: str) -> None:
    """The marker can be written, the password not: then there is no marker either."""
    filed.store(host, ADMIN, password(filed))
    filed.erase(host)
    os.mkdir(os.path.join(filed.kept, f"{host}@password"))  # nothing can take its place
    assert filed.store(host, ADMIN, password(filed)).reference == "store-not-kept"
    assert files(filed) == [f"{host}@password"]
    assert pair(filed.get(host))[0] == GUID


# -- a login that is lost is said, and never replaced by somebody else's


def lost(program: Program, host: str) -> Answer:
    """The failure of `get`, for which nobody was asked to sign in."""
    seen = len(program.azure.requests)
    answer = program.get(host)
    assert len(program.azure.requests) == seen, "never a fall to the method"
    assert host not in program.hosts()
    return answer


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b'{"host": 7}', b"\xff", b"[" * 100_000]
)
def test_a_marker_that_cannot_be_read(filed: Program, host: str, content: bytes) -> None:
    filed.store(host, ADMIN, password(filed))
    with open(os.path.join(filed.kept, f"{host}@login"), "wb") as file:
        file.write(content)

    assert lost(filed, host).reference == "login-lost"
    assert filed.erase(host) == (0, b"", b"")
    assert files(filed) == []
    assert pair(filed.get(host))[0] == GUID


def test_a_marker_of_another_host_does_not_count(filed: Program, host: str) -> None:
    other = new_host()
    filed.store(host, ADMIN, password(filed))
    os.rename(os.path.join(filed.kept, f"{host}@login"), os.path.join(filed.kept, f"{other}@login"))
    assert lost(filed, other).reference == "login-lost"


@pytest.mark.parametrize("how", ["gone", "readable by others", "a link"])
def test_a_password_that_is_gone_or_not_private(filed: Program, host: str, how: str) -> None:
    secret = password(filed)
    filed.store(host, ADMIN, secret)
    path = os.path.join(filed.kept, f"{host}@password")
    if how == "readable by others":
        os.chmod(path, 0o644)
        filed.own.add(path)
    else:
        os.rename(path, os.path.join(filed.home, "elsewhere"))
        filed.own |= {os.path.join(filed.home, "elsewhere"), path}
        if how == "a link":
            os.symlink(os.path.join(filed.home, "elsewhere"), path)

    assert lost(filed, host).reference == "login-lost"
    filed.store(host, ADMIN, secret)
    assert pair(filed.get(host)) == (ADMIN, secret)
    assert filed.hosts() == {host: ADMIN}, "it is listed again"


# -- races: no entry of the method may stand before a kept login


def test_a_sign_in_that_was_going_on_saves_nothing(filed: Program, host: str) -> None:
    """And who logs in does not wait for it."""
    secret = password(filed)
    filed.azure.exchange_delay = 6  # longer than a login takes on a busy machine
    try:
        signing_in = filed.asked(host)
        until(lambda: filed.exchanges(host) == 1)
        assert filed.store(host, ADMIN, secret) == (0, b"", b"")
        assert signing_in.poll() is None, "it is still signing in"
        assert pair(filed.get(host)) == (ADMIN, secret)
    finally:
        filed.azure.exchange_delay = 0
    assert pair(filed.finish(signing_in))[0] == GUID, "it was asked before the login"
    assert filed.entries(host) == []
    assert pair(filed.get(host)) == (ADMIN, secret)


def test_a_renewal_that_was_going_on_saves_nothing(filed: Program, host: str) -> None:
    secret = password(filed)
    filed.get(host)
    age(filed, host)
    filed.azure.exchange_delay = 1
    try:
        filed.get(host)
        until(lambda: filed.exchanges(host) == 2)
        assert filed.store(host, ADMIN, secret) == (0, b"", b"")
    finally:
        filed.azure.exchange_delay = 0
    assert filed.get(host).secret == secret
    assert filed.run("renew", host).code == 0
    assert filed.entries(host) == []
    assert pair(filed.get(host)) == (ADMIN, secret)


@pytest.mark.usefixtures("bare")
def test_who_saves_and_who_keeps_at_the_same_moment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In whatever order their steps come, no entry is left beside a marker."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    who = who_asks(os.environ)
    kept = open_folder(data_folder(os.environ.get))
    assert kept
    assert who.folder
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for number in range(400):
            host = f"h{number}.azurecr.io"
            name = os.path.join(who.folder.path, entry.file_name(host, who.stamped))
            saving = threading.Thread(target=credentials.save, args=(host, who, b"an entry"))
            saving.start()
            for _ in range(number % 40):
                os.stat(tmp_path)
            assert markers.write(kept, Marker(host, ADMIN, "file"))
            cache.erase(who.folder, host)
            saving.join()
            assert not os.path.exists(name), number
    finally:
        sys.setswitchinterval(interval)


def test_many_who_log_in_at_once(filed: Program, host: str) -> None:
    """Whoever is last, user name and password are of one login."""
    logins = {f"user{number}": password(filed) for number in range(6)}
    started = [(filed.start("store"), name, secret) for name, secret in logins.items()]
    for process, name, secret in started:
        login = json.dumps({"ServerURL": host, "Username": name, "Secret": secret})
        assert process.stdin
        process.stdin.write(login.encode())
        process.stdin.close()
        process.stdin = None
    for process, _, _ in started:
        assert filed.finish(process, verb="store") == (0, b"", b"")
    username, secret = pair(filed.get(host))
    assert logins[username] == secret


SLOW_TO_STORE = (
    """
if [ "$verb" = store ]; then echo $$ >"$notes/pid"; read -r _ <"$notes/gate"; fi
"""
    + KEEPS
)


def waits(pid: int) -> bool:
    """Whether the process waits for its turn with a kept login; Linux shows what it has open."""
    folder = f"/proc/{pid}/fd"
    try:
        return any(
            os.readlink(os.path.join(folder, name)).endswith("@login.lock")
            for name in os.listdir(folder)
        )
    except OSError:  # closed or ended meanwhile
        return False


@linux
def test_a_get_waits_for_a_login_that_is_just_being_kept(program: Program, host: str) -> None:
    """It must not tell that the login is lost while it is on its way, nor answer the one of before."""
    program.settings('store = "own"\n')
    script(program, "own", KEEPS)
    program.store(host, ADMIN, password(program))
    helper = script(program, "own", SLOW_TO_STORE)
    gate = os.path.join(helper.notes, "gate")
    os.mkfifo(gate)
    secret = password(program)
    keeping = program.start("store")
    assert keeping.stdin
    login = json.dumps({"ServerURL": host, "Username": ADMIN, "Secret": secret})
    keeping.stdin.write(login.encode())
    keeping.stdin.close()
    keeping.stdin = None
    until(lambda: os.path.exists(os.path.join(helper.notes, "pid")))
    asking = program.asked(host)
    until(lambda: asking.poll() is not None or waits(asking.pid))
    with open(gate, "w", encoding="utf-8") as file:
        file.write("on\n")
    assert program.finish(keeping, verb="store") == (0, b"", b"")
    assert pair(program.finish(asking)) == (ADMIN, secret)
    own(program, helper)


def test_a_login_that_was_killed_on_its_way_is_lost(program: Program, host: str) -> None:
    helper = script(program, "own", SLOW_TO_STORE)
    gate = os.path.join(helper.notes, "gate")
    os.mkfifo(gate)
    program.settings('store = "own"\n')
    program.get(host)
    keeping = program.start("store")
    assert keeping.stdin
    secret = password(program)
    login = json.dumps({"ServerURL": host, "Username": ADMIN, "Secret": secret})
    keeping.stdin.write(login.encode())
    keeping.stdin.close()
    keeping.stdin = None
    pid = os.path.join(helper.notes, "pid")
    until(lambda: os.path.exists(pid) and os.path.getsize(pid))
    keeping.kill()
    program.finish(keeping, verb="store")
    with open(pid, encoding="utf-8") as file:
        os.kill(int(file.read()), signal.SIGKILL)

    assert lost(program, host).reference == "login-lost"
    assert program.erase(host) == (0, b"", b"")
    assert pair(program.get(host))[0] == GUID
    own(program, helper)


# -- others


def test_the_kubelet_never_uses_it(filed: Program, host: str) -> None:
    """A node's token is for pods; and it stays cached, whoever has logged in on the node."""
    secret = password(filed)
    filed.store(host, ADMIN, secret)
    answers = [filed.run("kubelet", stdin=request(f"{host}/app:1")) for _ in range(2)]
    assert {Response.of(answer).password(host) for answer in answers} != {secret}
    assert filed.exchanges(host) == 1
    assert pair(filed.get(host)) == (ADMIN, secret)


def test_registry_tokens_stay_in_the_cache(filed: Program, host: str) -> None:
    """What `az acr login` hands over is no password to be kept beyond its life."""
    token = filed.token(host)
    assert filed.store(host, "<token>", token) == (0, b"", b"")
    assert files(filed) == []
    assert len(filed.entries(host)) == 1
    assert filed.hosts() == {host: GUID}
