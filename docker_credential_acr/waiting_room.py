"""The waiting room before the slow door: one process signs in, the others wait here for its entry.

Where nobody else signs in for the same entry we get its lock at once and go on. Whoever has to wait does so
before anything slow is loaded, needs a few milliseconds of the processor, and answers from here.
"""

import _signal
import os
import select
from time import monotonic, time

from docker_credential_acr import entry, kept_files, locks, own_folder, paths, time_limit
from docker_credential_acr.last_words import STOPPED, fail, heed_signals, is_read_by_somebody

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from docker_credential_acr.locks import Look

    Write = Callable[[int, bytes], bool]

FAILED = ".failed"  # behind the name of an entry: what went wrong the last time
FAILURE_SECONDS = 10.0  # two tries, then silence: three calls at most in any ten seconds
NO_TIMES = (0, 0, 0, 0)  # of what is no answer and never will be: nobody waits for it
_STALE_SECONDS = 60  # an old token that nobody could renew is good for this long at least
_NO_ANSWER = b"%d %d %d %d\n" % NO_TIMES
_GO_ON = b""  # what is found where nobody is to wait: the slow path decides
_GRACE = 2  # seconds for an answer, as the watchdog gives

_taken: dict[str, list[int]] = {}  # path of an entry whose turn is ours -> the locks that say so
_limit = [float(time_limit.DEFAULT_SECONDS)]
_waited = [0.0]


def enter(write: "Write", folder: str, host: str, stamped: bytes, seconds: bytes) -> "bytes | None":
    """Return the answer for *host* once another process has saved it, or None: it is our turn.

    *folder* is the cache's path, *stamped* says who asks, and *seconds* are the longest time limit of the
    settings, in digits, or nothing. When the time is over an old token that is still good is the answer,
    else a sentence, which *write* says before the process ends. None is also where nobody is waited for.
    """
    most = int(seconds) if seconds.isdigit() else time_limit.DEFAULT_SECONDS
    limit = time_limit.asked(paths.variable(time_limit.VARIABLE), most)
    if limit is None or os.name == "nt" or kept_files.has_login(paths.variable, host):
        return None
    _signal.alarm(limit + _GRACE)
    heed_signals(lambda *_: fail(write, _about(host, STOPPED)))
    _limit[0], began = limit, monotonic()
    found = wait(folder, host, stamped, began + limit, _reader_is_there())
    _waited[0] = monotonic() - began
    if found is None and left() <= 0:
        fail(write, _about(host, time_limit.sentence(time_limit.WAITING)))
    heed_signals(_signal.SIG_DFL)
    return found


def wait(
    folder: str, host: str, stamped: bytes, ends_at: float, check: "Callable[[], object]"
) -> "bytes | None":
    """Return the answer for *host*, or None: it is our turn, or nobody's, or *ends_at* is over.

    *check* is done whenever the cache is looked at.
    """
    descriptor = own_folder.opened(folder)
    if descriptor is None:
        return None
    name, begins = entry.file_name(host, stamped), entry.head(host, stamped)
    path = f"{folder}/{name}"
    try:
        found, held, ours = locks.wait(name, descriptor, ends_at, _look_at(path, begins, check))
    finally:
        os.close(descriptor)
    if ours and not found:
        _taken[path] = held
        return None
    locks.release(held)  # a client that does not read its answer would keep them from the others
    return still_good(entry.read_private(path), begins) if found is None else found or None


def answer(data: "bytes | None", begins: bytes, before: "bytes | None") -> "bytes | None":
    """Return the answer of the entry *data* that begins with *begins*, if it may be handed out.

    *before* was there when the wait began. What has come since need not live for long: another would not.
    """
    if data != before:
        return still_good(data, begins)
    now = time()
    found = entry.parse(data, begins, now)
    return found[1] if found is not None and now < found[0][2] else None


def still_good(data: "bytes | None", begins: bytes) -> "bytes | None":
    """Return the answer of the entry *data* if it has a minute left: served where nobody could renew it."""
    found = entry.parse(data, begins, time() + _STALE_SECONDS)
    return found and found[1]


def taken(path: str) -> "list[int]":
    """Return the locks that say that it is our turn for the entry *path*, and forget about them."""
    return _taken.pop(path, [])


def waited() -> float:
    """Return the seconds that were spent here: they are part of the time limit."""
    return _waited[0]


def left() -> float:
    """Return the seconds that are left of the time limit, as far as it is known here."""
    return _limit[0] - _waited[0]


def _reader_is_there() -> "Callable[[], object]":
    """Return what ends the process once nobody can read its answer: the client has ended."""
    reader = select.poll()
    if is_read_by_somebody():
        reader.register(1, 0)

    def check() -> None:
        if any(what & (select.POLLERR | select.POLLHUP) for _, what in reader.poll(0)):
            os._exit(1)

    return check


def _look_at(path: str, begins: bytes, check: "Callable[[], object]") -> "Look":
    before = entry.read_private(path)

    def look() -> bytes | None:
        check()
        data, now = entry.read_private(path), time()
        found = answer(data, begins, before)
        if found is not None:
            return found
        if data is not None and data.startswith(begins + _NO_ANSWER):
            return _GO_ON
        try:
            failed = os.stat(path + FAILED).st_mtime
        except OSError:
            return None
        return _GO_ON if abs(now - failed) < FAILURE_SECONDS else None

    return look


def _about(host: str, sentence: bytes) -> bytes:
    return host.encode()[:80] + b": " + sentence
