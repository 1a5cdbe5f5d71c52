"""The verbs store and erase: what ``docker login`` and ``docker logout`` ask for."""

from time import time

from docker_credential_acr import (
    cache,
    credentials,
    deadline,
    entry,
    paths,
    private_files,
    registry,
    renewal,
)
from docker_credential_acr.asker import asking_for, who_asks
from docker_credential_acr.commands.docker_input import (
    GET_LIMIT,
    NO_SERVER,
    NO_USER,
    STORE_LIMIT,
    limited,
    trimmed,
)
from docker_credential_acr.commands.reply import Reply, failed
from docker_credential_acr.deadline import Deadline
from docker_credential_acr.errors import Failure, InputError, printable
from docker_credential_acr.watchdog import Watchdog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_TOKEN_USERS = ("<token>", "00000000-0000-0000-0000-000000000000")


def store(given: bytes, environ: "Mapping[str, str]", watchdog: Watchdog) -> Reply:
    """Keep the login in *given*: a registry token goes to the cache until its own expiry."""
    from docker_credential_acr import child  # noqa: PLC0415  a command may say who is asking

    server = ""
    try:
        limited(given, STORE_LIMIT)
        login = _login(given)
        server = login.get("serverurl", "")
        if not trimmed(server.encode("utf-8", "surrogatepass")):
            return NO_SERVER
        if not login.get("username"):
            return NO_USER
        watchdog.at_end += [child.end_all, private_files.drop_unfinished]
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
    from docker_credential_acr.sign_in import told_apart  # noqa: PLC0415

    host = registry.host_in(trimmed(server.encode("utf-8", "surrogatepass")))
    who = asking_for(host, environ) if host else None
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
    who = told_apart(chosen, who, Deadline.after(chosen.timeout))
    name = entry.file_name(host, who.stamped)
    begins = entry.head(host, who.stamped)
    private_files.remove(
        who.folder, renewal.marker(name)
    )  # a running renewal may not save any more
    with cache.turn(who.folder, name, Deadline.after(deadline.DEFAULT_SECONDS), lambda: None):
        current = entry.answer(who.folder.path, host, who.stamped, time()) if who.folder else None
        if current is not None and f'"Secret":"{secret}"}}'.encode() in current:
            return  # docker login hands back what get has just answered
        answer = cache.rendered(chosen.username, secret)
        notes = {"method": "store"}
        times = credentials.times(token.issued, token.expires, chosen.min_ttl, ahead=False)
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
        limited(given, GET_LIMIT)
    except Failure as failure:
        return failed(failure)
    host = registry.host_in(server)
    if host:
        watchdog.host = f"{printable(host)[:80]}: ".encode()
        _forget(host, environ)
    return Reply()


def _forget(host: str, environ: "Mapping[str, str]") -> None:
    folder = private_files.open_folder(paths.cache_folder(environ.get))
    if not registry.is_ours(host) and not cache.knows(folder, host):
        return
    cache.erase(folder, host)  # at once, and with it a running renewal's right to save
    waiting = Deadline.after(deadline.DEFAULT_SECONDS)
    try:
        name = entry.file_name(host, who_asks(environ).stamped)
        with cache.turn(folder, name, waiting, lambda: None):
            cache.erase(folder, host)  # again: a sign-in may just have ended
    except Failure:  # broken settings, or no turn: what there was is erased
        return
