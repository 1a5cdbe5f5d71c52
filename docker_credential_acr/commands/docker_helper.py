"""The Docker credential-helper protocol: get, list, version; store and erase are in ``docker_login``.

The reference is ``credentials.Serve`` of docker/docker-credential-helpers: answers and errors go to
standard output, exit codes are 0 and 1. A real failure is also written to standard error, because
docker before 28.5 throws standard output away.
"""

import docker_credential_acr
from docker_credential_acr import (
    asker,
    credentials,
    entry,
    private_files,
    registry,
)
from docker_credential_acr.asker import asking_for
from docker_credential_acr.commands.bounds import bounds, log_failure, start_log
from docker_credential_acr.commands.docker_input import GET_LIMIT, NO_SERVER, limited, trimmed
from docker_credential_acr.commands.reply import Reply, failed
from docker_credential_acr.errors import (
    NOT_FOUND,
    Failure,
    NoCredential,
    SettingsError,
    printable,
)
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
        if host is None:
            return NO_CREDENTIALS
        who = asking_for(host, environ)
        if who is None or not registry.is_ours(host, who.suffixes, who.named):
            return NO_CREDENTIALS
        if environ.get("ACR_CRED_DEBUG"):
            start_log(environ)
        old = credentials.still_good(host, who)
        last = old and entry.render(server, old)
        waiting, prepare = bounds(host, environ, watchdog, last)
        return Reply(entry.render(server, credentials.obtain(host, who, waiting, prepare)))
    except NoCredential:
        return NO_CREDENTIALS
    except Failure as failure:
        log_failure(environ, failure)
        return failed(failure, host or "")


def renew(host: str, environ: "Mapping[str, str]", watchdog: Watchdog) -> Reply:
    """Renew the ageing entry of *host*: what ``renewal`` starts, detached from every stream."""
    try:
        who = asker.who_asks(environ)
        if registry.is_ours(host, who.suffixes, who.named):
            waiting, prepare = bounds(host, environ, watchdog)
            credentials.renew(host, who, waiting, prepare)
    except Failure as failure:
        return failed(failure, host)
    return Reply()


def list_hosts(environ: "Mapping[str, str]") -> Reply:
    """List hosts and user names, offline; without the hosts whose last get failed."""
    import json  # noqa: PLC0415

    found = json.dumps(_hosts(environ), separators=(",", ":"))
    return Reply(found.encode() + b"\n")


def _hosts(environ: "Mapping[str, str]") -> dict[str, str]:
    from docker_credential_acr.docker_config import helped_hosts  # noqa: PLC0415
    from docker_credential_acr.settings import Settings, for_host, load  # noqa: PLC0415

    try:
        who = asker.who_asks(environ)
        settings = load(who.settings_path)
    except SettingsError:
        who, settings = None, Settings()
    suffixes, named = (who.suffixes, who.named) if who else ((), b"")
    files = set(private_files.names(who.folder)) if who else set()
    stamped = who.stamped if who else b""
    cached = {name.partition("@")[0].replace("+", ":") for name in files if "@" in name}
    helped = {
        registry.host_in(key.encode("utf-8", "replace")) or "" for key in helped_hosts(environ)
    }
    hosts: dict[str, str] = {}
    named_there = set(settings.exact_hosts)
    configured = helped | named_there
    for host in sorted(configured | cached):
        name = entry.file_name(host, stamped)
        known = host in configured or name in files
        if not known or f"{name}.failed" in files:
            continue
        if host not in named_there and not registry.is_ours(host, suffixes, named):
            continue
        try:
            username = for_host(settings, host, environ).answers_as
        except SettingsError:
            continue
        if username:
            hosts[host] = username
    return hosts


def version() -> Reply:
    text = f"docker-credential-acr (docker_credential_acr) {docker_credential_acr.__version__}\n"
    return Reply(text.encode())


def usage(code: int) -> Reply:
    return Reply(b"Usage: docker-credential-acr <store|get|erase|list|version>\n", code=code)


def unknown(verb: str) -> Reply:
    return Reply(
        f"docker-credential-acr: unknown action: {printable(verb)[:80]}\n".encode(), code=1
    )
