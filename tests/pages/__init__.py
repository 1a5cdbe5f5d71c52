"""Parts of the pages for people that are written by a command, from what the program says.

    .venv/bin/python -m tests.pages

renews them: what stands between ``<!-- written: NAME ... -->`` and ``<!-- /written -->`` in README.md, and
docs/errors.md as a whole. ``tests/test_pages.py`` holds all of it equal.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
README = ROOT / "README.md"
ERRORS = ROOT / "docs" / "errors.md"
_PART = re.compile(
    r"(<!-- written: ([a-z-]+) by python -m tests\.pages -->\n)(.*?)(<!-- /written -->)", re.DOTALL
)


def parts(page: str) -> Mapping[str, str]:
    """Return what stands between the marks of *page*, by name."""
    return {name: text for _, name, text, _ in _PART.findall(page)}


def renewed(page: str, text: Callable[[str], str]) -> str:
    """Return *page* with each part replaced by what *text* gives for its name."""
    return _PART.sub(lambda found: found[1] + text(found[2]) + found[4], page)
