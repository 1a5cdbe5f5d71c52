"""``help [REFERENCE]``: the overview, and one page for each reference that an error names."""

import difflib
import textwrap

import docker_credential_acr
from docker_credential_acr.commands.reply import Reply
from docker_credential_acr.references import REFERENCES

_OVERVIEW = f"""\
docker-credential-acr {docker_credential_acr.__version__}: credentials for Azure Container Registry

Docker and its kin call it, once it stands in their config.json:
    {{"credHelpers": {{"myregistry.azurecr.io": "acr"}}}}

    get, store, erase, list   the credential-helper protocol: a host on standard input
    version                   name and version
    help [REFERENCE]          this page, or what the [reference] of an error means

Try a sign-in by hand:
    echo myregistry.azurecr.io | docker-credential-acr get

References:
"""


def page(arguments: list[str]) -> Reply:
    """Return the overview, or the page of the reference that *arguments* name."""
    if not arguments:
        return Reply((_OVERVIEW + "".join(f"    {name}\n" for name in REFERENCES)).encode())
    name = arguments[0].strip("[]")
    if name not in REFERENCES:
        near = difflib.get_close_matches(name, REFERENCES, 1)
        also = f", did you mean {near[0]}?" if near else "; docker-credential-acr help lists them"
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
