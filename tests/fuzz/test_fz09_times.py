"""FZ9: when a token is renewed, until when it is handed out, and that a fleet does not do it in step."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_credential_acr import credentials, entry
from docker_credential_acr.settings_keys import RANGES
from tests.entries import doubled
from tests.fuzz.profile import examples, many, numbers

HOST, STAMP = "team.azurecr.io", b"('a stamp', None)"
BEGINS = entry.head(HOST, STAMP)
DAY = 24 * 3600
NOW = 1_800_000_000


@examples(quick=1500, long=1_000_000)
@given(
    life=st.integers(60, DAY),
    left=st.integers(-DAY, DAY),
    skew=st.integers(-DAY, DAY),
    min_ttl=st.integers(*RANGES["min_ttl"]),
    ahead=st.booleans(),
)
def test_fz9_when_a_token_is_handed_out(  # noqa: PLR0913  one token, one clock
    tried: Callable[[int], None], life: int, left: int, skew: int, min_ttl: int, *, ahead: bool
) -> None:
    """Never past its end or within min_ttl of it, never from the future, whatever clock there is."""
    expires = NOW + left
    issued = expires - life
    times = credentials.times(issued, expires, min_ttl, ahead=ahead)
    _, renew, until, _ = times
    assert until == expires - min_ttl
    assert renew <= until, "there is time to renew before nobody may have it any more"
    if not ahead:
        assert renew == until
    elif renew < until:
        assert issued + life // 2 <= renew <= issued + life * 0.6 + 1
    now = NOW + skew
    data = BEGINS + doubled(" ".join(map(str, times)).encode(), b'"Secret":"CANARY"}')
    found = entry.parse(data, BEGINS, now)
    assert (found is not None) == (issued - 300 <= now < expires)
    tried(1)


@pytest.mark.parametrize("life", [11_700, 3 * 3600, DAY, 3600])
def test_fz9_a_fleet_is_spread(tried: Callable[[int], None], life: int) -> None:
    """Two hundred that signed in at once do not renew at once, and each has time left for it."""
    for _ in range(many(20, 2000)):
        moments = [credentials.times(NOW, NOW + life, 900, ahead=True)[1] for _ in range(200)]
        assert max(moments) - min(moments) >= 60
        assert max(moments) < NOW + life - 600
        tried(200)


def test_fz9_odd_times_in_a_file(tried: Callable[[int], None]) -> None:
    """Any numbers, of any size and sign, where an entry has its times: never handed out too late."""
    some = numbers(9)
    near = (NOW - DAY, NOW - 301, NOW - 1, NOW, NOW + 1, NOW + DAY, 0, -1, 2**31, 2**63, 10**30)
    for _ in range(many(5000, 500_000)):
        times = [
            some.choice(near) + some.randint(-2, 2) for _ in range(some.choice((4, 4, 4, 3, 5)))
        ]
        data = BEGINS + doubled(" ".join(map(str, times)).encode(), b'"Secret":"CANARY"}')
        found = entry.parse(data, BEGINS, NOW)
        if found is not None:
            assert times[0] - 300 <= NOW < times[3] <= times[0] + DAY
        tried(1)
