"""Secret: a value that does not print itself."""

_known: set[str] = set()  # what the log must never show


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
    """Return *text* without any secret that this process has met."""
    for secret in sorted(_known, key=len, reverse=True):  # one may be a part of another
        if secret:
            text = text.replace(secret, "<secret>")
    return text
