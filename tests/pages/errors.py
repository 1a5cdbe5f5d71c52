"""docs/errors.md: every reference with its cause, how to check it and how to fix it."""

from docker_credential_acr.references import REFERENCES

_HEAD = """\
# References of errors

<!-- written by python -m tests.pages from docker_credential_acr/references.py -->

A failure is one sentence: the host, what failed, the next step, and one of these references in brackets.
`docker-credential-acr help REFERENCE` prints the same, and `docker-credential-acr doctor HOST` looks
for the cause.
HOST stands for the registry, NAME for its first label, FILE for a path of yours.
"""
_SPECIAL = str.maketrans({letter: "\\" + letter for letter in "*<>[]"})


def text() -> str:
    """Return the page."""
    return "\n".join([_HEAD, *(_section(name) for name in REFERENCES)])


def _section(name: str) -> str:
    found = REFERENCES[name]
    rows = {"Cause": found.cause, "Check": found.check, "Fix": found.fix}
    told = "\n".join(f"- **{row}:** {words.translate(_SPECIAL)}" for row, words in rows.items())
    return f"## {name}\n\n{told}\n"
