"""The slow door: table of verbs, bounds, and what becomes of an error.

Only here and in ``__main__`` does the program look at the real environment, streams and clock.
"""

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress

from docker_credential_acr import deadline, waiting_room
from docker_credential_acr.errors import internal
from docker_credential_acr.watchdog import GRACE, Watchdog, open_standard_streams

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_acr.commands.reply import Reply

    Read = Callable[[int], bytes]
    Write = Callable[[int, bytes], bool]
    Verb = Callable[[bytes, Mapping[str, str], Watchdog], Reply]

_KUBELET = "kubelet"
_PROTOCOL = frozenset(("get", "store", "erase", "list", "version", "renew", _KUBELET, "help"))
_HELP = ("help", "--help", "-h")
_STDIN_SECONDS = 5.0  # as on the fast staircase
_NO_INPUT = (
    b"nothing came on standard input within 5 s; "
    b"try: echo HOST | docker-credential-acr get [no-input]\n"
)


def run(
    arguments: list[str],
    given: bytes | None,
    watchdog: Watchdog | None,
    read_input: "Read",
    write: "Write",
) -> int:
    """Do what *arguments* say and return the exit code.

    *given* is the standard input where the fast door has read it already; *read_input* and *write* are
    how it does so. A success ends the process here.
    """
    open_standard_streams()
    _no_core_dump()
    if arguments and arguments[0] not in _PROTOCOL:
        from docker_credential_acr import people  # noqa: PLC0415  argparse, for people only

        if arguments[0] in people.VERBS:
            return people.run(arguments, os.environ)
    if watchdog is None and given is None:
        watchdog = Watchdog(_STDIN_SECONDS, lambda: _NO_INPUT, write)
    elif watchdog is None:  # on a busy machine the imports below take longer than that
        watchdog = Watchdog(waiting_room.left() + GRACE, deadline.sentence, write)
    watchdog.out_is_for_answers = arguments[:1] == [_KUBELET]
    watchdog.watch_signals()
    reply = _reply(arguments, given, watchdog, read_input)
    out = b"" if watchdog.out_is_for_answers and reply.code else reply.out
    told = watchdog.answer(out, reply.err)
    if reply.code == 0 and told:
        os._exit(0)  # tearing the interpreter and the SDK down would cost a third of a sign-in
    # With PYTHONINSPECT Python would show how it ends, to whoever reads standard error.
    if sys.flags.inspect:
        os._exit(reply.code or 1)
    watchdog.retire()
    return reply.code or 1


def _no_core_dump() -> None:
    """Keep secrets out of core files, ours and our children's."""
    if os.name == "nt":
        return
    import resource  # noqa: PLC0415  POSIX only

    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def _reply(
    arguments: list[str], given: bytes | None, watchdog: Watchdog, read_input: "Read"
) -> "Reply":
    try:
        return _done(arguments, given, watchdog, read_input)
    except Exception as error:  # noqa: BLE001  the last net: a client must never get a traceback
        from docker_credential_acr.commands.reply import failed  # noqa: PLC0415
        from docker_credential_acr.log import log  # noqa: PLC0415

        log.debug("internal", exc_info=error)
        return failed(internal(error))


def _done(
    arguments: list[str], given: bytes | None, watchdog: Watchdog, read_input: "Read"
) -> "Reply":
    from docker_credential_acr import renewal  # noqa: PLC0415
    from docker_credential_acr.commands import (  # noqa: PLC0415
        docker_helper,
        docker_input,
        docker_list,
        docker_login,
        docker_logout,
    )

    reading: dict[str, tuple[Verb, int]] = {
        "get": (docker_helper.get, docker_input.GET_LIMIT),
        "store": (docker_login.store, docker_input.STORE_LIMIT),
        "erase": (docker_logout.erase, docker_input.GET_LIMIT),
    }
    others: dict[str, Callable[[], Reply]] = {
        "list": lambda: docker_list.list_hosts(os.environ, watchdog),
        "version": docker_helper.version,
        "--version": docker_helper.version,
        "-v": docker_helper.version,
    }
    verb = arguments[0] if arguments else ""
    if len(arguments) == 1 and verb in reading:
        act, limit = reading[verb]
        data = read_input(limit) if given is None else given
        watchdog.rearm(waiting_room.left() + GRACE, deadline.sentence)
        return act(data, os.environ, watchdog)
    watchdog.rearm(waiting_room.left() + GRACE, deadline.sentence)
    if verb == _KUBELET and given is not None:
        from docker_credential_acr.commands import kubelet  # noqa: PLC0415

        return kubelet.answer(given, arguments[1:], os.environ, watchdog)
    if verb in _HELP:
        from docker_credential_acr.commands import help as help_command  # noqa: PLC0415

        return help_command.page(arguments[1:] if verb == "help" else [])
    if len(arguments) == 2 and verb == renewal.VERB:  # noqa: PLR2004  VERB HOST
        return docker_helper.renew(arguments[1], os.environ, watchdog)
    if len(arguments) == 1 and verb in others:
        return others[verb]()
    return _unknown(arguments)


def _unknown(arguments: list[str]) -> "Reply":
    """Return the usage, or the verb that may have been meant by the first of *arguments*."""
    from docker_credential_acr import people  # noqa: PLC0415  argparse, for people only
    from docker_credential_acr.commands import docker_helper  # noqa: PLC0415

    verb = arguments[0] if arguments else ""
    near = None if verb in _PROTOCOL else people.meant(verb)
    if near or (len(arguments) == 1 and verb not in _PROTOCOL):
        return docker_helper.unknown(verb, near)
    return docker_helper.usage(1)
