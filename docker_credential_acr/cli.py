"""The slow door: table of verbs, bounds, and what becomes of an error.

Only here and in ``__main__`` does the program look at the real environment, streams and clock.
"""

import _signal
import os
import sys
from collections.abc import Callable, Mapping

from docker_credential_acr.deadline import DEFAULT_SECONDS
from docker_credential_acr.watchdog import GRACE, Watchdog, open_standard_streams

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_acr.commands.docker_helper import Reply

    Read = Callable[[int], bytes]
    Write = Callable[[int, bytes], bool]
    Verb = Callable[[bytes, Mapping[str, str], Watchdog], Reply]

_STDIN_SECONDS = 5.0  # as on the fast staircase
_TOTAL_SECONDS = DEFAULT_SECONDS + GRACE
_NO_INPUT = (
    b"nothing came on standard input within 5 s; "
    b"try: echo HOST | docker-credential-acr get [no-input]\n"
)
_OUT_OF_TIME = b"no answer within the time limit; try again [out-of-time]\n"
_INTERNAL = "this program met a fault of its own"


def run(
    arguments: list[str],
    given: bytes | None,
    watchdog: Watchdog | None,
    read_input: "Read",
    write: "Write",
) -> int:
    """Do what *arguments* say and return the exit code.

    *given* is the standard input where the fast door has read it already; *read_input* and *write* are
    how it does so. A success of a protocol verb ends the process here.
    """
    drop_foreign_paths()
    open_standard_streams()
    if watchdog is None:
        bound = (_STDIN_SECONDS, _NO_INPUT) if given is None else (_TOTAL_SECONDS, _OUT_OF_TIME)
        watchdog = Watchdog(*bound, write)
    if os.name != "nt":
        _signal.alarm(0)  # the watchdog has taken over
    watchdog.watch_signals()
    if arguments[:1] == ["help"]:
        from docker_credential_acr.commands import help as help_command  # noqa: PLC0415

        watchdog.rearm(_TOTAL_SECONDS, _OUT_OF_TIME)
        return help_command.show(arguments[1:])
    reply = _protocol(arguments, given, watchdog, read_input)
    told = watchdog.answer(reply.out, reply.err)
    if reply.code == 0 and told:
        os._exit(0)  # tearing the interpreter and the SDK down would cost a third of a sign-in
    return reply.code or 1


def _protocol(
    arguments: list[str], given: bytes | None, watchdog: Watchdog, read_input: "Read"
) -> "Reply":
    from docker_credential_acr import renewal  # noqa: PLC0415
    from docker_credential_acr.commands import docker_helper  # noqa: PLC0415

    reading: dict[str, tuple[Verb, int]] = {
        "get": (docker_helper.get, docker_helper.GET_LIMIT),
        "store": (docker_helper.store, docker_helper.STORE_LIMIT),
        "erase": (docker_helper.erase, docker_helper.GET_LIMIT),
    }
    others: dict[str, Callable[[], Reply]] = {
        "list": lambda: docker_helper.list_hosts(os.environ),
        "version": docker_helper.version,
        "--version": docker_helper.version,
        "-v": docker_helper.version,
        "--help": lambda: docker_helper.usage(0),
        "-h": lambda: docker_helper.usage(0),
    }
    try:
        if len(arguments) == 2 and arguments[0] == renewal.VERB:  # noqa: PLR2004  VERB HOST
            watchdog.rearm(_TOTAL_SECONDS, _OUT_OF_TIME)
            return docker_helper.renew(arguments[1], os.environ, watchdog)
        if len(arguments) != 1:
            return docker_helper.usage(1)
        verb = arguments[0]
        if verb in others:
            watchdog.rearm(_TOTAL_SECONDS, _OUT_OF_TIME)
            return others[verb]()
        if verb not in reading:
            return docker_helper.unknown(verb)
        act, limit = reading[verb]
        if given is None:
            given = read_input(limit)
        watchdog.rearm(_TOTAL_SECONDS, _OUT_OF_TIME)
        return act(given, os.environ, watchdog)
    except Exception as error:  # noqa: BLE001  the last net: a client must never get a traceback
        return _internal(error)


def _internal(error: Exception) -> "Reply":
    from docker_credential_acr.commands.docker_helper import failed  # noqa: PLC0415
    from docker_credential_acr.errors import Failure  # noqa: PLC0415
    from docker_credential_acr.log import log  # noqa: PLC0415

    log.debug("internal", exc_info=error)
    what = f"{_INTERNAL} ({type(error).__name__})"
    return failed(
        Failure(what, "set ACR_CRED_DEBUG=FILE, try again and report the file", "internal")
    )


def drop_foreign_paths() -> None:
    """Take the working directory, the script's folder and PYTHONPATH off the search path.

    A ``json.py`` lying there is not to be run with somebody's credentials. The standard library and the
    folder that this package came from stay; nothing has been imported from the others yet.
    """
    foreign = {"", *os.environ.get("PYTHONPATH", "").split(os.pathsep)}
    if not sys.flags.safe_path:
        foreign.add(sys.path[0])
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    trusted = {here, os.path.dirname(os.__file__)}
    sys.path[:] = [
        path
        for path in sys.path
        if path in trusted or not (path in foreign or _made_absolute(path, foreign))
    ]


def _made_absolute(path: str, foreign: set[str]) -> bool:
    """Tell whether *path* is what ``site`` made of a relative entry of *foreign*."""
    return any(
        name and not os.path.isabs(name) and path.endswith(os.path.normpath(name))
        for name in foreign
    )
