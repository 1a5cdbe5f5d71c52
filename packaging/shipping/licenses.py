"""The licences of everything that the frozen program brings along, in one text."""

from shipping import components

_RULE = "=" * 80
_HEAD = """\
docker-credential-acr itself is under the Apache License 2.0 (LICENSE).
The frozen program brings along what follows, each part under its own licence."""


def text(folder: str) -> str:
    """Return the text for the frozen program in *folder*; the same words of two parts stand once each."""
    parts = [_HEAD]
    for part in components.all_of(folder):
        title = f"{part.name} {part.version}".strip()
        words = components.words(part)
        parts.append(f"{_RULE}\n{title}\n{part.licence or 'see below'}\n{_RULE}\n\n{words}")
    return "\n\n".join(parts) + "\n"
