"""Hosts that are not ours: another helper answers for them where the settings name one (``fallback``)."""

from contextlib import suppress

from docker_credential_acr import deadline, registry, time_limit
from docker_credential_acr.asker import Asker
from docker_credential_acr.commands.reply import Reply
from docker_credential_acr.deadline import Deadline
from docker_credential_acr.errors import Failure
from docker_credential_acr.watchdog import GRACE, Watchdog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_acr.helper_program import Helper


def passed_on(verb: str, given: bytes, who: Asker, watchdog: Watchdog) -> Reply | None:
    """Return what the fallback helper says to *verb* and *given*, as it is; None: there is none to ask.

    Raises HelperFailed if it is missing or does not end by itself, SettingsError, OutOfTime.
    """
    found = _fallback(who, watchdog)
    if found is None:
        return None
    from docker_credential_acr import helper_program  # noqa: PLC0415  for those who have one

    helper, until = found
    result = helper_program.ask(helper, verb, given, until, until.left())
    return Reply(result.out, result.err, result.code or 0)


def listed(who: Asker, watchdog: Watchdog) -> dict[str, str]:
    """Return the servers that are not ours and their users, as the fallback helper lists them.

    One that fails has none: Docker would drop ours as well.
    """
    from docker_credential_acr import helper_program  # noqa: PLC0415  for those who have one

    servers: dict[str, str] = {}
    with suppress(Failure):
        found = _fallback(who, watchdog)
        if found is not None:
            servers = helper_program.listed(*found)
    return {server: name for server, name in servers.items() if not _ours(server, who)}


def _fallback(who: Asker, watchdog: Watchdog) -> "tuple[Helper, Deadline] | None":
    if not who.fallback:
        return None
    from docker_credential_acr import child, helper_program  # noqa: PLC0415

    if helper_program.nested(who.environ):
        return None  # a helper has started us: it may be the very one
    until = Deadline.after(deadline.seconds_asked(who.environ, time_limit.DEFAULT_SECONDS))
    watchdog.at_end.append(child.end_all)
    watchdog.rearm(until.left() + GRACE, deadline.sentence)
    return helper_program.find(who.fallback, who.environ), until


def _ours(server: str, who: Asker) -> bool:
    """Tell whether it is for us to list *server*: a registry of ours, or what we keep with that helper."""
    from docker_credential_acr.helper_program import OWN_SERVER  # noqa: PLC0415

    host = registry.host_in(server.encode("utf-8", "replace"))
    own = host is not None and registry.is_ours(host, who.suffixes, who.named)
    return own or server.startswith(OWN_SERVER)
