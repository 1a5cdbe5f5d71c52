"""Connect to whichever address of a name answers first (RFC 8305, "Happy Eyeballs").

Where IPv6 is announced and broken, each connection would otherwise wait for it to time out; urllib3 tries
one address after the other (urllib3/urllib3#797).
"""

import os
import selectors
import socket
from _thread import allocate_lock, start_new_thread
from contextlib import suppress
from itertools import chain, zip_longest
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Address = tuple[int, Any]  # family, and what connect() takes

NAME_SECONDS = 7.0  # a resolver may take half a minute to give up, and nothing can interrupt it
_HEAD_START = 0.25  # seconds that an address has for itself, says the RFC
# One that needs no descriptor of its own: there may be few.
_SELECTOR: "type[selectors.BaseSelector]" = getattr(
    selectors, "PollSelector", selectors.SelectSelector
)

Options = list[tuple[int, int, int | bytes]]


def connect(host: str, port: int, seconds: float, options: Options) -> socket.socket:
    """Return a socket connected to *host*, after at most *seconds* for each of its addresses.

    *options* are given to ``setsockopt``. Raises gaierror for a name without an address, else the
    OSError of the address that failed last.
    """
    waiting = _in_turn(_resolved(host, port))
    with _SELECTOR() as selector:
        try:
            return _first(selector, waiting, seconds, options)
        finally:
            for key in list(selector.get_map().values()):
                _drop(selector, key.fileobj)


def _resolved(host: str, port: int) -> "list[Address]":
    """Return the addresses of *host*, looked up in a thread that is left behind when it takes too long."""
    found: list[Address] = []
    failed: list[Exception] = []
    done = allocate_lock()
    done.acquire()

    def look() -> None:
        try:
            every = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.extend((family, address) for family, _, _, _, address in every)
        except Exception as error:  # noqa: BLE001  raised below
            failed.append(error)
        finally:
            done.release()

    try:
        start_new_thread(look, ())
    except RuntimeError:  # no thread to be had: the watchdog is the bound
        look()
    if not done.acquire(timeout=NAME_SECONDS):
        raise socket.gaierror(socket.EAI_AGAIN, "the resolver does not answer")
    if failed and isinstance(failed[0], UnicodeError):  # a label that no name may have
        raise socket.gaierror(socket.EAI_NONAME, "not a host name") from failed[0]
    if failed:
        raise failed[0]
    return found


def _in_turn(found: "list[Address]") -> "list[Address]":
    """Return the addresses, families in turn, beginning with the one that the system prefers."""
    first = [pair for pair in found if pair[0] == found[0][0]]
    others = [pair for pair in found if pair[0] != found[0][0]]
    return [pair for pair in chain.from_iterable(zip_longest(first, others)) if pair]


def _first(
    selector: selectors.BaseSelector,
    waiting: "list[Address]",
    seconds: float,
    options: Options,
) -> socket.socket:
    error: OSError = OSError("no address")
    starts = 0.0
    while waiting or selector.get_map():
        now = monotonic()
        if waiting and now >= starts:
            try:
                _start(selector, *waiting.pop(0), now + seconds, options)
                starts = now + _HEAD_START
            except OSError as failed:  # no route, or no IPv6 at all
                error = failed
            continue
        ends = min(key.data for key in selector.get_map().values())
        for key, _ in selector.select(min(ends, starts) - now if waiting else ends - now):
            connected = _drop(selector, key.fileobj, close=False)
            code = connected.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if not code:
                connected.settimeout(seconds)
                return connected
            connected.close()
            error, starts = OSError(code, os.strerror(code)), 0.0
        for key in [key for key in selector.get_map().values() if key.data <= monotonic()]:
            _drop(selector, key.fileobj)
            error, starts = TimeoutError("timed out"), 0.0
    raise error


def _start(
    selector: selectors.BaseSelector, family: int, address: "Any", ends: float, options: Options
) -> None:
    connecting = socket.socket(family, socket.SOCK_STREAM)
    try:
        for option in options:
            connecting.setsockopt(*option)
        connecting.settimeout(0)
        with suppress(BlockingIOError):
            connecting.connect(address)
        selector.register(connecting, selectors.EVENT_WRITE, ends)
    except OSError:
        connecting.close()
        raise


def _drop(selector: selectors.BaseSelector, file: object, *, close: bool = True) -> socket.socket:
    assert isinstance(file, socket.socket)  # noqa: S101  nothing else is registered
    selector.unregister(file)
    if close:
        file.close()
    return file
