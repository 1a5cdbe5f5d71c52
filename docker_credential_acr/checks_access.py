"""Checks of who signs in and what that identity may do: live, with nothing from the cache.

But for one of what the cache holds: a client that a registry refuses does not tell its helper.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from time import time

from docker_credential_acr import (
    asker,
    audiences,
    cache,
    credentials,
    exchange,
    logins,
    markers,
    origins,
    sign_in,
)
from docker_credential_acr.access import access_token
from docker_credential_acr.callers import request, told_apart
from docker_credential_acr.checks import FAILED, OK, SKIPPED, WARNING, Check, Finding, Patient
from docker_credential_acr.deadline import Deadline
from docker_credential_acr.errors import AudienceUnknown, RegistryRefused
from docker_credential_acr.exchange import jwt_claims
from docker_credential_acr.managing import with_endpoints
from docker_credential_acr.methods import ENTRA_METHODS, automatic
from docker_credential_acr.methods.contract import Login
from docker_credential_acr.secret import Secret
from docker_credential_acr.settings import RegistrySettings, for_host, load
from docker_credential_acr.terminal import minutes

_SECONDS = 25.0
_ROLES = {
    False: {"pull": "AcrPull", "push": "AcrPush"},
    True: {
        "pull": "Container Registry Repository Reader",
        "push": "Container Registry Repository Writer",
    },
}


def _caching(patient: Patient) -> tuple[RegistrySettings, asker.Asker, Deadline]:
    who = asker.who_asks(patient.environ)
    chosen = for_host(load(who.settings_path), patient.host or "", patient.environ)
    deadline = Deadline.after(_SECONDS)
    return chosen, told_apart(chosen, who, deadline), deadline


def _asked(patient: Patient) -> tuple[RegistrySettings, asker.Asker, Deadline]:
    chosen, who, deadline = _caching(patient)
    return chosen, replace(who, folder=None), deadline


def method(patient: Patient) -> Iterator[Finding]:
    who = asker.who_asks(patient.environ)
    found = {
        each.key: each
        for each in origins.of_host(load(who.settings_path), patient.host or "", patient.environ)
    }
    source = found["method"].source
    origin = "the default" if source == origins.DEFAULT else f"from {source}"
    yield Finding(OK, f"method {found['method'].value}, {origin}")


@dataclass(frozen=True, slots=True)
class _Notes:
    """A memory for one look: nothing from before, and what a method noted, such as the way it took."""

    noted: dict[str, str]

    def recall(self, name: str) -> str | None:
        return self.noted.get(name)

    def remember(self, name: str, text: str, seconds: float) -> None:  # noqa: ARG002  the contract
        self.noted[name] = text


def entra(patient: Patient) -> Iterator[Finding]:
    chosen, who, deadline = _asked(patient)
    if chosen.method not in ENTRA_METHODS:
        yield Finding(SKIPPED, f"{chosen.method} needs no sign-in to Entra")
        patient.shared["signed in"] = True
        return
    chosen = with_endpoints(chosen, who, deadline)
    noted: dict[str, str] = {}
    first, *others = audiences.wanted(chosen, audiences.memory(chosen, who))
    for audience in (first, *others):
        try:
            told = replace(request(chosen, who, deadline), memory=_Notes(noted))
            token = ENTRA_METHODS[chosen.method].entra_token(chosen.options, told, audience)
        except AudienceUnknown:
            if audience == (first, *others)[-1]:
                raise
            continue
        claims = jwt_claims(token.secret.reveal()) or {}
        named = claims.get("upn") or claims.get("appid") or claims.get("oid") or "an identity"
        way = f" by {noted[automatic.WORKED]}" if automatic.WORKED in noted else ""
        tenant = claims.get("tid") or token.tenant
        yield Finding(OK, f"signed in{way} as {named} of tenant {tenant}")
        yield Finding(OK, f"audience {audience}")
        patient.shared["signed in"] = True
        return


def cached(patient: Patient) -> Iterator[Finding]:
    """Try what `get` would hand out without asking anybody; what the registry refuses is forgotten."""
    chosen, who, deadline = _caching(patient)
    answer = credentials.still_good(chosen.host, who)
    if answer is None or markers.find(chosen.host, patient.environ) is not None:
        return
    found = json.loads(b"{" + answer)
    if _takes(chosen, Login(found["Username"], Secret(found["Secret"])), deadline):
        yield Finding(OK, "the registry takes the cached credential")
        return
    cache.erase(who.folder, chosen.host)
    patient.shared["refused"] = True
    text = "the registry refused the cached credential (HTTP 401), which is removed now"
    fix = "pull again: the next get signs in anew"
    yield Finding(WARNING, text, fix, "cached-refused")


def _takes(chosen: RegistrySettings, login: Login, deadline: Deadline) -> bool:
    try:
        return exchange.accepts(chosen.login_server, login, deadline)
    except RegistryRefused as refusal:
        if refusal.reference != "login-unknown":  # a network rule minds no credential
            raise
        return False


def registry(patient: Patient) -> Iterator[Finding]:
    chosen, who, deadline = _asked(patient)
    marker = markers.find(chosen.host, patient.environ)
    if marker is not None:
        person = logins.Person(patient.environ, deadline, chosen.store)
        kept = logins.read(chosen.host, person)
        if kept is not None:
            patient.shared["login"] = Login(*kept)
            yield Finding(OK, f"the login kept in {marker.store} is used, not the method")
            return
    if not patient.shared.get("signed in"):
        yield Finding(SKIPPED, "the registry's answer: there is no sign-in to show it")
        return
    found = sign_in.obtain(chosen, who, deadline, {})
    login = Login(found.username, found.secret)
    if patient.shared.get("refused") and not _takes(chosen, login, deadline):
        fix = "ask the registry's owner whether this identity is locked out"
        yield Finding(FAILED, "the registry refused the new credential, too", fix, "cached-refused")
        return
    patient.shared["login"] = login
    left = minutes(found.expires - time())
    yield Finding(OK, f"the registry gave a credential for {found.username}, good for {left}")


def permission(patient: Patient) -> Iterator[Finding]:
    login = patient.shared.get("login")
    if login is None:
        yield Finding(SKIPPED, "what it may do: there is no credential to ask with")
        return
    if patient.repository is None:
        fix = "give --repository NAME to see whether it may pull and push"
        yield Finding(SKIPPED, "what it may do in a repository", fix)
        return
    chosen, _, deadline = _asked(patient)
    scope = f"repository:{patient.repository}:pull,push"
    allowed = access_token(chosen.login_server, login, scope, deadline).allows
    actions = allowed.get(patient.repository, frozenset())
    abac = "aad_identity" in (jwt_claims(login.secret.reveal()) or {})
    if abac:
        text = "this registry gives rights for each repository (ABAC): AcrPull and AcrPush do not count"
        yield Finding(OK, text)
    for action, role in _ROLES[abac].items():
        if action in actions:
            yield Finding(OK, f"may {action}: {patient.repository}")
            continue
        level = FAILED if action == "pull" else WARNING
        text = f"may not {action}: {patient.repository}"
        fix = f"grant the role {role}; it takes up to ten minutes to count"
        yield Finding(level, text, fix, "permission-missing")


CHECKS = (
    Check("Identity", "method", method),
    Check("Identity", "sign-in", entra, _SECONDS + 3),
    Check("Registry", "cached credential", cached, _SECONDS + 3),
    Check("Registry", "credential", registry, _SECONDS + 3),
    Check("Permission", "repository", permission, _SECONDS + 3),
)
