"""Another credential helper, spoken to in Docker's protocol: found, started, bounded, understood.

What one of them says where it has nothing differs: the not-found words, or (``pass`` of Debian) a login
without user name and secret.
"""

import functools
import json
import os
import shutil
import sys
from dataclasses import dataclass

from docker_credential_acr import child
from docker_credential_acr.child import Result
from docker_credential_acr.deadline import Deadline
from docker_credential_acr.errors import NOT_FOUND, HelperFailed, SettingsError, printable
from docker_credential_acr.secret import Secret, redacted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

ANSWER_SECONDS = 5.0  # for get and list: a client waits
KEEPING_SECONDS = 8.0  # for store and erase: a person is there, who may have to unlock the store
NESTED = "ACR_CRED_NESTED"
LARGEST = 1024 * 1024  # bytes of an answer
# The server under which something of ours lies in another helper's store. Docker and its kin keep
# theirs under a registry's own name, and wincred takes a missing path for any: the host differs, too.
OWN_SERVER = "https://docker-credential-acr.invalid/"
_OWN_NAMES = ("docker-credential-acr", "docker-credential-acr-kubelet", "acr-credential-provider")
_SAID = 100  # characters of what a helper says of its failure
_ANCESTORS = 20  # callers that are looked at


@dataclass(frozen=True, slots=True)
class Helper:
    """A helper that may be started: ``docker-credential-NAME`` at *path*."""

    name: str
    path: str
    environ: "Mapping[str, str]"

    @property
    def program(self) -> str:
        return os.path.basename(self.path)


def find(name: str, environ: "Mapping[str, str]") -> Helper:
    """Return the helper *name* (``pass``, ``desktop``).

    Raises SettingsError if that is this program, by whatever name or link; HelperFailed if it is not
    installed, or if a helper has started this program: who calls in a circle must not go on.
    """
    program = f"docker-credential-{name}"
    if nested(environ):
        raise HelperFailed(
            f"{program} is not asked by a program that a helper has started",
            "ask without the other helper, or take this program out of its settings",
            "helper-nested",
        )
    path = child.find(program, environ)
    if path is None:
        raise HelperFailed(
            f"{program} was not found on PATH",
            "install it, or name another one in the settings",
            "helper-missing",
        )
    if _is_this_program(path):
        raise SettingsError(
            f"{program} in the settings is this program itself",
            "name another helper for store and fallback",
            "helper-is-us",
        )
    return Helper(name, path, environ)


def nested(environ: "Mapping[str, str]") -> bool:
    """Tell whether a helper has started this program, so that asking one would go in a circle.

    A wrapper may have lost the mark (``env -i``), and such a circle would go on when everybody who waits
    for it has long gone: where the system shows who called whom, our own call among the callers is one.
    """
    return bool(environ.get(NESTED)) or _called_by_itself()


@functools.cache  # our callers stay the same, and are asked for more than once
def _called_by_itself() -> bool:
    most = 1 if getattr(sys, "frozen", False) else 0  # one file starts itself once more
    try:
        own, pid = _call("self"), os.getppid()
        for _ in range(_ANCESTORS):
            if pid <= 1:
                return False
            most -= _call(pid) == own
            if most < 0:
                return True
            with open(f"/proc/{pid}/stat", "rb") as file:
                pid = int(file.read().rpartition(b")")[2].split()[1])
    except (OSError, ValueError, IndexError):  # no such system, or it does not show others
        return False
    return False


def _call(pid: int | str) -> bytes:
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        return file.read()


def _is_this_program(path: str) -> bool:
    for each in (path, os.path.realpath(path)):
        if os.path.basename(each).lower().removesuffix(".exe") in _OWN_NAMES:
            return True
    own = sys.executable if getattr(sys, "frozen", False) else shutil.which(sys.argv[0])
    try:
        return own is not None and os.path.samefile(path, own)
    except OSError:
        return False


def ask(
    helper: Helper, verb: str, given: bytes, deadline: Deadline, most: float = ANSWER_SECONDS
) -> Result:
    """Return what *helper* says to *verb*, whatever its exit code is; *most* are seconds.

    Raises HelperFailed if it cannot be started or does not end by itself, OutOfTime.
    """
    try:
        result = child.run([helper.path, verb], deadline, most, helper.environ, given, LARGEST)
    except OSError as error:
        raise _failed(helper, f"cannot be started: {error.strerror}") from error
    if result.code is None:
        raise _failed(helper, f"did not answer within {most:.0f} s, or said too much")
    if result.code < 0:
        raise _failed(helper, f"was ended by signal {-result.code}")
    return result


def get(helper: Helper, server: str, deadline: Deadline) -> tuple[str, Secret] | None:
    """Return user name and secret that *helper* keeps for *server*, or None. Raises as ``ask``."""
    result = ask(helper, "get", server.encode(), deadline)
    if result.code:
        if result.out.strip() == NOT_FOUND.encode():
            return None
        raise _failed(helper, f"failed: {_said(result)}")
    found = texts(result.out)
    if found is None:
        raise _failed(helper, "gave an answer that is no login")
    username, secret = found.get("username", ""), found.get("secret", "")
    return (username, Secret(secret)) if username and secret else None


def store(helper: Helper, server: str, username: str, secret: Secret, deadline: Deadline) -> None:
    """Have *helper* keep a login. Raises as ``ask``, and HelperFailed if it says that it does not."""
    login = {"ServerURL": server, "Username": username, "Secret": secret.reveal()}
    given = json.dumps(login).encode() + b"\n"
    result = ask(helper, "store", given, deadline, KEEPING_SECONDS)
    if result.code:
        raise _failed(helper, f"failed: {_said(result)}")


def erase(helper: Helper, server: str, deadline: Deadline) -> None:
    """Have *helper* forget *server*, which it may not know. Raises as ``store``.

    Its exit code says little: ``pass`` fails where there is nothing, and ``secretservice`` of Debian
    ends well where the keyring is locked and nothing was erased.
    """
    result = ask(helper, "erase", server.encode(), deadline, KEEPING_SECONDS)
    if get(helper, server, deadline) is not None:
        raise _failed(helper, f"still has the login: {_said(result)}")


def listed(helper: Helper, deadline: Deadline) -> dict[str, str]:
    """Return the servers that *helper* knows and their user names. Raises as ``ask``."""
    result = ask(helper, "list", b"unused", deadline)  # the word that Docker sends
    try:
        found = json.loads(result.out)
    except (ValueError, RecursionError) as error:
        raise _failed(helper, f"failed: {_said(result)}") from error
    pairs = found.items() if isinstance(found, dict) else ()  # an empty one may be null
    return {server: name for server, name in pairs if isinstance(name, str)}


def texts(data: bytes) -> dict[str, str] | None:
    """Return the texts of a login by lower-case name, or None if *data* is none.

    As Go's reader has it: the first value counts, case and other members do not.
    """
    try:
        found, _ = json.JSONDecoder().raw_decode(data.decode().strip())
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    login = {key.lower(): value for key, value in found.items() if value is not None}
    wanted = {key: login[key] for key in ("serverurl", "username", "secret") if key in login}
    return wanted if all(isinstance(value, str) for value in wanted.values()) else None


def _failed(helper: Helper, how: str) -> HelperFailed:
    return HelperFailed(
        f"{helper.program} {how}",
        "unlock or repair what it keeps logins in, and try again",
        "helper-failed",
    )


def _said(result: Result) -> str:
    text = result.out.decode("utf-8", "replace").strip()
    if not text or texts(result.out) is not None:  # a login is not to be shown
        text = f"exit code {result.code}"
    return printable(redacted(" ".join(text.split())))[:_SAID]
