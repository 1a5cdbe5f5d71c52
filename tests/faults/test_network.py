"""Networks that drop, refuse or do not lead anywhere, in namespaces of their own."""

import time

import pytest

from tests.faults.tools import in_namespaces, needs
from tests.stories.program import Program

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
