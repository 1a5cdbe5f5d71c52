"""The one use case: obtain the answer for a registry host.

Look, take a turn, look again, sign in, exchange, save. Nothing of an SDK, of the settings or of logging
is imported before it is certain that this process is the one that signs in.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import time

from docker_credential_acr import cache, entry, paths
from docker_credential_acr.cache import IDENTITY, Folder
from docker_credential_acr.deadline import Deadline
from docker_credential_acr.errors import (
    AudienceUnknown,
    Failure,
    RegistryRefused,
    Unreachable,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_acr.exchange import RegistryToken
    from docker_credential_acr.methods.contract import EntraToken
    from docker_credential_acr.settings import RegistrySettings

_STALE_SECONDS = 60  # an old token that nobody could renew is good for this long at least
_ENTRA_SECONDS = 300  # what a shared Entra token must have left


@dataclass(frozen=True, slots=True)
class Asker:
    """Who is asking: the environment, the settings in force, and the stamp of both."""

    environ: Mapping[str, str]
    settings: tuple[object, ...] | None
    stamped: bytes
    folder: Folder | None
    suffixes: tuple[str, ...]
    named: bytes

    @property
    def settings_path(self) -> str | None:
        return str(self.settings[0]) if self.settings else None


def asker(environ: Mapping[str, str]) -> Asker:
    """Return who is asking. Raises SettingsError if the settings cannot be used."""
    settings = entry.settings_stamp(environ.get)
    folder = cache.open_folder(paths.cache_folder(environ.get))
    suffixes, watched, named = _gate(folder, settings)
    stamped = entry.stamp(environ.get, settings, watched)
    return Asker(environ, settings, stamped, folder, suffixes, named)


def _gate(
    folder: Folder | None, settings: tuple[object, ...] | None
) -> tuple[tuple[str, ...], tuple[bytes, ...], bytes]:
    """Return what the settings say about hosts, written down for the fast staircase if it is not yet."""
    if settings is None:
        return (), (), b""
    found = entry.read_gate(folder.path, settings) if folder else None
    if found is None:
        from docker_credential_acr.registry import is_ours  # noqa: PLC0415
        from docker_credential_acr.settings import load  # noqa: PLC0415

        loaded = load(str(settings[0]))
        hosts = [h for h in loaded.exact_hosts if not is_ours(h, loaded.suffixes)]
        watched = [os.fsencode(path) for path in loaded.token_files if "\n" not in path]
        parts = [
            " ".join(loaded.suffixes).encode(),
            b"\0".join(watched),
            *map(str.encode, hosts),
            b"",
        ]
        stamped = ascii(settings).encode()
        body = b"\n".join(parts)
        cache.save(
            folder, entry.file_name(entry.GATE, stamped), entry.head(entry.GATE, stamped) + body
        )
        found = loaded.suffixes, tuple(watched), b"\n" + b"\n".join(parts[2:])
    return found


def obtain(
    host: str, who: Asker, deadline: Deadline, prepare: Callable[["RegistrySettings"], Deadline]
) -> bytes:
    """Return the rendered answer for *host* (``entry``), from the cache or by signing in.

    *prepare* is told the host's settings before the sign-in and returns the deadline that they ask for.
    Raises Failure.
    """
    name = entry.file_name(host, who.stamped)

    def look() -> bytes | None:
        return entry.answer(who.folder.path, host, who.stamped, time()) if who.folder else None

    with cache.turn(who.folder, name, deadline, look) as found:
        if found is not None:
            return found
        data = entry.read_private(os.path.join(who.folder.path, name)) if who.folder else None
        try:
            _raise_remembered(who.folder, name)
            answer = _sign_in(host, who, data, prepare)
        except Failure as failure:
            old = entry.parse(data, entry.head(host, who.stamped), time())
            if old is None or old[0][3] - time() < _STALE_SECONDS:
                raise
            _log(f"{host}: served the old token, renewal failed: {failure.what}")
            return old[1]
        cache.forget_failure(who.folder, name)
        return answer


def _raise_remembered(folder: Folder | None, name: str) -> None:
    """Fail like the caller before us did, for a few seconds: a storm must not hammer Entra."""
    note = cache.failure(folder, name)
    if note is None:
        return
    at, what, hint, reference = (note.get(key) for key in ("at", "what", "hint", "reference"))
    if isinstance(at, int | float) and 0 <= time() - at < cache.FAILURE_SECONDS:
        raise Unreachable(str(what), str(hint), str(reference))


def _sign_in(
    host: str,
    who: Asker,
    data: bytes | None,
    prepare: Callable[["RegistrySettings"], Deadline],
) -> bytes:
    from docker_credential_acr.settings import for_host, load  # noqa: PLC0415  this process signs in

    chosen = for_host(load(who.settings_path), host, who.environ)
    deadline = prepare(chosen)
    name = entry.file_name(host, who.stamped)
    begins = entry.head(host, who.stamped)
    try:
        token, audience = _registry_token(
            chosen, who, deadline, _notes(data, begins).get("audience")
        )
    except Failure as failure:
        note = {"what": failure.what, "hint": failure.hint, "reference": failure.reference}
        cache.note_failure(who.folder, name, note, time())
        raise
    answer = rendered(chosen.username, token.secret.reveal())
    notes = {"method": chosen.method, "audience": audience}
    cache.save(who.folder, name, begins + entry_body(token, chosen.min_ttl, answer, notes))
    _log(f"{host}: registry token obtained with {chosen.method}, good until {token.expires}")
    return answer


def rendered(username: str, secret: str) -> bytes:
    """Return user name and secret as they stand in the answer."""
    return f'"Username":{json.dumps(username)},"Secret":{json.dumps(secret)}}}'.encode()


def entry_body(
    token: "RegistryToken", min_ttl: int, answer: bytes, notes: Mapping[str, object]
) -> bytes:
    """Return what follows the head of the entry for *token*; its times are the token's own."""
    until = token.expires - min_ttl
    renew = min(until, (token.issued + token.expires) // 2)
    times = f"{token.issued} {renew} {until} {token.expires}\n".encode()
    return times + answer + b"\n" + json.dumps(notes).encode() + b"\n"


def _notes(data: bytes | None, begins: bytes) -> dict[str, object]:
    """Return the notes of this asker's last entry, even of one that has expired."""
    if data is None or not data.startswith(begins):
        return {}
    try:
        found = json.loads(data[len(begins) :].split(b"\n", 2)[2])
    except (ValueError, IndexError):
        return {}
    return found if isinstance(found, dict) else {}


def _registry_token(
    chosen: "RegistrySettings", who: Asker, deadline: Deadline, remembered: object
) -> tuple["RegistryToken", str]:
    """Sign in and exchange, with the registry audience first and the cloud's ARM audience second.

    A registry that follows Microsoft's hardening refuses the ARM audience, a disconnected cloud knows
    no other (Azure/azure-cli#33674); what worked for this asker and host is tried first.
    """
    known = [chosen.cloud.registry_audience, *([chosen.cloud.arm] if chosen.cloud.arm else [])]
    if isinstance(remembered, str) and remembered in known:
        known.sort(key=lambda audience: audience != remembered)
    audiences = [chosen.audience] if chosen.audience else known
    for audience in audiences[:-1]:
        try:
            return _exchanged(chosen, who, deadline, audience), audience
        except AudienceUnknown as unknown:
            _log(f"{chosen.host}: {audience} is not known: {unknown.what}")
    return _exchanged(chosen, who, deadline, audiences[-1]), audiences[-1]


def _exchanged(
    chosen: "RegistrySettings", who: Asker, deadline: Deadline, audience: str
) -> "RegistryToken":
    from docker_credential_acr.exchange import registry_token  # noqa: PLC0415

    key = _identity_key(chosen, who, audience)
    shared = _shared(who.folder, key)
    if shared is not None:
        try:
            return registry_token(chosen.login_server, shared, deadline)
        except RegistryRefused:
            _log(f"{chosen.host}: the shared Entra token was refused, signing in anew")
    try:
        token = _entra_token(chosen, who, deadline, audience, key, anew=shared is not None)
        return registry_token(chosen.login_server, token, deadline)
    except RegistryRefused as refused:
        if audience == chosen.cloud.arm and refused.reference == "registry-refused":
            refused.hint = (
                "the registry may refuse ARM tokens; see its policy authentication-as-arm"
            )
        raise


def _identity_key(chosen: "RegistrySettings", who: Asker, audience: str) -> bytes:
    return ascii(
        (
            who.stamped,
            chosen.method,
            chosen.options,
            chosen.authority,
            chosen.cloud.discovery,
            chosen.tenant_id,
            audience,
        )
    ).encode()


def _entra_token(  # noqa: PLR0913  one step of one story
    chosen: "RegistrySettings",
    who: Asker,
    deadline: Deadline,
    audience: str,
    key: bytes,
    *,
    anew: bool,
) -> "EntraToken":
    """Return an Entra token: another registry's of the same identity, or a new one that is shared."""
    if (
        audience != chosen.cloud.registry_audience
    ):  # ARM's could manage the subscription: never on disk
        return _signed_in(chosen, who, deadline, audience)

    def look() -> bytes | None:
        return None if anew else _shared_answer(who.folder, key)

    with cache.turn(who.folder, entry.file_name(IDENTITY, key), deadline, look) as found:
        if found is not None:
            return _from_answer(found)
        token = _signed_in(chosen, who, deadline, audience)
        _share(who.folder, key, token)
        return token


def _signed_in(
    chosen: "RegistrySettings", who: Asker, deadline: Deadline, audience: str
) -> "EntraToken":
    from docker_credential_acr.methods import METHODS  # noqa: PLC0415
    from docker_credential_acr.methods.contract import SignIn  # noqa: PLC0415

    sign_in = SignIn(
        chosen.host, chosen.cloud, chosen.authority, chosen.tenant_id, who.environ, deadline
    )
    return METHODS[chosen.method].entra_token(chosen.options, sign_in, audience)


def _shared(folder: Folder | None, key: bytes) -> "EntraToken | None":
    found = _shared_answer(folder, key)
    return None if found is None else _from_answer(found)


def _shared_answer(folder: Folder | None, key: bytes) -> bytes | None:
    return entry.answer(folder.path, IDENTITY, key, time()) if folder else None


def _from_answer(answer: bytes) -> "EntraToken":
    from docker_credential_acr.methods.contract import EntraToken  # noqa: PLC0415
    from docker_credential_acr.secret import Secret  # noqa: PLC0415

    found = json.loads(b"{" + answer)
    return EntraToken(Secret(found["Secret"]), found["Username"] or None)


def _share(folder: Folder | None, key: bytes, token: "EntraToken") -> None:
    """Write *token* for the other registries of its identity, if it says how long it lives."""
    from docker_credential_acr.exchange import jwt_claims  # noqa: PLC0415

    claims = jwt_claims(token.secret.reveal()) or {}
    issued, expires = claims.get("iat"), claims.get("exp")
    if type(issued) is not int or type(expires) is not int:
        return
    answer = rendered(token.tenant or "", token.secret.reveal())
    until = expires - _ENTRA_SECONDS
    data = f"{issued} {until} {until} {expires}\n".encode() + answer + b"\n{}\n"
    cache.save(folder, entry.file_name(IDENTITY, key), entry.head(IDENTITY, key) + data)


def _log(text: str) -> None:
    from docker_credential_acr.log import log  # noqa: PLC0415  waiters do not load logging

    log.debug("%s", text)
