"""Which password is served: one that the registry takes now, the one renewed last before the other."""

import pytest

from docker_credential_acr.deadline import Deadline
from docker_credential_acr.errors import Failure, RegistryRefused, Unreachable
from docker_credential_acr.methods.contract import Login, Offer
from docker_credential_acr.secret import Secret
from docker_credential_acr.verification import Verified, verified
from tests.azure import FakeAzure, Reset, Status


class Rotated:
    """An admin user, and what is known about its passwords from the last time."""

    def __init__(self, azure: FakeAzure, host: str) -> None:
        self.azure, self.host = azure, host
        self.name, _ = azure.add_admin(host)
        self.passwords = azure.registry(host).admin_passwords
        self.offered: list[str] | None = None  # if it differs from what the registry knows
        self.marks: object = None

    def offer(self) -> Offer:
        offered = self.passwords if self.offered is None else self.offered
        logins = tuple(Login(self.name, Secret(password)) for password in offered)
        return Offer(logins, lambda told: told or RegistryRefused("all", "refused", "x"))

    def look(self) -> Verified:
        self.azure.forget()
        found = verified(self.host, self.offer(), self.marks, Deadline.after(10))
        self.marks = found.marks
        return found

    def served(self) -> str:
        return self.look().login.secret.reveal()

    def renew(self, which: int) -> str:
        self.passwords[which] = f"CANARY-{which}-{len(self.passwords[which])}-new"
        return self.passwords[which]


@pytest.fixture
def rotated(azure: FakeAzure, host: str) -> Rotated:
    return Rotated(azure, host)


class TestPreference:
    def test_who_has_seen_nothing_takes_the_first(self, rotated: Rotated) -> None:
        assert rotated.served() == rotated.passwords[0]
        assert rotated.azure.count("token") == 1

    @pytest.mark.parametrize("which", [0, 1])
    def test_the_one_renewed_last(self, rotated: Rotated, which: int) -> None:
        rotated.look()
        new = rotated.renew(which)
        assert rotated.served() == new
        assert rotated.served() == new, "and it stays"

    def test_in_turns(self, rotated: Rotated) -> None:
        """Each time the password that is served is not the one that is renewed next."""
        served = rotated.served()
        for _ in range(4):
            other = 1 - rotated.passwords.index(served)
            new = rotated.renew(other)
            assert rotated.served() == new
            served = new

    def test_the_other_one_when_it_is_refused(self, rotated: Rotated) -> None:
        rotated.look()
        first, second = rotated.passwords
        rotated.offered = ["CANARY-mistyped", second]
        assert rotated.served() == second
        rotated.offered = [first, second]
        assert rotated.served() in {first, second}

    def test_the_same_twice_is_one(self, rotated: Rotated) -> None:
        rotated.offered = ["CANARY-wrong", "CANARY-wrong"]
        with pytest.raises(RegistryRefused):
            rotated.look()
        assert rotated.azure.count("token") == 1

    @pytest.mark.parametrize("marks", ["x", 7, {}, [], [1, None], ["a", "b"]])
    def test_notes_of_another_kind_do_no_harm(self, rotated: Rotated, marks: object) -> None:
        rotated.marks = marks
        assert rotated.served() == rotated.passwords[0]

    def test_one_that_was_missing_once_is_not_a_new_one(self, rotated: Rotated) -> None:
        """Its file was just being written, perhaps."""
        first, second = rotated.passwords
        rotated.look()
        rotated.offered = [first]
        assert rotated.served() == first
        rotated.offered = [first, second]
        assert rotated.served() == first

    def test_few_are_remembered(self, rotated: Rotated) -> None:
        for _ in range(12):
            rotated.renew(1)
            rotated.look()
        assert isinstance(rotated.marks, list)
        assert 2 < len(rotated.marks) < 10

    def test_marks_tell_nothing(self, rotated: Rotated) -> None:
        marks = rotated.look().marks
        assert len(set(marks)) == 2
        assert all(len(mark) == 16 for mark in marks)
        assert not any(mark in password for mark in marks for password in rotated.passwords)


class TestSettled:
    def test_a_new_password_that_is_refused_may_only_be_young(self, rotated: Rotated) -> None:
        """It is tried first the next time, too."""
        first, second = rotated.passwords
        assert rotated.look().settled
        rotated.offered = [first, "CANARY-young"]
        found = rotated.look()
        assert (found.login.secret.reveal(), found.settled) == (first, False)
        found = rotated.look()
        assert (found.login.secret.reveal(), found.settled) == (first, True)
        assert rotated.azure.count("token") == 2
        rotated.passwords[1] = "CANARY-young"
        assert rotated.served() == "CANARY-young"
        assert second not in rotated.passwords


class TestRefusals:
    def test_all_are_refused(self, rotated: Rotated) -> None:
        rotated.offered = ["CANARY-wrong", "CANARY-wrong-too"]
        with pytest.raises(RegistryRefused) as raised:
            rotated.look()
        assert raised.value.what == "all"
        assert rotated.azure.count("token") == 2

    def test_a_name_that_nobody_has_is_said_to_the_offer(self, rotated: Rotated) -> None:
        rotated.name = "nobody"
        with pytest.raises(RegistryRefused) as raised:
            rotated.look()
        assert raised.value.reference == "login-unknown"

    @pytest.mark.parametrize(
        ("status", "kind", "reference"),
        [
            (403, RegistryRefused, "registry-firewall"),
            (429, Unreachable, "registry-throttled"),
            (503, Unreachable, "registry-unavailable"),
        ],
    )
    def test_who_is_not_let_in_reads_so(
        self, rotated: Rotated, status: int, kind: type[Failure], reference: str
    ) -> None:
        """And the other password is not tried: it would be told the same."""
        answer = Status(status, {"Retry-After": "77"})
        rotated.azure.fault("token", answer, host=rotated.host)
        with pytest.raises(kind) as raised:
            rotated.look()
        assert raised.value.reference == reference

    def test_a_broken_network_is_no_refusal(self, rotated: Rotated) -> None:
        rotated.azure.fault("token", Reset(), host=rotated.host)
        with pytest.raises(Unreachable) as raised:
            rotated.look()
        assert rotated.host in raised.value.what
