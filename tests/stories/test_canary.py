"""The search for secrets finds them: one is planted in each place, in each form, and nothing else."""

import base64
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.azure import FakeAzure
from tests.stories import canary
from tests.stories.other_helpers import own, script
from tests.stories.program import Answer, Program

SECRET = "CANARY/of+its~own-0123456789"
PART = SECRET[9:21]  # twelve bytes, from wherever


@pytest.fixture
def watched(azure: FakeAzure, tmp_path: Path) -> Program:
    """One that no fixture searches: here the search itself is tried."""
    for name in ("home", "temporary"):
        (tmp_path / name).mkdir()
    environ = {
        "HOME": str(tmp_path / "home"),
        "TMPDIR": str(tmp_path / "temporary"),
        "PATH": "/usr/bin:/bin",
    }
    return Program(environ["HOME"], azure, environ, secrets={SECRET})


def write(path: str, text: str) -> str:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"before {text} behind")
    os.chmod(path, 0o600)
    return path


def packed(path: str) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("doctor.json", f"{'x' * 500}{PART}")


def linked(path: str) -> None:
    os.symlink(f"/nowhere/{PART}", path)


def in_the_cache(name: str) -> Callable[[Program], object]:
    return lambda p: write(os.path.join(p.folder, name), PART)


PLACES: dict[str, Callable[[Program], object]] = {
    "a file": lambda p: write(f"{p.home}/.config/deep/file", PART),
    "a log": lambda p: write(f"{p.home}/debug.log", PART),
    "a core file": lambda p: write(f"{p.home}/core.4711", f"\0{PART}\0"),
    "a temporary file": lambda p: write(f"{p.environ['TMPDIR']}/x", PART),
    "a file's name": lambda p: write(f"{p.home}/{PART.replace('/', '_')}", ""),
    "a folder's name": lambda p: os.mkdir(f"{p.environ['TMPDIR']}/{PART}"),
    "a link": lambda p: linked(f"{p.home}/link"),
    "a report": lambda p: packed(f"{p.home}/report.zip"),
    "an open entry": lambda p: os.chmod(write(f"{p.folder}/h@1", PART), 0o640),
    "a lock": in_the_cache("h@1.lock"),
    "a failure": in_the_cache("h@1.failed"),
    "the gate": in_the_cache("gate@1"),
    "what is remembered": in_the_cache("memory@1"),
    "beside a kept login": lambda p: write(f"{p.kept}/h@login", PART),
    "an open folder": lambda p: write(f"{p.kept}/h@password", PART),
    "standard error": lambda p: p.note(("get",), Answer(0, b"", PART.encode())),
    "standard output": lambda p: p.note(("status",), Answer(0, PART.encode(), b"")),
    "a failed get": lambda p: p.note(("get",), Answer(1, PART.encode(), b"")),
    "beside an answer": lambda p: p.note(
        ("get",), Answer(0, f'{{"Username":"{PART}","Secret":"x"}}'.encode(), b"")
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_it_is_found_in(watched: Program, place: str) -> None:
    assert canary.leaks(watched) == []
    PLACES[place](watched)
    assert len(canary.leaks(watched)) == 1


FORMS: dict[str, Callable[[str], str]] = {
    "all of it": lambda secret: secret,
    "its end": lambda secret: secret[-12:],
    "in an address": lambda secret: quote(secret, safe=""),
    "in base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "behind a user": lambda secret: base64.b64encode(b"user:" + secret.encode()).decode(),
    "in base64url": lambda secret: "x" + base64.urlsafe_b64encode(secret.encode()).decode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_it_is_found(watched: Program, form: str) -> None:
    write(f"{watched.home}/file", FORMS[form](SECRET))
    assert canary.leaks(watched)


def test_eleven_bytes_are_none(watched: Program) -> None:
    write(f"{watched.home}/file", PART[:-1])
    assert canary.leaks(watched) == []


def test_where_it_belongs_it_may_be(watched: Program) -> None:
    """In the answer, in the cache, among kept logins, and where the test itself has put it."""
    watched.note(("get",), Answer(0, f'{{"Secret":"{SECRET}"}}'.encode(), b""))
    write(f"{watched.folder}/h@1", SECRET)
    write(f"{watched.kept}/h@password", SECRET)
    os.chmod(watched.kept, 0o700)
    watched.own.add(write(f"{watched.home}/mine", SECRET))
    assert canary.leaks(watched) == []


@pytest.mark.parametrize("where", ["arguments", "environment"])
def test_it_is_found_in_what_another_program_is_given(watched: Program, where: str) -> None:
    """What every helper of a test notes by itself; what we were told in a variable may be handed on."""
    watched.environ["TOLD"] = told = "CANARY-told-in-a-variable"
    watched.secrets |= {told, "CANARY-told-in-another-test"}
    helper = script(watched, "other", "")
    given = [SECRET] if where == "arguments" else []
    environ = {"GIVEN": SECRET} if where == "environment" else {}
    for arguments, more in (([], {}), (given, environ)):
        assert canary.leaks(watched) == []
        status = os.spawnve(
            os.P_WAIT, helper.path, [helper.path, *arguments], {**watched.environ, **more}
        )
        assert status == 0
        own(watched, helper)
    (leak,) = canary.leaks(watched)
    assert canary.CHILD in leak
