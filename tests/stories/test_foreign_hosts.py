"""A token goes only to the registry that it is for: whoever only looks like one gets nothing at all."""

import os
import shutil
import subprocess
import time

import pytest

from tests.stories.program import NOT_FOUND, PATH, Answer, Program
from tests.systems import posix

HOSTILE = [
    # another domain behind, before or around the suffix
    "HOST.evil.example",
    "HOST.attacker.example:443",
    "HOST.io",
    "HOST.azurecr.io.evil.example",
    "HOSTevil",
    "HOST-evil.example",
    "HOST_.example",
    "evilazurecr.io",
    "evil-azurecr.io",
    "azurecr.io",
    ".azurecr.io",
    "azurecr.io.azurecr.io.evil.example",
    "my.azurecr.i",
    "my.azurecr.ioo",
    "my.azurecrXio",
    "my.azurecr.com",
    "my.azurecr.us.com",
    "my.azurecr.de",
    "my.zurecr.io",
    "azurecr.io.",
    "evil.example.azurecr.io.example",
    "HOST.localhost",
    # more or fewer labels than a registry has
    "a.b.azurecr.io",
    "a.b.c.azurecr.io",
    "my.eastus.data.azurecr.io",
    "my.eastus.geo.geo.azurecr.io",
    "my.geo.azurecr.io",
    ".eastus.geo.azurecr.io",
    "my..geo.azurecr.io",
    "HOST..",
    "..azurecr.io",
    # labels that are none
    "-a.azurecr.io",
    "a-.azurecr.io",
    "a_b.azurecr.io",
    "a+b.azurecr.io",
    "*.azurecr.io",
    "%2a.azurecr.io",
    "my%2eazurecr.io",
    "my.azurecr%2eio",
    "my.azurecr.io%00",
    "my.azurecr.io%2f.evil.example",
    "a" * 64 + ".azurecr.io",
    "a" * 60_000 + ".azurecr.io",
    "$(id).azurecr.io",
    "`id`.azurecr.io",
    "{{7*7}}.azurecr.io",
    "../../etc/passwd",
    "a,b.azurecr.io",
    "a b.azurecr.io",
    # users, paths, queries, fragments
    "https://HOST@evil.example/",
    "https://evil.example@HOST/",
    "HOST@evil.example",
    "user:secret@HOST",
    "https://evil.example/HOST",
    "https://evil.example?HOST",
    "https://evil.example#HOST",
    "https://HOST#@evil.example/",
    "https://HOST?@evil.example/",
    "https://HOST;.evil.example/",
    "https://evil.example\\@HOST",
    "https://evil.example\\HOST",
    "HOST\\.evil.example",
    'HOST","Username":"x',
    'HOST/"',
    "https:///HOST",
    "https:/HOST",
    "https:HOST",
    "///HOST",
    "https://https://HOST",
    "https//HOST",
    "ftp://HOST",
    "file://HOST/",
    "javascript://HOST",
    "https ://HOST",
    "nerdctl-experimental://HOST",
    # ports
    "HOST:8443",
    "HOST:80",
    "HOST:0443",
    "HOST:+443",
    "HOST:4430",
    "HOST:99999",
    "HOST:443:443",
    "HOST:",
    "HOST.:443",
    "[HOST]",
    "[HOST]:443",
    "127.0.0.1",
    "[::1]:443",
    # more than one line, control characters, other white space
    "HOST\n.evil.example",
    "HOST\r\nx",
    "HOST\rx",
    "evil.example\nHOST",
    "HOST\0",
    "HOST\0.evil.example",
    "HOST\t.evil.example",
    "HO\tST",
    "HOST\x1b[2K",
    "HOST/\x7f",
    "HOST/\x85",
    "\x1cHOST",
    "\u00a0HOST",
    # not ASCII
    "my.\u0430zurecr.io",  # Cyrillic a
    "my.azurecr.\u0131o",  # dotless i
    "my.azurecr.\u0130o",  # I with a dot, which lower() takes apart
    "\u212arypton.azurecr.io",  # Kelvin sign, whose lower case is k
    "my.a\u017furecr.io",  # long s
    "my\uff0eazurecr\uff0eio",  # full-width dots
    "my\u3002azurecr\u3002io",  # ideographic dots
    "my.azurecr\u2024io",  # one-dot leader
    "my\u200b.azurecr.io",  # zero-width space
    "my.azurecr.io\u200d",
    "my.azurecr.io\u202e",  # right-to-left override
    "\u2066my.azurecr.io",
    "\uff4d\uff59.azurecr.io",
    "my\u00ad.azurecr.io",  # soft hyphen
    "my\u2010a.azurecr.io",  # another hyphen
    "m\u0443.azurecr.io",
    "\ud83d\ude00.azurecr.io".encode("utf-16", "surrogatepass").decode("utf-16"),
    "xn--.azurecr.io.evil.example",
    "m\u00fcnchen.azurecr.io",
    "\u0661.azurecr.io",  # an Arabic digit
]


def traced(program: Program, server: bytes) -> tuple[Answer, str]:
    """The answer, and what strace saw of the network."""
    trace = os.path.join(program.home, "trace")
    tracer = ["strace", "-f", "--seccomp-bpf", "-o", trace, "-e", "trace=%network"]
    found = subprocess.run(
        [*tracer, PATH, "get"],
        input=server,
        capture_output=True,
        check=False,
        env=program.environ,
        timeout=30,
    )
    with open(trace, encoding="utf-8") as file:
        lines = [line for line in file if "+++" not in line and "---" not in line]
    os.remove(trace)
    answer = Answer(found.returncode, found.stdout, found.stderr)
    return program.note(("get",), answer), "".join(lines)


def test_f01_hostile_hosts(program: Program, host: str) -> None:
    """Every host that only looks like ours is told the not-found line, and nobody hears of it."""
    assert len(HOSTILE) >= 100
    answers = {}
    for name in HOSTILE:
        server = name.replace("HOST", host).encode()
        answers[server] = program.get(server)
    wrong = {server: answer for server, answer in answers.items() if answer != (1, NOT_FOUND, b"")}
    assert wrong == {}
    assert program.azure.requests == []
    assert program.files() == []


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_f01_no_socket(program: Program, host: str) -> None:
    """For a host that is not ours not even a socket is made."""
    own, trace = traced(program, host.encode())
    if own.code:
        pytest.skip(f"strace may not trace here: {own.err!r}")
    assert "socket(" in trace, "the trace shows sockets where there are some"
    seen = {}
    for name in HOSTILE[::4]:
        answer, trace = traced(program, name.replace("HOST", host).encode())
        assert answer == (1, NOT_FOUND, b"")
        seen[name] = trace
    assert {name: trace for name, trace in seen.items() if trace} == {}


def test_foreign_hosts_with_settings(program: Program, host: str) -> None:
    """A wildcard chooses a method; it does not make anybody else's host ours."""
    program.settings('[registries."*.evil.example"]\nusername = "token"\n')
    for name in ("my.evil.example", "HOST.evil.example", "evil.example", "docker.io"):
        assert program.get(name.replace("HOST", host)) == (1, NOT_FOUND, b"")
    assert program.azure.requests == []


def test_named_hosts_are_ours(program: Program, host: str) -> None:
    """A host named in full in the settings gets its credential, its neighbours do not."""
    own = f"{host}.example"
    program.azure.registry(own)
    program.settings(f'[registries."{own}"]\nusername = "token"\n')
    assert program.get(own).login["Username"] == "<token>"
    assert program.get(own).secret == program.get(f"https://{own}:443/v2/").secret
    for name in (f"x.{own}", f"x{own}", f"{own}.x", f"{own}:8443", f"{own}\n{own}"):
        assert program.get(name) == (1, NOT_FOUND, b"")
    assert {request.host for request in program.azure.requests if request.kind == "exchange"} == {
        own
    }


def test_suffix_of_a_custom_cloud(program: Program, host: str) -> None:
    """A suffix of the settings is held to the same form, with a label's boundary before it."""
    suffix = host.partition(".")[0] + ".example"
    authority = f"login.{suffix}"
    program.azure.authorities.add(authority)
    program.azure.registry(f"my.{suffix}")
    program.settings(f'[clouds.factory]\nsuffix = "{suffix}"\nauthority = "https://{authority}"\n')
    assert program.get(f"my.{suffix}").login["Username"]
    seen = len(program.azure.requests)
    for name in (f"evil{suffix}", suffix, f"a.b.{suffix}", f"my.{suffix}.evil.example"):
        assert program.get(name) == (1, NOT_FOUND, b"")
    assert len(program.azure.requests) == seen


@posix("FIFOs")
def test_settings_that_are_a_pipe_hold_nobody(program: Program) -> None:
    """Another registry's pull has nothing to do with them."""
    path = os.path.join(program.home, "pipe")
    os.mkfifo(path)
    began = time.monotonic()
    assert program.get("registry.example", ACR_CRED_CONFIG=path) == (1, NOT_FOUND, b"")
    assert time.monotonic() - began < 4
