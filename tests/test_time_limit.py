"""How long a get may take: what the variable may say, and what is said when the time is over."""

import pytest

from docker_credential_acr import time_limit


@pytest.mark.parametrize("text", [None, ""])
def test_without_a_text_it_is_what_the_settings_say(text: str | None) -> None:
    assert time_limit.asked(text, 40) == 40


@pytest.mark.parametrize(("text", "seconds"), [("5", 5), ("007", 7), ("25", 25), ("55", 55)])
def test_whole_seconds_in_the_range(text: str, seconds: int) -> None:
    assert time_limit.asked(text, 40) == seconds


@pytest.mark.parametrize(
    "text", ["4", "56", "0", "-5", "+5", "5.0", "5 ", "soon", "\u0665", "\u00b2", "0005"]
)
def test_anything_else_is_none(text: str) -> None:
    assert time_limit.asked(text, 40) is None


def test_the_line_says_where_the_time_went_if_that_is_known() -> None:
    assert b" while waiting for another process" in time_limit.sentence(time_limit.WAITING)
    assert b"while" not in time_limit.sentence("")
    assert time_limit.sentence("looking up café").isascii()
    assert time_limit.sentence("").endswith(b"[out-of-time]\n")
