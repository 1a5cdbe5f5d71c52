"""FZ11: every class of error with every reference in every surrounding is a line for every log."""

import inspect
import itertools
from collections.abc import Callable

import pytest

from docker_credential_acr import errors
from docker_credential_acr.commands import help as help_command
from docker_credential_acr.errors import LONGEST, NOT_FOUND, Failure, sentence
from docker_credential_acr.references import REFERENCES
from tests.test_errors import constant, is_row, modules

KINDS = [
    kind
    for kind in vars(errors).values()
    if inspect.isclass(kind) and issubclass(kind, Failure) and kind.__module__ == errors.__name__
]
HOSTS = [
    "",
    "team.azurecr.io",
    "a" * 63 + ".azurecr.io",
    "h" * 10_000,
    "\x1b[2Jteam.azurecr.io",
    "te\u202eam.azurecr.io\r\n",
    NOT_FOUND,
]
WHATS = [
    "it went wrong",
    "w" * 10_000,
    "\x1b]0;title\x07\x9b31m",
    "two\nlines\r\nand \u2028 more \u0000",
    f"it said {NOT_FOUND} and {NOT_FOUND}",
    '{"Username":"a","Secret":"CANARY"}',
    "\udcff\ud800\u202e\ufeff",
    "",
]


def hints() -> list[str]:
    """The next steps that the program names, as far as they are constant."""
    import ast  # noqa: PLC0415  here only

    found = set()
    for _, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and len(node.args) == 3:
                words = constant(node.args[1:])
                if len(words) == 2 and words[1] in REFERENCES:
                    found.add(words[0])
            if isinstance(node, ast.Tuple) and is_row(node.elts):
                found.add(constant(node.elts)[-2])
    return sorted(found)


HINTS = hints()


def test_fz11_next_steps_are_found() -> None:
    assert len(HINTS) > 60


@pytest.mark.parametrize("kind", KINDS, ids=[kind.__name__ for kind in KINDS])
def test_fz11_every_reference_everywhere(tried: Callable[[int], None], kind: type[Failure]) -> None:
    """One line of printable ASCII, 300 characters at most; the code and the way out are on it."""
    hint = "run: az login"
    for reference, host, what in itertools.product(REFERENCES, HOSTS, WHATS):
        line = sentence(kind(what, hint, reference), host)
        assert line.isascii()
        assert line.isprintable()
        assert len(line) <= LONGEST
        assert line.endswith(f"; {hint} [{reference}]")
        assert NOT_FOUND not in line
        tried(1)


def test_fz11_every_next_step_fits(tried: Callable[[int], None]) -> None:
    """What there is to do stands in the sentence whole, or its first hundred characters."""
    for hint, host in itertools.product(HINTS, HOSTS[:4]):
        line = sentence(Failure("w" * 500, hint, "internal"), host)
        assert hint in line or hint[:97] + "..." in line, line
        tried(1)


def test_fz11_every_reference_has_its_page(tried: Callable[[int], None]) -> None:
    for reference in REFERENCES:
        page = help_command.page([reference])
        assert page.code == 0
        assert reference.encode() in page.out
        tried(1)
