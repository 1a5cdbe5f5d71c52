"""Who is asking: the environment, the settings in force, the stamp of both, and the cache folder."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from docker_credential_acr import cache, entry, paths
from docker_credential_acr.cache import Folder


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


def who_asks(environ: Mapping[str, str]) -> Asker:
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
