"""What `get` would answer for a host, for the verbs that show or prove it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from time import time

from docker_credential_acr import asker, credentials, entry, exchange, logins
from docker_credential_acr.asker import Asker
from docker_credential_acr.deadline import Deadline
from docker_credential_acr.errors import InputError
from docker_credential_acr.methods import LOGIN_METHODS
from docker_credential_acr.registry import host_in, is_ours
from docker_credential_acr.secret import Secret
from docker_credential_acr.settings import RegistrySettings, for_host, load


@dataclass(frozen=True, slots=True)
class Proof:
    """A credential that works; *expires* in seconds since 1970, *notes* of its entry (``sign_in``)."""

    chosen: RegistrySettings
    username: str
    secret: Secret
    expires: int
    method: str
    is_password: bool  # which the registry takes until it is renewed, whatever *expires* says


def ours(server: str, environ: Mapping[str, str]) -> tuple[str, Asker]:
    """Return the host that *server* names, and who asks for it.

    Raises InputError if it is no registry of ours, SettingsError.
    """
    who = asker.who_asks(environ)
    host = host_in(server.encode("utf-8", "surrogatepass"))
    if host is None or not is_ours(host, who.suffixes, who.named):
        raise InputError(
            f"{server[:80]!a} is no Azure container registry",
            "give its login server, such as NAME.azurecr.io; name a domain of your own in the settings",
            "host-not-ours",
        )
    return host, who


def prove(host: str, who: Asker) -> Proof:
    """Return a credential for *host*, as ``get`` does: kept, from the cache, or by signing in.

    Raises Failure.
    """
    settings = load(who.settings_path)
    chosen = for_host(settings, host, who.environ)
    deadline = Deadline.after(chosen.timeout)
    person = logins.Person(who.environ, deadline, settings.store)
    login = logins.read(host, person) if who.logins else None
    if login is not None:
        return Proof(chosen, *login, 0, "kept login", is_password=True)
    found = json.loads(b"{" + credentials.obtain(host, who, deadline, lambda _: deadline))
    times, notes = kept(host, who) or ((0,), {})
    method = str(notes.get("method", chosen.method))
    return Proof(
        chosen,
        found["Username"],
        Secret(found["Secret"]),
        times[-1] or _expires(found["Secret"]),
        method,
        is_password=method in LOGIN_METHODS,
    )


def _expires(secret: str) -> int:
    """Return what a token says itself, for those whose answer is not in the cache."""
    expires = (exchange.jwt_claims(secret) or {}).get("exp")
    return expires if type(expires) is int else 0


def kept(host: str, who: Asker) -> tuple[tuple[int, ...], dict[str, object]] | None:
    """Return times (issued, ages, until, expires) and notes of the entry of *host*, if it is good."""
    if who.folder is None:
        return None
    data = entry.read_private(f"{who.folder.path}/{entry.file_name(host, who.stamped)}")
    found = entry.parse(data, entry.head(host, who.stamped), time())
    if found is None:
        return None
    times, _, notes = found
    try:
        told = json.loads(notes)
    except ValueError:
        told = {}
    return times, told if isinstance(told, dict) else {}
