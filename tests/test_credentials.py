"""The one use case: look, take a turn, look again, sign in, exchange, save."""

import json
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from docker_credential_acr import (
    asker,
    cache,
    credentials,
    entry,
    locks,
    paths,
    private_files,
    waiting_room,
)
from docker_credential_acr.clouds import REGISTRY_AUDIENCE
from docker_credential_acr.commands.docker_list import list_hosts
from docker_credential_acr.deadline import Deadline
from docker_credential_acr.errors import Failure, RegistryRefused, SettingsError, SignInRefused
from docker_credential_acr.watchdog import Watchdog
from tests.azure import FakeAzure, Hang, Status
from tests.azure.tokens import peek
from tests.azure.wire import Reply
from tests.entries import redate
from tests.stories.program import GUID, OWNER, new_host, settings_file

ARM = "https://management.azure.com"


class Person:
    """Somebody with a home, who asks inside this process."""

    def __init__(self, azure: FakeAzure, home: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.azure = azure
        self.home = Path(home)
        self._monkeypatch = monkeypatch
        self.set(**azure.service_principal_environ())

    def set(self, **variables: str | None) -> None:
        for name, value in variables.items():
            if value is None:
                self._monkeypatch.delenv(name, raising=False)
            else:
                self._monkeypatch.setenv(name, value)

    def settings(self, text: str) -> None:
        path = Path(settings_file(str(self.home)))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o600)

    def get(self, host: str, seconds: float = 20) -> dict[str, str]:
        """The answer without the host."""
        found = credentials.obtain(
            host,
            asker.who_asks(os.environ),
            Deadline.after(seconds),
            lambda _: Deadline.after(seconds),
        )
        answer: dict[str, str] = json.loads(b"{" + found)
        return answer

    def token(self, host: str, seconds: float = 20) -> str:
        return self.get(host, seconds)["Secret"]

    def failure(self, host: str, seconds: float = 20) -> Failure:
        with pytest.raises(Failure) as raised:
            self.get(host, seconds)
        return raised.value

    def listed(self) -> dict[str, str]:
        watchdog = Watchdog(60, lambda: b"", lambda *_: True)
        found: dict[str, str] = json.loads(list_hosts(os.environ, watchdog).out)
        watchdog.retire()
        return found

    @property
    def folder(self) -> Path:
        path = paths.cache_folder(os.environ.get)
        assert path
        return Path(path)

    def entry(self, host: str) -> Path:
        return self.folder / entry.file_name(host, asker.who_asks(os.environ).stamped)

    def change_entry(self, host: str, change: Callable[[list[int]], list[int]]) -> None:
        """Give the entry other times: issued, renew, until, expires."""
        redate(self.entry(host), change)

    def asked(self) -> list[str]:
        """The audiences that Entra was asked for."""
        forms = [request.form for request in self.azure.requests if request.kind == "sign-in"]
        return [form["scope"].removesuffix("/.default") for form in forms]

    def date_notes(self, at: float) -> None:
        """Give every note of a failure another time."""
        for path in self.folder.glob("*.failed"):
            content = json.loads(path.read_bytes())
            assert "CANARY" not in str(content)
            path.write_text(json.dumps(content | {"at": at}))

    def date_shared_token(self, at: float) -> None:
        """Let the shared Entra token have been got at another time."""
        (path,) = self.folder.glob(f"{cache.IDENTITY}@*[0-9a-f]")
        os.utime(path, (at, at))

    def on_disk(self) -> bytes:
        return b"".join(path.read_bytes() for path in self.home.rglob("*") if path.is_file())


@pytest.fixture
def person(azure: FakeAzure, bare: str, monkeypatch: pytest.MonkeyPatch) -> Person:
    return Person(azure, bare, monkeypatch)


class TestCache:
    def test_a_fresh_token_is_served_again(self, person: Person, host: str) -> None:
        assert person.get(host) == {"Username": GUID, "Secret": person.token(host)}
        assert person.azure.count("exchange") == 1

    def test_another_identity_is_another_entry(self, person: Person, host: str) -> None:
        first = person.token(host)
        other = person.azure.add_service_principal(secret="CANARY-other")
        person.set(AZURE_CLIENT_ID=other.client_id, AZURE_CLIENT_SECRET="CANARY-other")
        second = person.token(host)
        assert peek(second)[1]["sub"] == other.object_id
        person.set(**person.azure.service_principal_environ())
        assert person.token(host) == first
        assert person.azure.count("exchange") == 2

    @pytest.mark.parametrize(
        "times",
        [
            lambda _: [1, 2, 3, 4],
            lambda t: [t[0] + 1000, t[1] + 1000, t[2] + 1000, t[3] + 1000],
            lambda t: [t[0], t[1], t[2], t[0] + 90_000],
            lambda t: [t[0], t[1], 1, t[3]],
            lambda _: [],
        ],
        ids=["expired", "from-the-future", "too-long", "old", "none"],
    )
    def test_an_entry_with_other_times_is_renewed(
        self, person: Person, host: str, times: Callable[[list[int]], list[int]]
    ) -> None:
        first = person.token(host)
        person.change_entry(host, times)
        assert person.token(host) != first
        assert person.azure.count("exchange") == 2

    def test_a_clock_that_is_a_little_behind_does_no_harm(self, person: Person, host: str) -> None:
        first = person.token(host)
        person.change_entry(host, lambda t: [t[0] + 200, *t[1:]])
        assert person.token(host) == first

    def test_a_token_that_lives_longer_than_a_day_is_answered_and_not_kept(
        self, person: Person, host: str
    ) -> None:
        person.azure.registry(host).token_life = 100_000
        assert person.token(host) != person.token(host)

    def test_together_they_sign_in_once(self, person: Person, host: str) -> None:
        person.azure.exchange_delay = 0.2
        with ThreadPoolExecutor(30) as pool:
            tokens = set(pool.map(person.token, [host] * 30))
        assert len(tokens) == 1
        assert person.azure.count("exchange") == person.azure.count("sign-in") == 1


class TestWithoutACache:
    def test_it_can_be_turned_off(self, person: Person, host: str) -> None:
        person.set(ACR_CRED_NO_CACHE="1")
        assert person.token(host) != person.token(host)
        assert list(person.home.iterdir()) == []

    @pytest.mark.parametrize("kind", ["file", "link", "below-a-file"])
    def test_a_folder_that_cannot_be_had_is_done_without(
        self, person: Person, host: str, kind: str
    ) -> None:
        base = person.home / "base"
        if kind == "below-a-file":
            base.write_text("x")
        else:
            base.mkdir()
            folder = base / (paths.NAME + OWNER)
            folder.write_text("x") if kind == "file" else folder.symlink_to(person.home)
        person.set(ACR_CRED_CACHE_DIR=str(base))
        assert person.token(host) != person.token(host)

    def test_a_lock_that_cannot_be_had_is_done_without(self, person: Person, host: str) -> None:
        folder = private_files.open_folder(str(person.folder))
        assert folder
        for suffix in (".lock", ".lock2"):
            os.mkdir(str(person.entry(host)) + suffix)
        first = person.token(host)
        assert person.token(host) == first

    def test_an_entry_that_is_a_folder_is_done_without(self, person: Person, host: str) -> None:
        person.token(new_host())
        os.mkdir(person.entry(host))
        assert person.token(host) != person.token(host)


class TestStoppedHolder:
    def test_it_costs_one_sign_in_more_and_not_one_for_each_waiter(
        self, person: Person, host: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(locks, "PATIENCE", {".lock": 0.3, ".lock2": 60.0})
        folder = private_files.open_folder(str(person.folder))
        holding, done = threading.Event(), threading.Event()

        def stand() -> None:
            name = person.entry(host).name
            with cache.turn(folder, name, Deadline.after(20), lambda: None):
                holding.set()
                done.wait(20)

        thread = threading.Thread(target=stand)
        thread.start()
        assert holding.wait(5)
        with ThreadPoolExecutor(10) as pool:
            tokens = set(pool.map(person.token, [host] * 10))
        done.set()
        thread.join()
        assert len(tokens) == 1
        assert person.azure.count("exchange") == 1


class TestAudience:
    def test_what_worked_is_asked_first_the_next_time(self, person: Person, host: str) -> None:
        """By this asker, for this host; a registry token that is always too old asks each time."""
        person.azure.audiences.discard(REGISTRY_AUDIENCE)
        person.azure.registry(host).token_life = 600
        person.token(host)
        assert person.asked() == [REGISTRY_AUDIENCE, ARM]
        person.azure.forget()
        person.token(host)
        assert person.asked() == [ARM]
        person.azure.forget()
        person.token(new_host())
        assert person.asked() == [REGISTRY_AUDIENCE, ARM]

    def test_even_of_an_entry_that_has_expired(self, person: Person, host: str) -> None:
        person.azure.audiences.discard(REGISTRY_AUDIENCE)
        person.token(host)
        person.change_entry(host, lambda _: [1, 2, 3, 4])
        person.azure.forget()
        person.token(host)
        assert person.asked() == [ARM]

    def test_what_worked_once_may_stop_working(self, person: Person, host: str) -> None:
        azure = person.azure
        azure.audiences.discard(REGISTRY_AUDIENCE)
        azure.registry(host).token_life = 600
        person.token(host)
        azure.audiences.add(REGISTRY_AUDIENCE)
        azure.audiences.discard(ARM)
        azure.forget()
        person.token(host)
        assert person.asked() == [ARM, REGISTRY_AUDIENCE]

    def test_the_settings_fix_it(self, person: Person, host: str) -> None:
        person.settings(f'[registries."{host}"]\naudience = "{ARM}"\n')
        person.token(host)
        assert person.asked() == [ARM]

    def test_and_then_no_other_is_tried(self, person: Person, host: str) -> None:
        person.settings(f'[registries."{host}"]\naudience = "https://nobody.example"\n')
        assert isinstance(person.failure(host), SignInRefused)
        assert person.asked() == ["https://nobody.example"]

    def test_a_registry_that_takes_no_arm_token_is_explained(
        self, person: Person, host: str
    ) -> None:
        person.azure.audiences.discard(REGISTRY_AUDIENCE)
        person.azure.registry(host).arm_tokens_allowed = False
        found = person.failure(host)
        assert isinstance(found, RegistryRefused)
        assert "authentication-as-arm" in found.hint

    def test_both_unknown_is_one_failure(self, person: Person, host: str) -> None:
        person.azure.audiences.clear()
        assert person.failure(host).reference == "audience-unknown"
        assert person.asked() == [REGISTRY_AUDIENCE, ARM]


class TestSharing:
    def test_three_registries_of_one_identity_cost_one_sign_in(self, person: Person) -> None:
        for _ in range(3):
            person.token(new_host())
        assert person.azure.count("sign-in") == 1
        assert person.azure.count("exchange") == 3

    def test_at_once_too(self, person: Person) -> None:
        person.azure.sign_in_delay = 0.2
        with ThreadPoolExecutor(10) as pool:
            assert len(set(pool.map(person.token, [new_host() for _ in range(10)]))) == 10
        assert person.azure.count("sign-in") == 1
        assert person.azure.count("exchange") == 10

    def test_not_between_identities(self, person: Person, host: str) -> None:
        other = person.azure.add_managed_identity()
        person.set(**person.azure.metadata_environ("vm"))
        person.settings(
            f'[registries."{host}"]\nmethod = "managed-identity"\nclient_id = "{other.client_id}"\n'
        )
        subjects = {peek(person.token(each))[1]["sub"] for each in (new_host(), host)}
        assert len(subjects) == 2
        assert other.object_id in subjects

    def test_a_token_that_could_manage_the_subscription_is_never_written(
        self, person: Person
    ) -> None:
        person.azure.audiences.discard(REGISTRY_AUDIENCE)
        fixed = new_host()
        person.settings(f'[registries."{fixed}"]\naudience = "{ARM}"\n')
        for each in (new_host(), new_host(), fixed):
            person.token(each)
        issued = [r.form["access_token"] for r in person.azure.requests if r.kind == "exchange"]
        assert [peek(token)[1]["aud"] for token in issued] == [ARM] * 3
        written = person.on_disk()
        assert not [token for token in issued if token[-40:].encode() in written]

    @pytest.mark.parametrize("end", ["", "/"])
    @pytest.mark.parametrize("told", [True, False], ids=["as the endpoint", "by its name"])
    def test_not_in_a_cloud_that_knows_no_other_audience(
        self, person: Person, end: str, *, told: bool
    ) -> None:
        person.azure.authorities.add("login.factory.example")
        host = new_host("cr.factory.example")
        person.azure.registry(host)
        person.settings(
            '[clouds.factory]\nsuffix = "cr.factory.example"\n'
            'authority = "https://login.factory.example"\n'
            + (f'arm_endpoint = "{ARM}{end}"\n' if told else "")
            + f'audience = "{ARM}{end}"\n'
        )
        person.token(host)
        (sent,) = (r.form["access_token"] for r in person.azure.requests if r.kind == "exchange")
        assert peek(sent)[1]["aud"].rstrip("/") == ARM
        assert sent[-40:].encode() not in person.on_disk()

    def test_one_that_a_registry_refuses_is_replaced(self, person: Person) -> None:
        """A permission given a minute ago is in new tokens only."""
        person.token(new_host())
        person.date_shared_token(time.time() - waiting_room.FAILURE_SECONDS)
        host = new_host()
        person.azure.fault("exchange", Status(401), times=1, host=host)
        person.token(host)
        assert person.azure.count("sign-in") == 2
        person.token(new_host())
        assert person.azure.count("sign-in") == 2

    def test_a_registry_that_refuses_the_new_one_too_is_believed(self, person: Person) -> None:
        person.token(new_host())
        person.date_shared_token(time.time() - waiting_room.FAILURE_SECONDS)
        host = new_host()
        person.azure.fault("exchange", Status(401), host=host)
        assert isinstance(person.failure(host), RegistryRefused)
        assert person.azure.count("sign-in") == 2
        assert sum(r.kind == "exchange" and r.host == host for r in person.azure.requests) == 2

    def test_registries_that_refuse_do_not_cost_a_sign_in_each(self, person: Person) -> None:
        """A token got a moment ago is refused for what it is: another one would be, too."""
        for host in [new_host() for _ in range(8)]:
            person.azure.fault("exchange", Status(401), host=host)
            assert person.failure(host).reference == "registry-refused"
        assert person.azure.count("sign-in") == 1
        assert person.azure.count("exchange") == 8

    def test_a_better_one_that_came_meanwhile_is_taken(self, person: Person) -> None:
        """Another process has signed in anew while the registry refused the token of before."""
        person.token(new_host())
        person.date_shared_token(time.time() - waiting_room.FAILURE_SECONDS)
        (path,) = person.folder.glob(f"{cache.IDENTITY}@*[0-9a-f]")
        old = path.read_bytes()
        host, other = new_host(), new_host()
        person.azure.fault("exchange", Status(401), times=1, host=other)
        person.token(other)
        better = path.read_bytes()
        assert better != old
        path.write_bytes(old)
        person.date_shared_token(time.time() - waiting_room.FAILURE_SECONDS)

        class Meanwhile(Status):
            def apply(self, answer: Callable[[], Reply], closing: threading.Event) -> Reply:
                path.write_bytes(better)
                return super().apply(answer, closing)

        person.azure.fault("exchange", Meanwhile(401), times=1, host=host)
        person.token(host)
        assert person.azure.count("sign-in") == 2

    @pytest.mark.parametrize("life", [86_400, 86_700, 28 * 3600])
    def test_one_that_lives_for_more_than_a_day_is_shared(self, person: Person, life: int) -> None:
        """A managed identity's token lives for 24 hours and five minutes, others up to 28 hours."""
        person.azure._directory.token_life = life  # noqa: SLF001  no switch of the fake's
        person.token(new_host())
        person.token(new_host())
        assert person.azure.count("sign-in") == 1

    def test_fifty_registries_cost_one_sign_in(self, person: Person) -> None:
        for host in [new_host() for _ in range(50)]:
            person.token(host)
        assert person.azure.count("sign-in") == 1
        assert person.azure.count("exchange") == 50

    def test_one_that_is_nearly_over_is_not_shared(self, person: Person) -> None:
        person.azure._directory.token_life = 200  # noqa: SLF001  no switch of the fake's
        person.token(new_host())
        person.token(new_host())
        assert person.azure.count("sign-in") == 2


class TestFailure:
    def test_a_storm_does_not_hammer(self, person: Person, host: str) -> None:
        person.set(AZURE_CLIENT_SECRET="CANARY-wrong")
        with ThreadPoolExecutor(20) as pool:
            found = list(pool.map(person.failure, [host] * 20))
        assert {failure.reference for failure in found} == {"client-secret-refused"}
        assert person.azure.count("sign-in") <= 2

    def test_it_is_forgotten_after_some_seconds(self, person: Person, host: str) -> None:
        right = person.azure.client_secret
        person.set(AZURE_CLIENT_SECRET="CANARY-wrong")
        person.failure(host)
        person.set(AZURE_CLIENT_SECRET=right)
        assert person.failure(host).reference == "client-secret-refused"
        person.date_notes(time.time() - waiting_room.FAILURE_SECONDS)
        person.token(host)
        assert not os.path.exists(f"{person.entry(host)}.failed")

    def test_where_another_one_succeeded_meanwhile_no_failure_is_noted(
        self, person: Person, host: str
    ) -> None:
        """A holder that hung fails after the next one has saved: its host is not broken."""
        token = person.token(host)
        path = person.entry(host)
        kept = path.read_bytes()
        path.unlink()

        class Meanwhile(Status):
            def apply(self, answer: Callable[[], Reply], closing: threading.Event) -> Reply:
                path.write_bytes(kept)
                path.chmod(0o600)
                return super().apply(answer, closing)

        person.azure.fault("exchange", Meanwhile(403))
        assert person.token(host) == token
        assert not os.path.exists(f"{path}.failed")
        assert host in person.listed()

    def test_a_note_from_the_future_does_not_count(self, person: Person, host: str) -> None:
        person.set(AZURE_CLIENT_SECRET="CANARY-wrong")
        person.failure(host)
        person.set(**person.azure.service_principal_environ())
        person.date_notes(time.time() + 1000)
        person.token(host)

    def test_the_host_is_not_listed_until_it_works_again(self, person: Person, host: str) -> None:
        person.settings(f'[registries."{host}"]\n')
        assert person.listed() == {host: GUID}
        person.azure.fault("exchange", Status(403))
        person.failure(host)
        assert person.listed() == {}
        person.azure.clear_faults()
        person.date_notes(1)
        assert person.listed() == {}
        person.token(host)
        assert person.listed() == {host: GUID}

    def test_a_fault_of_ours_costs_nobody_a_good_token(
        self, person: Person, host: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whatever breaks while an old token is renewed: no memory left, a library that is broken."""
        token = person.token(host)
        now = int(time.time())
        person.change_entry(host, lambda _: [now - 10_000, now - 1, now - 1, now + 600])

        def broken(*_: object) -> None:
            raise MemoryError

        monkeypatch.setattr("docker_credential_acr.sign_in.obtain", broken)
        assert person.token(host) == token

    def test_another_host_is_not_touched(self, person: Person, host: str) -> None:
        person.azure.registry(host).firewall = True
        person.failure(host)
        person.token(new_host())


class TestRenewalThatFails:
    def test_an_old_token_is_better_than_none(self, person: Person, host: str) -> None:
        person.azure.registry(host).token_life = 600  # below min_ttl
        first = person.token(host)
        person.azure.fault("exchange", Status(503))
        assert person.token(host) == first
        person.azure.clear_faults()

    def test_one_that_is_nearly_over_is_not(self, person: Person, host: str) -> None:
        person.azure.registry(host).token_life = 50
        person.token(host)
        person.azure.fault("exchange", Status(503))
        assert person.failure(host).reference == "registry-unavailable"

    def test_an_expired_one_never(self, person: Person, host: str) -> None:
        person.token(host)
        person.change_entry(host, lambda t: [t[0] - 9000, 1, 2, int(time.time()) - 1])
        person.azure.fault("exchange", Status(503))
        assert person.failure(host).reference == "registry-unavailable"

    def test_not_after_the_settings_have_changed(self, person: Person, host: str) -> None:
        person.azure.registry(host).token_life = 600
        person.token(host)
        person.settings('defaults.username = "token"\n')
        person.azure.fault("exchange", Status(503))
        assert person.failure(host).reference == "registry-unavailable"

    def test_the_deadline_holds_all_the_same(self, person: Person, host: str) -> None:
        person.azure.registry(host).token_life = 600
        first = person.token(host)
        person.azure.fault("exchange", Hang())
        began = time.monotonic()
        assert person.token(host, seconds=1) == first
        assert time.monotonic() - began < 2


class TestSettings:
    def test_the_user_name_is_the_one_that_was_chosen(self, person: Person, host: str) -> None:
        person.set(ACR_CRED_USERNAME="token")
        assert person.get(host)["Username"] == "<token>"

    def test_what_cannot_be_used_is_said_before_anybody_is_asked(
        self, person: Person, host: str
    ) -> None:
        person.set(ACR_CRED_METHOD="nonsense")
        assert isinstance(person.failure(host), SettingsError)
        assert person.azure.requests == []
