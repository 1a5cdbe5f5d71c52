"""A value that does not print itself."""

import copy
import json
import pickle
import traceback

import pytest

from docker_credential_acr.methods.contract import EntraToken
from docker_credential_acr.secret import Secret, redacted

TEXT = "CANARY-5f0c"


def test_it_is_revealed_on_purpose_only() -> None:
    secret = Secret(TEXT)
    assert secret.reveal() == TEXT
    for text in (str(secret), repr(secret), f"{secret}", f"{secret!r}", f"{[secret]}"):
        assert TEXT not in text
    assert TEXT not in repr(EntraToken(secret))
    assert TEXT not in "%s %r" % (secret, secret)  # noqa: UP031  how logging does it


def test_it_does_not_leave_by_accident() -> None:
    secret = Secret(TEXT)
    with pytest.raises(TypeError):
        json.dumps({"secret": secret})
    for act in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            act(secret)
    assert not hasattr(secret, "__dict__")


def test_a_traceback_does_not_show_it() -> None:
    secret = Secret(TEXT)
    with pytest.raises(ValueError) as raised:  # noqa: PT011
        raise ValueError(secret)
    assert TEXT not in "".join(traceback.format_exception(raised.value))


def test_every_secret_that_was_met_is_taken_out_of_a_text() -> None:
    Secret(TEXT)
    Secret("")
    assert redacted(f"a {TEXT} b {TEXT}{TEXT}") == "a <secret> b <secret><secret>"
    assert redacted("") == ""
    assert redacted("nothing here") == "nothing here"


def test_a_secret_inside_another_leaves_nothing_of_it() -> None:
    """The longer one first: else its other half would stay."""
    Secret("CANARY-a")
    Secret("CANARY-a-and-b")
    assert redacted("x CANARY-a-and-b y") == "x <secret> y"
