"""The verb ``erase``: what ``docker logout`` asks for, once for each way to write the host."""

from docker_credential_acr import (
    cache,
    entry,
    logins,
    markers,
    paths,
    private_files,
    registry,
    time_limit,
)
from docker_credential_acr.asker import who_asks
from docker_credential_acr.commands import pass_through
from docker_credential_acr.commands.bounds import log_failure, start_log
from docker_credential_acr.commands.docker_input import GET_LIMIT, NO_SERVER, limited, trimmed
from docker_credential_acr.commands.reply import Reply, failed
from docker_credential_acr.deadline import Deadline
from docker_credential_acr.errors import Failure, printable
from docker_credential_acr.logins import Person
from docker_credential_acr.private_files import Folder
from docker_credential_acr.watchdog import Watchdog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def erase(given: bytes, environ: "Mapping[str, str]", watchdog: Watchdog) -> Reply:
    """Forget the cached tokens and the kept login of the host in *given*; nothing there is no error.

    A login that cannot be taken out of its store is one: nobody may believe to be logged out.
    """
    from docker_credential_acr import child  # noqa: PLC0415

    server = trimmed(given)
    if not server:
        return NO_SERVER
    host = registry.host_in(server) or ""
    try:
        limited(given, GET_LIMIT)
        watchdog.host = f"{printable(host)[:80]}: ".encode() if host else b""
        watchdog.at_end.append(child.end_all)
        start_log(environ)
        folder = private_files.open_folder(paths.cache_folder(environ.get))
        if _known(host, folder, environ):
            _forget(host, folder, environ)
            return Reply()
        who = who_asks(environ)
        if registry.is_ours(host, who.suffixes, who.named):
            return Reply()
        return pass_through.passed_on("erase", given, who, watchdog) or Reply()
    except Failure as failure:
        log_failure(environ, failure)
        return failed(failure, host)


def _known(host: str, folder: Folder | None, environ: "Mapping[str, str]") -> bool:
    """Tell whether *host* is ours, whatever has become of the settings."""
    if not host:
        return False
    return registry.is_ours(host) or cache.knows(folder, host) or markers.exists(host, environ)


def _forget(host: str, folder: Folder | None, environ: "Mapping[str, str]") -> None:
    waiting = Deadline.after(time_limit.DEFAULT_SECONDS)
    cache.erase(folder, host)  # at once, and with it a running renewal's right to save
    try:
        logins.forget(host, Person(environ, waiting))
    except Failure as failure:
        failure.what = f"the kept login is still there: {failure.what}"
        raise
    try:
        name = entry.file_name(host, who_asks(environ).stamped)
        with cache.turn(folder, name, waiting, lambda: None):
            cache.erase(folder, host)  # again: a sign-in may just have ended
    except Failure:  # broken settings, or no turn: what there was is erased
        return
