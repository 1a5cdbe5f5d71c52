"""The verb ``store``: what ``docker login`` asks for; ``docker_logout`` has the other one."""

from contextlib import suppress
from time import time

from docker_credential_acr import (
    cache,
    credentials,
    entry,
    helper_program,
    logins,
    markers,
    private_files,
    registry,
    renewal,
    time_limit,
)
from docker_credential_acr.asker import Asker, who_asks
from docker_credential_acr.commands import pass_through
from docker_credential_acr.commands.bounds import log_failure, start_log
from docker_credential_acr.commands.docker_input import (
    NO_SERVER,
    NO_USER,
    STORE_LIMIT,
    limited,
    trimmed,
)
from docker_credential_acr.commands.reply import Reply, failed
from docker_credential_acr.deadline import Deadline
from docker_credential_acr.errors import Failure, InputError, printable, sentence
from docker_credential_acr.logins import Person
from docker_credential_acr.markers import Marker
from docker_credential_acr.secret import Secret
from docker_credential_acr.watchdog import Watchdog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from docker_credential_acr.settings import RegistrySettings

_TOKEN_USERS = ("<token>", "00000000-0000-0000-0000-000000000000")
_LONGEST = 60 * 1024  # bytes of an answer; it has to fit into one pipe buffer


def store(given: bytes, environ: "Mapping[str, str]", watchdog: Watchdog) -> Reply:
    """Keep the login in *given*.

    A registry token goes to the cache until its own expiry, another user name and password to a store
    for passwords. What ``get`` itself answers now is acknowledged. A registry that is not ours is the
    fallback helper's.
    """
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
        start_log(environ)
        who = who_asks(environ)
        host = registry.host_in(trimmed(server.encode("utf-8", "surrogatepass")))
        if host is None or not registry.is_ours(host, who.suffixes, who.named):
            return _elsewhere(given, who, watchdog)
        return _kept(host, login["username"], Secret(login.get("secret", "")), who)
    except Failure as failure:
        log_failure(environ, failure)
        return failed(failure, server)


def _login(given: bytes) -> dict[str, str]:
    found = helper_program.texts(given.removeprefix(b"\xef\xbb\xbf"))
    if found is None:
        raise InputError(
            "the login on standard input is not what the protocol says",
            'send {"ServerURL":...,"Username":...,"Secret":...}',
            "bad-login",
        )
    return found


def _elsewhere(given: bytes, who: Asker, watchdog: Watchdog) -> Reply:
    said = pass_through.passed_on("store", given, who, watchdog)
    if said is None:
        raise InputError(
            "this is no Azure container registry, so its login was not kept",
            "name the helper for it as fallback in the settings, or use credHelpers in Docker's config",
            "store-not-ours",
        )
    return said


def _kept(host: str, username: str, secret: Secret, who: Asker) -> Reply:
    from docker_credential_acr.callers import told_apart  # noqa: PLC0415
    from docker_credential_acr.settings import for_host, load  # noqa: PLC0415

    chosen = for_host(load(who.settings_path), host, who.environ)
    person = Person(who.environ, Deadline.after(time_limit.DEFAULT_SECONDS), chosen.store)
    who = told_apart(chosen, who, person.deadline)
    current = entry.answer(who.folder.path, host, who.stamped, time()) if who.folder else None
    if username in _TOKEN_USERS:
        if (
            current is None
            or f'"Secret":"{secret.reveal()}"}}'.encode("utf-8", "replace") not in current
        ):
            _keep_token(chosen, secret, who, person)
        return Reply()
    answer = cache.rendered(username, secret.reveal())
    if current == answer or _is_kept(host, username, secret, person):
        return Reply()
    if not secret.reveal() or len(answer) > _LONGEST:
        raise InputError(
            "a login without a password, or with a very long one, is not kept",
            "log in with the password itself",
            "store-not-kept",
        )
    told = logins.keep(Marker(host, username, ""), secret, person, who.folder)
    lines = [sentence(failure, host) + "\n" for failure in told]
    return Reply(err="".join(lines).encode())


def _is_kept(host: str, username: str, secret: Secret, person: Person) -> bool:
    """Tell whether this very login is kept, and where the settings want it."""
    with suppress(Failure):  # it is kept anew
        marker = markers.find(host, person.environ)
        if marker and marker.username == username and person.store in (None, marker.store):
            found = logins.read(host, person)
            return found is not None and found[1].reveal() == secret.reveal()
    return False


def _keep_token(chosen: "RegistrySettings", secret: Secret, who: Asker, person: Person) -> None:
    """Put a registry token into the cache; the last login counts, so one that is kept ends here."""
    from docker_credential_acr.exchange import read  # noqa: PLC0415

    host, text = chosen.host, secret.reveal()
    token = read(text, chosen.login_server) or read(text, host)
    if token is None or token.expires <= time():
        raise InputError(
            "for this user name the secret must be a registry token of this registry that has not expired",
            "leave the login out: docker pull signs in by itself",
            "store-not-a-token",
        )
    logins.forget(host, person)
    name = entry.file_name(host, who.stamped)
    private_files.remove(
        who.folder, renewal.marker(name)
    )  # a running renewal may not save any more
    with cache.turn(who.folder, name, person.deadline, lambda: None):
        notes = {"method": "store"}
        times = credentials.times(token.issued, token.expires, chosen.min_ttl, ahead=False)
        body = cache.body(times, cache.rendered(chosen.username, text), notes)
        data = entry.head(host, who.stamped) + body
        credentials.save(host, who, data)
        cache.forget_failure(who.folder, name)
        if not cache.holds(who.folder, name, data):
            raise InputError(
                "this login could not be kept: there is no cache to write to",
                "check the cache folder, or leave the login out: docker pull signs in by itself",
                "store-not-kept",
            )
