"""HTTP/1.1 between a socket and the rooms of the fake Azure: `Call` in, `Reply` out."""

import json
import socket
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from io import BufferedIOBase
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Json = dict[str, Any]

BODY_LIMIT = 1 << 20
PIECE = 1 << 16


class HangUp(Exception):
    """End the connection now, without (the rest of) an answer, but with these last words."""

    def __init__(self, *, reset: bool = False, words: bytes = b"") -> None:
        super().__init__("hang up")
        self.reset = reset
        self.words = words


@dataclass
class Reply:
    """An answer. A body in pieces goes out chunked unless the headers give its length."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | Iterable[bytes] = b""
    close: Callable[[], None] = lambda: None

    def pieces(self) -> Iterable[bytes]:
        return [self.body] if isinstance(self.body, bytes) else self.body


def json_reply(status: int, content: object, headers: Mapping[str, str] | None = None) -> Reply:
    kind = {"Content-Type": "application/json; charset=utf-8"}
    return Reply(status, kind | dict(headers or {}), json.dumps(content).encode())


@dataclass
class Call:
    """A request as the rooms see it. Forms and JSON are read; any other body waits in `stream`."""

    method: str
    host: str
    target: str
    headers: Mapping[str, str]
    stream: Iterator[bytes]
    body: bytes = b""

    def __post_init__(self) -> None:
        self.path = urlsplit(self.target).path
        self.query = pairs(urlsplit(self.target).query)
        kind = self.headers.get("content-type", "")
        if kind.startswith(("application/x-www-form-urlencoded", "application/json")):
            self.body = limited(self.stream)
        self.fields = parse_qsl(self.body.decode("utf-8", "replace")) if "form" in kind else []

    @property
    def form(self) -> dict[str, str]:
        return joined(self.fields)

    def json(self) -> Any:  # noqa: ANN401, RUF100 - JSON is anything
        return json.loads(self.body or b"{}")


def pairs(text: str) -> dict[str, str]:
    return joined(parse_qsl(text, keep_blank_values=True))


def joined(fields: Iterable[tuple[str, str]]) -> dict[str, str]:
    """A repeated field's values joined by blanks: how OAuth writes several scopes."""
    values: dict[str, list[str]] = {}
    for name, value in fields:
        values.setdefault(name, []).append(value)
    return {name: " ".join(several) for name, several in values.items()}


def limited(stream: Iterator[bytes]) -> bytes:
    body = b""
    for piece in stream:
        body += piece
        if len(body) > BODY_LIMIT:
            raise HangUp
    return body


def chunks(source: BufferedIOBase) -> Iterator[bytes]:
    """A chunked body, which containers/image sends even for forms (`clients.md` 8.3)."""
    while size := number(source.readline(100).split(b";")[0], 16):
        yield exactly(source, size)
        source.readline(3)
    while source.readline(BODY_LIMIT).strip():
        pass  # trailers


def counted(source: BufferedIOBase, left: int) -> Iterator[bytes]:
    while left:
        piece = exactly(source, min(left, PIECE))
        left -= len(piece)
        yield piece


def number(text: str | bytes, base: int = 10) -> int:
    try:
        return int(text, base)
    except ValueError:  # nonsense, or the client has gone
        raise HangUp from None


def exactly(source: BufferedIOBase, size: int) -> bytes:
    data = source.read(size)
    if len(data) < size:
        raise HangUp
    return data


def acknowledge(connection: socket.socket) -> None:
    """Without a delay, for urllib3 sends a body through a proxy only after its headers' ACK."""
    if hasattr(socket, "TCP_QUICKACK"):  # Linux
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


class Handler(BaseHTTPRequestHandler):
    """Speaks HTTP on one connection; `answer` is all that the listeners add."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else small answers wait 40 ms for an ACK
    wbufsize = -1  # status line, headers and body leave in one segment

    def answer(self) -> None:
        raise NotImplementedError

    def __getattr__(self, name: str) -> Callable[[], None]:
        """`do_GET` and the rest, which the standard library looks for by name."""
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def handle_expect_100(self) -> bool:
        proceed = super().handle_expect_100()
        self.wfile.flush()
        return proceed

    def call(self) -> Call:
        headers = {  # Go clients repeat Accept: the values of one name belong together
            name.lower(): ", ".join(self.headers.get_all(name, [])) for name in self.headers
        }
        if self.command != "GET":
            acknowledge(self.connection)
        host = headers.get("host", "").lower().removesuffix(":443")
        if "chunked" in headers.get("transfer-encoding", "").lower():
            stream = chunks(self.rfile)
        else:
            stream = counted(self.rfile, number(headers.get("content-length", "0")))
        return Call(self.command, host, self.path, headers, stream)

    def send(self, call: Call, reply: Reply) -> None:
        headers = {name.lower(): value for name, value in reply.headers.items()}
        tunnel = call.method == "CONNECT" and reply.status == 200
        bodiless = tunnel or call.method == "HEAD" or reply.status in (204, 304)
        if isinstance(reply.body, bytes) and not tunnel and reply.status not in (204, 304):
            headers.setdefault("content-length", str(len(reply.body)))
        headers.setdefault("date", self.date_time_string())
        chunked = not bodiless and "content-length" not in headers
        self.send_response_only(reply.status)
        for name, value in headers.items():
            self.send_header(name.title(), value)
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if not bodiless:
            self._send_body(reply, chunked=chunked)
        self.wfile.flush()

    def _send_body(self, reply: Reply, *, chunked: bool) -> None:
        for piece in reply.pieces():
            if piece:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                if not isinstance(reply.body, bytes):
                    self.wfile.flush()
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    def finish_call(self, call: Call) -> None:
        """A body left unread would be taken for the next request."""
        if next(call.stream, None) is not None:
            self.close_connection = True

    def hang_up(self, end: HangUp) -> None:
        self.close_connection = True
        self.wfile.write(end.words)
        self.wfile.flush()
        if end.reset:  # linger on, for 0 s: close() sends RST
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Silence: the request log is the record."""
