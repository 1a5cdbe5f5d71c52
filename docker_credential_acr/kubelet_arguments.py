"""The arguments that the kubelet's configuration gives. What is unknown is named, not passed over.

They are those of cloud-provider-azure ``cmd/acr-credential-provider``, and ``--unannotated``.
"""

import os

from docker_credential_acr.errors import InputError

FILE = "azure.json"  # the one argument that is no flag
MIRROR = "--registry-mirror"
UNANNOTATED = "--unannotated"
SNI = "--ib-sni-name"
DEFAULT_CLIENT = "--ib-default-client-id"
DEFAULT_TENANT = "--ib-default-tenant-id"
API_SERVER = "--ib-apiserver-ip"
_FLAGS = (MIRROR, UNANNOTATED, SNI, DEFAULT_CLIENT, DEFAULT_TENANT, API_SERVER)
_LOUDNESS = ("-v", "--v")  # of the peer's log; ours is ACR_CRED_DEBUG
NODE, REFUSE = _POLICIES = ("node", "refuse")

HOST = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_")


def called(argv: "list[str]") -> "list[str] | None":
    """Return the arguments if *argv* is a call of the kubelet's: by its verb or by its program's name."""
    name = os.path.basename(argv[0]).lower().removesuffix(".exe") if argv else ""
    if name in ("acr-credential-provider", "docker-credential-acr-kubelet"):
        return argv[1:]
    return argv[2:] if argv[1:2] == ["kubelet"] else None


def arguments(given: "list[str]") -> "dict[str, str]":
    """Return the value of each flag in *given*, and under FILE the path of azure.json.

    A flag is ``--flag=value`` or ``--flag value``; of two alike the last counts. Raises InputError.
    """
    found: dict[str, str] = {}
    rest = list(given)
    while rest:
        word = rest.pop(0)
        name, separator, value = word.partition("=")
        if not word.startswith("-"):
            if FILE in found:
                raise _misused(f"{FILE} is given twice ({_named(word)})", "give its path once")
            name, value = FILE, word
        elif name not in _FLAGS + _LOUDNESS:
            raise _misused(f"unknown flag {_named(name)}", f"known are {', '.join(_FLAGS)}")
        elif not separator:
            if not rest:
                raise _misused(f"{name} has no value", f"write {name}=VALUE")
            value = rest.pop(0)
        found[name] = value.strip()
    _check(found)
    return found


def _check(found: "dict[str, str]") -> None:
    """Refuse what does not go together, as the peer does, so that it shows at the first pull."""
    mirrors(found)
    if found.get(UNANNOTATED, REFUSE) not in _POLICIES:
        raise _misused(f"{UNANNOTATED} knows {' and '.join(_POLICIES)} only", "give one of the two")
    if "://" in found.get(SNI, ""):
        raise _misused(f"{SNI} is a host name", "leave https:// out")
    if found.get(SNI) and not found.get(API_SERVER):
        raise _misused(f"{SNI} is given without {API_SERVER}", f"give {API_SERVER}, too")
    for name in (DEFAULT_CLIENT, DEFAULT_TENANT, API_SERVER):
        if found.get(name) and not found.get(SNI):
            raise _misused(f"{name} is given without {SNI}", f"give {SNI}, too")


def mirrors(options: "dict[str, str]") -> "dict[str, str]":
    """Return the host that stands in for each mirrored host. Raises InputError."""
    found = {}
    for pair in options.get(MIRROR, "").replace(" ", "").split(","):
        source, separator, target = pair.partition(":")
        if pair and not (source and target and HOST.issuperset(source + target)):
            raise _misused(
                f"{MIRROR} has {_named(pair)}", "write SOURCE:TARGET, both without a port"
            )
        if separator:
            found[source.lower()] = target.lower()
    return found


def _named(word: str) -> str:
    return ascii(word[:40])


def _misused(what: str, hint: str) -> InputError:
    return InputError(what, hint, "kubelet-arguments")
