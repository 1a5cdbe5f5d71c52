"""``cache list | clear [HOST] | path``: what is cached, without a single secret, and clearing it."""

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass
from time import time

from docker_credential_acr import cache, entry, paths, private_files
from docker_credential_acr.errors import InputError
from docker_credential_acr.private_files import Folder
from docker_credential_acr.registry import host_in
from docker_credential_acr.terminal import Terminal, minutes

SCHEMA_VERSION = 1


def arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="what", required=True, metavar="list | clear | path")
    shown = verbs.add_parser("list", help="hosts, and how long each token is good for")
    shown.add_argument("--json", action="store_true", help="for programs")
    clear = verbs.add_parser("clear", help="forget cached tokens; the next get signs in again")
    clear.add_argument("host", nargs="?", metavar="HOST", help="only those of this registry")
    verbs.add_parser("path", help="the folder of the cache")


def run(given: argparse.Namespace, environ: Mapping[str, str], terminal: Terminal) -> int:
    path = paths.cache_folder(environ.get)
    if path is None:
        raise InputError(
            "there is no cache: it is turned off, or there is no home to keep it in",
            "unset ACR_CRED_NO_CACHE, or name a folder in ACR_CRED_CACHE_DIR",
            "no-cache",
        )
    if given.what == "path":
        terminal.tell(path)
        return 0
    folder = private_files.open_folder(path)
    if given.what == "list":
        return _list(folder, terminal, as_json=given.json)
    return _clear(folder, given.host, terminal)


@dataclass(frozen=True, slots=True)
class Cached:
    """One entry; *expires* in seconds since 1970."""

    host: str
    username: str
    method: str
    expires: int


def entries(folder: Folder | None) -> list[Cached]:
    """Return the entries that are still good, whoever asked for them; shared sign-ins are left out."""
    found = [_read(folder, name) for name in private_files.names(folder)]
    return sorted((each for each in found if each), key=lambda each: (each.host, each.expires))


def _read(folder: Folder | None, name: str) -> Cached | None:
    host, at, number = name.partition("@")
    if folder is None or not at or "." not in host or "." in number:
        return None
    data = entry.read_private(f"{folder.path}/{name}") or b""
    form, first, stamped, *_ = (*data.split(b"\n", 3), b"", b"", b"")
    begins = b"\n".join((form, first, stamped, b""))
    parsed = entry.parse(data, begins, time()) if begins.startswith(entry.FORMAT) else None
    if parsed is None:
        return None
    times, answer, notes = parsed
    try:
        told = json.loads(b"{" + answer), json.loads(notes)
    except ValueError:
        return None
    username, method = told[0].get("Username"), told[1].get("method")
    return Cached(first.decode("ascii", "replace"), str(username), str(method), times[-1])


def _list(folder: Folder | None, terminal: Terminal, *, as_json: bool) -> int:
    found, now = entries(folder), time()
    if as_json:
        rows = [
            {
                "host": c.host,
                "username": c.username,
                "method": c.method,
                "seconds": int(c.expires - now),
            }
            for c in found
        ]
        terminal.tell(json.dumps({"schema_version": SCHEMA_VERSION, "entries": rows}, indent=2))
        return 0
    wide = max((len(each.host) for each in found), default=0)
    for each in found:
        terminal.tell(f"{each.host:<{wide}}  {minutes(each.expires - now):>10}  {each.method}")
    if not found:
        terminal.tell("nothing is cached")
    return 0


def _clear(folder: Folder | None, server: str | None, terminal: Terminal) -> int:
    if server is None:
        hosts = {name.partition("@")[0].replace("+", ":") for name in private_files.names(folder)}
    else:
        host = host_in(server.encode("utf-8", "surrogatepass"))
        if host is None:
            raise InputError(
                f"{server[:80]!a} is no host",
                "give a registry, such as NAME.azurecr.io",
                "host-not-ours",
            )
        hosts = {host}
    before = len(entries(folder))
    for host in hosts:
        cache.erase(folder, host)
    removed = before - len(entries(folder))
    terminal.tell(f"{removed} cached credential{'' if removed == 1 else 's'} removed")
    return 0
