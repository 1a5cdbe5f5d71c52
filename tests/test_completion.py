"""What the shells complete: asked in the shells themselves, where they are installed."""

import shutil
import subprocess
from pathlib import Path

import pytest

from docker_credential_acr import completion
from docker_credential_acr.people import OTHERS, VERBS, parsers
from tests.systems import posix

WORDS = completion.words(parsers(), OTHERS)
BY_PATH = {each.path: each for each in WORDS}
TYPED = {  # what has been typed -> some of what is offered, and what is not
    (): (["get", "configure", "status"], ["--json"]),
    ("st",): (["status", "store"], ["configure"]),
    ("cache", ""): (["list", "clear", "path"], ["get"]),
    ("cache", "list", "--"): (["--json"], ["--podman"]),
    ("configure", "team.azurecr.io", "--method", "man"): (["managed-identity"], ["azure-cli"]),
    ("token", "--format", ""): (["raw", "docker-login"], ["--scope"]),
    ("completion", ""): (["bash", "zsh", "fish", "powershell"], []),
}
BASH = """
source "$1"; shift
COMP_WORDS=(docker-credential-acr "$@"); COMP_CWORD=$#
_docker_credential_acr
printf '%s\\n' "${COMPREPLY[@]}"
"""
ZSH = """
compdef() { :; }
_describe() { print -l -- ${(P)2}; }
script=$1; shift
source $script
words=(docker-credential-acr "$@"); CURRENT=$#words
typeset -g known
_docker_credential_acr
"""


def test_every_verb_and_option_is_known() -> None:
    assert set(BY_PATH[()].words) == {*OTHERS, *VERBS}
    assert {"--json", "--help"} <= set(BY_PATH[("cache", "list")].words)
    assert "--client-id" in BY_PATH[("configure",)].words
    assert all(name in {path[0] for path in BY_PATH if path} for name in VERBS)


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_every_word_is_in_every_script(shell: str) -> None:
    script = completion.SHELLS[shell](WORDS)
    for each in WORDS:
        for word in each.words:
            assert (word if shell != "fish" else word.removeprefix("--")) in script


def offered(shell: str, typed: tuple[str, ...], folder: Path) -> list[str]:
    path = shutil.which(shell)
    if path is None:
        pytest.skip(f"{shell} is not installed")
    script = folder / "script"
    script.write_text(completion.SHELLS[shell](WORDS))
    arguments = list(typed) or [""]
    command = {
        "bash": [path, "-c", BASH, "bash", str(script), *arguments],
        "zsh": [path, "-f", "-c", ZSH, "zsh", str(script), *arguments],
        "fish": [
            path,
            "--no-config",
            "-c",
            f"source {script}; complete -C 'docker-credential-acr {' '.join(arguments)}'",
        ],
    }[shell]
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "TERM": "dumb"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
    assert done.stderr == ""
    found = [line.partition("\t")[0].partition(":")[0] for line in done.stdout.splitlines()]
    return [word for word in found if word.startswith(arguments[-1])]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize("typed", TYPED)
@posix("these shells, of its own")
def test_a_shell_offers_them(shell: str, typed: tuple[str, ...], tmp_path: Path) -> None:
    words, others = TYPED[typed]
    found = offered(shell, typed, tmp_path)
    assert set(words) <= set(found)
    assert not set(others) & set(found)
