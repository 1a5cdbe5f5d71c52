"""``login HOST --generate``: a new password of a repository token, made in Azure and kept here.

A token has two: the new one takes the place that is not in use, so pulls with the other one go on. Azure
shows a password once; it is kept even if the registry does not take it yet.
"""

import time
from datetime import UTC, datetime

from docker_credential_acr import arm_registries, exchange, logins, markers
from docker_credential_acr.arm_registries import SLOTS, Slot
from docker_credential_acr.asker import Asker
from docker_credential_acr.deadline import Deadline
from docker_credential_acr.errors import Failure, RegistryRefused, SettingsError
from docker_credential_acr.managing import manager
from docker_credential_acr.markers import Marker
from docker_credential_acr.methods import repository_token
from docker_credential_acr.methods.contract import Login
from docker_credential_acr.settings import RegistrySettings
from docker_credential_acr.terminal import Terminal

DAYS = 90
DAYS_RANGE = (1, 3650)
_ASKING_SECONDS = 120.0  # making it is an operation that may take a while
_SPREADING_SECONDS = 90.0  # a new one takes about a minute to be known everywhere
_KEEPING_SECONDS = 60.0  # a person may have to unlock a store
_PAUSES = (1.0, 2.0, 4.0)  # seconds between two looks, and then the last of them again
_DAY = 24 * 3600
_ROUNDING = 1  # seconds by which Azure's answer may differ from what it was told


def generate(chosen: RegistrySettings, who: Asker, days: int, terminal: Terminal) -> int:
    """Make a password that is good for *days*, keep it and return the exit code.

    Raises Failure: then either none was made, or it could not be kept.
    """
    name, wanted = _token(chosen)
    asking = manager(chosen, who, Deadline.after(_ASKING_SECONDS))
    registry_id, slots = arm_registries.token_slots(wanted, name, asking)
    marker = markers.find(chosen.host, who.environ)
    mine = marker if marker and marker.username == name else None
    slot = unused(slots, mine.expires if mine else None, time.time())
    expires = _of_its_own(int(time.time()) + days * _DAY, slots)
    logins.check(
        chosen.host, _person(chosen, who)
    )  # else it would be lost, and the old one stopped
    terminal.note(_what_stops(slots, slot, name))
    login = arm_registries.new_token_password(registry_id, name, slot, _text(expires), asking)
    problem: Failure | None = None
    try:
        problem = _problem(chosen, login, terminal)
    finally:  # nobody can be shown it again, so it is kept if somebody stops the waiting, too
        terminal.draw("")
        _keep(Marker(chosen.host, name, "", expires=expires), login, chosen, who, terminal)
    terminal.tell(f"{chosen.host}: {slot} of {name} is new, kept, and good until {_day(expires)}")
    if chosen.options.given():
        terminal.note("it comes before the passwords that the settings name; to go back to them:")
        terminal.note(f"  next: docker logout {chosen.host}")
    if problem is not None:
        terminal.explain(problem)
        return problem.exit_code
    return 0


def _token(chosen: RegistrySettings) -> tuple[str, str | None]:
    """Return the token's name, and its registry's id if the settings give one. Raises SettingsError."""
    if not isinstance(chosen.options, repository_token.Options):
        raise SettingsError(
            f"{chosen.host} has the method {chosen.method}: a password is made for a repository token only",
            'set method = "repository-token" and token_name in its table',
            "settings-invalid",
        )
    return repository_token.name_of(chosen.options), chosen.options.registry_id


def unused(slots: list[Slot], kept: int | None, now: float) -> str:
    """Return the name of the slot that a new password takes.

    An empty one; else one that has expired; else not the one whose expiry is *kept*, the time in the
    marker of the login kept here; else the one that was made first. Times in seconds since 1970.
    """
    filled = {slot.name for slot in slots}
    for name in SLOTS:
        if name not in filled:
            return name

    def order(slot: Slot) -> tuple[bool, bool, float]:
        expires = _seconds(slot.expires)
        mine = kept is not None and abs(expires - kept) <= _ROUNDING
        return not 0 < expires <= now, mine, _seconds(slot.made)

    return min(slots, key=order).name


def _of_its_own(expires: int, slots: list[Slot]) -> int:
    """Return *expires*, a little later where another password has it: the marker tells them by it."""
    while any(abs(_seconds(slot.expires) - expires) <= _ROUNDING for slot in slots):
        expires += 2 * _ROUNDING
    return expires


def _seconds(text: str | None) -> float:
    """Return the ISO 8601 *text* in seconds since 1970, 0 if it is none."""
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return 0
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _text(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def _what_stops(slots: list[Slot], name: str, token: str) -> str:
    for slot in slots:
        if slot.name == name:
            made = _seconds(slot.made)
            when = f", made on {_day(made)}," if made else ""
            return f"{name} of {token}{when} stops working; whoever uses it needs the other one, or this"
    return f"{name} of {token} is new; nothing stops working"


def _problem(chosen: RegistrySettings, login: Login, terminal: Terminal) -> Failure | None:
    """Wait until the registry takes *login*; return why it did not."""
    terminal.note("a new password takes about a minute to be known everywhere")
    patience = Deadline.after(_SPREADING_SECONDS)
    pauses = iter(_PAUSES)
    while True:
        terminal.draw(f"waiting for {chosen.login_server} to know it")
        try:
            if exchange.accepts(chosen.login_server, login, patience):
                return None
        except RegistryRefused as refusal:
            if refusal.reference != "login-unknown":
                return refusal
        except Failure as failure:
            return failure
        pause = next(pauses, _PAUSES[-1])
        if pause > patience.left():
            return RegistryRefused(
                "the registry does not take the new password yet",
                f"try again in a minute: docker-credential-acr login {chosen.host}",
                "passwords-refused",
            )
        time.sleep(pause)


def _keep(
    marker: Marker, login: Login, chosen: RegistrySettings, who: Asker, terminal: Terminal
) -> None:
    for told in logins.keep(marker, login.secret, _person(chosen, who), who.folder):
        terminal.explain(told)


def _person(chosen: RegistrySettings, who: Asker) -> logins.Person:
    return logins.Person(who.environ, Deadline.after(_KEEPING_SECONDS), chosen.store)
