"""The way to an address: the first that answers, and whatever fails is told like a connection's failure."""

import socket
import time
from collections.abc import Iterator

import pytest

from docker_credential_acr.addresses import connect

NODELAY = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def port(server: socket.socket) -> int:
    return int(server.getsockname()[1])


def test_a_connection_is_bounded_and_has_its_options(listening: socket.socket) -> None:
    with connect("127.0.0.1", port(listening), 7, list(NODELAY)) as connected:
        assert connected.getpeername() == listening.getsockname()
        assert connected.gettimeout() == 7
        assert connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_name_has_addresses_of_several_families(listening: socket.socket) -> None:
    """Of `localhost`, where nobody listens on IPv6, the other one is taken, at once."""
    began = time.monotonic()
    with connect("localhost", port(listening), 5, []) as connected:
        assert connected.getpeername()[0] == "127.0.0.1"
    assert time.monotonic() - began < 2


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = port(server)
    with pytest.raises(ConnectionRefusedError):
        connect("127.0.0.1", closed, 5, [])


@pytest.mark.parametrize("host", ["x" * 64 + ".example", "a..b"])
def test_no_such_name(host: str) -> None:
    with pytest.raises(socket.gaierror):
        connect(host, 443, 5, [])


@pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="a full queue is silent on Linux")
def test_one_that_does_not_answer_is_given_up() -> None:
    """A full queue swallows what comes, as a firewall does."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        queue = [socket.socket() for _ in range(3)]
        for one in queue:
            one.setblocking(False)  # noqa: FBT003  its signature
            one.connect_ex(server.getsockname())
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            connect("127.0.0.1", port(server), 0.4, [])
        assert 0.3 < time.monotonic() - began < 3
        for one in queue:
            one.close()
