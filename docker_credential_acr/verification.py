"""Which of a method's logins the registry takes now: an admin user and a repository token have two.

The password that was renewed last is preferred: who rotates them renews the one that is not served,
waits until everybody has looked again (``password_ttl``), and renews the other one.
"""

import hashlib
from dataclasses import dataclass

from docker_credential_acr import exchange
from docker_credential_acr.deadline import Deadline
from docker_credential_acr.errors import RegistryRefused
from docker_credential_acr.methods.contract import Login, Offer

_REMEMBERED = 8  # marks: more than are renewed between two looks
_SHOWN = 16  # hexadecimal digits: enough to see a change; nobody guesses what Azure has made


@dataclass(frozen=True, slots=True)
class Verified:
    """The login to serve, and *marks* of all passwords for the next time: the preferred one first.

    *settled* is False if a password that was not known before was refused: a new one of a repository
    token takes about a minute to be known everywhere.
    """

    login: Login
    marks: list[str]
    settled: bool


def verified(login_server: str, offer: Offer, known: object, deadline: Deadline) -> Verified:
    """Return the login of *offer* that the registry takes.

    *known* are the marks of the last time; a login that was not among them is tried before the others.
    Raises what the offer says if it takes none, RegistryRefused, Unreachable, OutOfTime if it does not
    tell.
    """
    before = known if isinstance(known, list) else []
    unique = {login.secret.reveal(): login for login in offer.logins}.values()
    found = sorted(
        ((_mark(login_server, login), login) for login in unique),
        key=lambda pair: _rank(pair[0], before),
    )
    settled, told = True, None
    for mark, login in found:
        try:
            if exchange.accepts(login_server, login, deadline):
                return Verified(login, _remembered([mark for mark, _ in found], before), settled)
        except RegistryRefused as refusal:
            if refusal.reference != "login-unknown":  # a network rule minds no password
                raise
            told = refusal
        settled = settled and mark in before
    raise offer.refused(told)


def _remembered(marks: list[str], before: list[object]) -> list[str]:
    """Return *marks* and those of before, so that a password which was missing once is not a new one."""
    gone = [mark for mark in before if isinstance(mark, str) and mark not in marks]
    return [*marks, *gone][:_REMEMBERED]


def _rank(mark: str, marks: list[object]) -> int:
    """Return 0 for a password that is new, then the places of those that were known.

    Nothing is new to who has seen nothing: then the order of the method stands.
    """
    return marks.index(mark) + 1 if mark in marks else 0


def _mark(login_server: str, login: Login) -> str:
    text = f"{login_server}\n{login.username}\n{login.secret.reveal()}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_SHOWN]
