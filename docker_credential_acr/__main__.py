"""Answer from the cache, else open the slow door.

This module, ``paths``, ``registry`` and ``entry`` are the fast staircase: a cached ``get`` runs
through them and imports nothing else from disk. One ``import json`` would cost more than everything
they do. Annotations stay quoted here: evaluating them costs as much as a file access.
"""

import gc

gc.disable()  # nothing here makes garbage; a collection costs as much as the look-up

import _signal  # built into the interpreter; ``signal`` is not
import os
import sys
from time import time

import docker_credential_acr.entry as entry
import docker_credential_acr.paths as paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from docker_credential_acr.watchdog import Watchdog

    Found = tuple[bytes, str, str, str] | tuple[bytes] | None
    Missing = Callable[[str, str, bytes, bytes], bytes | None]

NOT_FOUND = b"credentials not found in native keychain\n"  # clients compare it to the letter
STDIN_LIMIT = 64 * 1024  # bytes
STDIN_SECONDS = 5
TOTAL_SECONDS = 27  # the default deadline of 25 s and two for its own answer
_NO_ROOM = b"not all of this program can be loaded; raise ulimit -n and -v, or install it anew [internal]\n"
_OUT_OF_TIME = b"no answer within the time limit; try again [out-of-time]\n"


def main() -> int:
    """Run the program: verb in ``sys.argv``, host on standard input, answer on standard output."""
    if sys.stdout is None:  # closed: there is nobody to answer, and our files must not become it
        return 1
    given = watchdog = None
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)  # Ctrl-C ends us without a traceback
    if sys.argv[1:] == ["get"]:
        watchdog = _bound(STDIN_SECONDS, _no_input, None)
        if os.name != "nt":  # a parent that blocks the alarm hands that on
            _signal.pthread_sigmask(_signal.SIG_UNBLOCK, (_signal.SIGALRM,))
        given = read_input(STDIN_LIMIT)
        # A file system that hangs ends the process all the same: the default action needs no Python.
        _bound(TOTAL_SECONDS, _signal.SIG_DFL, watchdog)
        found = cached(given, _wait_for_another)
        if found is not None:
            reply, *ageing = found
            code = 0 if write(1, reply) and reply != NOT_FOUND else 1
            if ageing:
                _keep_to_our_own_modules()
                from docker_credential_acr import renewal  # noqa: PLC0415  once in a token's life

                renewal.start(*ageing)
            # The answer is out: tearing the interpreter down would cost more than the look-up.
            os._exit(code)
    try:
        _keep_to_our_own_modules()
        from docker_credential_acr.doors import enter  # noqa: PLC0415  everything slow starts here

        return enter(given, watchdog, read_input, write)
    except (OSError, ImportError, MemoryError):  # often no descriptor or no memory is left
        write(1, _NO_ROOM)
        write(2, _NO_ROOM)
        os._exit(1)  # ending a thread in order takes a library, and it could not be loaded either


def _wait_for_another(folder: str, host: str, stamped: bytes, seconds: bytes) -> "bytes | None":
    _keep_to_our_own_modules()
    try:
        from docker_credential_acr import waiting_room  # noqa: PLC0415  not for a hit
    except (OSError, ImportError, MemoryError):  # the slow door has a sentence for that
        return None
    return waiting_room.enter(write, folder, host, stamped, seconds)


def _keep_to_our_own_modules() -> None:
    from docker_credential_acr.search_path import drop_foreign_folders  # noqa: PLC0415

    drop_foreign_folders()


def _bound(
    seconds: int, action: "Callable[[int, object], object] | int", watchdog: "Watchdog | None"
) -> "Watchdog | None":
    """Bound the time by an alarm: a thread costs more. The slow path replaces it with the watchdog."""
    if os.name == "nt":  # no alarm there
        from docker_credential_acr.last_words import NO_INPUT  # noqa: PLC0415
        from docker_credential_acr.watchdog import Watchdog  # noqa: PLC0415

        if watchdog is None:
            return Watchdog(seconds, lambda: NO_INPUT, write)
        watchdog.rearm(seconds, lambda: _OUT_OF_TIME)
        return watchdog
    _signal.signal(_signal.SIGALRM, action)
    _signal.alarm(seconds)
    return None


def _no_input(*_: object) -> None:
    _keep_to_our_own_modules()
    from docker_credential_acr import last_words  # noqa: PLC0415  not for a hit

    last_words.fail(write, last_words.NO_INPUT)


def read_input(limit: int) -> bytes:
    """Return standard input, at most one byte more than *limit*; nothing if it is closed."""
    data = b""
    while sys.stdin is not None and len(data) <= limit:
        try:
            part = os.read(0, limit + 1 - len(data))
        except BlockingIOError:  # somebody made it non-blocking, and nothing is there yet
            _wait(0, 0)
            continue
        except OSError:  # a directory
            break
        if not part:
            break
        data += part
    return data


def write(descriptor: int, data: bytes) -> bool:
    """Write all of *data*; tell whether the other side took it."""
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:  # full, and non-blocking
            _wait(descriptor, 1)
        except OSError:
            return False
    return True


def _wait(descriptor: int, which: int) -> None:
    """Wait until *descriptor* can be read (0) or written (1); the bounds on time hold meanwhile."""
    import select  # noqa: PLC0415  a shared library in some builds of Python

    asked = [[descriptor], []]
    select.select(asked[which], asked[1 - which], [])


def cached(given: bytes, missing: "Missing | None" = None) -> "Found":
    """Return the reply to the input *given*, or None: the slow path must decide.

    Behind the reply stand folder, name and host of an entry that is ageing. *missing* is asked where there
    is none: it is told the folder, the host, the stamp, and the longest time limit of the settings.
    """
    get = paths.variable
    server = given.removeprefix(b"\xef\xbb\xbf").strip()
    if not server or len(given) > STDIN_LIMIT or get("ACR_CRED_DEBUG"):
        return None
    folder = paths.cache_folder(get)
    settings = entry.settings_stamp(get)
    suffixes: tuple[str, ...] = ()
    watched: tuple[bytes, ...] = ()
    named = fallback = seconds = b""
    if settings is not None:
        gate = entry.read_gate(folder, settings) if folder else None
        if gate is None:
            return None
        suffixes, watched, fallback, named, seconds = gate
    stamped = entry.stamp(get, settings, watched)
    host, found = None, None
    # A plain host that is in the cache passed the gate when it was saved.
    if folder and not server.translate(None, entry.PLAIN):
        host = server.decode()
        found = entry.served(folder, host, stamped, time())
    if found is None:
        import docker_credential_acr.registry as registry  # noqa: PLC0415

        host = registry.host_in(server)
        if host is None or not registry.is_ours(host, suffixes, named):
            others = fallback or get(
                "AZURE_ENVIRONMENT_FILEPATH"
            )  # a helper, or a cloud of its own
            return None if others else (NOT_FOUND,)
        found = entry.served(folder, host, stamped, time()) if folder else None
    if folder is None or host is None:
        return None
    if found is None and missing:
        answer = missing(folder, host, stamped, seconds)
        found = (answer, None) if answer else None
    if found is None:
        return None
    answer, ageing = found
    reply = entry.render(server, answer)
    return (reply, folder, ageing, host) if ageing else (reply,)


if __name__ == "__main__":
    sys.exit(main())
