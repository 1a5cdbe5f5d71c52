"""Networks that drop, refuse or do not lead anywhere, in namespaces of their own."""

import json
import os
import subprocess
import sys
import time

import pytest

from tests.faults.tools import SYSTEM_PATH, UNSHARE, in_namespaces, needs, run
from tests.stories.program import PATH, Answer, Program

pytestmark = needs("root", "unshare")

DROPPED = """
ip link set lo up
ip link add away type veth peer name far
ip address add 10.9.8.7/24 dev away
ip link set far up
ip link set away up
ip neighbour add 10.9.8.1 lladdr 02:00:00:00:00:99 dev away
ip route add default via 10.9.8.1
"""
NETWORKS = {
    "dropped": DROPPED,
    "unreachable": "ip link set lo up\nip route add unreachable default",
    "prohibited": "ip link set lo up\nip route add prohibit default",
    "refused": "ip link set lo up\nip address add 169.254.169.254/32 dev lo",
    "no network at all": ":",
}
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DIRECT = dict.fromkeys(("HTTPS_PROXY", "https_proxy", "AZURE_POD_IDENTITY_AUTHORITY_HOST"))


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_f46_no_metadata_service(program: Program, host: str, network: str) -> None:
    """Four seconds at most, then a sentence that says what to look at."""
    began = time.monotonic()
    answer = in_namespaces(program, network, host, **DIRECT, ACR_CRED_METHOD="managed-identity")
    seconds = time.monotonic() - began
    assert answer.reference == "metadata-unreachable"
    assert b"method" in answer.out
    assert seconds < (6 if network == DROPPED else 2.5), "and the start of the program"


STORES = ["/etc/ssl/certs/ca-certificates.crt", "/usr/lib/ssl/cert.pem", "/etc/ssl/cert.pem"]


def test_f55_the_systems_own_store(program: Program, host: str) -> None:
    """A company's CA in the system's store is trusted without a variable; without it nobody is."""
    unset = dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"))
    covered = [f'[ ! -e {path} ] || mount --bind "$HOME/ca.pem" {path}' for path in STORES]
    with open(program.environ["SSL_CERT_FILE"], "rb") as given:
        kept = given.read()
    with open(os.path.join(program.home, "ca.pem"), "wb") as file:
        file.write(kept)
    command = [
        "unshare",
        "--mount",
        "/bin/sh",
        "-c",
        "\n".join(["set -e", *covered, 'exec "$@"']),
        "sh",
    ]
    assert run(program, command, host, **unset).login["ServerURL"] == host
    assert program.get(f"other-{host}", **unset).reference == "tls-untrusted"


RESOLVERS = {
    "dropped": DROPPED + "echo nameserver 10.9.8.1 >/mnt/resolv",
    "refused": "ip link set lo up\necho nameserver 127.0.0.1 >/mnt/resolv",
    "none": "ip link set lo up\n: >/mnt/resolv",
}


@pytest.mark.parametrize("resolver", RESOLVERS.values(), ids=RESOLVERS)
def test_f70_resolvers(program: Program, host: str, resolver: str) -> None:
    """A resolver that is not there or is silent ends in time, though nothing can interrupt it."""
    script = f"mount -t tmpfs tmpfs /mnt\n{resolver}\nmount --bind /mnt/resolv /etc/resolv.conf"
    began = time.monotonic()
    answer = in_namespaces(program, script, host, **DIRECT, ACR_CRED_TIMEOUT="5")
    assert answer.reference in ("name-not-found", "no-answer", "out-of-time", "unreachable")
    assert time.monotonic() - began < 9


def inside(  # noqa: PLR0913  a network and its names
    program: Program,
    host: str,
    *,
    network: str = "",
    hosts: str = "",
    names: tuple[str, ...] = (),
    resolver: str = "options timeout:2 attempts:2",
) -> tuple[Answer, float, list[str]]:
    """Run `get` for *host* where the fake Azure is on this very network: no proxy is in between.

    The answer, its seconds, and what Azure was asked.
    """
    environ = {
        name: value for name, value in program.environ.items() if not name.startswith("AZURE")
    }
    for name in ("HTTPS_PROXY", "https_proxy", "NO_PROXY"):
        del environ[name]
    plan = {
        "network": "ip link set lo up\n" + network,
        "hosts": hosts,
        "names": names,
        "resolver": resolver,
        "command": [PATH, "get"],
        "given": host,
        "environ": environ,
    }
    done = subprocess.run(
        [*UNSHARE, sys.executable, "-m", "tests.faults.inside"],
        input=json.dumps(plan).encode(),
        stdout=subprocess.PIPE,
        check=True,
        timeout=90,
        cwd=ROOT,
        env={"PATH": SYSTEM_PATH, "HOME": program.home},
    )
    found = json.loads(done.stdout)
    program.secrets |= set(found["secrets"])
    streams = (found[name].encode("latin-1") for name in ("out", "err"))
    answer = program.note(("get",), Answer(found["code"], *streams))
    return answer, found["seconds"], found["kinds"]


BROKEN_IPV6 = """
ip link add away type veth peer name far
ip -6 address add 2001:db8::7/64 dev away nodad
ip link set far up
ip link set away up
ip -6 neighbour add 2001:db8::1 lladdr 02:00:00:00:00:99 dev away
"""


@pytest.mark.parametrize("first", ["2001:db8::1", "127.0.0.1"])
def test_f69_ipv6_is_broken(program: Program, host: str, first: str) -> None:
    """Where IPv6 is announced and swallowed, IPv4 is tried a quarter of a second later, each time."""
    other = {"2001:db8::1": "127.0.0.1", "127.0.0.1": "2001:db8::1"}[first]
    names = f"login.microsoftonline.com {host}"
    answer, seconds, kinds = inside(
        program, host, network=BROKEN_IPV6, hosts=f"{first} {names}\n{other} {names}\n"
    )
    assert answer.login["ServerURL"] == host
    assert kinds == ["discovery", "sign-in", "exchange"]
    assert seconds < 3


@pytest.mark.parametrize(
    ("names", "most"),
    [
        (("right",), 3.0),
        (("no IPv6",), 3.0),
        (("SERVFAIL", "SERVFAIL", "right"), 10.0),
        (("silence", "silence", "right"), 10.0),
    ],
    ids=["right", "no IPv6", "flapping", "late"],
)
def test_f70_names_that_resolve(
    program: Program, host: str, names: tuple[str, ...], most: float
) -> None:
    """A name server that is slow, half broken or unwell for a moment costs time and no answer."""
    answer, seconds, _ = inside(program, host, names=names)
    assert answer.login["ServerURL"] == host
    assert seconds < most


@pytest.mark.parametrize("word", ["SERVFAIL", "NXDOMAIN", "REFUSED", "silence"])
def test_f70_names_that_do_not(program: Program, host: str, word: str) -> None:
    """What a name server refuses is said of the name, within ten seconds."""
    answer, seconds, kinds = inside(program, host, names=(word,))
    assert answer.reference == "name-not-found"
    assert seconds < 10
    assert kinds == []


def test_f70_a_resolver_of_great_patience(program: Program, host: str) -> None:
    """Half a minute and more for one name: nobody waits for it, though nothing can interrupt it."""
    answer, seconds, kinds = inside(
        program, host, names=("silence",), resolver="options timeout:30 attempts:5"
    )
    assert answer.reference == "name-not-found"
    assert seconds < 10
    assert kinds == []


def test_f70_a_search_domain_that_answers(program: Program, host: str) -> None:
    """Who answers for the name behind a search domain is held to the name that was meant."""
    answer, _, kinds = inside(
        program, host, names=("in the search domain",), resolver="search surprise.example"
    )
    assert answer.login["ServerURL"] == host
    assert kinds == ["discovery", "sign-in", "exchange"], (
        "its certificate is of the right name here"
    )


def test_f70_a_hosts_file_that_leads_here(program: Program, host: str) -> None:
    """A name that leads to this machine, where nobody listens, is no connection."""
    answer, seconds, kinds = inside(program, host, hosts=f"::1 login.microsoftonline.com {host}\n")
    assert answer.reference == "unreachable"
    assert seconds < 5
    assert kinds == []
