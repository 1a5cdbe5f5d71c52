"""Renews what is written by this command; see ``tests/pages/__init__.py``."""

import tempfile
from pathlib import Path

from tests.pages import ERRORS, README, errors, parts, renewed, session


def differing(name: str) -> str:
    """What was shown, unless more than times has changed."""
    same = session.masked(before[name]) == session.masked(shown[name])
    return (before if same else shown)[name]


with tempfile.TemporaryDirectory(prefix="acr-pages-") as folder:
    shown = session.played(Path(folder))
page = README.read_text(encoding="utf-8")
before = parts(page)
README.write_text(renewed(page, differing), encoding="utf-8")
ERRORS.write_text(errors.text(), encoding="utf-8")
print(f"{README}\n{ERRORS}")
