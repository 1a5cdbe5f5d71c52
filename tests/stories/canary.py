"""The search for secrets: in every output, file name and file that a story leaves behind.

Temporary files and reports are among them, and what other programs of a test note of their arguments and
their environment; a secret in base64, in an address or in an archive is seen, too.
"""

import base64
import io
import os
import re
import stat
import zipfile
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from urllib.parse import unquote_to_bytes

from tests.stories.program import Program

# What a verb is asked for: its answers hold the credential, there and nowhere else.
HIDDEN = {
    "get": re.compile(rb'"Secret":"[^"]*"'),
    "kubelet": re.compile(rb'"password":"[^"]*"'),
    "pull-secret": re.compile(rb'\.dockerconfigjson"?: "?[A-Za-z0-9+/=]+'),
    "token": re.compile(rb"(?s).+"),  # it prints the credential, and nothing beside
    "admin": re.compile(rb"(?m)^(password2? +)?CANARY-admin-\S+$"),  # with --password only
}
CHILD = ".child"  # the ending of a note about how a program was started
WINDOW = 12  # bytes of a secret that are too many
_BASE64 = re.compile(rb"[\w+/-]{16,}")
_MODES = os.name != "nt"  # there the folder above says who may open what is in it
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
    for form in forms(data):
        for text in short:
            if text in form:
                return text
        for at in range(len(form) - _GRAM + 1):
            for secret in _grams.get(form[at : at + _GRAM], set()) & secrets:
                text = secret.encode()
                for begin in range(max(0, at + _GRAM - WINDOW), at + 1):
                    window = form[begin : begin + WINDOW]
                    if len(window) == WINDOW and window in text:
                        return window
    return b""


def forms(data: bytes) -> Iterator[bytes]:
    """*data*, and what it says in an address and in base64, wherever that begins."""
    yield data
    if b"%" in data:
        yield unquote_to_bytes(data)
    for run in _BASE64.findall(data):
        for before in range(4):
            part = run[before:].translate(bytes.maketrans(b"-_", b"+/"))
            yield base64.b64decode(part[: len(part) // 4 * 4])


def leaks(program: Program) -> list[str]:
    """Where twelve bytes of a secret are that should not be there: a core file would lie there, too."""
    wanted = program.azure.secrets | program.secrets
    found = []
    for arguments, answer in program.answers:
        hide = HIDDEN.get(arguments[0] if arguments else "")
        out = answer.out if hide is None or answer.code else hide.sub(b"", answer.out)
        for stream, data in (("standard error", answer.err), ("standard output", out)):
            found += [f"{arguments}: {stream}: {seen!r}"] if (seen := shown(data, wanted)) else []
    for path in paths(program):
        if shown(os.fsencode(os.path.basename(path)), wanted):
            found.append(f"{path}: its name")
        if path not in program.own and not private_entry(program, path):
            data = contents(path)
            if path.endswith(CHILD):
                data = without_what_was_told(program, data)
            seen = shown(data, wanted)
            found += [f"{path}: its contents: {seen!r}"] if seen else []
    return found


def without_what_was_told(program: Program, data: bytes) -> bytes:
    """What we were told in variables is handed on to our children; nothing that we were given since is."""
    for value in {*program.environ.values(), *program.told}:
        told = value.encode("utf-8", "surrogateescape")
        data = data.replace(told, b"") if len(told) >= WINDOW else data
    return data


def paths(program: Program) -> Iterator[str]:
    """Everything in the home and in the folder for temporary files."""
    environ = program.environ
    for top in {program.home, environ.get("TMPDIR") or environ.get("TEMP") or program.home}:
        for root, folders, names in os.walk(top):
            yield from (os.path.join(root, name) for name in folders + names)


def private_entry(program: Program, path: str) -> bool:
    """Whether secrets may be in this file: an entry of the cache, or a password kept in a file."""
    status = os.lstat(path)
    folder = os.path.dirname(path)
    name = os.path.basename(path)
    entry = os.path.basename(folder) == os.path.basename(program.folder)
    private = folder == program.kept and mode_is(os.lstat(folder), 0o700)
    password = private and path.endswith(("@password", "@sign-in"))
    return (
        (entry or password)
        and stat.S_ISREG(status.st_mode)
        and mode_is(status, 0o600)
        and not name.endswith((".lock", ".lock2", ".failed", "swept"))
        and not name.startswith(("gate@", "memory@"))
    )


def mode_is(status: os.stat_result, mode: int) -> bool:
    return not _MODES or stat.S_IMODE(status.st_mode) == mode


def contents(path: str) -> bytes:
    """What is in a file, and in the files of an archive; of a link, where it leads to."""
    if os.path.islink(path):
        return os.fsencode(os.readlink(path))
    if not stat.S_ISREG(os.lstat(path).st_mode):
        return b""
    with open(path, "rb") as file:
        data = file.read()
    if not zipfile.is_zipfile(io.BytesIO(data)):
        return data
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        return b"\n".join([data, *map(packed.read, packed.namelist())])
