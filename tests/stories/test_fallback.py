"""As `credsStore`: what is not ours is another helper's, bytes unchanged both ways."""

import json
import os
import shutil
import time

import pytest

from tests.stories.other_helpers import OWN_SERVER, Script, own, pass_store, script
from tests.stories.program import FROZEN, GUID, NOT_FOUND, PATH, Answer, Program, new_host
from tests.stories.test_list import docker_config
from tests.systems import scripts

pytestmark = scripts

HUB = "https://index.docker.io/v1/"
# Says what the test wants said, byte for byte.
SAYS = """
cat "$notes/out"
cat "$notes/err" >&2
exit "$(cat "$notes/code")"
"""


def fallback(program: Program, does: str, more: str = "") -> Script:
    """Name a helper in the settings for all that is not ours."""
    program.settings(f'fallback = "other"\n{more}')
    return script(program, "other", does)


def says(helper: Script, out: bytes, err: bytes = b"", code: int = 0) -> Answer:
    """Have *helper* say this; the answer that the client is to get."""
    for name, content in {"out": out, "err": err, "code": b"%d" % code}.items():
        with open(os.path.join(helper.notes, name), "wb") as file:
            file.write(content)
    return Answer(code, out, err)


FOREIGN = [
    b"quay.io",
    b" quay.io \r\n",
    HUB.encode(),
    b"https://index.docker.io/v1/access-token\n",
    b"HOST.evil.example",
    b"mcr.microsoft.com",
    b"\xef\xbb\xbfquay.io",
    b"m\xc3\xbcnchen.example",
    b"a\nb",
    b"\xff\0",
    b"x" * 60_000,
]


@pytest.mark.parametrize("verb", ["get", "erase"])
def test_hosts_that_are_not_ours_pass_through(program: Program, verb: str) -> None:
    helper = fallback(program, SAYS)
    wanted = says(helper, b'{"ServerURL":"x","Username":"u","Secret":"s"} \r\n')
    for server in FOREIGN:
        assert program.run(verb, stdin=server) == wanted, server
    assert sorted(given for _, given, _ in helper.heard()) == sorted(FOREIGN)
    assert set(helper.calls()) == {verb}
    assert program.azure.requests == []


@pytest.mark.parametrize("code", [0, 1, 2, 77, 255])
@pytest.mark.parametrize("verb", ["get", "store", "erase"])
def test_what_it_says_is_handed_on(program: Program, verb: str, code: int) -> None:
    """Both streams and the exit code, whatever they are."""
    helper = fallback(program, SAYS)
    wanted = says(helper, b"one\r\ntwo\xff\0" + b"x" * 70_000, b"warning:\x1b[31m no\n", code)
    login = b'{"ServerURL":"quay.io","Username":"u","Secret":"s"}'
    assert program.run(verb, stdin=login if verb == "store" else b"quay.io") == wanted


def test_not_found_is_its_word_too(program: Program) -> None:
    helper = fallback(program, SAYS)
    wanted = says(helper, NOT_FOUND, code=1)
    assert program.get("quay.io") == wanted


@pytest.mark.parametrize(
    "login",
    [
        b'{"ServerURL":"https://index.docker.io/v1/","Username":"u","Secret":"\\u003cs\\u003e"}\n',
        b' {"Secret": "\\ud83d\\udd11", "Username": "<token>", "more": [1], "serverurl": "quay.io"} x',
        b'{"ServerURL":"quay.io","Username":"00000000-0000-0000-0000-000000000000","Secret":"'
        + b"x" * 500_000
        + b'"}',
    ],
    ids=["go", "lenient", "large"],
)
def test_a_login_passes_through(program: Program, login: bytes) -> None:
    helper = fallback(program, SAYS)
    wanted = says(helper, b"")
    assert program.run("store", stdin=login) == wanted
    assert helper.heard() == [("store", login, "1")]


def test_our_registries_never_reach_it(program: Program, host: str) -> None:
    """Neither the host nor a token nor a login."""
    named = f"{host}.example"
    program.azure.registry(named)
    more = f'store = "file"\n[registries."{named}"]\nmethod = "automatic"\n'
    helper = fallback(program, "exit 1", more)
    for server in (host, f"https://{host}/v2/", named):
        assert program.get(server).login
        assert program.store(server, "admin", "CANARY-password") == (0, b"", b"")
        assert program.erase(server) == (0, b"", b"")
        assert program.erase(server) == (0, b"", b"")
    assert helper.calls() == []


def test_a_named_host_that_nothing_is_known_of_is_still_ours(program: Program, host: str) -> None:
    helper = fallback(program, "exit 1", f'[registries."{host}.example"]\nmethod = "automatic"\n')
    assert program.erase(f"{host}.example") == (0, b"", b"")
    assert helper.calls() == []


def test_without_a_cache(program: Program) -> None:
    helper = fallback(program, SAYS)
    wanted = says(helper, b"{}\n")
    assert program.get("quay.io", ACR_CRED_NO_CACHE="1") == wanted


# -- list


def test_list_has_both(program: Program, host: str) -> None:
    """Its hosts beside ours; what is ours is answered by us, so its word on that does not count."""
    helper = fallback(program, SAYS)
    docker_config(program, {"credHelpers": {host: "acr"}})
    theirs = {
        HUB: "me",
        "quay.io": "<token>",
        f"https://{host}": "admin",
        new_host(): "x",
        OWN_SERVER + host: "kept by us",
    }
    says(helper, json.dumps(theirs).encode())
    assert program.hosts() == {host: GUID, HUB: "me", "quay.io": "<token>"}
    assert helper.heard()[0][:2] == ("list", b"unused")


@pytest.mark.parametrize(
    ("out", "code"),
    [
        (b"null\n", 0),
        (b"", 0),
        (b"", 1),
        (b"{", 0),
        (b"[]", 0),
        (b'{"quay.io": 7}', 0),
        (b"cannot\n", 1),
        (b"[" * 100_000, 0),
        (b"\xff", 0),
    ],
)
def test_list_is_ours_where_it_has_none(program: Program, host: str, out: bytes, code: int) -> None:
    """An error of the other one must not take ours away: Docker drops every login then."""
    helper = fallback(program, SAYS)
    docker_config(program, {"credHelpers": {host: "acr"}})
    says(helper, out, code=code)
    assert program.hosts() == {host: GUID}


def test_list_waits_for_nobody_for_long(program: Program, host: str) -> None:
    fallback(program, "exec sleep 600")
    docker_config(program, {"credHelpers": {host: "acr"}})
    began = time.monotonic()
    assert program.hosts() == {host: GUID}
    assert time.monotonic() - began < 8


# -- what can be wrong with it


@pytest.mark.parametrize("verb", ["get", "store", "erase"])
def test_one_that_is_missing_is_said(program: Program, verb: str) -> None:
    program.settings('fallback = "nowhere-to-be-found"\n')
    login = b'{"ServerURL":"quay.io","Username":"u","Secret":"s"}'
    answer = program.run(verb, stdin=login if verb == "store" else b"quay.io")
    assert answer.reference == "helper-missing"
    assert b"quay.io" in answer.out


@pytest.mark.parametrize("verb", ["get", "store", "erase"])
def test_one_that_hangs_is_ended_in_time(program: Program, verb: str) -> None:
    helper = fallback(program, 'echo $$ >"$notes/pid"; exec sleep 600')
    login = b'{"ServerURL":"quay.io","Username":"u","Secret":"s"}'
    given = login if verb == "store" else b"quay.io"
    began = time.monotonic()
    answer = program.run(verb, stdin=given, ACR_CRED_TIMEOUT="5")
    assert answer.reference == "helper-failed"
    assert 4.5 < time.monotonic() - began < 8
    with open(os.path.join(helper.notes, "pid"), encoding="utf-8") as file:
        pid = int(file.read())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_one_that_is_killed_is_said(program: Program) -> None:
    fallback(program, "kill -9 $$")
    answer = program.get("quay.io")
    assert answer.reference == "helper-failed"
    assert b"signal 9" in answer.out


@pytest.mark.parametrize("verb", ["get", "store", "erase"])
def test_one_that_is_this_program(program: Program, verb: str) -> None:
    helper = fallback(program, "exit 0")
    os.unlink(helper.path)
    os.symlink(PATH, helper.path)
    login = b'{"ServerURL":"quay.io","Username":"u","Secret":"s"}'
    answer = program.run(verb, stdin=login if verb == "store" else b"quay.io")
    assert answer.reference == "helper-is-us"


def test_its_own_name_is_a_mistake_of_the_settings(program: Program) -> None:
    program.settings('fallback = "acr"\n')
    assert program.store("quay.io", "u", "s").reference == "settings-invalid"


def test_a_circle_ends_at_once(program: Program) -> None:
    """A helper that asks us again is told that there is nothing."""
    helper = fallback(program, f'"{PATH}" "$verb" <"$given"')
    assert program.get("quay.io") == (1, NOT_FOUND, b"")
    assert program.erase("quay.io") == (0, b"", b"")
    assert program.store("quay.io", "u", "s").reference == "store-not-ours"
    assert program.hosts() == {}
    assert helper.calls() == ["get", "erase", "store", "list"]


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="nothing shows who called whom")
@pytest.mark.parametrize("how", ["exec", ""], ids=["in-its-place", "below-it"])
def test_a_circle_ends_though_the_mark_is_lost(program: Program, how: str) -> None:
    """A wrapper that clears the environment (env -i, sudo): else each starts the next one, for ever."""
    calls = f'{how} env -i HOME="$HOME" PATH="$PATH" "{PATH}" "$verb" <"$given"'
    helper = fallback(program, calls)
    assert program.get("quay.io") == (1, NOT_FOUND, b"")
    assert program.erase("quay.io") == (0, b"", b"")
    assert program.hosts() == {}
    assert 3 <= len(helper.calls()) <= 6


def test_a_copy_of_this_program_ends_at_once(program: Program) -> None:
    """It has another name and is another file, and it finds the mark."""
    helper = fallback(program, "")
    if FROZEN:
        os.unlink(helper.path)
        os.symlink(os.path.dirname(os.path.realpath(PATH)), os.path.join(program.home, "link"))
        os.symlink(os.path.join(program.home, "link", os.path.basename(PATH)), helper.path)
        assert program.get("quay.io").reference == "helper-is-us"
    else:
        shutil.copy(PATH, helper.path)
        assert program.get("quay.io") == (1, NOT_FOUND, b"")
        assert program.erase("quay.io") == (0, b"", b"")
        assert program.store("quay.io", "u", "s").reference == "store-not-ours"


def test_no_path_is_taken_for_a_name(program: Program) -> None:
    """A helper is named; where it lies is for PATH to say."""
    for name in (PATH, "../other", "./other", "a/b", ""):
        program.settings(f'fallback = "{name}"\n')
        assert program.store("quay.io", "u", "s").reference == "settings-invalid"


def test_broken_settings(program: Program, host: str) -> None:
    """Pulls from elsewhere go on; who logs in or out elsewhere is told why that is not possible now."""
    helper = fallback(program, "exit 0", f'[registries."{host}"]\nmethod = "nonsense"\n')
    assert program.get("quay.io") == (1, NOT_FOUND, b"")
    assert program.store("quay.io", "u", "s").reference == "settings-invalid"
    assert program.erase("quay.io").reference == "settings-invalid"
    assert program.erase(host) == (0, b"", b"")
    assert program.hosts() == {}
    assert helper.calls() == []


# -- a real one


def test_docker_hub_in_pass(program: Program, host: str) -> None:
    """Its logins and ours in one store, and each is found by who it belongs to."""
    with pass_store() as real:
        program.environ |= real.environ
        program.settings('fallback = "pass"\nstore = "pass"\n')
        program.secrets |= {"CANARY-hub", "CANARY-ours"}
        assert program.store(HUB, "me", "CANARY-hub") == (0, b"", b"")
        assert program.store(host, "admin", "CANARY-ours") == (0, b"", b"")
        assert real.servers() == {HUB: "me", OWN_SERVER + host: "admin"}
        assert program.get(HUB) == real.run("get", stdin=HUB)
        assert program.get(HUB).secret == "CANARY-hub"
        assert program.get(host).secret == "CANARY-ours"
        assert program.hosts() == {HUB: "me", host: "admin"}
        assert program.erase(HUB) == (0, b"", b"")
        assert program.hosts() == {host: "admin"}
        assert program.erase(host) == (0, b"", b"")
        assert real.servers() == {}


def test_scripts_are_told_nothing_of_ours(program: Program) -> None:
    """It gets its environment as it is, but for the mark that we started it."""
    helper = fallback(program, 'env >"$notes/env"')
    program.get("quay.io", OF_ITS_OWN="value")
    with open(os.path.join(helper.notes, "env"), encoding="utf-8") as file:
        seen = file.read().splitlines()
    assert {"ACR_CRED_NESTED=1", "OF_ITS_OWN=value", f"HOME={program.home}"} <= set(seen)
    program.own.add(os.path.join(helper.notes, "env"))
    own(program, helper)
