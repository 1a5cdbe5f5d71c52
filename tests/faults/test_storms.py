"""Two hundred at once: how often Azure is asked is counted in the fake's own log."""

import os
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.azure import Delay, Hang, Status
from tests.azure.az import install_az
from tests.azure.faults import Fault
from tests.entries import times_of as times_in
from tests.entries import with_times
from tests.faults.tools import LONG, long
from tests.stories.program import PATH, SECONDS, Answer, Program, new_host, until

MANY = 200
PATIENCE = 8.0  # seconds that a waiter waits before it asks whether the holder has stopped
UPSTREAM = ("sign-in", "discovery", "instance-discovery", "exchange")


def storm(program: Program, hosts: list[str], **changes: str | None) -> list[Answer]:
    """One process for each of *hosts*, all started before the first answer is read."""
    running = []
    for host in hosts:
        reader, writer = os.pipe()
        os.write(writer, host.encode())
        os.close(writer)
        running.append(
            subprocess.Popen(
                [PATH, "get"],
                stdin=reader,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=program.variables(changes),
            )
        )
        os.close(reader)
    return [program.finish(process) for process in running]


def test_f72_two_hundred_on_a_cold_host(program: Program, host: str) -> None:
    """One sign-in, one exchange, two hundred equal answers, no wait for long."""
    program.azure.exchange_delay = 0.3
    began = time.monotonic()
    answers = storm(program, [host] * MANY)
    seconds = time.monotonic() - began
    assert answers[0].login["ServerURL"] == host
    assert len(set(answers)) <= 1 + (seconds > PATIENCE)
    assert program.azure.count("sign-in") == 1
    assert program.azure.count("exchange") <= 1 + (seconds > PATIENCE)
    assert program.unfinished() == []
    assert seconds < 20, "5 s on a machine with two cores that does nothing else"


def test_f73_two_hundred_over_twenty_hosts(program: Program, host: str) -> None:
    """Twenty exchanges and one sign-in for twenty registries of one identity."""
    hosts = [f"r{number}-{host}" for number in range(20)]
    program.azure.exchange_delay = 0.3
    began = time.monotonic()
    answers = storm(program, hosts * (MANY // 20))
    busy = time.monotonic() - began > PATIENCE  # then a waiter may rightly think the holder stopped
    assert {answer.login["ServerURL"] for answer in answers} == set(hosts)
    assert program.azure.count("sign-in") <= 1 + busy
    assert program.azure.count("exchange") <= 20 * (1 + busy)


def aged(program: Program, hosts: list[str], seconds_left: int = 0) -> None:
    """Make the entries of *hosts* ageing ones, or old ones with so many seconds left."""
    for host in hosts:
        (path,) = program.entries(host)
        with open(path, "rb") as file:
            data = file.read()
        issued, _, until_, expires = times_in(data)
        times = [issued, issued, until_, expires]
        if seconds_left:
            now = int(time.time())
            times = [now - 10_000, now - 5_000, now - 60, now + seconds_left]
        with open(path, "wb") as file:
            file.write(with_times(data, times))


def test_f73_again_when_all_of_them_age(program: Program, host: str) -> None:
    """The same two hundred at refresh time: twenty renewals, and nobody waits for one."""
    hosts = [f"r{number}-{host}" for number in range(20)]
    before = {name: program.get(name).secret for name in hosts}
    aged(program, hosts)
    program.azure.exchange_delay = 0.3
    answers = storm(program, hosts * (MANY // 20))
    assert {answer.login["ServerURL"] for answer in answers} == set(hosts)
    until(lambda: all(program.exchanges(name) == 2 for name in hosts), 60)
    until(lambda: not [name for name in program.files() if name.endswith(".renewing")], 60)
    assert program.azure.count("exchange") == 40
    assert program.azure.count("sign-in") == 1
    after = {name: program.get(name).secret for name in hosts}
    assert not set(before.values()) & set(after.values())
    assert {answer.secret for answer in answers} <= {*before.values(), *after.values()}


def test_f73_no_host_waits_for_another(program: Program, host: str) -> None:
    """While one registry does not answer, those of the same identity do."""
    program.azure.fault("exchange", Hang(), host=host)
    stuck = program.asked(host)
    until(lambda: program.exchanges(host))
    answers = storm(program, [f"r{number}-{host}" for number in range(10)])
    assert len({answer.secret for answer in answers}) == 10
    assert stuck.poll() is None
    assert program.azure.count("sign-in") == 1
    stuck.terminate()
    assert program.finish(stuck).reference == "stopped"


@pytest.mark.parametrize("seconds_left", [0, 600], ids=["ageing", "old"])
@pytest.mark.parametrize("fault", [Status(429), Status(500)], ids=str)
def test_f74_the_server_fails_when_tokens_age(
    program: Program, host: str, fault: Fault, seconds_left: int
) -> None:
    """Fifty callers get the token that they had, and the server hears of it three times."""
    first = program.get(host)
    aged(program, [host], seconds_left)
    program.azure.fault("exchange", fault, host=host)
    program.azure.forget()
    assert set(storm(program, [host] * 50)) == {first}
    until(lambda: program.exchanges(host) >= 2)
    assert most_in(10, program, "exchange") <= 3


FAILING: list[tuple[str, Fault, str]] = [
    ("exchange", Status(429), "registry-throttled"),
    ("exchange", Status(500), "registry-unavailable"),
    ("sign-in", Status(429), "entra-throttled"),
    ("sign-in", Status(503, {"Retry-After": "60"}), "entra-unavailable"),
]


@pytest.mark.parametrize(("kind", "fault", "reference"), FAILING)
def test_f74_two_hundred_while_the_server_fails(
    programs: Callable[[], Program], kind: str, fault: Fault, reference: str
) -> None:
    """A server that always fails hears of it three times in ten seconds, however many ask."""
    program = programs()
    host = new_host()
    program.azure.fault(kind, fault)
    times = MANY if LONG or reference == "registry-throttled" else 10
    answers = storm(program, [host] * times)
    assert {answer.reference for answer in answers} == {reference}
    assert most_in(10, program, kind) <= 3


def test_f74_entra_fails_for_twenty_hosts(program: Program, host: str) -> None:
    """Registries of one identity do not each find out that Entra is busy."""
    program.azure.fault("sign-in", Status(503))
    answers = storm(program, [f"r{number}-{host}" for number in range(20)])
    assert {answer.reference for answer in answers} == {"entra-unavailable"}
    assert most_in(10, program, "sign-in") <= 3


@pytest.mark.parametrize(("kind", "fault", "reference"), FAILING if LONG else FAILING[1:2])
def test_f74_callers_that_do_not_stop(
    programs: Callable[[], Program], kind: str, fault: Fault, reference: str
) -> None:
    """Clients that ask again and again for twelve seconds are answered from what is remembered."""
    program = programs()
    host = new_host()
    program.azure.fault(kind, fault)
    ends = time.monotonic() + (60 if LONG else 12)

    def ask(_: int) -> set[str]:
        seen = set()
        while time.monotonic() < ends:
            seen.add(program.get(host).reference)
            time.sleep(0.5)  # a client's own pause
        return seen

    with ThreadPoolExecutor(4) as crowd:
        found = set().union(*crowd.map(ask, range(4)))
    assert found == {reference}
    assert most_in(10, program, kind) <= 3
    assert len(times_of(program, kind)) <= 20


def times_of(program: Program, kind: str) -> list[float]:
    return sorted(request.at for request in program.azure.requests if request.kind == kind)


def most_in(seconds: float, program: Program, kind: str) -> int:
    """How many requests of *kind* came in the worst such stretch of time."""
    times = times_of(program, kind)
    return max(sum(begin <= at < begin + seconds for at in times) for begin in times)


@long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("method", ["client-secret", "azure-cli"])
def test_fifty_callers_of_a_slow_sign_in(program: Program, host: str, method: str) -> None:
    """A sign-in of twelve seconds, longer than a waiter's patience, is waited for and shared by all."""
    changes = {"ACR_CRED_METHOD": method}
    az = install_az(os.path.join(program.home, "bin"), program.azure, mode="slow", seconds=12)
    program.own.add(os.path.join(az.folder, "az-settings.json"))
    if method == "azure-cli":
        changes["PATH"] = az.folder
    else:
        program.azure.fault("discovery", Delay(6))
        program.azure.sign_in_delay = 6
    began = time.monotonic()
    answers = storm(program, [host] * 50, **changes)
    assert time.monotonic() - began < 20
    assert {answer.login["ServerURL"] for answer in answers} == {host}
    assert program.azure.count("sign-in") + len(az.calls()) <= 2
    assert program.azure.count("exchange") <= 2


@long
@pytest.mark.timeout(300)
def test_fifty_callers_of_a_sign_in_that_does_not_end(program: Program, host: str) -> None:
    """An Entra that is silent hears of it from two of fifty, and all of them end with a sentence."""
    program.azure.fault("sign-in", Hang())
    began = time.monotonic()
    answers = storm(program, [host] * 50)
    assert time.monotonic() - began < SECONDS
    assert {answer.reference for answer in answers} <= {"no-answer", "out-of-time"}
    assert program.azure.count("sign-in") <= 4, "two tries each"
