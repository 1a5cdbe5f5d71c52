"""FZ8: nothing in the log shows twelve characters of a secret, in whatever form it comes there."""

import base64
import json
import os
import re
import string
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from docker_credential_acr.secret import Secret, redacted
from tests.fuzz.profile import LONG, examples, many
from tests.stories.program import surroundings

WINDOW = 12
OPAQUE = string.ascii_letters + string.digits + "~._-"
WORDS = " :=&,\n{}[]"  # what stands around a secret


def jwt(parts: list[bytes]) -> str:
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


SECRETS = (
    st.lists(st.binary(min_size=12, max_size=40), min_size=3, max_size=3).map(jwt)
    | st.text(OPAQUE, min_size=12, max_size=60)
    | st.uuids().map(str)
    | st.text(OPAQUE + "+/=%&\"'\\ ", min_size=12, max_size=60)
    | st.text(min_size=12, max_size=30)
)
FORMS: Mapping[str, Callable[[str], str]] = {
    "as it is": str,
    "quoted": lambda text: quote(text, "", errors="replace"),
    "in a form": lambda text: quote_plus(text, "", errors="replace"),
    "quoted in lower case": lambda text: re.sub(
        "%..", lambda found: found[0].lower(), quote(text, "", errors="replace")
    ),
    "JSON": json.dumps,
    "JSON of a text": lambda text: json.dumps(text, ensure_ascii=False),
    "literal": repr,
    "base64": lambda text: base64.b64encode(text.encode("utf-8", "replace")).decode(),
    "of the web": lambda text: base64.urlsafe_b64encode(text.encode("utf-8", "replace")).decode(),
    "Basic": lambda text: base64.b64encode(b"user:" + text.encode("utf-8", "replace")).decode(),
    "base64 in lines": lambda text: base64.encodebytes(text.encode("utf-8", "replace")).decode(),
    "cut": lambda text: text[: len(text) * 2 // 3],
    "the rest": lambda text: text[len(text) // 3 :],
    "in lines": lambda text: "\n".join(text[at : at + 20] for at in range(0, len(text), 20)),
}


def windows(text: str) -> set[str]:
    return {text[at : at + WINDOW] for at in range(len(text) - WINDOW + 1)}


@pytest.fixture
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """This process has met no secret before."""
    known: set[str] = set()
    monkeypatch.setattr("docker_credential_acr.secret._known", known)
    return known


@examples(quick=1500, long=500_000)
@given(SECRETS, st.sampled_from(sorted(FORMS)), st.text(WORDS, max_size=9))
def test_fz8_no_window_is_left(
    nothing_known: set[str], tried: Callable[[int], None], secret: str, form: str, around: str
) -> None:
    """Not one window of twelve characters of the secret, nor of the form in which it was written."""
    nothing_known.clear()
    Secret(secret)
    written = FORMS[form](secret)
    shown = redacted(around + written + around)
    assert not windows(secret) & windows(shown)
    if form in ("base64", "of the web"):
        assert not windows(written.rstrip("=")[:-1]) & windows(shown)
    tried(1)


@examples(quick=300, long=50_000)
@given(st.text(max_size=300))
def test_fz8_other_words_stay(
    nothing_known: set[str], tried: Callable[[int], None], text: str
) -> None:
    """What is no secret is left as it is."""
    nothing_known.clear()
    Secret("CANARY-" + "q" * 40)
    assume("qqqqq" not in text)
    assert redacted(text) == text
    tried(1)


BATCH = """
import logging, random, sys, traceback
from docker_credential_acr import log
from docker_credential_acr.secret import Secret
from tests.fuzz.test_fz08_redaction import FORMS, OPAQUE
some = random.Random(int(sys.argv[2]))
log.start(sys.argv[1])
others = logging.getLogger("msal.token_cache")
for number in range(int(sys.argv[3])):
    text = "CANARY" + "".join(some.choices(OPAQUE + "+/=%", k=some.randint(20, 90)))
    secret = Secret(text)
    written = FORMS[some.choice(sorted(FORMS))](text)
    try:
        try:
            raise ValueError(written, secret)
        except ValueError as error:
            if some.random() < 0.5:
                raise KeyError({"client_secret": written}) from error
            raise
    except Exception as error:
        say = some.choice([log.log.debug, others.warning, others.error])
        if some.random() < 0.5:
            say("%s %r", written, {"a": [written]}, exc_info=error)
        else:
            say(f"{error} {secret} {written}")
    print(text)
    if number % 20 == 19:
        from docker_credential_acr import secret as room
        room._known.clear()
"""


def test_fz8_the_log(tried: Callable[[int], None], tmp_path: Path) -> None:
    """Log records with arguments, exceptions in chains and reprs, ours and the SDK's."""
    path = tmp_path / "log"
    times = many(400, 20_000)
    seed = str(int.from_bytes(os.urandom(4), "big")) if LONG else "8"
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    done = subprocess.run(
        [sys.executable, "-c", BATCH, str(path), seed, str(times)],
        capture_output=True,
        check=False,
        text=True,
        env=surroundings(str(tmp_path)) | {"PYTHONPATH": root},
    )
    assert done.returncode == 0, done.stderr
    secrets = done.stdout.splitlines()
    assert len(secrets) == times
    shown = windows(path.read_text(encoding="utf-8"))
    assert len(shown) > 1000, "it was logged"
    for secret in secrets:
        assert not windows(secret) & shown, (seed, secret)
    tried(times)
