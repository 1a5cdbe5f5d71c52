"""The Docker credential-helper protocol: get, version and the words for what it does not know.

The other verbs are in ``docker_login``, ``docker_logout`` and ``docker_list``.

The reference is ``credentials.Serve`` of docker/docker-credential-helpers: answers and errors go to
standard output, exit codes are 0 and 1. A real failure is also written to standard error, because
docker before 28.5 throws standard output away.
"""

import docker_credential_acr
from docker_credential_acr import asker, credentials, entry, markers, registry
from docker_credential_acr.asker import Asker, asking_for
from docker_credential_acr.commands import pass_through
from docker_credential_acr.commands.bounds import bounds, log_failure, start_log
from docker_credential_acr.commands.docker_input import GET_LIMIT, NO_SERVER, limited, trimmed
from docker_credential_acr.commands.reply import Reply, failed
from docker_credential_acr.errors import NOT_FOUND, Failure, NoCredential, printable
from docker_credential_acr.watchdog import Watchdog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

NO_CREDENTIALS = Reply(NOT_FOUND.encode() + b"\n", code=1)


def get(given: bytes, environ: "Mapping[str, str]", watchdog: Watchdog) -> Reply:
    """Answer with the credential of the host in *given*."""
    server = trimmed(given)
    if not server:
        return NO_SERVER
    host = registry.host_in(server)
    try:
        limited(given, GET_LIMIT)
        who = asking_for(host or "", environ)
        if who is None:
            return NO_CREDENTIALS
        if host is None or not registry.is_ours(host, who.suffixes, who.named):
            return pass_through.passed_on("get", given, who, watchdog) or NO_CREDENTIALS
        if environ.get("ACR_CRED_DEBUG"):
            start_log(environ)
        return Reply(entry.render(server, _answer(host, who, server, watchdog)))
    except NoCredential:
        return NO_CREDENTIALS
    except Failure as failure:
        log_failure(environ, failure)
        return failed(failure, host or "")


def _answer(host: str, who: Asker, server: bytes, watchdog: Watchdog) -> bytes:
    """Return the rendered login of *host*: the one that is kept, else the method's."""
    watchdog.watch_reader()
    kept = _kept(host, who, watchdog) if markers.exists(host, who.environ) else None
    if kept is not None:
        return kept
    old = credentials.still_good(host, who)
    last = old and entry.render(server, old)
    waiting, prepare = bounds(host, who, watchdog, last)
    return credentials.obtain(host, who, waiting, prepare)


def _kept(host: str, who: Asker, watchdog: Watchdog) -> bytes | None:
    """Return the rendered login that is kept for *host*, or None; the cache never has it."""
    from docker_credential_acr import cache, child, logins  # noqa: PLC0415  for those who have one

    waiting, _ = bounds(host, who, watchdog)
    watchdog.at_end.append(child.end_all)
    name = entry.file_name(host, who.stamped)
    try:
        found = logins.read(host, logins.Person(who.environ, waiting))
    except Failure as failure:
        cache.note_failure(who.folder, name, failure)  # for list
        raise
    cache.forget_failure(who.folder, name)
    return found and cache.rendered(found[0], found[1].reveal())


def renew(host: str, environ: "Mapping[str, str]", watchdog: Watchdog) -> Reply:
    """Renew the ageing entry of *host*: what ``renewal`` starts, detached from every stream."""
    try:
        who = asker.who_asks(environ)
        if registry.is_ours(host, who.suffixes, who.named):
            waiting, prepare = bounds(host, who, watchdog)
            credentials.renew(host, who, waiting, prepare)
    except Failure as failure:
        return failed(failure, host)
    return Reply()


def version() -> Reply:
    text = f"docker-credential-acr (docker_credential_acr) {docker_credential_acr.__version__}\n"
    return Reply(text.encode())


def usage(code: int) -> Reply:
    return Reply(b"Usage: docker-credential-acr <store|get|erase|list|version>\n", code=code)


def unknown(verb: str, near: str | None = None) -> Reply:
    """Say that *verb* is none; *near* is the one that may have been meant."""
    told = f"docker-credential-acr: unknown action: {printable(verb)[:80]}"
    return Reply(f"{told}{f', did you mean {near}?' if near else ''}\n".encode(), code=1)
