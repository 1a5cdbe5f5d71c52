"""A clock that is wrong by years, or set back: no crash, and nothing is served that may not be."""

import os

import pytest

from tests.faults.tools import needs, run
from tests.stories.program import Answer, Program


def at(program: Program, when: str, host: str, **changes: str | None) -> Answer:
    """Run `get` with another wall clock; files keep their times, and the monotonic clock goes on."""
    kept = {"NO_FAKE_STAT": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}
    return run(program, ["faketime", "-f", when], host, **kept, **changes)


@needs("faketime")
@pytest.mark.parametrize(
    "when",
    ["+366d", "-366d", "@1970-01-01 00:00:10", "@2038-01-19 03:14:10", "@2106-02-07 07:00:00"],
)
def test_f40_a_clock_wrong_by_years(program: Program, host: str, when: str) -> None:
    """Nothing cached is served, what fails is one sentence, and the right clock finds its entry."""
    first = program.get(host)
    answer = at(program, when, host)
    if answer.code:
        assert answer.reference.startswith(("tls-", "sign-in", "token-", "registry-")), answer
    else:
        assert answer.secret != first.secret
    assert program.get(host).login


@needs("faketime")
@pytest.mark.parametrize(
    ("when", "exchanges"),
    [("+60m", 1), ("-4m", 1), ("-7m", 2), ("+185m", 2), ("+5h", 2)],
)
def test_f40_f41_a_clock_wrong_by_hours(
    program: Program, host: str, when: str, exchanges: int
) -> None:
    """An entry is served by a clock to which it is fresh, and by no other."""
    first = program.get(host, ACR_CRED_REFRESH="inline").secret
    second = at(program, when, host, ACR_CRED_REFRESH="inline")
    assert program.exchanges(host) >= exchanges
    if second.code == 0:
        assert (second.secret == first) is (exchanges == 1)
    else:
        assert exchanges > 1


@needs("faketime")
def test_f41_cached_by_a_clock_that_was_ahead(program: Program, host: str) -> None:
    """What was cached two hours ahead of time is judged by its own times once the clock is right."""
    ahead = at(program, "+2h", host)
    found = program.get(host)
    assert found.login
    assert program.get(host) == found
    assert ahead.code in (0, 1)


ZONES = ["UTC", "Pacific/Kiritimati", "America/St_Johns", "Europe/Berlin", ":/nowhere", "XXX-99:99"]


def test_f45_time_zones(program: Program, host: str) -> None:
    """In every time zone the same entry is as fresh."""
    first = program.get(host)
    for zone in ZONES:
        assert program.get(host, TZ=zone) == first
    assert program.exchanges(host) == 1


@pytest.mark.parametrize("fields", ["", "expiresOn", "expires_on", "both"])
def test_f45_the_cli_tells_local_times(program: Program, host: str, fields: str) -> None:
    """When a token ends is read in the token: old CLIs tell it in local time and without a zone."""
    token = program.azure.access_token()
    local = '"expiresOn": "2001-01-01 00:00:00.000000", '
    number = '"expires_on": 978307200, '
    told = {"": "", "expiresOn": local, "expires_on": number, "both": local + number}[fields]
    folder = os.path.join(program.home, "bin")
    os.mkdir(folder)
    path = os.path.join(folder, "az")
    program.own.add(path)
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'#!/bin/sh\necho \'{{{told}"accessToken": "{token}"}}\'\n')
    os.chmod(path, 0o755)
    changes = {"ACR_CRED_METHOD": "azure-cli", "PATH": f"{folder}:/usr/bin:/bin", "TZ": "XXX-11"}
    first = program.get(host, **changes)
    assert first.login
    assert program.get(host, **changes) == first
    assert program.exchanges(host) == 1
