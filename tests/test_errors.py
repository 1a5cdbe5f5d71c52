"""Errors: each has a reference that `help` explains, and a sentence that clients can show."""

import ast
import os
import re
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

import docker_credential_acr
from docker_credential_acr import errors
from docker_credential_acr.references import REFERENCES, Reference

patient = settings(deadline=None)  # a busy machine is no mistake
FOLDER = os.path.dirname(docker_credential_acr.__file__)
REFERENCE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)+|proxy|stopped|internal|unreachable")
FAILURES = {
    name
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.Failure)
}


def modules() -> Iterator[tuple[str, ast.Module]]:
    for root, _, names in os.walk(FOLDER):
        for name in sorted(names):
            if name.endswith(".py") and name != "references.py":
                path = os.path.join(root, name)
                with open(path, encoding="utf-8") as file:
                    yield os.path.relpath(path, FOLDER), ast.parse(file.read())


def texts(tree: ast.AST) -> Iterator[str]:
    """The texts of a module, bytes and the constant ends of f-strings among them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str):
                yield node.value
            if isinstance(node.value, bytes):
                yield node.value.decode("latin-1")


def called(node: ast.Call) -> str:
    function = node.func
    return getattr(function, "id", getattr(function, "attr", ""))


def constant(nodes: list[ast.expr]) -> list[str]:
    """The texts among *nodes*."""
    values = [node.value for node in nodes if isinstance(node, ast.Constant)]
    return [value for value in values if isinstance(value, str)]


def is_row(nodes: list[ast.expr]) -> bool:
    """Whether this is a row of a table of refusals: what, hint, reference."""
    words = constant(nodes[-3:])
    return len(words) == 3 and " " in words[1] and bool(REFERENCE.fullmatch(words[2]))


def raised() -> dict[str, set[str]]:
    """Every reference that a module gives to a failure or writes into a finished sentence."""
    found: dict[str, set[str]] = {}
    for name, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and called(node) in FAILURES | {"kind", "absent"}:
                for reference in constant(node.args[-1:]):
                    found.setdefault(reference, set()).add(name)
            if isinstance(node, ast.Tuple) and is_row(node.elts):
                for reference in constant(node.elts[-1:]):
                    found.setdefault(reference, set()).add(name)
        for text in texts(tree):
            for reference in re.findall(r"\[([a-z-]+)\]\n$", text):
                found.setdefault(reference, set()).add(name)
    return found


def test_every_reference_is_explained() -> None:
    """Whatever reference an error gives, `help` has a page for it."""
    assert {"settings-invalid", "registry-refused", "app-unknown", "stopped"} <= raised().keys()
    assert {name: where for name, where in raised().items() if name not in REFERENCES} == {}


def test_every_page_is_needed() -> None:
    """There is no page for an error that nobody can meet."""
    written = {text for _, tree in modules() for text in texts(tree)} | raised().keys()
    assert set(REFERENCES) - written == set()


def test_pages_are_whole() -> None:
    """Each page has a cause, a check and a fix, and a reference that can be typed."""
    for name, page in REFERENCES.items():
        assert REFERENCE.fullmatch(name), name
        assert isinstance(page, Reference)
        for text in (page.cause, page.check, page.fix):
            assert text.strip() == text != ""
            assert text.isascii(), name
            assert text.isprintable(), name
        for sentence in (page.cause, page.fix):
            assert sentence[-1] in ".}" or "az login" in sentence, name


def test_failures_form_one_tree() -> None:
    """Every failure has an exit code of the verbs for people."""
    kinds = [vars(errors)[name] for name in FAILURES]
    assert {kind.exit_code for kind in kinds} <= {1, 2, 3, 4, 5, 6}
    assert all(issubclass(kind, errors.Failure) for kind in kinds)


references = st.sampled_from(sorted(REFERENCES))
hostile = st.text() | st.sampled_from(
    [
        errors.NOT_FOUND,
        errors.NOT_FOUND * 9,
        "credentials not found in native credentials not found in native keychainkeychain",
        "x" * 10_000,
        "\x1b[2J\r\n\t",
        "\u202e\u2028\x85\udcff",
        "\\" * 400,
    ]
)


@patient
@given(what=hostile, hint=hostile, reference=references, host=hostile)
def test_sentence(what: str, hint: str, reference: str, host: str) -> None:
    """Whatever an error is made of, it is one line that is safe in every log and client."""
    line = errors.sentence(errors.Failure(what, hint, reference), host)
    assert line.isascii()
    assert line.isprintable()
    assert len(line) <= 300
    assert line.endswith(f" [{reference}]")
    assert errors.NOT_FOUND not in line


@patient
@given(what=st.text(min_size=300), hint=st.text("abc ", max_size=60), reference=references)
def test_what_survives(what: str, hint: str, reference: str) -> None:
    """However long the story: host, next step and reference are always there."""
    line = errors.sentence(errors.Failure(what, hint, reference), "my.azurecr.io")
    assert line.startswith("my.azurecr.io: ")
    assert line.endswith(f"; {hint} [{reference}]")


@patient
@given(st.text())
def test_printable(text: str) -> None:
    """Plain text stays as it is; everything else is escaped and can be told."""
    shown = errors.printable(text)
    assert shown.isascii()
    assert shown.isprintable() or shown == ""
    if text.isascii() and text.isprintable() and errors.NOT_FOUND not in text:
        assert shown == text


def test_a_reference_from_a_file_stays_on_the_line() -> None:
    assert errors.sentence(errors.Failure("what", "hint", "x]\n[y")).isprintable()
