"""Where settings, cache and the accounts of other programs live.

Every function takes the environment as a look-up (``os.environ.get``, or ``variable`` on the fast
staircase) and asks the file system for nothing, but for the home of a user without HOME.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Lookup = Callable[[str], str | None]

NAME = "docker-credential-acr"
SIGN_INS = "sign-ins"  # in the data folder; empty of meaning but for its times
AKS_NODE = "/etc/kubernetes/azure.json"  # what the kubelet of an AKS node signs in with

if os.name == "nt":
    variable = os.environ.get
else:
    from posix import environ as _raw

    def variable(name: str) -> "str | None":  # type: ignore[misc]  # one contract, two systems
        """Return an environment variable; os.environ takes ten times as long to say that there is none."""
        value = _raw.get(name.encode())
        return None if value is None else os.fsdecode(value)


def variables(get: "Lookup", names: "tuple[bytes, ...]") -> "Iterable[bytes | None]":
    """Return the values of *names* as bytes: this process's own come without a call for each."""
    if get is variable and os.name != "nt":
        return map(_raw.get, names)
    values = map(get, map(os.fsdecode, names))
    return [None if value is None else os.fsencode(value) for value in values]


def home(get: "Lookup") -> "str | None":
    """Return the user's home folder, or None where there is none (a service without HOME)."""
    path = get("USERPROFILE" if os.name == "nt" else "HOME") or os.path.expanduser("~")
    absolute = path[:1] == "/" or os.path.isabs(path)  # the first is nearly always enough
    return path if absolute else None


def machine() -> str:
    """Return the name of this machine, container or pod."""
    return os.environ.get("COMPUTERNAME", "") if os.name == "nt" else os.uname().nodename


def settings_files(get: "Lookup") -> "tuple[str, ...]":
    """Return the places where settings may be; the first that exists counts.

    ``ACR_CRED_CONFIG`` stands alone: who names a file wants that file and no other.
    """
    named = get("ACR_CRED_CONFIG")
    if named:
        return (named,)
    user = _folder(get, "APPDATA", "XDG_CONFIG_HOME", "/.config", "/.config")
    system = get("ProgramData") if os.name == "nt" else "/etc"
    return tuple(f"{folder}/{NAME}/config.toml" for folder in (user, system) if folder)


def cache_folder(get: "Lookup") -> "str | None":
    """Return the folder of ours that holds the cache, whether it exists or not; None: no cache.

    It carries the user's number, so that a shared ``ACR_CRED_CACHE_DIR`` keeps users apart. A relative
    one is passed over: it would put tokens into whatever folder an image is built from.
    """
    if (get("ACR_CRED_NO_CACHE") or "0") != "0":
        return None
    base = get("ACR_CRED_CACHE_DIR")
    if not base or not os.path.isabs(base):
        # The kubelet is root without HOME, and on many a node root's own folder cannot be written to.
        homeless = os.name != "nt" and not (get("HOME") or get("XDG_CACHE_HOME") or os.geteuid())
        names = "LOCALAPPDATA", "XDG_CACHE_HOME", "/.cache", "/Library/Caches"
        base = None if homeless else _folder(get, *names)
    if os.name == "nt":
        return base and f"{base}/{NAME}"
    if base:
        return f"{base}/{NAME}-{os.geteuid()}"
    return None if os.geteuid() else "/run/" + NAME


def data_folder(get: "Lookup") -> "str | None":
    """Return the folder of ours for what must not be lost: kept logins and sign-ins; None: no home."""
    base = _folder(
        get, "LOCALAPPDATA", "XDG_DATA_HOME", "/.local/share", "/Library/Application Support"
    )
    return base and f"{base}/{NAME}/kept"


def _folder(get: "Lookup", windows: str, xdg: str, unix: str, mac: str) -> "str | None":
    if os.name == "nt":
        local = get(windows)
        return local if local and os.path.isabs(local) else None
    named = get(xdg)
    if named and named[0] == "/":  # a relative one is to be ignored, says the XDG specification
        return named
    base = home(get)
    return base and base + (mac if sys.platform == "darwin" else unix)


def account_files(get: "Lookup") -> "tuple[str | None, ...]":
    """Return the files whose change means that another identity may answer.

    In order: the profiles of Azure CLI, Azure PowerShell and Azure Developer CLI, and the projected
    token of a workload identity (its rotation costs one exchange; another service account's token in
    the same place must never be answered with the first one's), the settings of an AKS node, the
    description of a private cloud, and what changes when somebody signs in to us or out.
    """
    base = home(get) or ""
    return (
        (get("AZURE_CONFIG_DIR") or base + "/.azure") + "/azureProfile.json",
        base + "/.Azure/AzureRmContext.json",
        (get("AZD_CONFIG_DIR") or base + "/.azd") + "/auth.json",
        get("AZURE_FEDERATED_TOKEN_FILE"),
        AKS_NODE,
        get("AZURE_ENVIRONMENT_FILEPATH"),
        f"{data_folder(get)}/{SIGN_INS}",
    )
