"""``help [REFERENCE | VERB]``: the list of verbs, a verb's own help, a page for each reference."""

import difflib
import textwrap
from collections.abc import Mapping

import docker_credential_acr
from docker_credential_acr.commands.reply import Reply
from docker_credential_acr.references import REFERENCES

_USAGE = "Usage: docker-credential-acr <store|get|erase|list|version>\n"
_LIST = "references"
_OVERVIEW = """\
       docker-credential-acr VERB [--help]

docker-credential-acr {version}: credentials for Azure Container Registry

The first minute:
    docker-credential-acr configure NAME.azurecr.io
    docker pull NAME.azurecr.io/app

Verbs for people:
{people}
Verbs for programs:
{programs}
What the [reference] of an error means:
    docker-credential-acr help REFERENCE
"""


def overview() -> Reply:
    """Return the list of verbs; its first line is what every credential helper answers."""
    from docker_credential_acr.people import OTHERS, VERBS  # noqa: PLC0415  it shows their list

    people = {name: verb.summary for name, verb in VERBS.items()} | {"help": OTHERS["help"]}
    programs = {name: summary for name, summary in OTHERS.items() if name not in people}
    version = docker_credential_acr.__version__
    told = _OVERVIEW.format(version=version, people=_rows(people), programs=_rows(programs))
    return Reply((_USAGE + told).encode())


def _rows(verbs: Mapping[str, str]) -> str:
    return "".join(f"    {name:<12} {summary}\n" for name, summary in verbs.items())


def page(arguments: list[str]) -> Reply:
    """Return the overview, the list of references, or the page of what *arguments* name."""
    from docker_credential_acr.people import OTHERS, VERBS, parsers  # noqa: PLC0415  for people only

    if not arguments:
        return overview()
    if arguments[0] == _LIST:
        return Reply("".join(f"{name}\n" for name in REFERENCES).encode())
    name = arguments[0].strip("[]")
    if name in VERBS:
        return Reply(parsers()[name].format_help().encode())
    if name in OTHERS:
        return Reply(f"{name}: {OTHERS[name]}\n".encode())
    if name not in REFERENCES:
        near = difflib.get_close_matches(name, (*REFERENCES, *VERBS), 1)
        known = "docker-credential-acr help references lists them"
        also = f", did you mean {near[0]}?" if near else f"; {known}"
        return Reply(err=f"there is no reference {name!a}{also}\n".encode(), code=2)
    found = REFERENCES[name]
    parts = {
        "What it means": found.cause,
        "How to check": found.check,
        "How to fix it": found.fix,
    }
    return Reply("\n".join([f"{name}\n", *map(_part, parts, parts.values())]).encode())


def _part(title: str, text: str) -> str:
    lines = textwrap.fill(text, 84, break_on_hyphens=False)
    return f"{title}\n{textwrap.indent(lines, '    ')}\n"
