"""The verbs for people: their table, their arguments, and what becomes of an error.

A verb is one module of ``commands`` and one row here. The module has ``arguments``, which gives a parser
its arguments, and ``run``. It is imported when its verb is called: the protocol knows nothing of it.
"""

import argparse
import errno
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn, Protocol, TextIO

from docker_credential_acr import child, private_files
from docker_credential_acr.errors import Failure, internal, printable
from docker_credential_acr.log import log, start
from docker_credential_acr.terminal import Terminal

PROGRAM = "docker-credential-acr"
USAGE = 2  # exit codes of the verbs for people; those of failures stand at their classes
INTERRUPTED = 130
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)  # of a disk that output goes to


class Command(Protocol):
    """The contract of a verb's module."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Give *parser* what the verb takes."""

    def run(self, given: argparse.Namespace, environ: Mapping[str, str], terminal: Terminal) -> int:
        """Do it and return the exit code. Raises Failure."""


@dataclass(frozen=True, slots=True)
class Verb:
    """A row: *load* imports the module, *summary* is its line in the list of verbs."""

    load: Callable[[], Command]
    summary: str


def _configure() -> Command:
    from docker_credential_acr.commands import configure  # noqa: PLC0415

    return configure


def _token() -> Command:
    from docker_credential_acr.commands import token  # noqa: PLC0415

    return token


def _cache() -> Command:
    from docker_credential_acr.commands import cache  # noqa: PLC0415

    return cache


def _config() -> Command:
    from docker_credential_acr.commands import config  # noqa: PLC0415

    return config


def _status() -> Command:
    from docker_credential_acr.commands import status  # noqa: PLC0415

    return status


def _admin() -> Command:
    from docker_credential_acr.commands import admin  # noqa: PLC0415

    return admin


def _pull_secret() -> Command:
    from docker_credential_acr.commands import pull_secret  # noqa: PLC0415

    return pull_secret


def _doctor() -> Command:
    from docker_credential_acr.commands import doctor  # noqa: PLC0415

    return doctor


def _completion() -> Command:
    from docker_credential_acr.commands import completion  # noqa: PLC0415

    return completion


OTHERS: Mapping[str, str] = {  # verbs of the protocols, and those that read nothing
    "get": "answer with a registry's credential, for docker and its kin",
    "store": "keep a login, for docker login",
    "erase": "forget a login, for docker logout",
    "list": "registries and user names",
    "kubelet": "answer the kubelet",
    "version": "name and version",
    "help": "what the reference of an error means, or what a verb takes",
}


def _login() -> Command:
    from docker_credential_acr.commands import login  # noqa: PLC0415

    return login


def _logout() -> Command:
    from docker_credential_acr.commands import logout  # noqa: PLC0415

    return logout


VERBS: Mapping[str, Verb] = {
    "configure": Verb(_configure, "have docker ask this program for a registry, or undo that"),
    "login": Verb(_login, "sign in once, with a browser here or a code for one elsewhere"),
    "logout": Verb(_logout, "forget who is signed in, kept logins and cached tokens"),
    "status": Verb(_status, "what is known about each registry, without asking anybody"),
    "pull-secret": Verb(_pull_secret, "print a Secret for Kubernetes' imagePullSecrets"),
    "doctor": Verb(_doctor, "look at everything on the way, and name one fix for each fault"),
    "token": Verb(_token, "print a registry's credential, for helm, oras and curl"),
    "admin": Verb(_admin, "a registry's admin user: show, enable, disable, rotate"),
    "config": Verb(_config, "the settings: where they are, what they say and why"),
    "cache": Verb(_cache, "what is cached: list it, clear it"),
    "completion": Verb(_completion, "what a shell needs to complete verbs and options"),
}


def run(arguments: list[str], environ: Mapping[str, str]) -> int:
    """Do what *arguments* say, the first of which is a verb of the table, and return the exit code."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # whoever stops it: nothing is left behind
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            signal.signal(number, child.stop)
    terminal = Terminal.of(environ)
    start(environ.get("ACR_CRED_DEBUG"))
    verb, *rest = arguments
    try:
        return _done(verb, rest, environ, terminal)
    except KeyboardInterrupt:
        with suppress(OSError):  # the terminal may be gone
            terminal.draw("")
            terminal.note(f"{PROGRAM} {verb}: stopped")
        return INTERRUPTED
    except BrokenPipeError:  # nobody reads on
        return 1
    finally:
        child.end_all()
        private_files.drop_unfinished()
        _let_go(sys.stdout)
        _let_go(sys.stderr)


def _let_go(stream: TextIO) -> None:
    """Send what *stream* cannot be rid of to nowhere: else the interpreter tries again and complains."""
    try:
        stream.flush()
    except (OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _done(verb: str, rest: list[str], environ: Mapping[str, str], terminal: Terminal) -> int:
    command = VERBS[verb].load()
    given = _parser(verb, command).parse_args(rest)
    try:
        code = command.run(given, environ, terminal)
        terminal.out.flush()
    except (KeyboardInterrupt, BrokenPipeError):
        raise
    except Failure as failure:
        return _failed(failure, terminal)
    except Exception as error:  # noqa: BLE001  the last net: nobody is helped by a traceback
        if isinstance(error, OSError) and error.errno in _FULL:
            return _failed(_no_room(error), terminal)
        log.debug("internal", exc_info=error)
        return _failed(internal(error), terminal)
    return code


def _no_room(error: OSError) -> Failure:
    return Failure(
        f"not all could be written: {(error.strerror or '').lower()}",
        "make room where standard output leads, and try again",
        "output-file",
    )


def _parser(verb: str, command: Command) -> "Parser":
    parser = Parser(prog=f"{PROGRAM} {verb}", description=VERBS[verb].summary, allow_abbrev=False)
    command.arguments(parser)
    return parser


def parsers() -> Mapping[str, argparse.ArgumentParser]:
    """Return the parser of every verb, for completion and the manual."""
    return {name: _parser(name, verb.load()) for name, verb in VERBS.items()}


def _failed(failure: Failure, terminal: Terminal) -> int:
    terminal.draw("")
    terminal.explain(failure)
    return failure.exit_code


def meant(verb: str) -> str | None:
    """Return the verb that somebody meant who wrote *verb*, which is none, or None."""
    import difflib  # noqa: PLC0415  mistakes only

    return next(iter(difflib.get_close_matches(verb[:80], (*VERBS, *OTHERS), 1)), None)


class Parser(argparse.ArgumentParser):
    """A parser that names the one next thing to do."""

    def error(self, message: str) -> NoReturn:
        near = _meant(message, self)
        question = f"did you mean {near}? " if near else ""
        self.exit(
            USAGE, f"{self.prog}: {printable(message)}\n  next: {question}{self.prog} --help\n"
        )


def _meant(message: str, parser: argparse.ArgumentParser) -> str | None:
    """Return the option or value that somebody meant of whom argparse says *message*."""
    import difflib  # noqa: PLC0415  mistakes only
    import re  # noqa: PLC0415

    found = re.search(r"(?:invalid choice: |unrecognized arguments: )'?([^\s'=]+)", message)
    return found and next(iter(difflib.get_close_matches(found[1], set(_words(parser)), 1)), None)


def _words(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Yield every option and every value that *parser* takes, and those of its own verbs."""
    for action in parser._actions:  # noqa: SLF001  argparse has no other way to ask
        yield from action.option_strings
        yield from map(str, action.choices or ())
        for below in action.choices.values() if isinstance(action.choices, dict) else ():
            yield from _words(below)
