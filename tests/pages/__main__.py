"""Renews what is written by this command; see ``tests/pages/__init__.py``."""

import tempfile
from pathlib import Path

from tests.pages import ERRORS, README, errors, renewed, session

with tempfile.TemporaryDirectory(prefix="acr-pages-") as folder:
    shown = session.played(Path(folder))
README.write_text(renewed(README.read_text(encoding="utf-8"), shown.__getitem__), encoding="utf-8")
ERRORS.write_text(errors.text(), encoding="utf-8")
print(f"{README}\n{ERRORS}")
