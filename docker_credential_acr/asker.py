"""Who is asking: the environment, the settings in force, the stamp of both, and the cache folder."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from docker_credential_acr import cache, entry, environment_file, paths, private_files
from docker_credential_acr.errors import SettingsError
from docker_credential_acr.private_files import Folder
from docker_credential_acr.registry import is_ours
from docker_credential_acr.secret import Secret
from docker_credential_acr.time_limit import DEFAULT_SECONDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from docker_credential_acr.settings import RegistrySettings


@dataclass(frozen=True, slots=True)
class Asker:
    """Who is asking: the environment, the settings in force, and the stamp of both."""

    environ: Mapping[str, str]
    settings: tuple[object, ...] | None
    stamped: bytes
    folder: Folder | None
    suffixes: tuple[str, ...]
    named: bytes
    fallback: str | None = None
    timeout: int = DEFAULT_SECONDS  # the longest of the settings: a waiter does not read them
    logins: bool = True  # whether what docker login gave us to keep counts for this asker
    proof: Secret | None = None  # what the caller brought, where only that says who it is
    adjust: "Callable[[RegistrySettings], RegistrySettings] | None" = (
        None  # what a door does otherwise
    )

    @property
    def settings_path(self) -> str | None:
        return str(self.settings[0]) if self.settings else None


def who_asks(environ: Mapping[str, str]) -> Asker:
    """Return who is asking. Raises SettingsError if the settings cannot be used."""
    settings = entry.settings_stamp(environ.get)
    path = paths.cache_folder(environ.get)
    folder = private_files.open_folder(path)
    if path and folder is None and environ.get("ACR_CRED_DEBUG"):
        from docker_credential_acr import log  # noqa: PLC0415

        log.start(environ["ACR_CRED_DEBUG"])
        log.log.debug("no cache: %s cannot be made or used", path)
    suffixes, watched, fallback, named, seconds = _gate(folder, settings)
    suffixes += environment_file.suffixes(environ)
    stamped = entry.stamp(environ.get, settings, watched)
    helper = fallback.decode() or None
    most = int(seconds) if seconds.isdigit() else DEFAULT_SECONDS
    return Asker(environ, settings, stamped, folder, suffixes, named, helper, most)


def asking_for(host: str, environ: Mapping[str, str]) -> Asker | None:
    """Return who asks for *host*, or None if the settings are broken and do not concern it.

    *host* is empty for what is no host at all.

    A typing error in the settings must not break pulls from other registries; where the file has the
    host's name in it, or the host is one of Azure's or looks like one of the environment file's, the
    mistake is what the person needs to read.
    """
    try:
        return who_asks(environ)
    except SettingsError:
        private = "azurecr" in host.split(".") and environ.get(environment_file.VARIABLE)
        if host and (is_ours(host) or private or _mentioned(host, environ)):
            raise
        return None


def _mentioned(host: str, environ: Mapping[str, str]) -> bool:
    for path in paths.settings_files(environ.get):
        try:
            descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))  # not for a FIFO
            with os.fdopen(descriptor, "rb") as file:
                return host.encode() in file.read(entry.LARGEST_GATE).lower()
        except OSError:
            continue
    return False


def _gate(
    folder: Folder | None, settings: tuple[object, ...] | None
) -> tuple[tuple[str, ...], tuple[bytes, ...], bytes, bytes, bytes]:
    """Return what the settings say about hosts, written down for the fast staircase if it is not yet."""
    if settings is None:
        return (), (), b"", b"", b""
    found = entry.read_gate(folder.path, settings) if folder else None
    if found is None:
        from docker_credential_acr.settings import load  # noqa: PLC0415

        loaded = load(str(settings[0]))
        hosts = [h for h in loaded.exact_hosts if not is_ours(h, loaded.suffixes)]
        watched = [os.fsencode(path) for path in loaded.token_files if "\n" not in path]
        parts = [
            " ".join(loaded.suffixes).encode(),
            b"\0".join(watched),
            (loaded.fallback or "").encode(),
            str(loaded.longest_timeout).encode(),
            *map(str.encode, hosts),
            b"",
        ]
        stamped = ascii(settings).encode()
        body = b"\n".join(parts)
        cache.save(
            folder, entry.file_name(entry.GATE, stamped), entry.head(entry.GATE, stamped) + body
        )
        found = loaded.suffixes, tuple(watched), parts[2], b"\n" + b"\n".join(parts[4:]), parts[3]
    return found
