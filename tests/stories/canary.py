"""The search for secrets: in every output, file name and file that a story leaves behind."""

import os
import re
import stat

from tests.stories.program import Program

# What a verb is asked for: its answers hold the credential, there and nowhere else.
HIDDEN = {
    "get": re.compile(rb'"Secret":"[^"]*"'),
    "kubelet": re.compile(rb'"password":"[^"]*"'),
    "token": re.compile(rb"(?s).+"),  # it prints the credential, and nothing beside
    "admin": re.compile(rb"(?m)^(password2? +)?CANARY-admin-\S+$"),  # with --password only
}
TAIL = 40  # characters: half a token is one too many


def needles(program: Program) -> set[bytes]:
    """Every secret there is, and the end of each: a token's beginning is no secret."""
    known = program.azure.secrets | program.secrets
    return {secret.encode() for secret in known} | {secret[-TAIL:].encode() for secret in known}


def leaks(program: Program) -> list[str]:
    """Where a secret is that should not be there."""
    wanted = needles(program)
    found = []
    for arguments, answer in program.answers:
        found += [f"{arguments}: standard error" for secret in wanted if secret in answer.err]
        hide = HIDDEN.get(arguments[0] if arguments else "")
        out = answer.out if hide is None or answer.code else hide.sub(b"", answer.out)
        found += [f"{arguments}: standard output" for secret in wanted if secret in out]
    for root, folders, names in os.walk(program.home):
        for name in folders + names:
            path = os.path.join(root, name)
            if any(secret in os.fsencode(name) for secret in wanted):
                found.append(f"{path}: its name")
            if path not in program.own and not private_entry(program, path):
                data = contents(path)
                found += [f"{path}: its contents" for secret in wanted if secret in data]
    return found


def private_entry(program: Program, path: str) -> bool:
    """Whether secrets may be in this file: an entry of the cache, or a password kept in a file."""
    status = os.lstat(path)
    folder = os.path.dirname(path)
    entry = folder.endswith(os.path.basename(program.folder))
    private = folder == program.kept and stat.S_IMODE(os.lstat(folder).st_mode) == 0o700
    password = private and path.endswith("@password")
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
