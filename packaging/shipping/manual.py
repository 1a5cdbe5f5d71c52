"""The manual: docker-credential-acr(1) and docker-credential-acr-config(5), from the program's own tables.

Verbs and options are those of the parsers, keys and methods those of the settings' schema: what is written
here by hand is what no table of the program says.
"""

import argparse
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from docker_credential_acr import __version__, people, schema, settings_keys
from docker_credential_acr.methods import METHODS
from shipping import roff
from shipping.places import NAME

CONFIG = f"{NAME}-config"
SETTINGS_FILES = (
    "~/.config/docker-credential-acr/config.toml",
    "/etc/docker-credential-acr/config.toml",
)
EXIT_CODES = {  # of the verbs for people; the classes of errors have the numbers
    0: "Fine.",
    1: "A check failed, or something else did.",
    2: "The command was given something that it cannot use.",
    3: "The settings file or a variable is wrong.",
    4: "A sign-in is needed: there is none, or it was refused.",
    5: "No usable answer from the network, or none in time.",
    6: "The registry or Azure Resource Manager refused an identity that Entra knows.",
    130: "Stopped by Ctrl-C.",
}
VARIABLES = {
    "ACR_CRED_CONFIG": "The settings file; no other is looked for.",
    "ACR_CRED_METHOD": "The method, where the settings name none.",
    "ACR_CRED_USERNAME": "The form of the user name, where the settings give none: guid or token.",
    "ACR_CRED_TIMEOUT": "Seconds that one answer may take in all, 5 to 55.",
    "ACR_CRED_REFRESH": "How an ageing token is renewed, where no setting says it: background or inline.",
    "ACR_CRED_CACHE_DIR": "An absolute path: the cache is a folder of this user's own in it.",
    "ACR_CRED_NO_CACHE": "1: nothing is kept, every call signs in.",
    "ACR_CRED_DEBUG": "An absolute path: a log without secrets is written there, for this user alone.",
    "DOCKER_CONFIG": "The folder of Docker's config.json, for the verbs that read or change it.",
    "REGISTRY_AUTH_FILE": "The auth.json of podman, buildah and skopeo, for the same verbs.",
    "NO_COLOR": "No colour. FORCE_COLOR: colour on anything, not on terminals only.",
}
FILES = {
    SETTINGS_FILES[0]: f"The settings of this user; see {CONFIG}(5).",
    SETTINGS_FILES[1]: "The settings of the machine, where the user has none.",
    "~/.cache/docker-credential-acr-UID": "The cache: tokens, in files that only this user can read.",
    "~/.local/share/docker-credential-acr/kept": "Kept logins, and what configure changed.",
    "~/.docker/config.json": "Which registries Docker asks us about: credHelpers, or credsStore.",
}
_DESCRIPTION = """\
Docker, BuildKit, podman, buildah, skopeo, nerdctl, crane, helm, oras and the kubelet ask this
program for the credential of an Azure container registry. It signs in to Entra ID the way the
settings say, trades that for a registry token, keeps it in a file that only its user can read, and
renews it before it runs out.

With a registry in credHelpers of Docker's config.json, nothing else is to be done by hand. The
first word says what is to be done; clients use the verbs for programs, and the others are for
people.
"""
_EXAMPLES = (
    (
        "docker-credential-acr configure team.azurecr.io",
        "Let Docker ask this program, and prove the sign-in.",
    ),
    (
        "docker-credential-acr configure team.azurecr.io --method managed-identity --client-id ID",
        "The same with a way to sign in.",
    ),
    ("docker-credential-acr status", "What is known about each registry."),
    ("docker-credential-acr doctor team.azurecr.io --repository app", "Why a pull or push fails."),
)
_CONFIG_DESCRIPTION = """\
Without a settings file, every registry is signed in to by the method automatic. With one, each
registry can have its own method, tenant and identity.

The file is TOML. The one that ACR_CRED_CONFIG names counts alone; else the user's own, else the
machine's. It must belong to its user or to root, and nobody else may be able to change it. Secrets
are not written into it: keys that end with _env, _file or _command say where one is.

Every key of a registry is an option of docker-credential-acr configure, too: min_ttl is --min-ttl.
docker-credential-acr config check looks for mistakes, and docker-credential-acr config explain HOST
says which line counts.
"""
_CONFIG_EXAMPLE = """\
[defaults]
method = "azure-cli"

[registries."team.azurecr.io"]
method = "managed-identity"
client_id = "00000000-1111-2222-3333-444444444444"

[registries."*.azurecr.cn"]
method = "client-secret"
client_secret_file = "/run/secrets/acr"
"""


def pages(day: str) -> Mapping[str, str]:
    """Return the pages by file name; *day* (YYYY-MM-DD) stands in their footers."""
    return {f"{NAME}.1": _program(day), f"{CONFIG}.5": _settings(day)}


def _program(day: str) -> str:
    parts = [
        roff.title(NAME, 1, day, f"{NAME} {__version__}"),
        _name(NAME, "credentials for Azure Container Registry"),
        roff.heading("SYNOPSIS"),
        roff.command(f"{NAME} VERB [OPTION ...] [HOST ...]"),
        roff.heading("DESCRIPTION"),
        *_paragraphs(_DESCRIPTION),
        roff.heading("VERBS FOR PEOPLE"),
        *(part for verb, parser in people.parsers().items() for part in _verb(verb, parser)),
        roff.heading("VERBS FOR PROGRAMS"),
        *(roff.term(verb, _sentence(summary)) for verb, summary in people.OTHERS.items()),
        roff.heading("EXIT STATUS"),
        roff.paragraph(
            "The verbs for programs end with 0 or 1, as their protocols want it. The others:"
        ),
        *(roff.term(str(code), words) for code, words in EXIT_CODES.items()),
        roff.heading("ENVIRONMENT"),
        *(roff.term(name, words) for name, words in VARIABLES.items()),
        roff.paragraph(f"The variables that a method reads stand with it in {CONFIG}(5)."),
        roff.heading("FILES"),
        *(roff.term(path, words) for path, words in FILES.items()),
        roff.heading("DIAGNOSTICS"),
        roff.paragraph(
            "A failure is one sentence: the host, what failed, the next step, and a reference in brackets. "
            f"{NAME} help REFERENCE says what it means, how to check it and how to fix it; "
            f"{NAME} help references lists them all."
        ),
        roff.heading("EXAMPLES"),
        *(roff.term(typed, words) for typed, words in _EXAMPLES),
        _see_also(f"{CONFIG}(5), docker-login(1), podman-login(1), containers-auth.json(5)"),
    ]
    return roff.page(parts)


def _verb(path: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    """Yield a verb's part of the page, and those of the verbs below it."""
    parser.formatter_class = lambda prog: argparse.HelpFormatter(prog, width=10_000)
    usage = parser.format_usage().removeprefix("usage: ").strip().replace(" [-h]", "")
    yield roff.subheading(path)
    if parser.description:
        yield roff.paragraph(_sentence(parser.description))
    below = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]  # noqa: SLF001
    if not below:
        yield roff.command(usage)
    for group in parser._action_groups:  # noqa: SLF001  argparse has no other way to ask
        rows = [_row(action) for action in group._group_actions if _is_told(action)]  # noqa: SLF001
        if rows and group.title not in ("positional arguments", "options"):
            yield roff.paragraph(_sentence(str(group.title)))
        yield from rows
    for action in below:
        helps = {each.dest: each.help or "" for each in action._choices_actions}  # noqa: SLF001
        for name, each in action.choices.items():
            each.description = each.description or helps.get(name)
            yield from _verb(f"{path} {name}", each)


def _is_told(action: argparse.Action) -> bool:
    hidden = action.help == argparse.SUPPRESS or isinstance(action, argparse._HelpAction)  # noqa: SLF001
    return not hidden and not isinstance(action, argparse._SubParsersAction)  # noqa: SLF001


def _row(action: argparse.Action) -> str:
    words, known = str(action.help or ""), [*map(str, action.choices or ())]
    if not all(each in words for each in known):
        words = f"{words.removesuffix('.')}; one of {', '.join(known)}"
    words += "" if words.endswith(".") else "."
    if not action.option_strings:
        return roff.term(str(action.metavar or action.dest), words)
    value = "" if action.nargs == 0 else f" {action.metavar or action.dest.upper()}"
    return roff.term(", ".join(action.option_strings) + value, words)


def _settings(day: str) -> str:
    shared, every = settings_keys.hints()
    cloud = inspect.get_annotations(settings_keys.CloudTable)
    parts = [
        roff.title(CONFIG, 5, day, f"{NAME} {__version__}"),
        _name(CONFIG, f"settings of {NAME}"),
        roff.heading("DESCRIPTION"),
        *_paragraphs(_CONFIG_DESCRIPTION),
        roff.heading("EXAMPLE"),
        roff.example(_CONFIG_EXAMPLE),
        roff.heading("AT THE TOP"),
        *(roff.term(key, words) for key, words in schema.TOP.items()),
        roff.heading("OF EVERY REGISTRY"),
        roff.paragraph('In [defaults] and in [registries."HOST"]:'),
        *(roff.term(key, _key(key, schema.REGISTRY[key])) for key in shared),
        roff.heading("OF A METHOD"),
        roff.paragraph("In the same tables, beside the method that takes them:"),
        *(
            roff.term(key, _key(key, schema.REGISTRY[key]))
            for key in sorted(every.keys() - shared.keys())
        ),
        roff.heading("METHODS"),
        *(_method(name) for name in METHODS),
        roff.heading("OF A CLOUD"),
        roff.paragraph("In [clouds.NAME]:"),
        *(roff.term(key, schema.CLOUD[key]) for key in cloud),
        roff.heading("FILES"),
        *(roff.term(path, FILES[path]) for path in SETTINGS_FILES),
        _see_also(f"{NAME}(1)"),
    ]
    return roff.page(parts)


def _key(key: str, words: str) -> str:
    """Return what the schema says of a key, with its range, its values and its default."""
    found = schema.schema()["definitions"]["registry"]["properties"][key]
    if "minimum" in found:
        words += f" From {found['minimum']} to {found['maximum']}."
    if "enum" in found and key != "method":
        words += f" One of {', '.join(found['enum'])}."
    return words + (f" Default: {found['default']}." if "default" in found else "")


def _method(name: str) -> str:
    method: Any = METHODS[name]
    first, *_ = (inspect.getdoc(method) or "").splitlines()
    words = [_sentence(first.partition(": ")[2].replace("`", ""))]
    options = sorted(settings_keys.option_names(method.Options))
    read = [*method.INPUTS, *method.SECRET_INPUTS]
    if options:
        words.append(f"Keys: {', '.join(options)}.")
    if read:
        words.append(f"Variables: {', '.join(read)}.")
    return roff.term(name, " ".join(words))


def _paragraphs(words: str) -> list[str]:
    return [roff.paragraph(" ".join(each.split())) for each in words.split("\n\n")]


def _name(name: str, words: str) -> str:
    return f"{roff.heading('NAME')}{roff.text(name)} \\- {roff.text(words)}\n"


def _see_also(names: str) -> str:
    return roff.heading("SEE ALSO") + roff.paragraph(names)


def _sentence(words: str) -> str:
    words = words.strip()
    return words[:1].upper() + words[1:] + ("" if words.endswith((".", "...")) else ".")
