"""Everything that can go wrong on the way to an answer, as values to hand to `FakeAzure.fault`."""

import string
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from tests.azure import aadsts
from tests.azure.wire import HangUp, Reply


class Fault(Protocol):
    """Takes the place of an answer; `answer()` gives the one that would have been sent."""

    def apply(self, answer: Callable[[], Reply], closing: threading.Event) -> Reply: ...


@dataclass(frozen=True)
class Status:
    """A finished answer, such as 503 with Retry-After."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | bytes = b""

    def apply(self, _answer: Callable[[], Reply], _closing: threading.Event) -> Reply:
        body = self.body.encode() if isinstance(self.body, str) else self.body
        return Reply(self.status, dict(self.headers), body)


@dataclass(frozen=True)
class Refusal:
    """What Entra says under an AADSTS number, about somebody whom nobody must read of."""

    code: int
    correlation: str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"

    def apply(self, _answer: Callable[[], Reply], _closing: threading.Event) -> Reply:
        parts = string.Formatter().parse(aadsts.PROBLEMS[self.code].text)
        details = {name: f"CANARY-{name}" for _, name, _, _ in parts if name}
        return aadsts.Refused(self.code, **details).reply(self.correlation)


@dataclass(frozen=True)
class Hang:
    """Reads the request and never answers."""

    def apply(self, _answer: Callable[[], Reply], closing: threading.Event) -> Reply:
        closing.wait()
        raise HangUp


@dataclass(frozen=True)
class Reset:
    """Ends the connection with a TCP reset."""

    def apply(self, _answer: Callable[[], Reply], _closing: threading.Event) -> Reply:
        raise HangUp(reset=True)


@dataclass(frozen=True)
class Raw:
    """These bytes in place of a status line, headers and a body; then the connection ends."""

    data: bytes

    def apply(self, _answer: Callable[[], Reply], _closing: threading.Event) -> Reply:
        raise HangUp(words=self.data)


@dataclass(frozen=True)
class Delay:
    """The right answer, later."""

    seconds: float

    def apply(self, answer: Callable[[], Reply], closing: threading.Event) -> Reply:
        closing.wait(self.seconds)
        return answer()


@dataclass(frozen=True)
class Slow:
    """The right answer, its body a byte at a time."""

    bytes_per_second: float

    def apply(self, answer: Callable[[], Reply], closing: threading.Event) -> Reply:
        reply = answer()
        body = b"".join(reply.pieces())
        length = {"Content-Length": str(len(body))}
        return replace(reply, headers=reply.headers | length, body=self._drip(body, closing))

    def _drip(self, body: bytes, closing: threading.Event) -> Iterator[bytes]:
        for position in range(len(body)):
            if closing.wait(1 / self.bytes_per_second):
                return
            yield body[position : position + 1]


@dataclass(frozen=True)
class Cut:
    """The right answer, but the connection ends in the middle of its body."""

    def apply(self, answer: Callable[[], Reply], _closing: threading.Event) -> Reply:
        reply = answer()
        body = b"".join(reply.pieces())
        length = {"Content-Length": str(len(body))}
        return replace(reply, headers=reply.headers | length, body=self._half(body))

    def _half(self, body: bytes) -> Iterator[bytes]:
        yield body[: len(body) // 2]
        raise HangUp


@dataclass(frozen=True)
class Endless:
    """A body without an end, for body limits."""

    content_type: str = "application/json"

    def apply(self, _answer: Callable[[], Reply], closing: threading.Event) -> Reply:
        return Reply(200, {"Content-Type": self.content_type}, self._flood(closing))

    def _flood(self, closing: threading.Event) -> Iterator[bytes]:
        while not closing.is_set():
            yield b" " * 65536


@dataclass(frozen=True)
class Redirect:
    """Sends the client, and whatever it carries, somewhere else (`acr.md` 7.2)."""

    url: str
    status: int = 307

    def apply(self, _answer: Callable[[], Reply], _closing: threading.Event) -> Reply:
        return Reply(self.status, {"Location": self.url})


@dataclass(frozen=True)
class Garbage:
    """200, and a body nobody expects: a captive portal's page, half a JSON text."""

    body: str | bytes = "<html><body>Please sign in to the guest network</body></html>"
    content_type: str = "text/html"

    def apply(self, _answer: Callable[[], Reply], _closing: threading.Event) -> Reply:
        body = self.body.encode() if isinstance(self.body, str) else self.body
        return Reply(200, {"Content-Type": self.content_type}, body)


@dataclass(frozen=True)
class TLSFault:
    """A certificate the client must refuse; applied in the handshake, not to an answer."""

    def apply(self, answer: Callable[[], Reply], _closing: threading.Event) -> Reply:
        return answer()


class WrongName(TLSFault):
    """A certificate of the right CA for another name."""


class Expired(TLSFault):
    """A certificate of the right CA that ran out long ago."""


class SelfSigned(TLSFault):
    """A certificate of a CA nobody has heard of."""


class NotYetValid(TLSFault):
    """A certificate of the right CA that is good some day."""


@dataclass
class Order:
    """One call of `FakeAzure.fault`."""

    kind: str
    fault: Fault
    times: int | None
    host: str | None


class Faults:
    """The faults waiting for their request; the oldest that fits is taken first."""

    def __init__(self) -> None:
        self._orders: list[Order] = []
        self._lock = threading.Lock()
        self.closing = threading.Event()  # set for good when the fake Azure stops

    def add(self, kind: str, fault: Fault, times: int | None, host: str | None) -> None:
        kind = "tls" if isinstance(fault, TLSFault) else kind
        with self._lock:
            self._orders.append(Order(kind, fault, times, host))

    def take(self, kind: str, host: str) -> Fault | None:
        with self._lock:
            for order in self._orders:
                if order.kind == kind and order.host in (None, host):
                    self._use(order)
                    return order.fault
        return None

    def _use(self, order: Order) -> None:
        if order.times is None:
            return
        order.times -= 1
        if order.times <= 0:
            self._orders.remove(order)

    def clear(self) -> None:
        with self._lock:
            self._orders.clear()

    def wait(self, seconds: float) -> None:
        if seconds > 0:
            self.closing.wait(seconds)
