"""Times come from the token: nothing that has run out, or almost, is handed out."""

import json
import os
import time

import pytest

from tests.azure import Garbage, Status
from tests.azure.tokens import base64url
from tests.stories.program import Answer, Program

MINUTE = 60
HOUR = 3600


def kept(program: Program, host: str, **claims: object) -> str:
    """Store a token with these claims, as `docker login` does; the token."""
    token = program.token(host, **claims)
    assert program.store(host, "<token>", token) == (0, b"", b"")
    return token


@pytest.mark.parametrize(
    ("issued", "expires"),
    [
        pytest.param(-MINUTE, 3 * HOUR, id="usual"),
        pytest.param(-2 * HOUR, 16 * MINUTE, id="16-minutes-left"),
        pytest.param(4 * MINUTE, 3 * HOUR, id="V38-registry-4-minutes-ahead"),
        pytest.param(-10 * MINUTE, 3 * HOUR, id="V38-registry-behind"),
        pytest.param(-MINUTE, 23 * HOUR, id="long-life"),
    ],
)
def test_served(program: Program, host: str, issued: int, expires: int) -> None:
    """A token with life enough is served without asking anybody."""
    now = int(time.time())
    token = kept(program, host, iat=now + issued, exp=now + expires)
    assert program.get(host).secret == token
    assert program.exchanges(host) == 0


@pytest.mark.parametrize(
    ("issued", "expires"),
    [
        pytest.param(-2 * HOUR, 14 * MINUTE, id="V37-14-minutes-left"),
        pytest.param(-2 * HOUR, 20, id="V37-seconds-left"),
        pytest.param(6 * MINUTE, 3 * HOUR, id="F40-from-the-future"),
        pytest.param(10 * MINUTE, 3 * HOUR, id="V38-clock-10-minutes-behind"),
        pytest.param(365 * 24 * HOUR, 366 * 24 * HOUR, id="F40-next-year"),
        pytest.param(-MINUTE, 24 * HOUR, id="F40-life-of-more-than-a-day"),
        pytest.param(-MINUTE, 10**10, id="F40-for-ever"),
    ],
)
def test_not_served(program: Program, host: str, issued: int, expires: int) -> None:
    """A token that is almost over, from the future or of an unknown kind is renewed."""
    now = int(time.time())
    token = kept(program, host, iat=now + issued, exp=now + expires)
    assert program.get(host).secret != token
    assert program.exchanges(host) == 1


NO_TOKENS: list[tuple[str, dict[str, object]]] = [
    ("expired", {"exp": 1_700_000_000, "iat": 1_690_000_000}),
    ("nan", {"exp": float("nan")}),
    ("infinity", {"exp": float("inf")}),
    ("1e999", {"exp": float("1e308") * 10}),
    ("negative", {"exp": -5}),
    ("text", {"exp": "2000000000"}),
    ("true", {"exp": True}),
    ("float", {"exp": 2e9}),
    ("none", {"exp": None}),
    ("list", {"exp": [2_000_000_000]}),
    ("huge", {"exp": 10**400}),
    ("before-issue", {"iat": 2_000_000_000, "exp": 1_999_999_999}),
    ("no-issue", {"iat": None}),
    ("issue-zero", {"iat": 0}),
    ("other-registry", {"aud": "other.azurecr.io"}),
    ("suffix-of-audience", {"aud": "azurecr.io"}),
    ("no-audience", {"aud": None}),
    ("audience-object", {"aud": {"HOST": "HOST"}}),
    ("empty-audiences", {"aud": []}),
]


@pytest.mark.parametrize("claims", [c for _, c in NO_TOKENS], ids=[name for name, _ in NO_TOKENS])
def test_f42_f53_tokens_that_are_none(
    program: Program, host: str, claims: dict[str, object]
) -> None:
    """Neither `store` nor a registry can make it keep a token that is none of that registry's."""
    token = program.token(**{"audience": host, **claims})
    assert program.store(host, "<token>", token).reference == "store-not-a-token"
    if claims.get("exp") != 1_700_000_000:
        body = json.dumps({"refresh_token": token})
        program.azure.fault("exchange", Garbage(body, "application/json"), host=host)
        assert program.get(host).reference == "token-unusable"
    assert program.entries() == []


NUMBERS = [
    "1e999",
    "-1e999",
    "NaN",
    "Infinity",
    "-Infinity",
    "1E400",
    "9" * 5000,
    "2e9",
    "2000000000.0",
]
NUMBERS += ["-0", '""', "false", "{}", "null", "0x77359400", "2_000_000_000", "9007199254740992"]


@pytest.mark.parametrize("number", [*NUMBERS, None], ids=lambda text: str(text)[:20])
@pytest.mark.parametrize("claim", ["exp", "iat"])
def test_f42_numbers_as_json_texts_have_them(
    program: Program, host: str, claim: str, number: str | None
) -> None:
    """Python's JSON reads more than JSON; None: the claim is missing."""
    now = int(time.time())
    others = {"exp": str(now + 11_700), "iat": str(now)}
    others.pop(claim)
    times = {**others, **({claim: number} if number is not None else {})}
    members = [f'"aud": "{host}"', *(f'"{name}": {value}' for name, value in times.items())]
    claims = base64url(("{" + ", ".join(members) + "}").encode())
    token = f"{base64url(b'{}')}.{claims}.{base64url(b'CANARY-signature')}"
    program.secrets.add(token)
    body = json.dumps({"refresh_token": token})
    program.azure.fault("exchange", Garbage(body, "application/json"), host=host)
    assert program.get(host).reference == "token-unusable"
    assert program.store(host, "<token>", token).reference == "store-not-a-token"
    assert program.entries() == []


@pytest.mark.parametrize(
    "text", ["", "x", "a.b.c", "a.b", "e30.e30.e30", "\u00e9.\u00e9.\u00e9", "a.b.c\n"]
)
def test_texts_that_are_no_token(program: Program, host: str, text: str) -> None:
    """What is no JSON Web Token at all is not kept."""
    assert program.store(host, "<token>", text).reference == "store-not-a-token"


def test_regional_token(program: Program, host: str) -> None:
    """A regional endpoint may give the token of the registry's global login server."""
    name, _, suffix = host.partition(".")
    regional = f"{name}.eastus.geo.{suffix}"
    token = program.token([host])
    assert program.store(regional, "<token>", token) == (0, b"", b"")
    assert program.get(regional).secret == token
    assert program.store(host, "<token>", program.token(regional)).code == 1


def failing(program: Program, host: str) -> Answer:
    program.azure.fault("exchange", Status(500), host=host)
    return program.get(host)


def test_f44_old_token_when_renewal_fails(program: Program, host: str) -> None:
    """While a renewal fails, an old token that still lives for a while is served."""
    now = int(time.time())
    token = kept(program, host, iat=now - 3 * HOUR, exp=now + 10 * MINUTE)
    log = program.environ["ACR_CRED_DEBUG"] = os.path.join(program.home, "log")
    assert failing(program, host).secret == token
    program.azure.clear_faults()
    assert program.exchanges(host) >= 1
    with open(log, encoding="utf-8") as file:
        assert "served the old token, renewal failed" in file.read()


def test_f44_half_an_hour_left_and_nobody_there(program: Program, host: str) -> None:
    """A token with 25 minutes left is served in silence, as often as anybody asks."""
    now = int(time.time())
    token = kept(program, host, iat=now - 3 * HOUR, exp=now + 25 * MINUTE)
    assert failing(program, host).secret == token
    assert program.get(host).secret == token


def test_old_token_about_to_end_is_not_served(program: Program, host: str) -> None:
    """A token that would end in the client's hands is not served, whatever else fails."""
    now = int(time.time())
    kept(program, host, iat=now - 3 * HOUR, exp=now + 30)
    assert failing(program, host).reference == "registry-unavailable"


def test_v37_short_lived_tokens(program: Program, host: str) -> None:
    """A registry that gives short-lived tokens only is asked each time."""
    program.azure.registry(host).token_life = 10 * MINUTE
    assert program.get(host).secret != program.get(host).secret
    assert program.exchanges(host) == 2


@pytest.mark.parametrize("min_ttl", [60, 900, 10_800])
def test_min_ttl(program: Program, host: str, min_ttl: int) -> None:
    """A token with so many seconds left is served, one with less is renewed first."""
    program.settings(f"[defaults]\nmin_ttl = {min_ttl}\n")
    now = int(time.time())
    token = kept(program, host, iat=now - 60, exp=now + min_ttl + 20)
    assert program.get(host).secret == token
    token = kept(program, host, iat=now - 60, exp=now + min_ttl - 2)
    assert program.get(host).secret != token
    assert program.exchanges(host) == 1


@pytest.mark.parametrize("text", ["0", "59", "10801", "-1", "900.0", "true", '"900"', "nan"])
def test_min_ttl_that_is_none(program: Program, host: str, text: str) -> None:
    program.settings(f"[defaults]\nmin_ttl = {text}\n")
    assert program.get(host).reference == "settings-invalid"


def test_f41_clock_set_back(program: Program, host: str) -> None:
    """A token cached while the clock was an hour ahead is not served after it was corrected."""
    now = int(time.time())
    token = kept(program, host, iat=now + HOUR, exp=now + 4 * HOUR)
    assert program.get(host).secret != token


def test_half_a_character_is_no_token(program: Program, host: str) -> None:
    assert program.get(host).secret
    assert program.store(host, "<token>", "\ud800").reference == "store-not-a-token"
