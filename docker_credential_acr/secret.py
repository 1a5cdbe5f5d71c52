"""Secret: a value that does not print itself."""

import functools
import re
from collections.abc import Iterator

_known: set[str] = set()  # what the log must never show
_WINDOW = 12  # characters of a secret that are too many


class Secret:
    """A secret text. ``reveal()`` is written only where it leaves the process or enters the cache."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text
        _known.add(text)

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "<secret>"

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("a secret is not pickled")


def redacted(text: str) -> str:
    """Return *text* without any secret that this process has met, nor twelve characters of one.

    Nor of what becomes of it on the way: in an address, in JSON, in base64, in a literal.
    """
    for secret in sorted(_known, key=len, reverse=True):  # one may be a part of another
        if secret:
            text = text.replace(secret, "<secret>")
    known = [_windows(secret) for secret in _known]
    covered = bytearray(len(text))
    for at in range(len(text) - _WINDOW + 1):
        window = text[at : at + _WINDOW]
        if any(window in windows for windows in known):
            covered[at : at + _WINDOW] = b"\1" * _WINDOW
    runs = re.finditer(b"\0+|\1+", covered)
    return "".join("<secret>" if covered[r.start()] else text[r.start() : r.end()] for r in runs)


@functools.cache
def _windows(secret: str) -> frozenset[str]:
    return frozenset(
        form[at : at + _WINDOW]
        for form in set(_forms(secret))
        for at in range(len(form) - _WINDOW + 1)
    )


def _forms(secret: str) -> Iterator[str]:
    import base64  # noqa: PLC0415  only a log needs these
    import json  # noqa: PLC0415
    from urllib.parse import quote, quote_plus  # noqa: PLC0415

    raw = secret.encode("utf-8", "surrogatepass")
    yield secret
    yield repr(secret)[1:-1]
    for text in (secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]):
        yield text
        for escaped in (
            quote(text, "", "utf-8", "replace"),
            quote_plus(text, "", "utf-8", "replace"),
        ):
            yield escaped
            yield re.sub("%..", lambda found: found[0].lower(), escaped)
    for before in range(3):  # it may stand anywhere in what is encoded: user:secret
        encoded = base64.b64encode(b"\0" * before + raw).decode()[before and 4 :].rstrip("=")
        yield encoded[:-1]
        yield encoded[:-1].replace("+", "-").replace("/", "_")
