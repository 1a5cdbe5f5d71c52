"""The kept sign-in: encrypted, replaced whole, never overwritten where it cannot be opened."""

import json
import os
import stat
from base64 import b64decode, b64encode
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import pytest
from msal_extensions import FilePersistence

from docker_credential_acr import entry
from docker_credential_acr.deadline import Deadline
from docker_credential_acr.errors import Failure, HelperFailed, MethodUnavailable, SignInRefused
from docker_credential_acr.helper_program import OWN_SERVER
from docker_credential_acr.methods import interactive, kept_sign_in, sealing_key
from docker_credential_acr.methods.interactive import Options
from docker_credential_acr.methods.kept_sign_in import Identity
from docker_credential_acr.secret import Secret
from tests.methods.worlds import Machine
from tests.stories.program import until
from tests.systems import own_store

pytestmark = own_store

METHOD = "device-code"
HELPER = """#!/bin/sh
# Keeps one login in plain text, and notes how it was called.
cd "$(dirname "$0")"
echo "$1" >>calls
read -r given
case $1 in
    store) printf '%s' "$given" >kept ;;
    get) [ -f kept ] && cat kept || { echo "credentials not found in native keychain"; exit 1; } ;;
    erase) rm -f kept ;;
esac
"""


@dataclass
class Store:
    """The platform's store for keys: a helper program that a test can look into."""

    machine: Machine

    @property
    def folder(self) -> str:
        return os.path.join(self.machine.folder, "helper")

    @property
    def kept(self) -> dict[str, str]:
        """The login that it holds; empty where it has none."""
        try:
            with open(os.path.join(self.folder, "kept"), encoding="utf-8") as file:
                found: dict[str, str] = json.load(file)
        except FileNotFoundError:
            return {}
        return found

    def calls(self) -> list[str]:
        with open(os.path.join(self.folder, "calls"), encoding="utf-8") as file:
            return file.read().split()

    def keep(self, secret: str) -> None:
        self.machine.file("helper/kept", json.dumps(self.kept | {"Secret": secret}))

    def breaks(self) -> None:
        path = self.machine.file(
            "helper/docker-credential-pass", "#!/bin/sh\necho it is locked; exit 1\n"
        )
        os.chmod(path, 0o755)


@pytest.fixture
def store(machine: Machine) -> Store:
    path = machine.file("helper/docker-credential-pass", HELPER)
    os.chmod(path, 0o755)
    machine.set(PATH=os.path.dirname(path) + ":/usr/bin:/bin")
    machine.store = "pass"
    return Store(machine)


@pytest.fixture
def folder(bare: str) -> str:
    return os.path.join(bare, ".local/share/docker-credential-acr/kept")


def record(folder: str) -> str:
    """The path of the one sign-in that is kept."""
    ((name, _),) = kept_sign_in.every(os.environ)
    return os.path.join(folder, name)


def content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def write(path: str, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)


def fails(machine: Machine, options: Options | None = None) -> Failure:
    machine.azure.forget()
    with pytest.raises(Failure) as raised:
        machine.token(METHOD, options)
    return raised.value


def works(machine: Machine) -> bool:
    return machine.token(METHOD).secret.reveal() in machine.azure.secrets


class TestFile:
    @pytest.fixture
    def path(self, machine: Machine, store: Store, folder: str) -> str:  # noqa: ARG002  it comes first
        machine.log_in(METHOD)
        return record(folder)

    def test_it_is_private_and_tells_nothing_secret(self, machine: Machine, path: str) -> None:
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        data = content(path)
        for secret in machine.azure.secrets:
            assert secret.encode() not in data
            assert secret.encode() not in b64decode(data.split(b"\n")[2])
        head = json.loads(data.split(b"\n")[1])
        assert head == {
            "authority": "login.microsoftonline.com",
            "tenant": "organizations",
            "client_id": interactive.CLIENT_ID,
            "username": machine.azure.people.name,
            "store": "pass",
        }

    def test_the_key_lies_in_the_store_and_nowhere_else(
        self, store: Store, path: str, bare: str
    ) -> None:
        key = store.kept["Secret"]
        assert len(b64decode(key)) == 32
        assert store.kept["ServerURL"] == OWN_SERVER + os.path.basename(path)
        for root, _, names in os.walk(bare):
            for name in names:
                assert key.encode() not in content(os.path.join(root, name))

    def test_the_same_text_is_never_the_same_twice(self, machine: Machine, path: str) -> None:
        found = set()
        for _ in range(3):
            found.add(content(path).split(b"\n")[2][:16])
            assert works(machine)
        assert len(found) == 3

    def test_a_renewal_asks_the_store_once_and_changes_nothing_there(
        self, machine: Machine, store: Store, path: str
    ) -> None:
        key, before, calls = store.kept, content(path), len(store.calls())
        assert works(machine)
        assert store.kept == key
        assert store.calls()[calls:] == ["get"]
        assert content(path) != before

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda data: data[:-20] + (b"A" if data[-20:-19] != b"A" else b"B") + data[-19:],
            lambda data: data.replace(b"dana@", b"eve0@"),
            lambda data: data.replace(b'"store": "pass"', b'"store": "none"'),
            lambda data: data.replace(b"organizations", b"another-tenant"),
            lambda data: data[:-30],
            lambda data: data.replace(b"sign-in 1", b"sign-in 2"),
            lambda data: data.partition(b"\n")[0] + b"\n{}\n" + data.rpartition(b"\n")[2],
            lambda data: data.partition(b"\n")[0] + b"\n[[[\n",
            lambda data: data.rsplit(b"\n", 2)[0] + b"\n\n",
            lambda data: data.rsplit(b"\n", 2)[0] + b"\n\xff\xfe***\n",
            lambda _: b"",
            lambda data: data + b"x" * 200_000,
            lambda data: data + b"x\n",
        ],
        ids=[
            "byte",
            "name",
            "plain",
            "tenant",
            "short",
            "version",
            "no-head",
            "no-json",
            "no-content",
            "no-base64",
            "empty",
            "long",
            "more",
        ],
    )
    def test_what_was_changed_is_not_believed_and_not_overwritten(
        self, machine: Machine, path: str, spoil: Callable[[bytes], bytes]
    ) -> None:
        write(path, spoil(content(path)))
        before = content(path)
        failure = fails(machine)
        assert isinstance(failure, MethodUnavailable)
        assert failure.reference == "sign-in-unreadable"
        assert failure.hint.startswith("run: docker-credential-acr login t")
        assert machine.azure.requests == []
        assert content(path) == before
        machine.log_in(METHOD)
        assert works(machine)

    def test_another_sign_ins_file_is_not_taken_for_it(self, machine: Machine, folder: str) -> None:
        """Not even where nothing is encrypted."""
        mine = Options(client_id=machine.azure.client_id)
        machine.allow_unencrypted, machine.store = True, "file"
        machine.log_in(METHOD)
        ((first, _),) = kept_sign_in.every(os.environ)
        machine.log_in(METHOD, mine)
        (second,) = {name for name, _ in kept_sign_in.every(os.environ)} - {first}
        write(os.path.join(folder, second), content(os.path.join(folder, first)))
        assert fails(machine, mine).reference == "sign-in-unreadable"
        assert works(machine)

    @pytest.mark.parametrize("mode", [0o644, 0o660, 0o620])
    def test_others_may_have_read_or_written_it(
        self, machine: Machine, path: str, mode: int
    ) -> None:
        os.chmod(path, mode)
        assert fails(machine).reference == "sign-in-unreadable"

    def test_a_link_is_not_followed(self, machine: Machine, path: str) -> None:
        os.rename(path, path + ".real")
        os.symlink(path + ".real", path)
        assert fails(machine).reference == "sign-in-unreadable"

    def test_a_disk_that_takes_nothing_still_gives_an_answer(
        self, machine: Machine, path: str, folder: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Entra takes the old refresh token for weeks; a pull does not fail for that."""
        before = content(path)
        monkeypatch.setattr(os, "replace", lambda *_, **__: (_ for _ in ()).throw(OSError(28, "x")))
        assert works(machine)
        assert content(path) == before
        assert not [name for name in os.listdir(folder) if name.endswith(".tmp")]


class TestKey:
    def test_gone(self, machine: Machine, store: Store, folder: str) -> None:
        machine.log_in(METHOD)
        before = content(record(folder))
        os.unlink(os.path.join(store.folder, "kept"))
        failure = fails(machine)
        assert failure.reference == "sign-in-unreadable"
        assert "its key is not in pass" in failure.what
        assert content(record(folder)) == before
        machine.log_in(METHOD)
        assert works(machine)

    @pytest.mark.parametrize(
        "key", [b64encode(bytes(32)).decode(), b64encode(b"short").decode(), "no base64", "%"]
    )
    def test_another_one(self, machine: Machine, store: Store, key: str) -> None:
        machine.log_in(METHOD)
        store.keep(key)
        assert fails(machine).reference == "sign-in-unreadable"

    def test_of_another_user_of_the_store(self, machine: Machine, store: Store) -> None:
        machine.log_in(METHOD)
        machine.file("helper/kept", json.dumps(store.kept | {"Username": "somebody"}))
        assert fails(machine).reference == "sign-in-unreadable"

    def test_a_store_that_is_locked_is_no_reason_to_sign_in_again(
        self, machine: Machine, store: Store
    ) -> None:
        machine.log_in(METHOD)
        store.breaks()
        failure = fails(machine)
        assert isinstance(failure, HelperFailed)
        assert "docker-credential-pass failed: it is locked" in failure.what

    def test_a_second_login_goes_on_with_it(self, machine: Machine, store: Store) -> None:
        machine.log_in(METHOD)
        key = store.kept
        machine.log_in(METHOD)
        assert store.kept == key


class TestNothingToKeepItIn:
    def refused(self, machine: Machine) -> Failure:
        with pytest.raises(MethodUnavailable) as raised:
            machine.log_in(METHOD)
        assert raised.value.reference == "sign-in-not-kept"
        assert machine.azure.requests == [], "nobody is asked to sign in for nothing"
        assert kept_sign_in.every(os.environ) == []
        return raised.value

    def test_no_helper(self, machine: Machine) -> None:
        machine.set(PATH="/nonexistent")
        failure = self.refused(machine)
        assert "docker-credential-pass was not found" in failure.what
        assert "allow_unencrypted = true" in failure.hint

    def test_a_broken_one(self, machine: Machine, store: Store) -> None:
        store.breaks()
        assert "it is locked" in self.refused(machine).what

    def test_one_that_forgets(self, machine: Machine, store: Store) -> None:
        path = machine.file("helper/docker-credential-pass", HELPER.replace(">kept", ">/dev/null"))
        os.chmod(path, 0o755)
        assert "did not give back" in self.refused(machine).what
        assert store.kept == {}

    def test_a_file_is_no_place_for_a_key(self, machine: Machine) -> None:
        machine.store = "file"
        assert "the settings name no store for its key" in self.refused(machine).what

    def test_plain_text_only_where_it_is_allowed(self, machine: Machine, folder: str) -> None:
        machine.set(PATH="/nonexistent")
        machine.allow_unencrypted = True
        account, _ = machine.log_in(METHOD)
        assert not account.encrypted
        assert stat.S_IMODE(os.stat(record(folder)).st_mode) == 0o600
        assert works(machine)
        machine.allow_unencrypted = False
        failure = fails(machine)
        assert failure.reference == "sign-in-unreadable"
        assert "the settings do not allow" in failure.what

    def test_allowed_is_not_wanted(self, machine: Machine, store: Store) -> None:
        machine.allow_unencrypted = True
        assert machine.log_in(METHOD)[0].encrypted
        assert store.kept["Secret"]

    def test_a_home_that_cannot_be_written_to(self, machine: Machine, store: Store) -> None:
        machine.set(XDG_DATA_HOME="/proc/nonexistent")
        with pytest.raises(Failure) as raised:
            machine.log_in(METHOD)
        assert raised.value.reference == "sign-in-not-kept"
        assert machine.azure.requests == []
        assert store.kept == {}


WHOSE = Identity("login.example", "tenant", "client")


def stop(keeping: AbstractContextManager[object]) -> None:
    """End a sign-in as Ctrl-C does."""
    assert not keeping.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)


class TestUnfinished:
    """A sign-in that comes to nothing leaves nothing."""

    def nothing(self, store: Store, folder: str) -> bool:
        names = [name for name in os.listdir(folder) if not name.endswith((".lock", ".lock2"))]
        return (names, store.kept) == ([], {})

    def test_declined(self, machine: Machine, store: Store, folder: str) -> None:
        machine.azure.people.device_code_problem = 70018
        with pytest.raises(SignInRefused):
            machine.log_in(METHOD)
        assert self.nothing(store, folder)

    def test_stopped(self, machine: Machine, store: Store, folder: str) -> None:
        keeping = kept_sign_in.keeping(WHOSE, machine.sign_in())
        keeping.__enter__()
        assert store.kept["Secret"], "that there is a store is settled before anybody signs in"
        stop(keeping)
        assert self.nothing(store, folder)

    def test_past_its_time(self, machine: Machine, store: Store, folder: str) -> None:
        over = replace(machine.sign_in(), deadline=Deadline.after(0.5))
        keeping = kept_sign_in.keeping(WHOSE, over)
        keeping.__enter__()
        until(lambda: not over.deadline.left())
        stop(keeping)
        assert self.nothing(store, folder)

    def test_the_sign_in_before_stays(self, machine: Machine, store: Store) -> None:
        machine.log_in(METHOD)
        machine.azure.people.device_code_problem = 70018
        with pytest.raises(SignInRefused):
            machine.log_in(METHOD)
        assert store.kept["Secret"]
        assert works(machine)


class TestTwoLogins:
    """Two people at one keyboard, or one who is impatient: the last one who finishes is kept."""

    def opened(self, machine: Machine) -> str:
        return kept_sign_in.read(WHOSE, machine.sign_in())[2]

    def test_the_one_that_is_stopped_takes_nothing_from_the_other(
        self, machine: Machine, store: Store
    ) -> None:
        first = kept_sign_in.keeping(WHOSE, machine.sign_in())
        first.__enter__()
        with kept_sign_in.keeping(WHOSE, machine.sign_in()) as keep:
            assert keep("dana", "text")
        stop(first)
        assert store.kept["Secret"]
        assert self.opened(machine) == "text"

    def test_the_key_that_the_other_one_took_away_is_put_back(
        self, machine: Machine, store: Store
    ) -> None:
        first = kept_sign_in.keeping(WHOSE, machine.sign_in())
        first.__enter__()
        with kept_sign_in.keeping(WHOSE, machine.sign_in()) as keep:
            stop(first)
            assert store.kept == {}
            keep("dana", "text")
        assert self.opened(machine) == "text"


class TestForget:
    def test_file_and_key_are_gone(self, machine: Machine, store: Store, folder: str) -> None:
        machine.log_in(METHOD)
        (name,) = (name for name, _ in kept_sign_in.every(os.environ))
        assert kept_sign_in.forget(name, os.environ, Deadline.after(5)) is None
        assert (kept_sign_in.every(os.environ), store.kept) == ([], {})
        assert fails(machine).reference == "signed-out"
        assert [n for n in os.listdir(folder) if not n.endswith(".lock")] == ["sign-ins"]

    def test_the_file_goes_even_if_the_key_cannot(self, machine: Machine, store: Store) -> None:
        machine.log_in(METHOD)
        store.breaks()
        (name,) = (name for name, _ in kept_sign_in.every(os.environ))
        failure = kept_sign_in.forget(name, os.environ, Deadline.after(5))
        assert failure is not None
        assert failure.what.startswith("the key stays in pass, where it opens nothing any more")
        assert kept_sign_in.every(os.environ) == []

    def test_one_that_cannot_be_read(self, machine: Machine, store: Store, folder: str) -> None:
        machine.log_in(METHOD)
        assert store.kept
        write(record(folder), b"x")
        (found,) = kept_sign_in.every(os.environ)
        assert found[1] is None
        assert kept_sign_in.forget(found[0], os.environ, Deadline.after(5)) is None
        assert kept_sign_in.every(os.environ) == []


class TestStamp:
    """Signing in and out is another asker; renewing is not."""

    def stamp(self) -> bytes:
        return entry.stamp(os.environ.get, None)

    def test_it_changes_with_who_is_signed_in(self, machine: Machine, store: Store) -> None:
        found = [self.stamp()]
        machine.log_in(METHOD)
        found.append(self.stamp())
        assert works(machine)
        assert works(machine)
        assert self.stamp() == found[-1]
        machine.log_in(METHOD)
        found.append(self.stamp())
        kept_sign_in.forget(kept_sign_in.every(os.environ)[0][0], os.environ, Deadline.after(5))
        found.append(self.stamp())
        assert len(set(found)) == 4
        assert store.kept == {}


class TestPlatform:
    """What macOS and Windows keep the key in, as far as it can be tried elsewhere."""

    def test_a_key_comes_back(self, tmp_path: os.PathLike[str]) -> None:
        place = FilePersistence(os.path.join(tmp_path, "key"))
        assert sealing_key.loaded(place) is None
        sealing_key.saved(place, Secret("CANARY-key"))
        found = sealing_key.loaded(place)
        assert found is not None
        assert found.reveal() == "CANARY-key"
        sealing_key.saved(place, None)
        assert sealing_key.loaded(place) is None

    def test_one_that_fails(self, tmp_path: os.PathLike[str]) -> None:
        place = FilePersistence(os.path.join(tmp_path, "key"))
        os.mkdir(os.path.join(tmp_path, "key"))
        with pytest.raises(HelperFailed, match="IsADirectoryError"):
            sealing_key.loaded(place)
        with pytest.raises(HelperFailed, match="IsADirectoryError"):
            sealing_key.saved(place, Secret("CANARY-key"))
