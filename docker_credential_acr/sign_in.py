"""The answer for one host: which method, which audience, whose Entra token, and the exchange.

Entra tokens are shared between the registries of one identity: 50 registries cost one sign-in and 50
exchanges. A token for Azure Resource Manager could manage the subscription and is never written to disk.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from time import time

from docker_credential_acr import audiences, cache, entry, exchange, waiting_room
from docker_credential_acr.asker import Asker
from docker_credential_acr.cache import IDENTITY
from docker_credential_acr.callers import request
from docker_credential_acr.deadline import Deadline
from docker_credential_acr.errors import (
    AudienceUnknown,
    Failure,
    OutOfTime,
    RegistryRefused,
    SignInRefused,
    Unreachable,
)
from docker_credential_acr.exchange import RegistryToken
from docker_credential_acr.log import log
from docker_credential_acr.managing import for_arm, with_endpoints
from docker_credential_acr.methods import ENTRA_METHODS, LOGIN_METHODS
from docker_credential_acr.methods.contract import EntraToken, Login, Offer
from docker_credential_acr.secret import Secret
from docker_credential_acr.settings import RegistrySettings
from docker_credential_acr.verification import verified

_ENTRA_SECONDS = 300  # what a shared Entra token must have left
_UNSETTLED_SECONDS = 60  # until a new password is known everywhere, or somebody can be asked again


@dataclass(frozen=True, slots=True)
class Obtained:
    """What a client is to be given; times in seconds since 1970.

    *notes* are for the next time, and *min_ttl* are the seconds that must be left for it to be served.
    """

    username: str
    secret: Secret
    issued: int
    expires: int
    min_ttl: int
    notes: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class _Errand:
    """One sign-in for one audience."""

    chosen: RegistrySettings
    who: Asker
    deadline: Deadline
    audience: str

    @property
    def for_arm(self) -> bool:
        cloud = self.chosen.cloud  # in a cloud of the settings both may be the same
        arm = (cloud.for_arm or "").rstrip("/")
        named = self.audience.lower().startswith("https://management.")  # as all of them are
        known = self.audience == cloud.registry_audience
        return named or not known or self.audience.rstrip("/") == arm

    @property
    def identity(self) -> bytes:
        """Everything that decides whose token it is: the stamp of a shared one."""
        chosen = self.chosen
        return ascii(
            (
                self.who.stamped,
                chosen.method,
                chosen.options,
                chosen.authority,
                chosen.cloud.discovery,
                chosen.tenant_id,
                self.audience,
            )
        ).encode()


def obtain(
    chosen: RegistrySettings,
    who: Asker,
    deadline: Deadline,
    notes: Mapping[str, object],
    last: Login | None = None,
) -> Obtained:
    """Return what *chosen* has for its host; *notes* and *last* are those of the last time.

    Raises Failure.
    """
    if chosen.method in LOGIN_METHODS:
        return _login(chosen, who, deadline, notes, last)
    token, audience = registry_token(chosen, who, deadline)
    found = {"method": chosen.method, "audience": audience}
    return Obtained(
        chosen.username, token.secret, token.issued, token.expires, chosen.min_ttl, found
    )


def _login(
    chosen: RegistrySettings,
    who: Asker,
    deadline: Deadline,
    notes: Mapping[str, object],
    last: Login | None,
) -> Obtained:
    """Return the login that the registry takes; it says nothing of its life, so it is verified often.

    Where nobody can be asked for the passwords, the *last* one is served while the registry takes it.
    """
    began = int(time())  # before they are read: one renewed from now on is served no longer
    told = request(chosen, who, deadline)
    known, settled = notes.get("passwords"), True
    try:
        offer = LOGIN_METHODS[chosen.method].offer(
            chosen.options, told, lambda: for_arm(chosen, who, deadline)
        )
    except Unreachable as failure:
        if last is None:
            raise
        log.debug("%s: %s; is the last password good still?", chosen.host, failure.what)
        offer, settled = _last_offer(last, failure), False
    found = verified(chosen.login_server, offer, known, deadline)
    told_next = {"method": chosen.method, "passwords": found.marks if settled else known}
    soon = not (settled and found.settled)
    life = min(_UNSETTLED_SECONDS, chosen.password_ttl) if soon else chosen.password_ttl
    username, secret = found.login.username, found.login.secret
    return Obtained(username, secret, began, began + life, 0, told_next)


def _last_offer(last: Login, failure: Failure) -> Offer:
    return Offer((last,), lambda _: failure)


def registry_token(
    chosen: RegistrySettings, who: Asker, deadline: Deadline
) -> tuple[RegistryToken, str]:
    """Sign in and exchange; return the token and the audience that worked. Raises Failure."""
    chosen = with_endpoints(chosen, who, deadline)
    memory = audiences.memory(chosen, who)
    first, *_ = wanted = audiences.wanted(chosen, memory)
    failures: list[Failure] = []
    for audience in wanted:
        try:
            token = _exchanged(_Errand(chosen, who, deadline, audience))
        except AudienceUnknown as unknown:
            log.debug("%s: %s is not known: %s", chosen.host, audience, unknown.what)
            failures.append(unknown)
        except RegistryRefused as refusal:
            arm_refused = refusal.reference == "registry-refused"
            if not arm_refused or audience == chosen.cloud.registry_audience:
                raise
            failures.append(refusal)  # it worked until the registry's policy was changed, perhaps
        else:
            if audience != first:
                audiences.worked(audience, memory)
            return token, audience
    raise max(failures, key=lambda failure: isinstance(failure, RegistryRefused))


def _exchanged(errand: _Errand) -> RegistryToken:
    shared = _shared(errand)
    if shared is not None:
        new = _is_new(errand)
        try:
            return _traded(errand, shared)
        except RegistryRefused as refusal:
            # A network rule minds no token; and where many registries refuse, not each costs a sign-in.
            if refusal.reference != "registry-refused" or new:
                raise
            log.debug("%s: the shared Entra token was refused, signing in anew", errand.chosen.host)
    try:
        return _traded(errand, _entra_token(errand, refused=shared))
    except RegistryRefused as refusal:
        if errand.for_arm and refusal.reference == "registry-refused":
            refusal.hint = (
                "the registry may refuse ARM tokens: see its policy authentication-as-arm"
            )
        raise


def _traded(errand: _Errand, token: EntraToken) -> RegistryToken:
    chosen = errand.chosen
    try:
        return exchange.registry_token(chosen.login_server, token, errand.deadline)
    except Unreachable as missing:
        of_azure = chosen.login_server.endswith("." + chosen.cloud.suffix)
        if missing.reference != "registry-missing" or of_azure:
            raise
        raise RegistryRefused(
            f"{chosen.login_server} takes no Entra sign-in: it has no exchange",
            'for a connected registry set method = "repository-token"; else set login_server',
            "exchange-missing",
        ) from missing


def _entra_token(errand: _Errand, refused: EntraToken | None) -> EntraToken:
    """Return an Entra token: one that another process has just got, or a new one that is shared."""
    if errand.for_arm:
        return _signed_in(errand)

    def look() -> bytes | None:
        found = _shared_answer(errand)
        again = refused is not None and refused.secret.reveal().encode() in (found or b"")
        return None if again else found

    name = entry.file_name(IDENTITY, errand.identity)
    with cache.turn(errand.who.folder, name, errand.deadline, look) as found:
        if found is not None:
            return _token(found)
        cache.raise_remembered(errand.who.folder, name)
        try:
            token = _signed_in(errand)
        except AudienceUnknown:
            raise  # another one is tried
        except OutOfTime:
            raise  # our own limit says nothing of Entra
        except (SignInRefused, Unreachable) as failure:
            cache.note_failure(errand.who.folder, name, failure)  # for its other registries
            raise
        _share(errand, token)
        return token


def _signed_in(errand: _Errand) -> EntraToken:
    chosen = errand.chosen
    told = request(chosen, errand.who, errand.deadline)
    return ENTRA_METHODS[chosen.method].entra_token(chosen.options, told, errand.audience)


def _shared(errand: _Errand) -> EntraToken | None:
    found = _shared_answer(errand)
    return None if found is None else _token(found)


def _shared_answer(errand: _Errand) -> bytes | None:
    folder = errand.who.folder
    return entry.answer(folder.path, IDENTITY, errand.identity, time()) if folder else None


def _is_new(errand: _Errand) -> bool:
    """Tell whether the shared token was got a moment ago, so that another one would be no better."""
    folder, name = errand.who.folder, entry.file_name(IDENTITY, errand.identity)
    found = entry.version(os.path.join(folder.path, name)) if folder else None
    return found is not None and 0 <= time() - found[0] / 1e9 < waiting_room.FAILURE_SECONDS


def _token(answer: bytes) -> EntraToken:
    found = json.loads(b"{" + answer)
    return EntraToken(Secret(found["Secret"]), found["Username"] or None)


def _share(errand: _Errand, token: EntraToken) -> None:
    """Write *token* for the other registries of its identity, if it says how long it lives."""
    claims = exchange.jwt_claims(token.secret.reveal()) or {}
    issued, expires = claims.get("iat"), claims.get("exp")
    if type(issued) is not int or type(expires) is not int:
        return
    expires = min(expires, issued + entry.LONGEST)  # a managed identity's lives five minutes longer
    until = expires - _ENTRA_SECONDS
    answer = cache.rendered(token.tenant or "", token.secret.reveal())
    identity = errand.identity
    data = entry.head(IDENTITY, identity) + cache.body((issued, until, until, expires), answer, {})
    cache.save(errand.who.folder, entry.file_name(IDENTITY, identity), data)
