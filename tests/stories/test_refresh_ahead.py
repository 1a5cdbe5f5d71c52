"""An ageing token is served at once, and one detached process renews it."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

from tests.azure import Hang, Status
from tests.entries import ageing, redate, times_of
from tests.stories.program import Program, new_host, until


def age(program: Program, host: str) -> bytes:
    """Make the entry of *host* one that should be renewed; its content."""
    (path,) = program.entries(host)
    return redate(path, ageing)


def entry(program: Program, host: str) -> bytes:
    (path,) = program.entries(host)
    with open(path, "rb") as file:
        return file.read()


def markers(program: Program) -> list[str]:
    return [name for name in program.files() if name.endswith(".renewing")]


def test_the_old_token_is_served_and_a_new_one_fetched(program: Program, host: str) -> None:
    first = program.get(host).secret
    aged = age(program, host)

    served = program.get(host).secret
    until(lambda: entry(program, host) != aged and not markers(program))

    assert served == first
    assert program.exchanges(host) == 2
    assert program.get(host).secret != first


def test_a_reader_does_not_wait_for_the_renewal(program: Program, host: str) -> None:
    """The client reads to the end of the pipe: the renewal must not hold any end of it open."""
    program.get(host)
    aged = age(program, host)
    program.azure.fault("exchange", Hang(), times=1, host=host)
    extra, held = os.pipe()  # a descriptor that a careless client hands on
    os.set_inheritable(held, True)  # noqa: FBT003  its signature

    began = time.monotonic()
    process = program.start("get")
    answer = program.finish(process, host.encode())
    seconds = time.monotonic() - began
    os.close(held)
    os.close(extra)

    assert answer.secret.encode() in aged
    assert seconds < 2
    until(lambda: program.exchanges(host) == 2)
    program.azure.clear_faults()


def test_two_hundred_ageing_gets_start_one_renewal(program: Program, host: str) -> None:
    first = program.get(host).secret
    aged = age(program, host)

    with ThreadPoolExecutor(16) as crowd:
        secrets = list(crowd.map(lambda _: program.get(host).secret, range(200)))
    until(lambda: entry(program, host) != aged and not markers(program))

    assert len(set(secrets)) <= 2, "the old one, and the new one once it is there"
    assert secrets[0] == first
    assert program.exchanges(host) == 2


def test_a_renewal_that_fails_disturbs_nobody_and_backs_off(program: Program, host: str) -> None:
    first = program.get(host).secret
    age(program, host)
    program.azure.fault("exchange", Status(503), host=host)

    assert program.get(host).secret == first
    until(lambda: program.exchanges(host) == 3, 20)  # it is tried twice
    assert [program.get(host).secret for _ in range(10)] == [first] * 10

    assert program.exchanges(host) == 3
    assert markers(program)
    assert host in program.hosts()
    program.azure.clear_faults()


def test_erase_ends_the_right_to_save(program: Program, host: str) -> None:
    program.get(host)
    age(program, host)
    program.azure.exchange_delay = 0.5
    try:
        program.get(host)
        until(lambda: program.exchanges(host) == 2)
        assert program.erase(host).code == 0
    finally:
        program.azure.exchange_delay = 0

    assert program.entries(host) == []
    assert markers(program) == []


def test_inline_renews_in_the_get_that_waits(program: Program, host: str) -> None:
    """Nothing is started in the background: the entry never ages, it only grows old."""
    program.get(host, ACR_CRED_REFRESH="inline")
    issued, renew, until_, expires = times_of(entry(program, host))

    assert issued < renew == until_ < expires


def test_a_fleet_does_not_renew_in_step(program: Program) -> None:
    """When an entry ages is drawn when it is saved, after half of the token's life."""
    moments = set()
    for host in [new_host() for _ in range(3)]:
        program.get(host)
        issued, renew, _, expires = times_of(entry(program, host))
        share = (renew - issued) / (expires - issued)
        assert 0.499 < share < 0.601
        moments.add(renew)

    assert len(moments) > 1
