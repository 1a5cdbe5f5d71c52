"""Where a method's secret or assertion comes from: a variable, a file, a command. Never the settings."""

import os

from docker_credential_acr import child
from docker_credential_acr.errors import MethodUnavailable, SettingsError
from docker_credential_acr.methods.contract import SignIn
from docker_credential_acr.secret import Secret

LARGEST = 64 * 1024  # bytes
_COMMAND_SECONDS = 15.0


def from_variable(name: str, sign_in: SignIn, meaning: str, key: str | None = None) -> Secret:
    """Return the value of the variable *name*, which stands in the settings under *key* if that is given.

    Raises MethodUnavailable if it is not set or empty. What stands in the settings is not repeated:
    somebody may have put the secret itself there.
    """
    value = sign_in.environ.get(name, "")
    where = f"the variable that {key} names" if key else name
    if not value:
        raise MethodUnavailable(
            f"{where} is not set", f"set {where} to the {meaning}", "inputs-missing"
        )
    return _checked(value, where, meaning)


def from_file(path: str, meaning: str) -> Secret:
    """Return what the file *path* holds, without white space around it.

    Read anew each time: projected tokens and mounted secrets are rotated in place.
    Raises MethodUnavailable if it cannot be read or is empty.
    """
    try:
        text = bytes_from_file(path, meaning).decode("utf-8-sig").strip()
    except ValueError as error:
        raise _unreadable(path, meaning, "it is not UTF-8 text") from error
    if not text:
        raise _empty(path, meaning)
    return _checked(text, path, meaning)


def bytes_from_file(path: str, meaning: str) -> bytes:
    """Return the content of the file *path*. Raises MethodUnavailable if it cannot be read or is empty."""
    if "\n" in path:  # the stamp cannot watch it (``asker``), so nobody may be known by it
        raise _unreadable(path, meaning, "this is no path")
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as file:
            data = file.read(LARGEST + 1) or b""  # None: a pipe that nobody has written to
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "this is no path"
        raise _unreadable(path, meaning, reason) from error
    if not data or len(data) > LARGEST:
        raise _empty(path, meaning)
    return data


def _unreadable(path: str, meaning: str, reason: str) -> MethodUnavailable:
    return MethodUnavailable(
        f"the {meaning} cannot be read from {path}: {reason.lower()}",
        "check the path and who may read it",
        "secret-unreadable",
    )


def _empty(path: str, meaning: str) -> MethodUnavailable:
    return MethodUnavailable(
        f"the file {path} holds no {meaning}", "check what writes this file", "secret-unreadable"
    )


def from_command(command: tuple[str, ...], sign_in: SignIn, meaning: str) -> Secret:
    """Return what *command* prints, without white space around it. Raises MethodUnavailable."""
    program = command[0] if os.path.isabs(command[0]) else child.find(command[0], sign_in.environ)
    if program is None:
        raise MethodUnavailable(
            f"the command {command[0]} is not on PATH",
            "give its absolute path",
            "secret-unreadable",
        )
    try:
        result = child.run(
            [program, *command[1:]], sign_in.deadline, _COMMAND_SECONDS, sign_in.environ
        )
    except OSError as error:
        raise MethodUnavailable(
            f"the command {program} cannot be started: {(error.strerror or '').lower()}",
            "check the file and who may run it",
            "secret-unreadable",
        ) from error
    text = result.out.decode("utf-8", "replace").strip()
    if result.code != 0 or not text:
        ended = (
            "did not end in time" if result.code is None else f"ended with exit code {result.code}"
        )
        raise MethodUnavailable(
            f"the command {program} for the {meaning} {ended}"
            + ("" if text or result.code else " and printed nothing"),
            "run it by hand to see why",
            "secret-unreadable",
        )
    return _checked(text, program, meaning)


def _checked(text: str, where: str, meaning: str) -> Secret:
    """Refuse what cannot be sent: a line break inside is a sign of two values or of a whole file."""
    if any(character in text for character in "\r\n\0"):
        raise SettingsError(
            f"the {meaning} from {where} has a line break inside",
            "give the value alone, on one line",
            "secret-unreadable",
        )
    if any("\ud800" <= character <= "\udfff" for character in text):  # other bytes, in a variable
        raise SettingsError(
            f"the {meaning} from {where} is not UTF-8 text",
            "check how it was set",
            "secret-unreadable",
        )
    return Secret(text)
