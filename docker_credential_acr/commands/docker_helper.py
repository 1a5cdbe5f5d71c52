"""The Docker credential-helper protocol: get, store, erase, list, version.

The reference is ``credentials.Serve`` of docker/docker-credential-helpers: answers and errors go to
standard output, exit codes are 0 and 1. A real failure is also written to standard error, because
docker before 28.5 throws standard output away.
"""

from time import monotonic, time

import docker_credential_acr
from docker_credential_acr import (
    asker,
    cache,
    credentials,
    deadline,
    entry,
    paths,
    registry,
    renewal,
)
from docker_credential_acr.commands.reply import Reply, failed
from docker_credential_acr.deadline import Deadline
from docker_credential_acr.errors import (
    NOT_FOUND,
    Failure,
    InputError,
    SettingsError,
    printable,
)
from docker_credential_acr.watchdog import GRACE, Watchdog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from docker_credential_acr.settings import RegistrySettings

GET_LIMIT = 64 * 1024  # bytes of standard input, for erase too
STORE_LIMIT = 1024 * 1024
_TOKEN_USERS = ("<token>", "00000000-0000-0000-0000-000000000000")


NO_CREDENTIALS = Reply(NOT_FOUND.encode() + b"\n", code=1)
NO_SERVER = Reply(b"no credentials server URL\n", code=1)
NO_USER = Reply(b"no credentials username\n", code=1)


def get(given: bytes, environ: "Mapping[str, str]", watchdog: Watchdog) -> Reply:
    """Answer with the credential of the host in *given*."""
    server = trimmed(given)
    if not server:
        return NO_SERVER
    host = registry.host_in(server)
    try:
        _limited(given, GET_LIMIT)
        if host is None:
            return NO_CREDENTIALS
        who = _asker(host, environ)
        if who is None or not registry.is_ours(host, who.suffixes, who.named):
            return NO_CREDENTIALS
        if environ.get("ACR_CRED_DEBUG"):
            _start_log(environ)
        old = credentials.still_good(host, who)
        last = old and entry.render(server, old)
        waiting, prepare = _bounds(host, environ, watchdog, last)
        return Reply(entry.render(server, credentials.obtain(host, who, waiting, prepare)))
    except Failure as failure:
        return failed(failure, host or "")


def renew(host: str, environ: "Mapping[str, str]", watchdog: Watchdog) -> Reply:
    """Renew the ageing entry of *host*: what ``renewal`` starts, detached from every stream."""
    try:
        who = asker.who_asks(environ)
        if registry.is_ours(host, who.suffixes, who.named):
            waiting, prepare = _bounds(host, environ, watchdog)
            credentials.renew(host, who, waiting, prepare)
    except Failure as failure:
        return failed(failure, host)
    return Reply()


def _bounds(
    host: str,
    environ: "Mapping[str, str]",
    watchdog: Watchdog,
    last_answer: bytes | None = None,
) -> "tuple[Deadline, Callable[[RegistrySettings], Deadline]]":
    """Return the deadline of a waiter, and what makes it that of the one who signs in."""
    began = monotonic()
    waiting = Deadline(began + deadline.seconds_asked(environ, deadline.DEFAULT_SECONDS))
    watchdog.host = f"{printable(host)[:80]}: ".encode()

    def prepare(chosen: "RegistrySettings") -> Deadline:
        from docker_credential_acr import child  # noqa: PLC0415  this process signs in

        _start_log(environ)
        settled = Deadline(began + chosen.timeout)
        watchdog.at_end += [child.end_all, cache.drop_unfinished]
        watchdog.rearm(settled.left() + GRACE, deadline.sentence, last_answer)
        return settled

    watchdog.rearm(waiting.left() + GRACE, deadline.sentence, last_answer)
    return waiting, prepare


def trimmed(given: bytes) -> bytes:
    """Return *given* without one UTF-8 BOM and without ASCII white space around it."""
    return given.removeprefix(b"\xef\xbb\xbf").strip()


def _limited(given: bytes, limit: int) -> None:
    if len(given) > limit:
        raise InputError(
            f"more than {limit // 1024} KiB came on standard input",
            "give one registry host",
            "input-too-long",
        )


def _asker(host: str, environ: "Mapping[str, str]") -> asker.Asker | None:
    """Return who asks for *host*, or None if the settings are broken and do not concern it.

    A typing error in the settings must not break pulls from other registries; where the file has the
    host's name in it, or the host is one of Azure's, the mistake is what the person needs to read.
    """
    try:
        return asker.who_asks(environ)
    except SettingsError:
        if registry.is_ours(host) or _mentioned(host, environ):
            raise
        return None


def _mentioned(host: str, environ: "Mapping[str, str]") -> bool:
    for path in paths.settings_files(environ.get):
        try:
            with open(path, "rb") as file:
                return host.encode() in file.read(entry.LARGEST_GATE).lower()
        except OSError:
            continue
    return False


def _start_log(environ: "Mapping[str, str]") -> None:
    from docker_credential_acr import log  # noqa: PLC0415  waiters do not load logging

    log.start(environ.get("ACR_CRED_DEBUG"))


def store(given: bytes, environ: "Mapping[str, str]", watchdog: Watchdog) -> Reply:
    """Keep the login in *given*: a registry token goes to the cache until its own expiry."""
    server = ""
    try:
        _limited(given, STORE_LIMIT)
        login = _login(given)
        server = login.get("serverurl", "")
        if not trimmed(server.encode("utf-8", "surrogatepass")):
            return NO_SERVER
        if not login.get("username"):
            return NO_USER
        watchdog.at_end.append(cache.drop_unfinished)
        watchdog.host = f"{printable(server)[:80]}: ".encode()
        _keep(server, login["username"], login.get("secret", ""), environ)
    except Failure as failure:
        return failed(failure, server)
    return Reply()


def _login(given: bytes) -> dict[str, str]:
    """Return the first JSON value's texts by lower-case name: Go's reader ignores case and the rest."""
    import json  # noqa: PLC0415

    try:
        found, _ = json.JSONDecoder().raw_decode(trimmed(given).decode())
    except (ValueError, RecursionError) as error:
        raise _bad_login() from error
    if not isinstance(found, dict):
        raise _bad_login()
    login = {key.lower(): value for key, value in found.items() if value is not None}
    wanted = {key: login[key] for key in ("serverurl", "username", "secret") if key in login}
    if not all(isinstance(value, str) for value in wanted.values()):
        raise _bad_login()
    return wanted


def _bad_login() -> InputError:
    return InputError(
        "the login on standard input is not what the protocol says",
        'send {"ServerURL":...,"Username":...,"Secret":...}',
        "bad-login",
    )


def _keep(server: str, username: str, secret: str, environ: "Mapping[str, str]") -> None:
    from docker_credential_acr.exchange import read  # noqa: PLC0415
    from docker_credential_acr.settings import for_host, load  # noqa: PLC0415

    host = registry.host_in(trimmed(server.encode("utf-8", "surrogatepass")))
    who = _asker(host, environ) if host else None
    if host is None or who is None or not registry.is_ours(host, who.suffixes, who.named):
        raise InputError(
            "this is no Azure container registry, so its login was not kept",
            "in Docker's config give this helper only its registries, under credHelpers",
            "store-not-ours",
        )
    if username not in _TOKEN_USERS:
        raise InputError(
            "a login with a user name of its own cannot be kept yet",
            "leave it out: docker pull signs in by itself, as the settings say",
            "store-not-kept",
        )
    chosen = for_host(load(who.settings_path), host, environ)
    token = read(secret, chosen.login_server) or read(secret, host)
    if token is None or token.expires <= time():
        raise InputError(
            "for this user name the secret must be a registry token of this registry that has not expired",
            "leave the login out: docker pull signs in by itself",
            "store-not-a-token",
        )
    name = entry.file_name(host, who.stamped)
    begins = entry.head(host, who.stamped)
    cache.remove(who.folder, renewal.marker(name))  # a running renewal may not save any more
    with cache.turn(who.folder, name, Deadline.after(deadline.DEFAULT_SECONDS), lambda: None):
        current = entry.answer(who.folder.path, host, who.stamped, time()) if who.folder else None
        if current is not None and f'"Secret":"{secret}"}}'.encode() in current:
            return  # docker login hands back what get has just answered
        answer = cache.rendered(chosen.username, secret)
        notes = {"method": "store"}
        times = credentials.times(token, chosen.min_ttl, ahead=False)
        data = begins + cache.body(times, answer, notes)
        cache.save(who.folder, name, data)
        cache.forget_failure(who.folder, name)
        if not cache.holds(who.folder, name, data):
            raise InputError(
                "this login could not be kept: there is no cache to write to",
                "check the cache folder, or leave the login out: docker pull signs in by itself",
                "store-not-kept",
            )


def erase(given: bytes, environ: "Mapping[str, str]", watchdog: Watchdog) -> Reply:
    """Forget the cached tokens of the host in *given*; every other host is none of ours and no error."""
    server = trimmed(given)
    if not server:
        return NO_SERVER
    try:
        _limited(given, GET_LIMIT)
    except Failure as failure:
        return failed(failure)
    host = registry.host_in(server)
    if host:
        watchdog.host = f"{printable(host)[:80]}: ".encode()
        _forget(host, environ)
    return Reply()


def _forget(host: str, environ: "Mapping[str, str]") -> None:
    folder = cache.open_folder(paths.cache_folder(environ.get))
    if not registry.is_ours(host) and not cache.knows(folder, host):
        return
    cache.erase(folder, host)  # at once, and with it a running renewal's right to save
    waiting = Deadline.after(deadline.DEFAULT_SECONDS)
    try:
        name = entry.file_name(host, asker.who_asks(environ).stamped)
        with cache.turn(folder, name, waiting, lambda: None):
            cache.erase(folder, host)  # again: a sign-in may just have ended
    except Failure:  # broken settings, or no turn: what there was is erased
        return


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
    files = set(cache.names(who.folder)) if who else set()
    stamped = who.stamped if who else b""
    cached = {name.partition("@")[0].replace("+", ":") for name in files if "@" in name}
    helped = {
        registry.host_in(key.encode("utf-8", "replace")) or "" for key in helped_hosts(environ)
    }
    hosts: dict[str, str] = {}
    configured = helped | set(settings.exact_hosts)
    for host in sorted(configured | cached):
        name = entry.file_name(host, stamped)
        known = host in configured or name in files
        if not known or not registry.is_ours(host, suffixes, named) or f"{name}.failed" in files:
            continue
        try:
            hosts[host] = for_host(settings, host, environ).username
        except SettingsError:
            continue
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
