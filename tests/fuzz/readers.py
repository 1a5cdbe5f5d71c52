"""The readers of bytes, each with what must hold whatever it is given: FZ1, FZ4 and FZ5.

Hypothesis, the corpus and atheris all call these. A reader that is wrong raises AssertionError; whatever
else it raises is as wrong.
"""

import atexit
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from functools import cache as once

from docker_credential_acr import cache, entry, exchange, registry
from docker_credential_acr.errors import LONGEST, sentence
from docker_credential_acr.methods import entra
from docker_credential_acr.private_files import Folder
from docker_credential_acr.references import REFERENCES

HOST = "team.azurecr.io"
STAMP = b"('a stamp', None)"
NOW = 1_800_000_000
BEGINS = entry.head(HOST, STAMP)
SETTINGS = ("/settings", 1, 2, 3, 4)
GATE_BEGINS = entry.head(entry.GATE, ascii(SETTINGS).encode())
ENTRA = "login.microsoftonline.com"
_HOST = re.compile(
    r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.geo)?"
    r"\.(azurecr\.(io|cn|us|sovcloud-azure\.fr|sovcloud-azure\.de|eaglex\.ic\.gov|microsoft\.scloud))"
)


def gate(data: bytes) -> str | None:
    """The host that may have a token if a client sends *data*."""
    found = registry.host_in(data.removeprefix(b"\xef\xbb\xbf").strip())
    return found if found is not None and registry.is_ours(found) else None


def host(data: bytes) -> None:
    """FZ1: what passes the gate is a registry in full, was sent as it stands, and passes again."""
    found = gate(data)
    if found is not None:
        assert _HOST.fullmatch(found), found
        assert found.encode() in data.lower()
        assert gate(found.encode()) == found


def cached(data: bytes) -> None:
    """FZ4: an entry is a miss, or two equal halves that are good now; the other files are misses."""
    found = entry.parse(data, BEGINS, NOW)
    if found is not None:
        (issued, _, _, expires), answer, _ = found
        half = data[len(BEGINS) :].partition(answer)[0] + answer + b"\n"
        assert data.startswith(BEGINS + half + half)
        assert issued - 300 <= NOW < expires <= issued + 24 * 3600
    folder = _folder()
    written = _put(folder, entry.file_name(entry.GATE, ascii(SETTINGS).encode()), data)
    hosts = entry.read_gate(folder, SETTINGS)
    assert hosts is None or data.startswith(GATE_BEGINS)
    os.remove(written)
    written = _put(folder, "x.failed", data)
    note = cache.failure(Folder(folder, None), "x")
    assert note is None or isinstance(note["at"], int | float)
    os.remove(written)


@once
def _folder() -> str:
    folder = tempfile.mkdtemp(prefix="readers-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _put(folder: str, name: str, data: bytes) -> str:
    path = os.path.join(folder, name)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
    return path


def answered(data: bytes) -> None:
    """FZ5: a body is a token of this registry, or a refusal of which numbers and ids are repeated."""
    text = data.decode("utf-8", "replace")
    token = exchange.read(text, HOST)
    if token is not None:
        audience = (exchange.jwt_claims(text) or {})["aud"]
        named = audience if isinstance(audience, list) else [audience]
        assert HOST in [name.lower() for name in named if isinstance(name, str)]
        assert 0 < token.issued < token.expires
        assert len(text) <= 60 * 1024
    failure = entra.refusal(text, ENTRA)
    line = sentence(failure, HOST)
    assert failure.reference in REFERENCES
    assert line.isascii()
    assert line.isprintable()
    assert len(line) <= LONGEST
    assert line == sentence(entra.refusal(_known(text), ENTRA), HOST), (
        "there are foreign words in it"
    )


def _known(text: str) -> str:
    """What of an answer of Entra's may decide what is said about it."""
    is_error = text.lstrip().startswith("{") and re.search("[\"']error[\"']", text)
    parts = [
        '{"error"' if is_error else "",
        "invalid_instance" if "invalid_instance" in text else "",
    ]
    parts += re.findall(r"AADSTS\d{4,8}", text)[:1]
    parts += re.findall(r"(?i)correlation[ _]?id\W{1,4}[0-9a-f-]{36}", text)[:1]
    return " ".join(parts)


READERS: Mapping[str, Callable[[bytes], None]] = {
    "host": host,
    "entry": cached,
    "answer": answered,
}
