"""``help [REFERENCE]``: the overview, and one page for each reference that an error names."""

import difflib
import sys
import textwrap

import docker_credential_acr
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

References: """


def show(arguments: list[str]) -> int:
    """Print the page for *arguments*; return the exit code."""
    if not arguments:
        names = textwrap.fill(
            ", ".join(REFERENCES), 88, initial_indent=" " * 4, subsequent_indent=" " * 4
        )
        sys.stdout.write(f"{_OVERVIEW}\n{names}\n")
        return 0
    name = arguments[0].strip("[]")
    if name not in REFERENCES:
        near = difflib.get_close_matches(name, REFERENCES, 1)
        also = f", did you mean {near[0]}?" if near else "; docker-credential-acr help lists them"
        sys.stderr.write(f"there is no reference {name!a}{also}\n")
        return 2
    page = REFERENCES[name]
    parts = (
        ("What it means", page.cause),
        ("How to check", page.check),
        ("How to fix it", page.fix),
    )
    lines = [
        f"{title}\n{textwrap.indent(textwrap.fill(text, 84), '    ')}\n" for title, text in parts
    ]
    sys.stdout.write(f"{name}\n\n" + "\n".join(lines))
    return 0
