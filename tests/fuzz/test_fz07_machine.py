"""FZ7: a person's days with the program: asked, erased, damaged, killed, refused, in any order."""

import os
import shutil
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import cast

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.azure import FakeAzure, Status
from tests.azure.tokens import peek
from tests.entries import times_of, with_times
from tests.faults.tools import absent, run
from tests.fuzz.profile import examples
from tests.stories.program import Answer, Program, new_host, until
from tests.systems import posix

pytestmark = posix("SIGKILL, FIFOs and modes")

HOSTS = st.sampled_from([0, 1])
PEOPLE = st.sampled_from(["first", "second"])
DAMAGES = st.sampled_from(
    [
        "cut",
        "bit",
        "zeros",
        "empty",
        "foreign",
        "mode",
        "link",
        "fifo",
        "folder",
        "hard link",
        "gone",
    ]
)
CLOCKS = st.sampled_from(["+20m", "+170m", "+4h", "-4m", "-20m"])
SHIFTS = {"+20m": 1200, "+170m": 10_200, "+4h": 14_400, "-4m": -240, "-20m": -1200}
LIFE, MIN_TTL, AHEAD = 11_700, 900, 300
INLINE = {"ACR_CRED_REFRESH": "inline"}  # else a process in the background has a turn, too


@dataclass
class Known:
    """What this test knows of one person's token for one registry."""

    token: str
    issued: float


@dataclass(eq=False, repr=False)  # hypothesis keeps it in dictionaries
class Days(RuleBasedStateMachine):
    """The model: which token lies in the cache, if any."""

    program: Program
    azure: FakeAzure
    tried: Callable[[int], None]
    hosts: list[str] = field(default_factory=lambda: [new_host(), new_host()])
    known: dict[tuple[str, str], Known] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()
        secret = "CANARY-of-the-second"
        other = self.azure.add_service_principal(secret=secret)
        mine = self.azure.service_principal_environ()
        theirs = {**mine, "AZURE_CLIENT_ID": other.client_id, "AZURE_CLIENT_SECRET": secret}
        self.people: dict[str, dict[str, str]] = {"first": mine, "second": theirs}
        self.objects = {"second": other.object_id}

    def ask(self, host: str, who: str, clock: str | None = None) -> Answer:
        changes = {**self.people[who], **INLINE}
        if clock is None:
            return self.program.get(host, **changes)
        shifted = {**changes, "NO_FAKE_STAT": "1"}
        return run(self.program, ["faketime", "-f", clock], host, **shifted)

    def answered(self, host: str, who: str, answer: Answer, shift: float = 0) -> None:
        """Hold an answer against the model, and remember what it gave."""
        token = answer.secret
        claims = peek(token)[1]
        assert claims["aud"] == host, "a token of another registry"
        assert claims["exp"] > time.time() + shift, "an expired token"
        if who in self.objects:
            assert claims["sub"] == self.objects[who], "another person's token"
        else:
            assert claims["sub"] not in self.objects.values()
        self.known[host, who] = Known(token, claims["iat"])

    @rule(number=HOSTS, who=PEOPLE)
    def get(self, number: int, who: str) -> None:
        """The known token without a question, or a new one for one exchange."""
        host = self.hosts[number]
        before, known = self.program.exchanges(host), self.known.get((host, who))
        answer = self.ask(host, who)
        asked = self.program.exchanges(host) - before
        if known:
            assert answer.secret == known.token
            assert asked == 0
        elif host in self.refused:
            assert answer.reference == "registry-firewall"
            assert asked <= 1
            return
        else:
            assert asked == 1
        self.answered(host, who, answer)

    @rule(number=HOSTS, who=PEOPLE)
    def two_at_once(self, number: int, who: str) -> None:
        """Two processes: one answer, at most one exchange."""
        host = self.hosts[number]
        if host in self.refused:
            return
        before = self.program.exchanges(host)
        with ThreadPoolExecutor(2) as pair:
            one, other = pair.map(lambda _: self.ask(host, who), range(2))
        assert one.secret == other.secret
        assert self.program.exchanges(host) - before <= ((host, who) not in self.known)
        self.answered(host, who, one)

    @rule(number=HOSTS)
    def erase(self, number: int) -> None:
        host = self.hosts[number]
        assert self.program.erase(host, **INLINE) == (0, b"", b"")
        for who in self.people:
            self.known.pop((host, who), None)
        assert self.program.entries(host) == []

    @rule(number=HOSTS, who=PEOPLE, how=DAMAGES)
    def damage(self, number: int, who: str, how: str) -> None:
        """Something happens to an entry: it is a miss."""
        host = self.hosts[number]
        known = self.known.get((host, who))
        path = next(
            (p for p in self.program.entries(host) if known and holds(p, known.token)), None
        )
        if path:
            damaged(path, how)
            self.program.own |= {path, path + ".other"}
            self.known.pop((host, who))
            self.get(number, who)

    @rule(number=HOSTS, who=PEOPLE, left=st.sampled_from([-60, 1, 30, 600, 899]))
    def time_passes(self, number: int, who: str, left: int) -> None:
        """The token in the cache has so many seconds left: too few, all of them."""
        host = self.hosts[number]
        known = self.known.pop((host, who), None)
        for path in self.program.entries(host):
            if known and holds(path, known.token):
                with open(path, "r+b") as file:
                    data = file.read()
                    issued, _, _, expires = times_of(data)
                    shift = int(expires - time.time() - left)
                    times = [issued - shift, *[expires - shift - MIN_TTL] * 2, expires - shift]
                    file.seek(0)
                    file.write(with_times(data, times))
                    file.truncate()
                if host in self.refused and left >= 600:
                    answer = self.ask(host, who)
                    assert answer.secret == known.token, "old, and good while it is not renewed"
                if host in self.refused:
                    os.remove(path)
                else:
                    self.get(number, who)

    @rule(number=HOSTS, who=PEOPLE, clock=CLOCKS)
    def another_clock(self, number: int, who: str, clock: str) -> None:
        """One call with a clock that is wrong: never an expired token, nor one that is not out yet."""
        host = self.hosts[number]
        if absent("faketime") or host in self.refused:
            return
        shift = SHIFTS[clock]
        known, before = self.known.get((host, who)), self.program.exchanges(host)
        answer = self.ask(host, who, clock)
        if answer.code:
            assert answer.reference
            self.forget_notes()
            return
        now = time.time() + shift
        good = known and known.issued - AHEAD <= now < known.issued + LIFE - MIN_TTL
        if known and abs(now - known.issued + AHEAD) > 5 and good:
            assert answer.secret == known.token
        cached = self.program.exchanges(host) == before
        # A token that the registry has just issued is right, and the clock is not.
        self.answered(host, who, answer, shift if cached else 0)
        if not self.is_fresh(host, who):
            self.known.pop((host, who))

    def is_fresh(self, host: str, who: str) -> bool:
        """Whether the right clock will find what the wrong one kept."""
        known = self.known[host, who]
        return any(holds(path, known.token) for path in self.program.entries(host)) and (
            known.issued - AHEAD <= time.time() < known.issued + LIFE - MIN_TTL
        )

    @rule(number=HOSTS, who=PEOPLE)
    def killed(self, number: int, who: str) -> None:
        """SIGKILL in the middle of an exchange: the next call is right."""
        host = self.hosts[number]
        if (host, who) in self.known or host in self.refused:
            return
        self.azure.exchange_delay = 5
        before = self.program.exchanges(host)
        process = self.program.asked(host, **self.people[who], **INLINE)
        until(lambda: self.program.exchanges(host) > before)
        process.send_signal(signal.SIGKILL)
        self.program.finish(process)
        self.azure.exchange_delay = 0

    @rule(number=HOSTS)
    def revoke(self, number: int) -> None:
        """The registry's network rules change."""
        host = self.hosts[number]
        if host not in self.refused:
            self.refused.add(host)
            self.azure.fault("exchange", Status(403), host=host)

    @rule()
    def everything_works_again(self) -> None:
        self.refused.clear()
        self.azure.clear_faults()
        self.forget_notes()

    def forget_notes(self) -> None:
        """Ten seconds later."""
        for name in self.program.files():
            if name.endswith(".failed"):
                os.remove(os.path.join(self.program.home, name))

    @rule(mode=st.sampled_from([0o700, 0o755, 0o777, 0o500]))
    def change_rights(self, mode: int) -> None:
        """The folder's rights are set right by the next one who writes there."""
        if os.path.isdir(self.program.folder):
            os.chmod(self.program.folder, mode)
            self.program.get("quay.io")

    @invariant()
    def nothing_is_left_behind(self) -> None:
        assert len(self.program.unfinished()) <= 10
        self.tried(1)

    def teardown(self) -> None:
        """Whatever happened, both registries can be asked again."""
        self.everything_works_again()
        for host in self.hosts:
            assert self.ask(host, "first").login["ServerURL"] == host


def holds(path: str, token: str) -> bool:
    if not os.path.isfile(path) or os.path.islink(path):
        return False
    with open(path, "rb") as file:
        return token.encode() in file.read()


def damaged(path: str, how: str) -> None:
    with open(path, "rb") as file:
        data = bytearray(file.read())
    if how == "cut":
        del data[len(data) // 2 :]
    elif how == "bit":
        data[len(data) // 2] ^= 1
    elif how == "zeros":
        data[len(data) // 3 :] = bytes(len(data) - len(data) // 3)
    elif how == "empty":
        data.clear()
    elif how == "foreign":
        data = bytearray(data.replace(b"azurecr.io", b"azurecr.cn", 1))
    with open(path, "wb") as file:
        file.write(data)
    if how == "mode":
        os.chmod(path, 0o644)
    elif how == "hard link":
        os.link(path, path + ".other")
    elif how in ("link", "fifo", "folder", "gone"):
        os.replace(path, path + ".other") if how == "link" else os.remove(path)
        make = {"link": lambda: os.symlink(path + ".other", path), "fifo": lambda: os.mkfifo(path)}
        make.get(how, lambda: os.mkdir(path) if how == "folder" else None)()


def test_fz7_days(
    tried: Callable[[int], None], programs: Callable[[], Program], azure: FakeAzure
) -> None:
    """Never an expired token, never one of another registry or person, and always an end to trouble."""
    homes: list[str] = []

    def days() -> Days:
        program = programs()
        homes.append(program.home)
        return Days(program, azure, tried)

    factory = cast("type[RuleBasedStateMachine]", days)  # any callable will do
    run_state_machine_as_test(
        factory, settings=examples(quick=6, long=200, steps=20, processes=True)
    )
    for home in homes:
        shutil.rmtree(home)
