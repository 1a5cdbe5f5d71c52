"""The search for secrets: in every output, file name and file that a story leaves behind."""

import os
import re
import stat
from collections.abc import Set as AbstractSet

from tests.stories.program import Program

# What a verb is asked for: its answers hold the credential, there and nowhere else.
HIDDEN = {
    "get": re.compile(rb'"Secret":"[^"]*"'),
    "kubelet": re.compile(rb'"password":"[^"]*"'),
    "pull-secret": re.compile(rb'\.dockerconfigjson"?: "?[A-Za-z0-9+/=]+'),
    "token": re.compile(rb"(?s).+"),  # it prints the credential, and nothing beside
    "admin": re.compile(rb"(?m)^(password2? +)?CANARY-admin-\S+$"),  # with --password only
}
WINDOW = 12  # bytes of a secret that are too many
_GRAM, _STEP = 8, 5  # every twelve bytes have eight in them that are looked up
_grams: dict[bytes, set[str]] = {}  # of every secret that was looked for
_indexed: set[str] = set()


def shown(data: bytes, secrets: AbstractSet[str]) -> bytes:
    """Twelve bytes of one of *secrets* that *data* has, or nothing; of a shorter one, all of it."""
    for secret in secrets - _indexed:
        text = secret.encode()
        for at in range(0, max(1, len(text) - _GRAM + 1), _STEP):
            _grams.setdefault(text[at : at + _GRAM], set()).add(secret)
    _indexed.update(secrets)
    short = [secret.encode() for secret in secrets if 0 < len(secret.encode()) < WINDOW]
    for text in short:
        if text in data:
            return text
    for at in range(len(data) - _GRAM + 1):
        for secret in _grams.get(data[at : at + _GRAM], set()) & secrets:
            text = secret.encode()
            for begin in range(max(0, at + _GRAM - WINDOW), at + 1):
                window = data[begin : begin + WINDOW]
                if len(window) == WINDOW and window in text:
                    return window
    return b""


def leaks(program: Program) -> list[str]:
    """Where twelve bytes of a secret are that should not be there: a core file would lie there, too."""
    wanted = program.azure.secrets | program.secrets
    found = []
    for arguments, answer in program.answers:
        hide = HIDDEN.get(arguments[0] if arguments else "")
        out = answer.out if hide is None or answer.code else hide.sub(b"", answer.out)
        for stream, data in (("standard error", answer.err), ("standard output", out)):
            found += [f"{arguments}: {stream}: {seen!r}"] if (seen := shown(data, wanted)) else []
    for root, folders, names in os.walk(program.home):
        for name in folders + names:
            path = os.path.join(root, name)
            if shown(os.fsencode(name), wanted):
                found.append(f"{path}: its name")
            if path not in program.own and not private_entry(program, path):
                seen = shown(contents(path), wanted)
                found += [f"{path}: its contents: {seen!r}"] if seen else []
    return found


def private_entry(program: Program, path: str) -> bool:
    """Whether secrets may be in this file: an entry of the cache, or a password kept in a file."""
    status = os.lstat(path)
    folder = os.path.dirname(path)
    entry = folder.endswith(os.path.basename(program.folder))
    private = folder == program.kept and stat.S_IMODE(os.lstat(folder).st_mode) == 0o700
    password = private and path.endswith(("@password", "@sign-in"))
    return (
        (entry or password)
        and stat.S_ISREG(status.st_mode)
        and stat.S_IMODE(status.st_mode) == 0o600
        and not path.endswith((".lock", ".lock2", ".failed", "swept"))
    )


def contents(path: str) -> bytes:
    if not stat.S_ISREG(os.lstat(path).st_mode):
        return b""
    with open(path, "rb") as file:
        return file.read()
