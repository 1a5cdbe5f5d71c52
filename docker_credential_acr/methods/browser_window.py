"""The browser's part in a sign-in: a window is opened, and its answer comes back over the loopback.

As RFC 8252 has it for native apps: the answer goes to ``http://localhost:PORT``, where nobody but this
machine can listen or speak. msal's own receiver listens on every address when it finds itself in a
container; this one never does. What is not the answer to this very sign-in (its ``state``) is refused and
waited past. PKCE and nonce are msal's.
"""

import hmac
import os
import queue
import shlex
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

from docker_credential_acr import child
from docker_credential_acr.errors import MethodUnavailable
from docker_credential_acr.log import log

_ADDRESS = "127.0.0.1"
_LARGEST = 64 * 1024  # bytes of an answer
_IDLE_SECONDS = 10  # browsers open connections ahead and send nothing on them
_EDGE = "/usr/bin/microsoft-edge"  # on Linux the only one that shows Entra which device this is
_EXPLORER = "explorer.exe"
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>docker-credential-acr</title>
<body style="font-family: sans-serif; margin: 4em"><h1>{}</h1><p>{}</p></body></html>
"""
_BACK = "You can close this window: the terminal says how it went on."


class Loopback(ThreadingHTTPServer):
    """Listens for one answer; from construction to ``close``."""

    daemon_threads = True
    allow_reuse_address = False

    def __init__(self) -> None:
        super().__init__((_ADDRESS, 0), _Handler)
        self.state = ""  # whose answer is waited for
        self.answers: queue.SimpleQueue[dict[str, str]] = queue.SimpleQueue()

    @property
    def address(self) -> str:
        """Where the browser is to send the answer; apps register localhost, not the number."""
        return f"http://localhost:{self.server_port}"

    def answer(self, seconds: float) -> dict[str, str] | None:
        """Return what the browser brought, or None if nothing came within *seconds*."""
        try:
            return self.answers.get(timeout=seconds)
        except queue.Empty:
            return None

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002  the base's signature
        log.debug("the browser's connection broke", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    server: Loopback
    timeout = _IDLE_SECONDS

    def do_POST(self) -> None:
        answer = self._form()
        expected = self.server.state.encode()
        given = answer.get("state", "").encode()
        if not expected or not hmac.compare_digest(expected, given):
            self._say(400, "Not this sign-in", "What was sent belongs to another one.")
        elif "code" in answer:
            self._say(200, "Thank you", _BACK)
            self.server.answers.put(answer)
        elif "error" in answer:
            self._say(200, "Not signed in", _BACK)
            self.server.answers.put(answer)
        else:
            self._say(400, "No answer", "There is neither a code nor an error in it.")

    def do_GET(self) -> None:
        self._say(404, "Nothing here", "A sign-in in the terminal waits for another answer.")

    def _form(self) -> dict[str, str]:
        """Return the fields of the form; nothing if it is too large, or for another host than this."""
        length = self.headers.get("Content-Length", "")
        own = {f"{name}:{self.server.server_port}" for name in ("localhost", _ADDRESS)}
        if not length.isdecimal() or self.headers.get("Host", "") not in own:
            return {}
        data = self.rfile.read(min(int(length), _LARGEST))
        return dict(parse_qsl(data.decode("utf-8", "replace")))

    def _say(self, status: int, title: str, text: str) -> None:
        page = _PAGE.format(title, text).encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  the base's name
        log.debug("loopback: " + format, *arguments)


@contextmanager
def listening() -> Iterator[Loopback]:
    """Listen on a free port of the loopback address. Raises MethodUnavailable if there is none."""
    try:
        loopback = Loopback()
    except OSError as error:
        raise MethodUnavailable(
            f"no port of {_ADDRESS} can be opened for the browser's answer",
            "sign in with --method device-code",
            "sign-in-unfinished",
        ) from error
    threading.Thread(target=loopback.serve_forever, args=(0.1,), daemon=True).start()
    try:
        yield loopback
    finally:
        loopback.shutdown()
        loopback.server_close()


def opened(address: str, environ: Mapping[str, str]) -> bool:
    """Open *address* in the person's browser; tell whether there was one to be opened."""
    if not address.startswith("https://"):
        return False
    if sys.platform == "win32":
        os.startfile(address)  # noqa: S606  an https address
        return True
    for words in _browsers(environ):
        command = [word.replace("%s", address) for word in words]
        if command == words:
            command.append(address)
        path = command[0] if os.path.isabs(command[0]) else child.find(command[0], environ)
        if path and _started([path, *command[1:]], environ):
            return True
    return False


def _started(command: list[str], environ: Mapping[str, str]) -> bool:
    try:
        code = child.start_window(command, environ)
    except OSError:
        return False
    return not code or (
        code == 1 and command[0].endswith(_EXPLORER)
    )  # which says 1 when all is well


def _browsers(environ: Mapping[str, str]) -> Iterator[list[str]]:
    """Give the commands that open a browser, as ``webbrowser`` knows them; none where nobody would see it.

    That module starts what lies in relative entries of PATH, lends it our streams, and takes a text
    browser, which would hold this terminal, where there is no display.
    """
    for command in environ.get("BROWSER", "").split(os.pathsep):
        try:
            words = shlex.split(command.strip().removesuffix("&"))
        except ValueError:
            continue
        if words:
            yield words
    if sys.platform == "darwin":
        yield ["/usr/bin/open"]
    elif environ.get("WSL_DISTRO_NAME"):
        yield ["wslview"]
        yield [_EXPLORER]
    if environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"):
        yield [_EDGE]
        yield ["xdg-open"]
        yield ["x-www-browser"]
