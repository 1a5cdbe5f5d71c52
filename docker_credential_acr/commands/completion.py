"""``completion SHELL``: a script that lets the shell complete verbs and options."""

import argparse
from collections.abc import Mapping

from docker_credential_acr import completion
from docker_credential_acr.terminal import Terminal


def arguments(parser: argparse.ArgumentParser) -> None:
    shells = tuple(completion.SHELLS)
    parser.add_argument("shell", choices=shells, metavar="SHELL", help=", ".join(shells))


def run(given: argparse.Namespace, environ: Mapping[str, str], terminal: Terminal) -> int:  # noqa: ARG001  the contract
    from docker_credential_acr.people import OTHERS, parsers  # noqa: PLC0415  it shows the list of verbs, this one too

    terminal.out.write(completion.SHELLS[given.shell](completion.words(parsers(), OTHERS)))
    return 0
