"""The bounds of a verb that may sign in: its deadline, the watchdog's sentence, and the log."""

from time import monotonic

from docker_credential_acr import deadline, private_files, waiting_room
from docker_credential_acr.deadline import Deadline
from docker_credential_acr.errors import Failure, printable
from docker_credential_acr.watchdog import GRACE, Watchdog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from docker_credential_acr.asker import Asker
    from docker_credential_acr.settings import RegistrySettings


def bounds(
    host: str,
    who: "Asker",
    watchdog: Watchdog,
    last_answer: bytes | None = None,
) -> "tuple[Deadline, Callable[[RegistrySettings], Deadline]]":
    """Return the deadline of a waiter, and what makes it that of the one who signs in.

    *last_answer* is what a client gets when the time is up. Raises SettingsError.
    """
    began = monotonic() - waiting_room.waited()
    waiting = Deadline(began + deadline.seconds_asked(who.environ, who.timeout))
    watchdog.at_end.append(private_files.drop_unfinished)
    watchdog.host = f"{printable(host)[:80]}: ".encode()

    def prepare(chosen: "RegistrySettings") -> Deadline:
        from docker_credential_acr import child  # noqa: PLC0415  this process signs in

        start_log(who.environ)
        from docker_credential_acr.log import log  # noqa: PLC0415

        log.debug("%s: signing in with %s", host, chosen.method)
        settled = Deadline(began + chosen.timeout)
        watchdog.at_end.append(child.end_all)
        watchdog.rearm(settled.left() + GRACE, deadline.sentence, last_answer)
        return settled

    watchdog.rearm(waiting.left() + GRACE, deadline.sentence, last_answer)
    return waiting, prepare


def start_log(environ: "Mapping[str, str]") -> None:
    from docker_credential_acr import log  # noqa: PLC0415  waiters do not load logging

    log.start(environ.get("ACR_CRED_DEBUG"))


def log_failure(environ: "Mapping[str, str]", failure: Failure) -> None:
    """Log *failure* if somebody wants a log; the client has been told all the same."""
    if not environ.get("ACR_CRED_DEBUG"):
        return
    from docker_credential_acr.log import log  # noqa: PLC0415

    start_log(environ)
    log.debug("failed: %s [%s]", failure.what, failure.reference)
