"""The real registry behind the fake one: bodies stream both ways, host names stay public."""

import re
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse

from tests.azure.wire import PIECE, Call, Reply, json_reply

HOP_BY_HOP = frozenset(
    ("connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "expect")
)
BODILESS = (204, 304)


class Backend:
    """Reverse proxy to `address` ("host:port"); none when it is empty."""

    def __init__(self) -> None:
        self.address = ""

    def answer(self, call: Call) -> Reply:
        connection = HTTPConnection(self.address, timeout=60)
        try:
            response = self._ask(connection, call)
        except OSError as error:
            connection.close()
            return json_reply(502, {"error": f"the backend registry did not answer: {error}"})
        headers = {
            name: value for name, value in response.getheaders() if name.lower() not in HOP_BY_HOP
        }
        if "Www-Authenticate" in headers:
            headers["Www-Authenticate"] = public(headers["Www-Authenticate"], call.host)
        empty = call.method == "HEAD" or response.status in BODILESS
        body = b"" if empty else pieces(response)
        return Reply(response.status, headers, body, connection.close)

    def _ask(self, connection: HTTPConnection, call: Call) -> HTTPResponse:
        """With the public host and scheme, from which the registry makes its Location headers."""
        chunked = "transfer-encoding" in call.headers
        connection.putrequest(call.method, call.target, skip_host=True, skip_accept_encoding=True)
        for name, value in call.headers.items():
            if name not in HOP_BY_HOP:
                connection.putheader(name, value)
        connection.putheader("X-Forwarded-Proto", "https")
        if chunked:
            connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders(call.stream, encode_chunked=chunked)
        return connection.getresponse()


def pieces(response: HTTPResponse) -> Iterator[bytes]:
    while piece := response.read1(PIECE):
        yield piece


def public(challenge: str, host: str) -> str:
    """The backend knows one realm and service; every registry announces its own."""
    challenge = re.sub(r'realm="[^"]*"', f'realm="https://{host}/oauth2/token"', challenge)
    return re.sub(r'service="[^"]*"', f'service="{host}"', challenge)
