"""Two hundred at once: how often Azure is asked is counted in the fake's own log."""

import os
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.azure import Delay, Hang, Reset, Status
from tests.azure.az import install_az
from tests.azure.faults import Fault
from tests.entries import ageing, redate
from tests.faults.tools import LONG, long
from tests.stories.node import CLIENT, TENANT, request
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
    now = int(time.time())
    old = [now - 10_000, now - 5_000, now - 60, now + seconds_left]
    for host in hosts:
        (path,) = program.entries(host)
        redate(path, (lambda _: old) if seconds_left else ageing)


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


def kubelets(program: Program, requests: list[str]) -> list[str]:
    """One call of the kubelet's for each of *requests*, at once; the references of their failures."""
    with ThreadPoolExecutor(8) as crowd:
        answers = crowd.map(lambda asked: program.run("kubelet", stdin=asked), requests)
        return [answer.err.decode().rpartition("[")[2][:-2] for answer in answers]


@pytest.mark.parametrize("kind", ["exchange", "sign-in"])
@pytest.mark.parametrize("who", ["node", "pod"])
def test_f74_kubelets_while_the_server_fails(
    program: Program, host: str, who: str, kind: str
) -> None:
    """A node with twenty pods to start, whether it signs in or each pod by a token of its own."""
    members: dict[str, object] = {}
    subject = "system:serviceaccount:team:app"
    if who == "pod":
        program.azure.add_federated_credential(program.azure.client_id, subject=subject)
        annotations = {CLIENT: program.azure.client_id, TENANT: program.azure.tenant}
        members["serviceAccountAnnotations"] = annotations
    program.azure.fault(kind, Status(500))
    asked = []
    for _ in range(20):
        if who == "pod":
            token = program.azure.federated_assertion(subject=subject, uid="uid-team")
            members["serviceAccountToken"] = token
        asked.append(request(f"{host}/app", **members))
    found = kubelets(program, asked)
    assert set(found) <= {"registry-unavailable", "entra-unavailable"}
    assert len(found) == 20
    assert most_in(10, program, kind) <= 3


@pytest.mark.parametrize("source", ["token_env", "token_command"])
def test_f74_callers_whom_only_their_token_tells_apart(
    program: Program, host: str, source: str
) -> None:
    """Each subject hears of its own failure; what many of one subject ask is asked a few times."""
    path = os.path.join(program.home, "token")
    program.own.add(path)
    named = {"token_env": '"ID_TOKEN"', "token_command": f'["/bin/cat", "{path}"]'}
    program.settings(f'[defaults]\nmethod = "federated-token"\n{source} = {named[source]}\n')
    token = program.azure.federated_assertion()
    with open(path, "w", encoding="utf-8") as file:
        file.write(token)
    program.azure.fault("exchange", Status(500))
    answers = storm(program, [host] * 12, ID_TOKEN=token)
    assert {answer.reference for answer in answers} == {"registry-unavailable"}
    assert most_in(10, program, "exchange") <= 3
    other = program.azure.federated_assertion(subject="nobody")
    with open(path, "w", encoding="utf-8") as file:
        file.write(other)
    assert program.get(host, ID_TOKEN=other).reference == "assertion-refused"


def test_f74_a_method_that_fails_where_a_login_was_kept(program: Program, host: str) -> None:
    """After `docker logout` the method answers again; a crowd does not hammer it either."""
    assert program.store(host, "robot", "CANARY-kept").code == 0
    program.secrets.add("CANARY-kept")
    program.azure.fault("exchange", Status(500))
    assert program.get(host).secret == "CANARY-kept"
    assert program.azure.count("exchange") == 0
    program.erase(host)
    answers = storm(program, [host] * 12)
    assert {answer.reference for answer in answers} == {"registry-unavailable"}
    assert most_in(10, program, "exchange") <= 3


LEFT = {"expired": -60, "about to expire": 30, "old": 600}  # seconds


@pytest.mark.parametrize("left", LEFT.values(), ids=LEFT)
def test_f73_a_crowd_at_the_end_of_a_tokens_life(program: Program, host: str, left: int) -> None:
    """Whoever comes when the token is over waits for one renewal, and all get the new one."""
    first = program.get(host).secret
    near_its_end(program, host, left)
    program.azure.exchange_delay = 0.3
    began = time.monotonic()
    answers = storm(program, [host] * 30)
    busy = time.monotonic() - began > PATIENCE  # then a waiter may rightly think the holder stopped
    assert answers[0].secret != first
    assert len(set(answers)) <= 1 + busy
    assert program.exchanges(host) <= 2 + busy
    assert program.azure.count("sign-in") == 1


def test_f73_a_crowd_whose_tokens_are_old_when_they_come(program: Program, host: str) -> None:
    """Where a token lives for less than ``min_ttl`` whoever waited takes what was just fetched."""
    program.azure.registry(host).token_life = 600
    program.azure.exchange_delay = 0.3
    answers = storm(program, [host] * 12)
    assert all(answer.login for answer in answers)
    assert program.exchanges(host) <= 4


def near_its_end(program: Program, host: str, left: int) -> None:
    """Let the entry of *host* have so many seconds left."""
    (path,) = program.entries(host)
    now = int(time.time())
    redate(path, lambda _: [now - 10_000, now - 1, now - 1, now + left])


@pytest.mark.parametrize(
    "fault",
    [Status(429, {"Retry-After": "60"}), Status(500), Status(401), Status(403), Reset()],
    ids=str,
)
def test_f74_a_crowd_with_an_old_token_while_the_server_fails(
    program: Program, host: str, fault: Fault
) -> None:
    """All of them are served the old one, in silence, and the server hears of two or three."""
    first = program.get(host)
    near_its_end(program, host, 600)
    program.azure.forget()
    program.azure.fault("exchange", fault, host=host)
    answers = storm(program, [host] * 10)
    assert set(answers) == {first}
    assert program.exchanges(host) <= 3


def test_f74_a_crowd_while_throttled_for_a_moment(program: Program, host: str) -> None:
    """Retry-After that fits is waited for by one of them, and the others wait for that one."""
    program.azure.fault("exchange", Status(429, {"Retry-After": "2"}), times=1, host=host)
    program.azure.fault("sign-in", Status(429, {"Retry-After": "1"}), times=1)
    began = time.monotonic()
    answers = storm(program, [host] * 20)
    busy = time.monotonic() - began > PATIENCE
    assert all(answer.login for answer in answers)
    assert len(set(answers)) <= 1 + busy
    assert program.exchanges(host) <= 2 + busy
    assert program.azure.count("sign-in") <= 2 + busy


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
