"""`browser` and `device-code`: a person signs in once, with a real browser program and real requests."""

import io
import json
import os
import re
import socket
import subprocess
from base64 import b64decode
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from docker_credential_acr.clouds import REGISTRY_AUDIENCE
from docker_credential_acr.errors import (
    Failure,
    MethodUnavailable,
    NotSetUp,
    SignInRefused,
    sentence,
)
from docker_credential_acr.methods import INTERACTIVE_METHODS, browser_window, kept_sign_in
from docker_credential_acr.methods.interactive import CLIENT_ID, Options
from docker_credential_acr.references import REFERENCES
from tests.azure import Status
from tests.azure.authorize import challenge_of
from tests.azure.browser import FakeBrowser, Mode, install_browser
from tests.azure.tokens import peek
from tests.methods.worlds import ARM, Machine
from tests.systems import own_store

pytestmark = own_store

both = pytest.mark.parametrize("method", INTERACTIVE_METHODS)
OTHER = "00000000-1111-2222-3333-444444444444"


@pytest.fixture(autouse=True)
def plain(machine: Machine) -> None:
    """How it is kept is another file's matter."""
    machine.allow_unencrypted = True
    machine.set(BROWSER=install_browser(os.path.join(machine.folder, "bin")).path)


def browser_of(machine: Machine, mode: Mode) -> FakeBrowser:
    browser = install_browser(os.path.join(machine.folder, mode), mode)
    machine.set(BROWSER=browser.path)
    return browser


def seen(browser: FakeBrowser) -> list[dict[str, Any]]:
    return [json.loads(line) for line in browser.lines()]


def refused(machine: Machine, method: str, options: Options | None = None) -> Failure:
    """The failure of a sign-in, which keeps nothing and tells no secret."""
    with pytest.raises(Failure) as raised:
        machine.log_in(method, options)
    assert kept_sign_in.every(os.environ) == []
    line = sentence(raised.value, "team.azurecr.io")
    assert "CANARY" not in line
    assert raised.value.reference in REFERENCES
    return raised.value


class TestBrowser:
    def test_the_window_is_asked_for_a_code_with_pkce_state_and_nonce(
        self, machine: Machine
    ) -> None:
        machine.log_in("browser")
        page = next(r.query for r in machine.azure.requests if r.kind == "sign-in-page")
        form = next(r.form for r in machine.azure.requests if r.kind == "sign-in")
        assert page["code_challenge"] == challenge_of(form["code_verifier"])
        assert page["code_challenge_method"] == "S256"
        assert page["response_mode"] == "form_post"
        assert page["prompt"] == "select_account"
        assert page["client_id"] == form["client_id"] == CLIENT_ID
        assert {f"{REGISTRY_AUDIENCE}/.default", "offline_access"} <= set(page["scope"].split())
        assert re.fullmatch(r"http://localhost:\d+", page["redirect_uri"])
        assert min(len(page["state"]), len(page["nonce"])) >= 22
        assert {r.path.split("/")[1] for r in machine.azure.requests if r.listener == "entra"} == {
            "organizations"
        }

    def test_who_has_signed_in_is_named(self, machine: Machine) -> None:
        account, screen = machine.log_in("browser")
        assert account.username == machine.azure.people.name
        assert "A browser has been opened" in screen
        assert "login.microsoftonline.com" not in screen

    def test_the_window_says_that_it_can_be_closed(self, machine: Machine) -> None:
        browser = browser_of(machine, "signs_in")
        machine.log_in("browser")
        status, page = seen(browser)[-1]["landed"]
        assert status == 200
        assert "You can close this window" in page
        assert "CANARY" not in page

    def test_the_program_gets_the_address_and_nothing_of_ours(self, machine: Machine) -> None:
        browser = browser_of(machine, "noisy")
        machine.set(PYTHONPATH="/x", SSLKEYLOGFILE="/x")
        machine.log_in("browser")
        call = seen(browser)[0]
        assert len(call["argv"]) == 1
        assert call["stdin"] == "/dev/null"
        environ = call["environ"]
        assert isinstance(environ, dict)
        assert not {"PYTHONPATH", "SSLKEYLOGFILE", "ACR_CRED_NESTED"} & environ.keys()

    def test_an_answer_to_another_sign_in_is_waited_past(self, machine: Machine) -> None:
        """A page that guesses the port cannot sign somebody else in, nor end the sign-in."""
        browser = browser_of(machine, "forger")
        machine.log_in("browser")
        answers = [line["forged"] for line in seen(browser) if "forged" in line]
        assert [answer[0] for answer in answers] == [400, 400, 404]
        forms = [r.form for r in machine.azure.requests if r.kind == "sign-in"]
        assert [form["code"] for form in forms if "CANARY-forged" in form.get("code", "")] == []

    def test_a_code_in_an_address_is_not_taken(self, machine: Machine) -> None:
        """It would stay in the browser's history."""
        browser = browser_of(machine, "query")
        machine.seconds = 3
        assert refused(machine, "browser").reference == "sign-in-unfinished"
        assert seen(browser)[-1]["query"][0] == 404
        assert machine.azure.count("sign-in") == 0

    @pytest.mark.parametrize("wrong", ["state", "nonce"])
    def test_a_wrong_state_or_nonce_signs_nobody_in(self, machine: Machine, wrong: str) -> None:
        setattr(machine.azure.people.browser, wrong, "CANARY-of-another")
        machine.seconds = 4
        assert refused(machine, "browser").reference == "sign-in-unfinished"

    @pytest.mark.parametrize(
        ("number", "reference", "words"),
        [
            (65004, "sign-in-unfinished", "declined"),
            (53003, "sign-in-blocked", "Conditional Access"),
            (50020, "account-unknown", "does not exist in the tenant"),
        ],
    )
    def test_a_refusal_in_the_window(
        self, machine: Machine, number: int, reference: str, words: str
    ) -> None:
        machine.azure.people.browser.problem = number
        failure = refused(machine, "browser")
        assert isinstance(failure, SignInRefused)
        assert failure.reference == reference
        assert words in failure.what
        assert f"AADSTS{number}, correlation id" in failure.what

    def test_a_tenant_that_is_not_there_opens_no_window(self, machine: Machine) -> None:
        machine.tenant = OTHER
        assert refused(machine, "browser").reference == "tenant-unknown"
        assert machine.azure.count("sign-in-page") == 0

    def test_nobody_does_anything(self, machine: Machine) -> None:
        browser_of(machine, "idle")
        machine.seconds = 2
        failure = refused(machine, "browser")
        assert (failure.reference, failure.exit_code) == ("sign-in-unfinished", 4)


class Reader(io.StringIO):
    """A screen, and a person who does something once *pattern* stands there."""

    def __init__(self, pattern: str, act: Callable[[str], object]) -> None:
        super().__init__()
        self._pattern, self._act = pattern, act

    def write(self, text: str) -> int:
        written = super().write(text)
        if found := re.search(self._pattern, text):
            self._act(found[0])
        return written


class TestWindow:
    """Which browser is opened, and what is said where none is."""

    @pytest.mark.parametrize("given", [None, "/nonexistent/browser", "no-such-program", "'", "%s"])
    def test_where_there_is_none(self, machine: Machine, given: str | None) -> None:
        machine.set(BROWSER=given, DISPLAY=None, WAYLAND_DISPLAY=None)
        assert not browser_window.opened("https://login.example/", os.environ)

    def test_one_that_fails_at_once_is_none(self, machine: Machine) -> None:
        browser = browser_of(machine, "broken")
        assert not browser_window.opened("https://login.example/", os.environ)
        assert len(seen(browser)) == 1

    def test_the_next_one_is_tried(self, machine: Machine) -> None:
        second = install_browser(os.path.join(machine.folder, "second"), "idle")
        broken = browser_of(machine, "broken")
        machine.set(BROWSER=f"no-such-program:{broken.path}:{second.path} --new-window %s &")
        assert browser_window.opened("https://login.example/?a=b", os.environ)
        assert seen(second)[0]["argv"] == ["--new-window", "https://login.example/?a=b"]

    def test_a_display_has_the_desktops_own(self, machine: Machine) -> None:
        desktop = install_browser(os.path.join(machine.folder, "desktop"), "idle")
        os.rename(desktop.path, os.path.join(os.path.dirname(desktop.path), "xdg-open"))
        machine.set(BROWSER=None, PATH=os.path.dirname(desktop.path), DISPLAY=":7")
        assert browser_window.opened("https://login.example/", os.environ)
        assert seen(desktop)[0]["argv"] == ["https://login.example/"]

    @pytest.mark.parametrize(("name", "ends"), [("wslview", 0), ("explorer.exe", 1)])
    def test_wsl_has_windows_own(self, machine: Machine, name: str, ends: int) -> None:
        """Windows' explorer says 1 when all is well."""
        note = os.path.join(machine.folder, "note")
        path = machine.file(f"wsl/{name}", f'#!/bin/sh\necho "$@" >{note}\nexit {ends}\n')
        os.chmod(path, 0o755)
        machine.set(BROWSER=None, WSL_DISTRO_NAME="Debian", PATH=os.path.dirname(path))
        assert browser_window.opened("https://login.example/", os.environ)
        with open(note, encoding="utf-8") as file:
            assert file.read() == "https://login.example/\n"

    def test_what_lies_in_a_relative_folder_is_not_started(self, machine: Machine) -> None:
        desktop = install_browser(os.path.join(machine.folder, "desktop"), "idle")
        folder = os.path.dirname(desktop.path)
        os.rename(desktop.path, os.path.join(folder, "xdg-open"))
        machine.monkeypatch.chdir(folder)
        machine.set(BROWSER="./xdg-open:xdg-open", PATH=":.:./x", DISPLAY=":7")
        assert not browser_window.opened("https://login.example/", os.environ)
        assert seen(desktop) == []

    def test_nothing_but_https_is_opened(self, machine: Machine) -> None:
        browser = browser_of(machine, "idle")
        for address in ("http://login.example/", "file:///etc/passwd", "-version"):
            assert not browser_window.opened(address, os.environ)
        assert seen(browser) == []

    def test_without_one_the_person_is_told_the_address_and_the_other_way(
        self, machine: Machine
    ) -> None:
        machine.set(BROWSER=None, DISPLAY=None, WAYLAND_DISPLAY=None)
        path = install_browser(machine.folder).path
        started: list[subprocess.Popen[bytes]] = []
        screen = Reader(
            r"https://login\S+", lambda found: started.append(subprocess.Popen([path, found]))
        )
        account, text = machine.log_in("browser", screen=screen)
        assert started[0].wait(10) == 0
        assert account.username == machine.azure.people.name
        assert re.search(r"docker-credential-acr login \S+ --method device-code", text)


class TestLoopback:
    def post(self, loopback: browser_window.Loopback, **headers: str) -> bytes:
        """What is answered to the right form with these headers in place of the right ones."""
        form = b"code=CANARY-code&state=right"
        right = {"Host": f"localhost:{loopback.server_port}", "Content-Length": str(len(form))}
        lines = [f"{name}: {value}" for name, value in (right | headers).items() if value]
        head = "\r\n".join(["POST / HTTP/1.1", *lines, "", ""]).encode()
        with socket.create_connection(("127.0.0.1", loopback.server_port), 10) as connection:
            connection.sendall(head + form)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(4096), b""))

    @pytest.fixture
    def loopback(self) -> Iterator[browser_window.Loopback]:
        with browser_window.listening() as found:
            found.state = "right"
            yield found

    def test_only_this_machine_can_reach_it(self, loopback: browser_window.Loopback) -> None:
        assert loopback.server_address == ("127.0.0.1", loopback.server_port)

    def test_it_is_gone_afterwards(self) -> None:
        with browser_window.listening() as found:
            port = found.server_port
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 5)

    def test_the_right_answer(self, loopback: browser_window.Loopback) -> None:
        assert self.post(loopback).startswith(b"HTTP/1.0 200")
        assert loopback.answer(5) == {"code": "CANARY-code", "state": "right"}

    @pytest.mark.parametrize(
        "headers",
        [
            {"Host": "evil.example"},
            {"Host": ""},
            {"Host": "localhost"},
            {"Content-Length": ""},
            {"Content-Length": "-1"},
            {"Content-Length": "x"},
            {"Content-Length": "5"},
        ],
    )
    def test_a_page_under_another_name_cannot_answer(
        self, loopback: browser_window.Loopback, headers: dict[str, str]
    ) -> None:
        answer = self.post(loopback, **headers)
        assert answer.startswith(b"HTTP/1.0 400")
        assert b"CANARY" not in answer
        assert loopback.answer(0.01) is None

    def test_before_there_is_a_state_nothing_is_taken(
        self, loopback: browser_window.Loopback
    ) -> None:
        loopback.state = ""
        form = b"code=CANARY-code&state="
        assert self.post(loopback, **{"Content-Length": str(len(form) - 1)})[9:12] == b"400"

    def test_a_connection_that_says_nothing_holds_nobody(
        self, loopback: browser_window.Loopback
    ) -> None:
        """Browsers open some ahead."""
        with socket.create_connection(("127.0.0.1", loopback.server_port), 5):
            assert self.post(loopback).startswith(b"HTTP/1.0 200")


class TestDeviceCode:
    def after(self, machine: Machine, questions: int) -> None:
        """Somebody enters the code once it has been asked for that often."""
        asked = 0

        def watch(request: object) -> None:
            nonlocal asked
            asked += getattr(request, "kind", "") == "sign-in"
            if asked >= questions:
                machine.azure.people.device_code_problem = None

        machine.azure.log.watcher = watch

    def test_one_line_says_what_to_do(self, machine: Machine) -> None:
        account, screen = machine.log_in("device-code")
        assert account.username == machine.azure.people.name
        assert re.fullmatch(
            r"To sign in for \S+, open https://microsoft\.com/devicelogin"
            r" and enter the code FAKE12345\n",
            screen,
        )
        assert [r.form["client_id"] for r in machine.azure.requests if r.form] == [CLIENT_ID] * 2

    def test_it_is_asked_for_until_somebody_has_entered_it(self, machine: Machine) -> None:
        machine.azure.people.device_code_problem = 70016
        self.after(machine, 2)
        machine.log_in("device-code")
        assert machine.azure.count("sign-in") == 3
        assert machine.azure.count("device-code") == 1

    def test_a_network_that_fails_for_a_moment_ends_nothing(self, machine: Machine) -> None:
        machine.azure.fault("sign-in", Status(503), times=2)
        machine.log_in("device-code")

    @pytest.mark.parametrize(
        ("number", "reference", "words"),
        [
            (70018, "sign-in-unfinished", "declined"),
            (70020, "sign-in-unfinished", "expired"),
            (53003, "sign-in-blocked", "Conditional Access"),
            (50076, "sign-in-blocked", "second factor"),
            (7000218, "app-not-public", "public client"),
        ],
    )
    def test_a_refusal(self, machine: Machine, number: int, reference: str, words: str) -> None:
        machine.azure.people.device_code_problem = number
        failure = refused(machine, "device-code")
        assert failure.reference == reference
        assert words in failure.what
        assert f"AADSTS{number}, correlation id" in failure.what

    def test_a_policy_against_codes_names_the_other_way(self, machine: Machine) -> None:
        machine.azure.people.device_code_problem = 53003
        assert "--method browser" in refused(machine, "device-code").hint

    def test_nobody_enters_it(self, machine: Machine) -> None:
        machine.azure.people.device_code_problem = 70016
        machine.seconds = 3
        failure = refused(machine, "device-code")
        assert (failure.reference, failure.exit_code) == ("sign-in-unfinished", 4)

    def test_a_tenant_that_is_not_there(self, machine: Machine) -> None:
        machine.tenant = OTHER
        assert refused(machine, "device-code").reference == "tenant-unknown"


def kept(machine: Machine) -> str:  # noqa: ARG001  its home is the process's own
    """What is kept of the one sign-in, in clear text."""
    ((name, head),) = kept_sign_in.every(os.environ)
    assert head
    folder = os.path.join(os.environ["HOME"], ".local/share/docker-credential-acr/kept")
    with open(os.path.join(folder, name), "rb") as file:
        return b64decode(file.read().split(b"\n")[2]).decode()


class TestRenewal:
    @both
    def test_it_asks_entra_once_and_nobody_else(self, machine: Machine, method: str) -> None:
        machine.log_in(method)
        machine.azure.forget()
        machine.token(method)
        kinds = [r.kind for r in machine.azure.requests if r.kind != "connect"]
        assert kinds == ["discovery", "sign-in"]

    def test_either_way_renews_what_the_other_one_began(self, machine: Machine) -> None:
        machine.log_in("browser")
        assert machine.token("device-code").secret.reveal() in machine.azure.secrets
        assert len(kept_sign_in.every(os.environ)) == 1
        machine.log_in("device-code")
        assert machine.token("browser").secret.reveal() in machine.azure.secrets
        assert len(kept_sign_in.every(os.environ)) == 1

    def test_a_new_refresh_token_takes_the_old_ones_place(self, machine: Machine) -> None:
        machine.azure.people.rotates = True
        machine.log_in("device-code")
        found = {kept(machine)}
        for _ in range(3):
            machine.token("device-code")
            found.add(kept(machine))
        assert len(found) == 4

    @both
    def test_no_access_token_is_kept(self, machine: Machine, method: str) -> None:
        """One for Azure Resource Manager could manage the subscription."""
        machine.log_in(method, audience=ARM)
        machine.token(method, audience=ARM)
        machine.token(method)
        found = kept(machine)
        assert sorted(json.loads(found)) == ["Account", "AppMetadata", "RefreshToken"]
        assert "CANARY-refresh" in found
        assert [secret for secret in machine.azure.secrets if secret.count(".") == 2] != []
        assert not [s for s in machine.azure.secrets if s.count(".") == 2 and s in found]

    def test_each_client_and_tenant_is_a_sign_in_of_its_own(self, machine: Machine) -> None:
        mine = Options(client_id=machine.azure.client_id)
        machine.log_in("device-code", mine)
        with pytest.raises(MethodUnavailable) as raised:
            machine.token("device-code")
        assert raised.value.reference == "signed-out"
        assert (
            peek(machine.token("device-code", mine).secret.reveal())[1]["appid"] == mine.client_id
        )
        machine.tenant = machine.azure.tenant
        with pytest.raises(MethodUnavailable):
            machine.token("device-code", mine)
        machine.log_in("device-code", mine)
        assert len(kept_sign_in.every(os.environ)) == 2

    def test_a_guest_signs_in_to_the_registrys_tenant(self, machine: Machine) -> None:
        machine.tenant = machine.azure.tenant
        machine.log_in("device-code")
        assert machine.token("device-code").tenant == machine.azure.tenant
        asked = {r.path.split("/")[1] for r in machine.azure.requests if r.listener == "entra"}
        assert asked == {machine.azure.tenant}

    @pytest.mark.parametrize(
        ("number", "reference", "words"),
        [
            (50076, "sign-in-blocked", "second factor"),
            (50173, "sign-in-expired", "revoked"),
            (700082, "sign-in-expired", "expired"),
        ],
    )
    def test_what_only_a_person_can_mend_names_the_verb(
        self, machine: Machine, number: int, reference: str, words: str
    ) -> None:
        machine.log_in("device-code")
        before = kept(machine)
        machine.azure.people.refresh_problem = number
        with pytest.raises(SignInRefused) as raised:
            machine.token("device-code")
        assert words in raised.value.what
        assert raised.value.reference == reference
        assert raised.value.hint.startswith("run: docker-credential-acr login t")
        assert kept(machine) == before
        machine.azure.people.refresh_problem = None
        assert machine.token("device-code").secret.reveal() in machine.azure.secrets

    def test_an_outage_is_no_reason_to_sign_in_again(self, machine: Machine) -> None:
        machine.log_in("device-code")
        machine.azure.fault("sign-in", Status(503))
        machine.seconds = 6
        with pytest.raises(Failure) as raised:
            machine.token("device-code")
        assert raised.value.reference == "entra-unavailable"
        machine.azure.clear_faults()
        assert machine.token("device-code").secret.reveal() in machine.azure.secrets

    @both
    def test_nobody_is_signed_in(self, machine: Machine, method: str, bare: str) -> None:
        with pytest.raises(MethodUnavailable) as raised:
            machine.token(method)
        assert raised.value.reference == "signed-out"
        assert machine.azure.requests == []
        assert not os.path.exists(os.path.join(bare, ".local"))
        with pytest.raises(NotSetUp):
            INTERACTIVE_METHODS[method].detect(os.environ)
