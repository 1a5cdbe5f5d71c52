"""The manual and the completions of packages: all that the program knows, as man understands it."""

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from shipping import documents, manifests, manual
from shipping.places import NAME

import docker_credential_acr
from docker_credential_acr import errors, people, schema
from docker_credential_acr.methods import METHODS

DAY = "2026-01-31"
DOCUMENTS = documents.documents(DAY)
PAGES = {name: text for name, text in DOCUMENTS.items() if name.startswith("man/")}
PROGRAM, SETTINGS = PAGES[f"man/{NAME}.1"], PAGES[f"man/{NAME}-config.5"]
SOURCE = Path(docker_credential_acr.__file__).parent
ROOT = SOURCE.parent


def terms(page: str) -> set[str]:
    """What is explained in a page's lists, as it is read."""
    found = re.findall(r"^\.TP\n\.B (.*)$", page, re.MULTILINE)
    return {
        re.sub(r"\\[e-]|\\\((..)", lambda it: "-" if it[0] == "\\-" else it[0], each)
        for each in found
    }


def verbs(
    path: str, parser: argparse.ArgumentParser
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    yield path, parser
    for action in parser._actions:  # noqa: SLF001  argparse has no other way to ask
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for name, below in action.choices.items():
                yield from verbs(f"{path} {name}", below)


def test_every_verb_and_option_is_in_the_manual() -> None:
    """Those that `--help` shows, and the verbs below a verb."""
    found = {name: each for verb in people.parsers().items() for name, each in verbs(*verb)}
    assert set(people.VERBS) < set(found)
    told = set(re.findall(r'^\.SS "(.*)"$', PROGRAM, re.MULTILINE))
    assert told == {name.replace("-", "\\-") for name in found}
    assert set(people.OTHERS) <= terms(PROGRAM)
    options = {
        option
        for parser in found.values()
        for action in parser._actions  # noqa: SLF001
        if action.help != argparse.SUPPRESS
        for option in action.option_strings
        if option not in ("-h", "--help")
    }
    assert {"--tenant-id", "--bundle", "--which"} < options
    assert options == {each.split()[0] for each in terms(PROGRAM) if each.startswith("--")}


def test_every_key_and_method_is_in_the_manual() -> None:
    assert {*schema.TOP, *schema.REGISTRY, *schema.CLOUD, *METHODS} <= terms(SETTINGS)
    for method in METHODS.values():
        for variable in (*method.INPUTS, *method.SECRET_INPUTS):
            assert variable in SETTINGS


def test_every_variable_of_ours_is_in_the_manual() -> None:
    """But for the mark of what a program of ours has started, which nobody sets."""
    sources = "".join(path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py"))
    known = set(re.findall(r"\bACR_CRED_[A-Z_]+\b", sources)) - {"ACR_CRED_NESTED"}
    assert {name for name in manual.VARIABLES if name.startswith("ACR_CRED_")} == known
    assert set(manual.VARIABLES) <= terms(PROGRAM)


def test_every_exit_code_is_in_the_manual() -> None:
    kinds = [each for each in vars(errors).values() if isinstance(each, type)]
    codes = {each.exit_code for each in kinds if issubclass(each, errors.Failure)}
    assert {str(code) for code in codes | {0, people.USAGE, people.INTERRUPTED}} <= terms(PROGRAM)
    assert set(manual.EXIT_CODES) == codes | {0, people.USAGE, people.INTERRUPTED}


def test_the_example_is_read(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(manual._CONFIG_EXAMPLE, encoding="utf-8")  # noqa: SLF001
    path.chmod(0o600)
    command = [sys.executable, "-m", "docker_credential_acr", "config", "check", str(path)]
    ran = subprocess.run(command, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize(
    ("program", "arguments"),
    [
        ("groff", ["-ww", "-b", "-man", "-Tutf8", "-z"]),
        ("mandoc", ["-T", "lint", "-W", "warning"]),
    ],
)
def test_no_formatter_has_anything_to_say(
    name: str, program: str, arguments: list[str], tmp_path: Path
) -> None:
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"optional: {program} is not installed")
    page = tmp_path / os.path.basename(name)
    page.write_text(PAGES[name], encoding="ascii")
    ran = subprocess.run([path, *arguments, str(page)], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_what_man_shows(tmp_path: Path) -> None:
    """What is to be typed is shown whole, with the dashes that a shell knows."""
    path = shutil.which("man")
    if path is None:
        pytest.skip("optional: man is not installed")
    page = tmp_path / f"{NAME}.1"
    page.write_text(PROGRAM, encoding="ascii")
    environ = {"PATH": os.defpath, "MANWIDTH": "100", "LC_ALL": "C.UTF-8", "MANPAGER": "cat"}
    ran = subprocess.run(
        [path, "-l", str(page)], capture_output=True, text=True, check=False, env=environ
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    shown = re.sub(r".\x08|\x1b\[[0-9;]*m", "", ran.stdout)
    assert "docker-credential-acr cache clear [HOST]" in shown
    assert "--no-verify" in shown
    assert DAY in shown


@pytest.mark.skipif(os.name == "nt", reason="optional: the command is a shell script")
def test_one_command_writes_them(tmp_path: Path) -> None:
    environ = {**os.environ, "ACR_MANUAL_PYTHON": sys.executable, "SOURCE_DATE_EPOCH": "1769817600"}
    command = [str(ROOT / "packaging" / "manual"), str(tmp_path / "new")]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
    assert ran.returncode == 0, ran.stderr
    files = [path for path in (tmp_path / "new").rglob("*") if path.is_file()]
    written = {path.relative_to(tmp_path / "new").as_posix(): path.read_text() for path in files}
    assert written == DOCUMENTS


def test_homebrew_installs_what_the_archive_holds() -> None:
    formula = manifests.formula("owner/name", {})
    named = re.findall(r'"documents/([^"*]+)"', formula)
    assert set(named) == {name for name in DOCUMENTS if name.endswith((".bash", ".zsh", ".fish"))}
    for section in ("1", "5"):
        assert f'man{section}.install Dir["documents/man/*.{section}"]' in formula
        assert any(name.endswith(f".{section}") for name in PAGES)
