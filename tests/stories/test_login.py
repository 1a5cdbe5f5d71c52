"""`login` and `logout`: a person signs in once, and pulls go on with it until the person says otherwise."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.azure import Status
from tests.azure.browser import Mode, install_browser
from tests.azure.people import People
from tests.entries import times_of
from tests.stories.other_helpers import (
    KEEPS,
    OWN_SERVER,
    Helper,
    Keyring,
    Script,
    keyring,
    own,
    pass_store,
    script,
)
from tests.stories.program import NOT_FOUND, PATH, SECONDS, Answer, Program, new_host, until
from tests.stories.screen import Screen
from tests.stories.test_refresh_ahead import entry
from tests.systems import own_store

pytestmark = own_store

ELSEWHERE = "docker-credential-acr login {} --method device-code"
CODE = "open https://microsoft.com/devicelogin and enter the code FAKE12345"


@pytest.fixture(autouse=True)
def people(program: Program) -> Iterator[People]:
    """Dana, who does what she is asked to, and is signed in nowhere."""
    found = program.azure.people
    yield found
    found.device_code_problem = found.refresh_problem = found.browser.problem = None
    found.rotates = False


@pytest.fixture(autouse=True)
def nobody_else(program: Program) -> None:
    """No service principal, no metadata service: a person is all there is."""
    for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"):
        del program.environ[name]
    del program.environ["AZURE_POD_IDENTITY_AUTHORITY_HOST"]


@pytest.fixture
def store(program: Program) -> Iterator[Script]:
    """Somewhere to keep a key."""
    found = script(program, "pass", KEEPS)
    yield found
    own(program, found)


@pytest.fixture
def personal(program: Program, store: Script) -> Program:  # noqa: ARG001  it is set up
    """Every registry is signed in to by a person."""
    program.settings('[defaults]\nmethod = "device-code"\n')
    return program


def run(program: Program, *arguments: str, **changes: str | None) -> Answer:
    """Run a verb as a script does: there is no terminal, whatever these tests run on."""
    process = subprocess.Popen(
        [PATH, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=program.variables(changes),
        cwd=program.home,
        start_new_session=True,
    )
    with process:
        try:
            out, err = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    return program.note(arguments, Answer(process.returncode, out, err))


def log_in(program: Program, host: str, *more: str, **changes: str | None) -> Answer:
    answer = run(program, "login", host, *more, **changes)
    assert answer.code == 0, answer
    return answer


def left(program: Program) -> list[str]:
    """What lies in the folder of kept things, but for locks."""
    try:
        names = os.listdir(program.kept)
    except FileNotFoundError:
        return []
    return sorted(name for name in names if not name.endswith((".lock", ".lock2")))


def signed_in(program: Program) -> bool:
    return any(name.endswith("@sign-in") for name in left(program))


def has_key(store: Script) -> bool:
    return os.path.exists(os.path.join(store.notes, "kept"))


def next_step(answer: Answer) -> str:
    return answer.err.decode().partition("  next: ")[2].partition("\n")[0]


def reference(answer: Answer) -> str:
    return answer.err.decode().partition("  more: docker-credential-acr help ")[2].strip()


def browser(program: Program, tmp_path: os.PathLike[str], mode: Mode = "signs_in") -> str:
    program.settings('[defaults]\nmethod = "browser"\n')
    return install_browser(tmp_path, mode).path


class TestLogin:
    def test_then_pulls_have_a_credential(self, personal: Program, host: str) -> None:
        before = personal.get(host)
        assert before.reference == "signed-out"
        assert f"run: docker-credential-acr login {host}".encode() in before.out

        answer = log_in(personal, host, ACR_CRED_DEBUG=f"{personal.home}/log")

        said, proved = answer.out.decode().splitlines()
        assert said == f"{host}: signed in as dana@fake-azure.example"
        assert proved.startswith(f"{host}: pulls have a credential, by device-code: good for 3 h 1")
        assert answer.err.decode() == f"To sign in for {host}, {CODE}\n"
        personal.azure.forget()
        assert personal.get(host).secret in personal.azure.secrets
        assert personal.azure.requests == [], "the proof is what get has in its cache"

    def test_other_registries_of_the_person_need_no_second_one(
        self, personal: Program, host: str
    ) -> None:
        log_in(personal, host)
        other = new_host()
        assert personal.get(other).login
        assert personal.exchanges(other) == 1

    def test_it_is_renewed_where_nobody_is(self, personal: Program, host: str) -> None:
        """Neither the terminal nor anybody's answer is needed, hours later."""
        log_in(personal, host)
        for path in personal.entries():
            os.unlink(path)
        personal.erase(host)
        personal.azure.forget()
        assert personal.get(host).login
        assert personal.azure.count("sign-in") == 1
        assert personal.azure.count("device-code") == 0

    def test_it_is_renewed_by_who_asks(self, personal: Program, host: str) -> None:
        """A keyring may want its password, and a prompt out of nowhere is none that one trusts."""
        log_in(personal, host)
        _, ages, until_, _ = times_of(entry(personal, host))
        assert ages == until_, "there is no time in which another process would renew it"

    def test_a_browser(
        self, program: Program, store: Script, host: str, tmp_path: os.PathLike[str]
    ) -> None:
        path = browser(program, tmp_path, "noisy")
        answer = log_in(program, host, BROWSER=path, ACR_CRED_DEBUG=f"{program.home}/log")
        assert answer.out.startswith(f"{host}: signed in as dana@fake-azure.example\n".encode())
        assert answer.err.decode().splitlines() == [
            f"A browser has been opened: sign in there for {host}.",
            f"  nothing there? Stop with Ctrl-C and run: {ELSEWHERE.format(host)}",
        ]
        assert store.calls() == ["get", "store", "get", "get", "get"]
        assert program.get(host).login

    def test_the_other_way_this_once(
        self, personal: Program, host: str, tmp_path: os.PathLike[str]
    ) -> None:
        path = install_browser(tmp_path).path
        answer = log_in(personal, host, "--method", "browser", BROWSER=path)
        assert b"A browser has been opened" in answer.err
        assert personal.get(host).login

    def test_where_pulls_go_another_way_it_says_how_to_have_them_go_this_one(
        self, program: Program, store: Script, host: str
    ) -> None:
        answer = log_in(program, host, "--method", "device-code")
        assert store.calls()
        assert answer.out.decode().splitlines() == [
            f"{host}: signed in as dana@fake-azure.example",
            f"{host}: accepts that, but pulls do not use it: their method is automatic",
        ]
        assert next_step(answer) == (f"docker-credential-acr configure {host} --method device-code")
        assert program.get(host).reference == "no-method"
        program.settings(f'[registries."{host}"]\nmethod = "device-code"\n')
        assert program.get(host).login

    def test_the_passwords_of_an_admin_user_are_read_as_a_person(
        self, program: Program, store: Script, host: str
    ) -> None:
        program.azure.add_admin(host)
        program.settings(f'[registries."{host}"]\nmethod = "admin-user"\nsign_in = "device-code"\n')
        assert program.get(host).reference == "signed-out"
        answer = log_in(program, host)
        assert b"pulls have a credential, by admin-user\n" in answer.out
        assert store.calls()
        assert program.get(host).login["Username"] == host.partition(".")[0]
        asked = [r.form["scope"] for r in program.azure.requests if r.kind == "device-code"]
        assert ["https://management.azure.com/.default" in scope for scope in asked] == [True]

    def test_without_a_cache(self, personal: Program, host: str) -> None:
        answer = log_in(personal, host, ACR_CRED_NO_CACHE="1")
        assert b"pulls have a credential, by device-code: good for 3 h 1" in answer.out
        assert personal.get(host, ACR_CRED_NO_CACHE="1").login

    def test_a_kept_login_that_comes_first_is_said(
        self, personal: Program, host: str, store: Script
    ) -> None:
        personal.secrets.add(secret := f"CANARY-{os.urandom(8).hex()}")
        personal.settings(
            'store = "file"\nallow_unencrypted = true\n[defaults]\nmethod = "device-code"'
        )
        assert personal.store(host, "robot", secret).code == 0
        answer = log_in(personal, host)
        assert b"a login kept for robot comes first" in answer.err
        assert next_step(answer) == f"docker logout {host}"
        assert not has_key(store), "the settings name another store"

    def test_its_help_fits_a_screen(self, program: Program) -> None:
        for verb in ("login", "logout"):
            answer = run(program, verb, "--help", COLUMNS="80")
            lines = answer.out.decode().splitlines()
            assert (answer.code, answer.err) == (0, b"")
            assert len(lines) <= 22
            assert max(map(len, lines)) <= 80


class TestNothingForAPerson:
    """A host that is signed in to by something else: a proof, or the reason why there is none."""

    def test_it_works(self, program: Program, host: str) -> None:
        program.environ |= program.azure.service_principal_environ()
        program.settings('[defaults]\nmethod = "client-secret"\n')
        answer = log_in(program, host)
        assert answer.out.startswith(f"{host}: pulls have a credential, by client-secret".encode())
        assert answer.err == b""
        assert not signed_in(program)

    def test_anonymous(self, program: Program, host: str) -> None:
        program.settings('[defaults]\nmethod = "anonymous"\n')
        answer = log_in(program, host)
        assert b"pulled from without a credential" in answer.out

    def test_nothing_is_set_up(self, program: Program, host: str) -> None:
        answer = run(program, "login", host)
        assert (answer.code, answer.out) == (4, b"")
        assert next_step(answer) == f"run: docker-credential-acr login {host} --method browser"

    def test_it_is_refused(self, program: Program, host: str) -> None:
        program.environ |= program.azure.service_principal_environ()
        answer = run(program, "login", host, AZURE_CLIENT_SECRET="CANARY-wrong")
        assert (answer.code, reference(answer)) == (4, "client-secret-refused")

    @pytest.mark.parametrize(
        ("arguments", "code", "words"),
        [
            (("docker.io",), 2, "is no Azure container registry"),
            ((), 2, "required: HOST"),
            (("x.azurecr.io", "--timeout", "29"), 2, "from 30 to 900"),
            (("x.azurecr.io", "--timeout", "1e3"), 2, "from 30 to 900"),
            (("x.azurecr.io", "--method", "azure-cli"), 2, "invalid choice"),
            (("x.azurecr.io", "y.azurecr.io"), 2, "unrecognized arguments"),
        ],
    )
    def test_what_cannot_be_meant(
        self, program: Program, arguments: tuple[str, ...], code: int, words: str
    ) -> None:
        answer = run(program, "login", *arguments)
        assert (answer.code, answer.out) == (code, b"")
        assert words in answer.err.decode()
        assert next_step(answer)

    def test_broken_settings(self, program: Program, host: str) -> None:
        program.settings('[defaults]\nmethod = "devicecode"\n')
        assert run(program, "login", host).code == 3


class TestRefusals:
    def test_declined(self, personal: Program, host: str, people: People, store: Script) -> None:
        people.device_code_problem = 70018
        answer = run(personal, "login", host)
        assert (answer.code, answer.out) == (4, b"")
        assert reference(answer) == "sign-in-unfinished"
        assert left(personal) == []
        assert not has_key(store)

    def test_the_registry_says_no(self, personal: Program, host: str) -> None:
        """The sign-in is kept: what is missing is a role, not a person."""
        personal.azure.fault("exchange", Status(401), host=host)
        answer = run(personal, "login", host)
        assert answer.code == 6
        assert answer.out == f"{host}: signed in as dana@fake-azure.example\n".encode()
        assert reference(answer) == "registry-refused"
        assert signed_in(personal)

    def test_nobody_answers(self, personal: Program, host: str) -> None:
        personal.azure.fault("discovery", Status(503))
        answer = run(personal, "login", host)
        assert (answer.code, reference(answer)) == (5, "entra-unavailable")
        assert left(personal) == []

    def test_there_is_nothing_to_keep_it_in(self, program: Program, host: str) -> None:
        program.settings('[defaults]\nmethod = "device-code"\n')
        program.environ["PATH"] = "/nonexistent"
        answer = run(program, "login", host)
        assert (answer.code, answer.out) == (4, b"")
        assert reference(answer) == "sign-in-not-kept"
        assert "allow_unencrypted = true" in next_step(answer)
        assert program.azure.requests == []
        assert left(program) == []

    def test_plain_text_is_said(self, program: Program, host: str) -> None:
        program.settings('allow_unencrypted = true\n[defaults]\nmethod = "device-code"\n')
        program.environ["PATH"] = "/nonexistent"
        assert b"not encrypted, as allow_unencrypted says" in log_in(program, host).err
        assert program.get(host).login

    def test_revoked_and_signed_in_again(
        self, personal: Program, host: str, people: People
    ) -> None:
        log_in(personal, host)
        personal.erase(host)
        people.revoke()
        answer = personal.get(host)
        assert answer.reference == "sign-in-expired"
        assert b"the sign-in was revoked" in answer.out
        assert f"run: docker-credential-acr login {host}".encode() in answer.out
        assert personal.get(host).reference == "sign-in-expired"
        log_in(personal, host)
        assert personal.get(host).login, "what failed before is not remembered for another sign-in"

    def test_conditional_access_wants_a_person(
        self, personal: Program, host: str, people: People
    ) -> None:
        log_in(personal, host)
        personal.erase(host)
        people.refresh_problem = 50076
        answer = personal.get(host)
        assert answer.reference == "sign-in-blocked"
        assert f"run: docker-credential-acr login {host}".encode() in answer.out

    def test_an_old_token_is_served_while_it_is_good(
        self, personal: Program, host: str, people: People
    ) -> None:
        """A sign-in that has ended stops nobody in the middle of a build."""
        personal.settings('[defaults]\nmethod = "device-code"\nmin_ttl = 10800\n')
        personal.azure.registry(host).token_life = 3600
        log_in(personal, host)
        people.revoke()
        assert personal.get(host).login

    def test_a_file_that_was_changed(self, personal: Program, host: str) -> None:
        log_in(personal, host)
        personal.erase(host)
        (name,) = (name for name in left(personal) if name.endswith("@sign-in"))
        path = os.path.join(personal.kept, name)
        with open(path, "rb") as file:
            data = file.read().replace(b"dana@", b"eve0@")
        with open(path, "wb") as file:
            file.write(data)
        assert personal.get(host).reference == "sign-in-unreadable"
        with open(path, "rb") as file:
            assert file.read() == data
        log_in(personal, host)
        assert personal.get(host).login


class TestTerminal:
    def test_prompt_and_countdown_on_standard_error(
        self, personal: Program, host: str, people: People
    ) -> None:
        people.device_code_problem = 70016
        with Screen(personal, "login", host) as screen:
            screen.until(CODE)
            screen.until("the page asks about the Microsoft Azure CLI")
            screen.until("waiting for you to sign in, 14:5")
            screen.until("14:57 left; Ctrl-C stops")
            people.device_code_problem = None
            answer = screen.end()
            assert answer.code == 0
            assert len(answer.out.splitlines()) == 2
            assert "waiting" not in screen.shown.rpartition("\x1b[K")[2], "the line is taken away"

    def test_a_script_that_redirects_both_streams_still_asks_the_person(
        self, personal: Program, host: str
    ) -> None:
        with Screen(personal, "login", host, on=()) as screen:
            screen.until(CODE)
            answer = screen.end()
            assert answer.code == 0
            assert answer.err == b""
            assert CODE.encode() not in answer.out

    def test_without_a_terminal_it_is_one_plain_line(self, personal: Program, host: str) -> None:
        answer = log_in(personal, host)
        assert answer.err.decode() == f"To sign in for {host}, {CODE}\n"
        assert "\x1b" not in answer.err.decode() + answer.out.decode()

    def test_where_no_browser_can_be_opened(
        self, personal: Program, host: str, tmp_path: os.PathLike[str]
    ) -> None:
        with Screen(personal, "login", host, "--method", "browser") as screen:
            screen.until(ELSEWHERE.format(host))
            assert "No browser can be opened here. Open this address" in screen.shown
            address = next(w for w in screen.shown.split() if w.startswith("https://login."))
            person = install_browser(tmp_path).path
            subprocess.run([person, address], env=personal.environ, check=True, timeout=20)
            assert screen.end().code == 0
        assert personal.get(host).login


class TestStopped:
    """Ctrl-C leaves nothing behind."""

    def stopped(self, program: Program, screen: Screen, store: Script) -> None:
        screen.press_ctrl_c()
        answer = screen.end()
        assert (answer.code, answer.out) == (130, b"")
        assert "docker-credential-acr login: stopped" in screen.shown
        assert "Traceback" not in screen.shown
        assert left(program) == []
        assert not has_key(store)
        assert program.unfinished() == []

    def test_while_a_code_waits(
        self, personal: Program, host: str, people: People, store: Script
    ) -> None:
        people.device_code_problem = 70016
        with Screen(personal, "login", host) as screen:
            screen.until("waiting for you")
            self.stopped(personal, screen, store)

    def test_while_a_browser_is_open(
        self, program: Program, host: str, store: Script, tmp_path: os.PathLike[str]
    ) -> None:
        path = browser(program, tmp_path, "idle")
        with Screen(program, "login", host, BROWSER=path) as screen:
            screen.until("waiting for you")
            self.stopped(program, screen, store)

    def test_the_browser_goes_on(
        self, program: Program, host: str, tmp_path: os.PathLike[str]
    ) -> None:
        """It is the person's, with other windows in it."""
        script(program, "pass", KEEPS)
        note = os.path.join(tmp_path, "pid")
        path = os.path.join(tmp_path, "long-living")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\necho $$ >{note}.new\nmv {note}.new {note}\nexec sleep 60\n")
        os.chmod(path, 0o755)
        program.settings('[defaults]\nmethod = "browser"\n')
        with Screen(program, "login", host, BROWSER=path) as screen:
            screen.until("waiting for you")
            screen.press_ctrl_c()
            assert screen.end().code == 130
        with open(note, encoding="utf-8") as file:
            pid = int(file.read())
        os.kill(pid, signal.SIGKILL)  # fails if it is not there

    def test_a_sign_in_from_before_stays(
        self, personal: Program, host: str, people: People
    ) -> None:
        log_in(personal, host)
        people.device_code_problem = 70016
        with Screen(personal, "login", host) as screen:
            screen.until("waiting for you")
            screen.press_ctrl_c()
            assert screen.end().code == 130
        personal.erase(host)
        assert personal.get(host).login


class TestTogether:
    def test_two_that_renew_at_once_lose_no_token(
        self, personal: Program, host: str, people: People
    ) -> None:
        """A refresh token that is good once is rotated by one after the other."""
        people.rotates = True
        log_in(personal, host)
        hosts = [new_host() for _ in range(4)]
        for index in range(3):
            # Another audience is another Entra token, and the person's is the same.
            scope = ("https://containerregistry.azure.net", "https://management.azure.com")
            tables = [
                f'[registries."{each}"]\naudience = "{scope[(n + index) % 2]}"\n'
                for n, each in enumerate(hosts)
            ]
            personal.settings('[defaults]\nmethod = "device-code"\n' + "".join(tables))
            with ThreadPoolExecutor(len(hosts)) as pool:
                assert all(answer.login for answer in pool.map(personal.get, hosts))

    def test_a_logout_while_somebody_renews(self, personal: Program, host: str) -> None:
        log_in(personal, host)
        personal.erase(host)
        personal.azure.sign_in_delay = 1.0
        process = personal.asked(host)
        until(lambda: personal.azure.count("sign-in") > 1)
        assert run(personal, "logout", host).code == 0
        personal.finish(process)
        assert not signed_in(personal)
        personal.azure.sign_in_delay = 0.0
        assert personal.get(host).reference == "signed-out"


class TestLogout:
    def test_everything_of_the_person_is_gone(
        self, personal: Program, host: str, store: Script
    ) -> None:
        other = new_host()
        log_in(personal, host)
        personal.get(other)
        answer = run(personal, "logout", host)
        assert (answer.code, answer.err) == (0, b"")
        assert answer.out.decode().splitlines() == [
            "signed out: dana@fake-azure.example (organizations)",
            "2 cached credentials removed",
        ]
        assert left(personal) == ["sign-ins"]
        assert not has_key(store)
        assert personal.entries() == []
        for each in (host, other):
            assert personal.get(each).reference == "signed-out"

    def test_twice(self, personal: Program, host: str) -> None:
        log_in(personal, host)
        run(personal, "logout", host)
        answer = run(personal, "logout", host)
        assert answer == (0, f"nothing was kept for {host}\n".encode(), b"")

    def test_before_anything(self, program: Program, host: str) -> None:
        assert run(program, "logout", host).code == 0
        assert run(program, "logout", "--all") == (0, b"nothing was kept\n", b"")
        assert program.files() == []

    def test_a_registry_of_another_method_leaves_the_person_alone(
        self, program: Program, host: str, store: Script
    ) -> None:
        mine, theirs = host, new_host()
        program.settings(
            f'[registries."{mine}"]\nmethod = "device-code"\n'
            f'[registries."{theirs}"]\nmethod = "azure-cli"\n'
        )
        log_in(program, mine)
        answer = run(program, "logout", theirs)
        assert next_step(answer) == ""
        assert answer.err == b"the sign-in of azure-cli ends with: az logout\n"
        assert has_key(store)
        assert program.get(mine).login

    def test_a_kept_login(self, personal: Program, host: str) -> None:
        script(personal, "secretservice", KEEPS)
        personal.environ["DISPLAY"] = ":7"
        personal.secrets.add(secret := f"CANARY-{os.urandom(8).hex()}")
        assert personal.store(host, "robot", secret) == (0, b"", b"")
        own(personal, Script("", os.path.join(personal.home, "notes-secretservice")))
        answer = run(personal, "logout", host)
        assert answer == (0, f"{host}: its kept login is forgotten\n".encode(), b"")
        assert personal.get(host).reference == "signed-out"

    def test_all(self, personal: Program, host: str, store: Script) -> None:
        log_in(personal, host)
        personal.settings('[defaults]\nmethod = "device-code"\ntenant_id = "organizations"\n')
        mine = f'[defaults]\nmethod = "device-code"\nclient_id = "{personal.azure.client_id}"\n'
        personal.settings(mine)
        os.rename(
            os.path.join(personal.home, "notes-pass", "kept"),
            os.path.join(personal.home, "notes-pass", "first"),
        )
        log_in(personal, host)
        answer = run(personal, "logout", "--all")
        assert answer.code == 0
        assert answer.out.decode().splitlines() == [
            "signed out: dana@fake-azure.example (organizations)",
            "signed out: dana@fake-azure.example (organizations)",
            "2 cached credentials removed",
        ]
        assert not has_key(store)
        assert left(personal) == ["sign-ins"]
        assert personal.entries() == []

    def test_a_key_that_stays_is_said_and_the_rest_goes(self, personal: Program, host: str) -> None:
        log_in(personal, host)
        script(personal, "pass", "echo it is locked; exit 1")
        answer = run(personal, "logout", host)
        assert answer.code == 1
        assert b"the key stays in pass, where it opens nothing any more" in answer.err
        assert b"signed out: dana" in answer.out
        assert not signed_in(personal)

    @pytest.mark.parametrize(
        "arguments", [(), ("x.azurecr.io", "--all"), ("docker.io",), ("--everything",)]
    )
    def test_what_cannot_be_meant(self, program: Program, arguments: tuple[str, ...]) -> None:
        answer = run(program, "logout", *arguments)
        assert (answer.code, answer.out) == (2, b"")


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
    program.settings('[defaults]\nmethod = "device-code"\n')
    return found


class TestRealStores:
    def key(self, real: Helper) -> tuple[str, str]:
        """The server under which the key lies, and the key."""
        (server,) = (each for each in real.servers() if each.startswith(OWN_SERVER))
        return server, real.secret(server)

    def test_from_login_to_logout(self, real: Helper, program: Program, host: str) -> None:
        log_in(program, host)
        server, key = self.key(real)
        assert server.endswith("@sign-in")
        assert len(key) == 44
        program.secrets.add(key)
        program.erase(host)
        assert program.get(host).login
        log_in(program, host)
        assert self.key(real) == (server, key)
        assert run(program, "logout", host).code == 0
        assert [each for each in real.servers() if each.startswith(OWN_SERVER)] == []
        assert program.get(host).reference == "signed-out"

    def test_the_key_is_lost(self, real: Helper, program: Program, host: str) -> None:
        log_in(program, host)
        program.erase(host)
        real.run("erase", stdin=self.key(real)[0])
        assert program.get(host).reference == "sign-in-unreadable"
        log_in(program, host)
        assert program.get(host).login
        run(program, "logout", "--all")

    def test_a_locked_keyring(self, rings: Keyring, program: Program, host: str) -> None:
        program.environ |= rings.environ
        program.settings('[defaults]\nmethod = "device-code"\n')
        log_in(program, host)
        rings.lock()
        assert program.get(host).login, "a cached token needs no keyring"
        program.erase(host)
        began = time.monotonic()
        answer = program.get(host)
        assert answer.reference in {"helper-failed", "sign-in-unreadable"}
        assert time.monotonic() - began < 20
        assert signed_in(program)


def test_list_asks_nobody(personal: Program, host: str) -> None:
    """Not even the store of the key."""
    personal.settings(f'[registries."{host}"]\nmethod = "device-code"\n')
    log_in(personal, host)
    calls = len(os.listdir(os.path.join(personal.home, "notes-pass")))
    assert host in personal.hosts()
    assert len(os.listdir(os.path.join(personal.home, "notes-pass"))) == calls


def test_a_foreign_host_is_still_none_of_ours(personal: Program) -> None:
    assert personal.get("docker.io") == (1, NOT_FOUND, b"")
    assert json.loads(personal.run("list").out) == {}
