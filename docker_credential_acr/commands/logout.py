"""``logout HOST | --all``: forget kept sign-ins, kept logins and cached tokens, and say which."""

import argparse
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from docker_credential_acr import cache, callers, logins, managing, markers, paths, private_files
from docker_credential_acr.asker import Asker
from docker_credential_acr.commands.proof import ours
from docker_credential_acr.deadline import Deadline
from docker_credential_acr.errors import Failure, printable
from docker_credential_acr.logins import Person
from docker_credential_acr.methods import interactive, kept_sign_in
from docker_credential_acr.private_files import Folder
from docker_credential_acr.settings import RegistrySettings, for_host, load
from docker_credential_acr.terminal import Terminal
from docker_credential_acr.time_limit import DEFAULT_SECONDS

# Whose sign-in another program keeps, and how it ends there.
_ELSEWHERE = {
    "azure-cli": "az logout",
    "azure-powershell": "Disconnect-AzAccount",
    "azure-developer-cli": "azd auth logout",
}

Step = Callable[[], Iterable[str]]  # forgets one thing, if it is there, and says what it was


def arguments(parser: argparse.ArgumentParser) -> None:
    one = parser.add_mutually_exclusive_group(required=True)
    one.add_argument("host", nargs="?", metavar="HOST", help="a registry, such as NAME.azurecr.io")
    one.add_argument("--all", action="store_true", help="every registry, and everybody signed in")


def run(given: argparse.Namespace, environ: Mapping[str, str], terminal: Terminal) -> int:
    deadline = Deadline.after(DEFAULT_SECONDS)
    steps = _all(environ, deadline) if given.all else _one(given.host, environ, deadline, terminal)
    code, told = 0, 0
    for step in steps:
        try:
            for text in step():
                terminal.tell(text)
                told += 1
        except Failure as failure:  # what stays is no reason to keep the rest
            terminal.explain(failure)
            code = failure.exit_code
    if not told and not code:
        terminal.tell("nothing was kept" + (f" for {printable(given.host)}" if given.host else ""))
    return code


def _all(environ: Mapping[str, str], deadline: Deadline) -> list[Step]:
    folder = private_files.open_folder(paths.cache_folder(environ.get))
    people = [partial(_person, name, environ, deadline) for name, _ in kept_sign_in.every(environ)]
    person = Person(environ, deadline)
    kept = [partial(_login, host, person) for host in markers.hosts(environ)]
    return [*people, *kept, partial(_tokens, folder, None)]


def _one(
    server: str, environ: Mapping[str, str], deadline: Deadline, terminal: Terminal
) -> list[Step]:
    host, who = ours(server, environ)
    settings = load(who.settings_path)
    chosen = for_host(settings, host, environ)
    steps: list[Step] = [partial(_login, host, Person(environ, deadline, settings.store))]
    file = _file(chosen, who, deadline)
    if file is not None and file in dict(kept_sign_in.every(environ)):
        # Whatever it has obtained goes with it, for other registries, too: no entry of theirs is
        # found any more, but the tokens are still good.
        steps += [partial(_person, file, environ, deadline), partial(_tokens, who.folder, None)]
    else:
        steps.append(partial(_tokens, who.folder, host))
    if chosen.method in _ELSEWHERE:
        terminal.note(f"the sign-in of {chosen.method} ends with: {_ELSEWHERE[chosen.method]}")
    return steps


def _file(chosen: RegistrySettings, who: Asker, deadline: Deadline) -> str | None:
    """Return the file of the sign-in that *chosen* uses, if it uses one."""
    person = callers.person(chosen)
    if person is None:
        return None
    told = callers.request(managing.with_endpoints(chosen, who, deadline), who, deadline)
    return interactive.identity(person[1], told).file


def _person(file: str, environ: Mapping[str, str], deadline: Deadline) -> Iterable[str]:
    kept = dict(kept_sign_in.every(environ)).get(file)
    stays = kept_sign_in.forget(file, environ, deadline)
    who = printable(f"{kept.username} ({kept.tenant})") if kept else "somebody: it was unreadable"
    yield f"signed out: {who}"
    if stays is not None:
        raise stays


def _login(host: str, person: Person) -> Iterable[str]:
    if markers.exists(host, person.environ):
        logins.forget(host, person)
        yield f"{host}: its kept login is forgotten"


def _tokens(folder: Folder | None, host: str | None) -> Iterable[str]:
    """Remove what is cached for *host*, or everything."""
    found = [name.partition("@") for name in private_files.names(folder)]
    hosts = {first.replace("+", ":") for first, _, _ in found} if host is None else {host}
    before = _count(folder)
    for each in hosts:
        cache.erase(folder, each)
    removed = before - _count(folder)
    if removed:
        yield f"{removed} cached credential{'' if removed == 1 else 's'} removed"


def _count(folder: Folder | None) -> int:
    """Return how many entries of registries are cached: their names have a host and no ending."""
    found = [name.partition("@") for name in private_files.names(folder)]
    return sum("." in host and at == "@" and "." not in rest for host, at, rest in found)
