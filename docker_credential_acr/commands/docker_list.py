"""The verb ``list``: hosts and user names, offline and at once. Clients ask for all that it names."""

from docker_credential_acr import asker, entry, markers, private_files, registry
from docker_credential_acr.commands import pass_through
from docker_credential_acr.commands.reply import Reply
from docker_credential_acr.errors import SettingsError
from docker_credential_acr.watchdog import Watchdog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def list_hosts(environ: "Mapping[str, str]", watchdog: Watchdog) -> Reply:
    """List hosts and user names, without the hosts whose last get failed; no store is asked."""
    import json  # noqa: PLC0415

    found = json.dumps(_hosts(environ, watchdog), separators=(",", ":"))
    return Reply(found.encode() + b"\n")


def _hosts(environ: "Mapping[str, str]", watchdog: Watchdog) -> dict[str, str]:
    from docker_credential_acr.docker_config import helped_hosts  # noqa: PLC0415
    from docker_credential_acr.settings import Settings, for_host, load  # noqa: PLC0415

    try:
        who = asker.who_asks(environ)
        settings = load(who.settings_path)
    except SettingsError:
        who, settings = None, Settings()
    suffixes, named = (who.suffixes, who.named) if who else ((), b"")
    files = set(private_files.names(who.folder)) if who else set()
    stamped = who.stamped if who else b""
    cached = {name.partition("@")[0].replace("+", ":") for name in files if "@" in name}
    helped = {
        registry.host_in(key.encode("utf-8", "replace")) or "" for key in helped_hosts(environ)
    }
    kept = {marker.host: marker.username for marker in markers.every(environ)}
    hosts: dict[str, str] = {}
    named_there = set(settings.exact_hosts)
    configured = helped | named_there | kept.keys()
    for host in sorted(configured | cached):
        name = entry.file_name(host, stamped)
        known = host in configured or name in files
        if not known or f"{name}.failed" in files:
            continue
        if host not in named_there and not registry.is_ours(host, suffixes, named):
            continue
        try:
            username = kept.get(host) or for_host(settings, host, environ).answers_as
        except SettingsError:
            continue
        if username:  # who wants none is not listed
            hosts[host] = username
    return hosts | (pass_through.listed(who, watchdog) if who else {})
