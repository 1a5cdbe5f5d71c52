"""Which of a method's logins the registry takes now: an admin user and a repository token have two.

The password that was renewed last is preferred: who rotates them renews the one that is not served,
waits until everybody has looked again (``password_ttl``), and renews the other one.
"""

import hashlib
from collections.abc import Iterable

from docker_credential_acr import exchange
from docker_credential_acr.deadline import Deadline
from docker_credential_acr.errors import RegistryRefused
from docker_credential_acr.methods.contract import Login

_SHOWN = 16  # hexadecimal digits: enough to see a change, too few to try passwords with


def accepted(
    login_server: str, logins: Iterable[Login], known: object, deadline: Deadline
) -> tuple[Login, list[str]]:
    """Return the login to serve, and the marks of all: the preferred one first.

    *known* are the marks of the last time; a login that was not among them is tried before the others.
    Raises RegistryRefused if the registry takes none of them, and what the method raises.
    """
    marks = known if isinstance(known, list) else []
    found = list({login.secret.reveal(): login for login in logins}.values())
    found.sort(key=lambda login: _rank(_mark(login_server, login), marks))
    for login in found:
        if exchange.accepts(login_server, login, deadline):
            return login, [_mark(login_server, each) for each in found]
    many = "the password" if len(found) == 1 else f"all {len(found)} passwords"
    raise RegistryRefused(
        f"the registry refused {many} of {found[0].username}",
        "check that the user is enabled, and give the password that is valid now",
        "passwords-refused",
    )


def _rank(mark: str, marks: list[object]) -> int:
    """Return 0 for a password that is new, then the places of those that were known.

    Nothing is new to who has seen nothing: then the order of the method stands.
    """
    return marks.index(mark) + 1 if mark in marks else 0


def _mark(login_server: str, login: Login) -> str:
    text = f"{login_server}\n{login.username}\n{login.secret.reveal()}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_SHOWN]
