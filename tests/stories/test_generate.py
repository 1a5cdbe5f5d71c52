"""`login HOST --generate`: a new password of a repository token, and pulls that go on meanwhile."""

import json
import os
import re
import signal
import time

import pytest

from docker_credential_acr.arm_registries import Slot
from docker_credential_acr.commands.generate import unused
from tests.azure import Hang, Status
from tests.managers import targets
from tests.stories.other_helpers import KEEPS, own, script
from tests.stories.program import Answer, Program, until
from tests.stories.test_passwords import ADMIN, ROBOT, kept_file, taken
from tests.systems import signals

NOW = 1_800_000_000.0  # 2027-01-15T08:00:00Z
PAST, SOON, LATER = "2027-01-01T00:00:00Z", "2027-02-01T00:00:00Z", "2027-03-01T00:00:00+00:00"
SOON_SECONDS, LATER_SECONDS = 1_801_440_000, 1_803_859_200


class TestUnused:
    """Which of the two passwords nobody here uses."""

    @pytest.mark.parametrize(
        ("slots", "kept", "chosen"),
        [
            ([], None, "password1"),
            ([Slot("password1", PAST, None)], None, "password2"),
            ([Slot("password2", PAST, None)], None, "password1"),
            (
                [Slot("password1", "2026-02-01", None), Slot("password2", "2026-01-01", None)],
                None,
                2,
            ),
            (
                [Slot("password1", "2026-01-01", None), Slot("password2", "2026-02-01", None)],
                None,
                1,
            ),
            (
                [Slot("password1", "2026-02-01", PAST), Slot("password2", "2026-01-01", SOON)],
                None,
                1,
            ),
            (
                [Slot("password1", "2026-01-01", SOON), Slot("password2", "2026-02-01", LATER)],
                None,
                1,
            ),
            (
                [Slot("password1", "2026-01-01", SOON), Slot("password2", "2026-02-01", LATER)],
                SOON_SECONDS,
                2,
            ),
            (
                [Slot("password1", "2026-02-01", SOON), Slot("password2", "2026-01-01", LATER)],
                LATER_SECONDS,
                1,
            ),
            ([Slot("password1", "2026-01-01", SOON), Slot("password2", "2026-02-01", None)], 77, 1),
            ([Slot("password1", "x", "y"), Slot("password2", "2026-02-01", None)], None, 1),
        ],
    )
    def test_it_is(self, slots: list[Slot], kept: int | None, chosen: int | str) -> None:
        name = chosen if isinstance(chosen, str) else f"password{chosen}"
        assert unused(slots, kept, NOW) == name

    def test_azures_times_have_seven_digits_behind_the_second(self) -> None:
        slots = [
            Slot("password1", "2026-01-01T00:00:00.1234567+00:00", None),
            Slot("password2", "2026-01-01T00:00:00.0234567Z", None),
        ]
        assert unused(slots, None, NOW) == "password2"


class TestGenerate:
    @pytest.fixture
    def robot(self, program: Program, host: str) -> Program:
        """A repository token with one password, which somebody else uses."""
        program.settings(ROBOT.format(host))
        program.azure.add_repository_token(host, "robot")
        program.azure.forget()
        return program

    @staticmethod
    def generate(robot: Program, host: str, *more: str) -> Answer:
        answer = robot.run("login", host, "--generate", *more)
        assert "CANARY" not in (answer.out + answer.err).decode()
        return answer

    def token(self, robot: Program, host: str) -> dict[str, str]:
        return robot.azure.registry(host).repository_tokens["robot"].passwords

    def test_it_takes_the_empty_place_and_is_what_pulls_get(
        self, robot: Program, host: str
    ) -> None:
        first = self.token(robot, host)["password1"]
        answer = self.generate(robot, host)
        assert answer.code == 0, answer
        assert b"password2 of robot is new; nothing stops working" in answer.err
        assert b"about a minute" in answer.err
        passwords = self.token(robot, host)
        assert passwords["password1"] == first
        got = robot.get(host)
        assert got.login["Username"] == "robot"
        assert got.secret == passwords["password2"]
        assert taken(robot.azure, host, got)

    def test_what_is_asked_and_in_which_order(self, robot: Program, host: str) -> None:
        self.generate(robot, host)
        name = robot.azure.registry(host).name
        assert targets(robot.azure) == [
            "GET /subscriptions",
            "GET SUB",
            f"GET SUB/{name}/tokens/robot",
            f"POST SUB/{name}/generateCredentials",
        ]
        assert robot.azure.count("token") == 1
        robot.azure.forget()
        robot.get(host)
        assert robot.azure.count("arm") == robot.azure.count("sign-in") == 0

    def test_it_expires(self, robot: Program, host: str) -> None:
        """In 90 days unless something else is said; the marker knows it, for ``status``."""
        for days, more in ((90, ()), (7, ("--expires-in", "7"))):
            answer = self.generate(robot, host, *more)
            ends = time.time() + days * 24 * 3600
            shown = time.strftime("%Y-%m-%d", time.gmtime(ends))
            assert f"good until {shown}".encode() in answer.out
            slot = re.search(rb"password[12]", answer.out)
            assert slot
            expiry = robot.azure.registry(host).repository_tokens["robot"].expiry
            assert expiry[slot[0].decode()].startswith(shown)
        found = json.loads(robot.run("status", "--json", host).out)["registries"][0]
        assert abs(found["login_seconds"] - 7 * 24 * 3600) < 300
        assert "the password kept for robot expires in 6 days" in found["warnings"]
        assert b"expires in 6 days" in robot.run("login", host).err

    def test_in_turns(self, robot: Program, host: str) -> None:
        """The one that is kept here stays; the other one is told to stop, with its date."""
        for turn in range(4):
            before = dict(self.token(robot, host))
            got = robot.get(host).secret if turn else before["password1"]
            answer = self.generate(robot, host)
            after = self.token(robot, host)
            assert got in after.values(), "what pulls used until now goes on"
            assert robot.get(host).secret in set(after.values()) - set(before.values())
            if turn:
                assert b"stops working" in answer.err
                assert time.strftime("made on %Y-%m-%d,", time.gmtime()).encode() in answer.err

    def test_one_that_is_not_known_everywhere_at_once(self, robot: Program, host: str) -> None:
        robot.azure.arm.late = 2
        answer = self.generate(robot, host)
        robot.azure.arm.late = 0
        assert answer.code == 0
        assert robot.azure.count("token") == 3
        assert taken(robot.azure, host, robot.get(host))

    @pytest.mark.parametrize("status", [403, 429])
    def test_it_is_kept_where_the_registry_does_not_tell(
        self, robot: Program, host: str, status: int
    ) -> None:
        """Azure shows it once."""
        robot.azure.fault("token", Status(status, {"Retry-After": "777"}), host=host)
        answer = self.generate(robot, host)
        robot.azure.clear_faults()
        assert answer.code in {5, 6}
        assert b"  next: " in answer.err
        assert robot.get(host).secret == self.token(robot, host)["password2"]

    @signals
    def test_who_stops_the_waiting_has_it_all_the_same(self, robot: Program, host: str) -> None:
        robot.azure.fault("token", Hang(), host=host)
        process = robot.start("login", host, "--generate")
        until(lambda: robot.azure.count("token"))
        process.send_signal(signal.SIGINT)
        answer = robot.finish(process, verb="login")
        robot.azure.clear_faults()
        assert answer.code == 130
        assert robot.get(host).secret == self.token(robot, host)["password2"]

    @pytest.mark.parametrize("announced", [("Azure-AsyncOperation", "Location"), ("Location",)])
    def test_an_operation_that_takes_a_while(
        self, robot: Program, host: str, announced: tuple[str, ...]
    ) -> None:
        robot.azure.arm.announces = announced
        answer = self.generate(robot, host)
        robot.azure.arm.announces = ()
        assert answer.code == 0
        assert robot.get(host).secret == self.token(robot, host)["password2"]

    def test_it_comes_before_what_the_settings_name(self, robot: Program, host: str) -> None:
        path = kept_file(robot, "password", self.token(robot, host)["password1"])
        robot.settings(ROBOT.format(host) + f'password_file = "{path}"\n')
        assert robot.get(host).secret == self.token(robot, host)["password1"]
        answer = self.generate(robot, host)
        assert f"docker logout {host}".encode() in answer.err
        assert robot.get(host).secret == self.token(robot, host)["password2"]
        robot.erase(host)
        assert robot.get(host).secret == self.token(robot, host)["password1"]

    @pytest.mark.parametrize("does", ["exit 1", KEEPS.replace('cp "$given" "$kept"', ":")])
    def test_none_is_made_that_could_not_be_kept(
        self, robot: Program, host: str, does: str
    ) -> None:
        """Azure shows it once, and the one in its place would have stopped working for nothing."""
        own(robot, script(robot, "own", does))
        robot.settings('store = "own"\n' + ROBOT.format(host))
        before = dict(self.token(robot, host))
        answer = self.generate(robot, host)
        assert answer.code == 1
        assert b"helper-failed" in answer.err
        assert self.token(robot, host) == before
        assert os.listdir(robot.kept) == []

    def test_a_named_store_is_tried_and_nothing_of_that_stays(
        self, robot: Program, host: str
    ) -> None:
        keeps = script(robot, "own", KEEPS)
        robot.settings('store = "own"\n' + ROBOT.format(host))
        assert self.generate(robot, host).code == 0
        own(robot, keeps)
        assert robot.get(host).secret == self.token(robot, host)["password2"]
        assert robot.erase(host).code == 0
        assert not os.path.exists(os.path.join(keeps.notes, "kept"))

    def test_nowhere_to_write(self, robot: Program, host: str) -> None:
        os.makedirs(os.path.dirname(robot.kept))
        with open(robot.kept, "wb"):  # where the folder should be
            pass
        before = dict(self.token(robot, host))
        answer = self.generate(robot, host)
        assert answer.code == 2
        assert b"cannot be written to" in answer.err
        assert self.token(robot, host) == before

    def test_nobody_may(self, robot: Program, host: str) -> None:
        robot.azure.arm.denied = True
        answer = self.generate(robot, host)
        robot.azure.arm.denied = False
        assert answer.code == 6
        assert b"Microsoft.ContainerRegistry/registries/generateCredentials/action" in answer.err
        assert list(self.token(robot, host)) == ["password1"]

    def test_a_token_that_is_disabled(self, robot: Program, host: str) -> None:
        robot.azure.registry(host).repository_tokens["robot"].enabled = False
        answer = self.generate(robot, host)
        assert answer.code == 6
        assert b"token-disabled" in answer.err
        assert list(self.token(robot, host)) == ["password1"]

    def test_a_token_that_nobody_has(self, robot: Program, host: str) -> None:
        robot.settings(ROBOT.format(host).replace("robot", "nobody"))
        answer = self.generate(robot, host)
        assert answer.code == 4
        assert b"check token_name" in answer.err

    def test_other_methods_have_no_password_to_make(self, robot: Program, host: str) -> None:
        for settings in (ADMIN.format(host), ""):
            robot.settings(settings)
            answer = self.generate(robot, host)
            assert answer.code == 3
            assert b'method = "repository-token"' in answer.err
        assert robot.azure.requests == []

    @pytest.mark.parametrize(
        "arguments",
        [
            ("--expires-in", "7"),
            ("--generate", "--expires-in", "0"),
            ("--generate", "--expires-in", "4000"),
            ("--generate", "--expires-in", "a year"),
            ("--generate", "--method", "browser"),
        ],
    )
    def test_what_is_no_order(self, robot: Program, host: str, arguments: tuple[str, ...]) -> None:
        answer = robot.run("login", host, *arguments)
        assert answer.code == 2
        assert robot.azure.requests == []

    def test_the_password_is_nowhere_but_in_its_store(self, robot: Program, host: str) -> None:
        self.generate(robot, host)
        password = self.token(robot, host)["password2"]
        robot.get(host)
        found = []
        for name in robot.files():
            with open(os.path.join(robot.home, name), "rb") as file:
                if password.encode() in file.read():
                    found.append(os.path.basename(name))
        assert found == [f"{host}@password"]
