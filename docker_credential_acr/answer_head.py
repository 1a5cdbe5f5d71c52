"""The head of an answer, bounded as a whole: a server may drip it, each byte of it in time.

A socket's timeout is for one read. The head is read by ``http.client`` in as many as the server likes; the
body is read by ``transport``, which looks at the clock itself.
"""

import http.client
import io
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Answer(http.client.HTTPResponse):
    """An answer, also a proxy's, whose head has to be there within the timeout of its socket."""

    def __init__(self, sock: "Any", *arguments: "Any", **options: "Any") -> None:
        super().__init__(sock, *arguments, **options)
        self._bounded = _Bounded(self.fp.detach(), sock)
        self.fp = io.BufferedReader(self._bounded)

    def begin(self) -> None:
        super().begin()
        self._bounded.release()


class _Bounded(io.RawIOBase):
    def __init__(self, raw: "Any", sock: "Any") -> None:
        self._raw, self._sock = raw, sock
        self._seconds: float | None = sock.gettimeout()
        self._ends_at = None if self._seconds is None else monotonic() + self._seconds

    def release(self) -> None:
        """Bound each read by itself again."""
        if self._ends_at is not None:
            self._ends_at = None
            self._sock.settimeout(self._seconds)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "Any") -> int | None:
        if self._ends_at is not None:
            left = self._ends_at - monotonic()
            if left <= 0:
                raise TimeoutError("timed out")
            self._sock.settimeout(left)
        found: int | None = self._raw.readinto(buffer)
        return found

    def fileno(self) -> int:
        number: int = self._raw.fileno()
        return number

    def close(self) -> None:
        self._raw.close()
        super().close()
