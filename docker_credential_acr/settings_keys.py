"""What the settings file may say: its keys, their types, forms and ranges.

``settings_reader`` checks a file against this page and ``schema`` renders it for editors.
"""

import dataclasses
import functools
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from docker_credential_acr import clouds, time_limit
from docker_credential_acr.methods import ENTRA_METHODS, LOGIN_METHODS, METHODS
from docker_credential_acr.methods.contract import GUID_USER, TOKEN_USER

TOP = ("version", "fallback", "store", "allow_unencrypted", "defaults", "registries", "clouds")
DEFAULTS = "defaults"
REFRESHES = ("background", "inline")
USER_NAMES = {"guid": GUID_USER, "token": TOKEN_USER}
SECRETS = ("client_secret", "password", "password2", "token")  # never written into the file
STORES = ("osxkeychain", "wincred", "secretservice", "pass", "file")

# What a text must match in full; settings.schema.json is rendered from the same expressions.
HOST_FORM = r"(?!.*:443$)[a-z0-9_-]+(\.[a-z0-9_-]+)*(:[0-9]+)?"
NAME_FORM = r"(?!.*:443$)(?![.*]+$)[A-Za-z0-9_*-]+(\.[A-Za-z0-9_*-]+)*(:[0-9*]+)?"
HELPER_FORM = r"[A-Za-z0-9][A-Za-z0-9._-]*"  # the end of a program's name, docker-credential-...
REGISTRY_ID_FORM = (
    r"/subscriptions/[0-9A-Fa-f-]{36}/resource[Gg]roups/[^/?#%]+"
    r"/providers/[Mm]icrosoft\.[Cc]ontainer[Rr]egistry/registries/[A-Za-z0-9]+"
)
FORMS = {  # of keys in [defaults] and [registries.X]: what a text must match, and an example
    "audience": (clouds.AUDIENCE_FORM, "not an audience", clouds.REGISTRY_AUDIENCE),
    "login_server": (HOST_FORM, "not a host name", "team.azurecr.io"),
    "registry_id": (
        REGISTRY_ID_FORM,
        "not the resource id of a registry",
        "/subscriptions/ID/resourceGroups/NAME/providers/Microsoft.ContainerRegistry/registries/NAME",
    ),
}
_HTTPS = "this is an https address"
CLOUD_FORMS = {  # the same of keys in [clouds.NAME]
    "suffix": (
        clouds.SUFFIX_FORM,
        "a suffix has at least two labels",
        "azurecr.factory.example",
    ),
    "authority": (clouds.ADDRESS_FORM, _HTTPS, "https://login.factory.example"),
    "arm_endpoint": (clouds.ADDRESS_FORM, _HTTPS, "https://management.factory.example"),
    "arm_audience": (
        clouds.AUDIENCE_FORM,
        "not an audience",
        "https://management.factory.example/",
    ),
    "audience": FORMS["audience"],
}
# In seconds.
RANGES = {"min_ttl": (60, 10800), "password_ttl": (10, 86400), "timeout": time_limit.RANGE}


@dataclass(frozen=True, slots=True)
class Common:
    """The keys that every method shares; times in seconds."""

    method: str = "automatic"
    username: str = "guid"
    login_server: str | None = None
    cloud: str | None = None
    audience: str | None = None
    tenant_id: str | None = None
    min_ttl: int = 900
    password_ttl: int = 600
    timeout: int = time_limit.DEFAULT_SECONDS
    refresh: str = "background"


@dataclass(frozen=True, slots=True)
class CloudTable:
    """The keys of ``[clouds.NAME]``; addresses are https URLs. One of the two addresses is needed."""

    suffix: str
    authority: str | None = None
    arm_endpoint: str | None = None
    arm_audience: str | None = None
    audience: str | None = None
    instance_discovery: bool = False


def names(kind: type[Any]) -> set[str]:
    return {item.name for item in dataclasses.fields(kind)}


def option_names(kind: type[Any]) -> set[str]:
    """Return the keys of a method's Options that settings may give; flags of ``detect`` are not."""
    return names(kind) - {"probe", "bindings"}


def taken_options(table: Mapping[str, Any]) -> set[str]:
    """Return the options that *table* takes: those of its method, and of who signs in for that one."""
    taken: set[str] = set()
    for method, known in ((table.get("method"), METHODS), (table.get("sign_in"), ENTRA_METHODS)):
        if method and method in known:
            taken |= option_names(known[method].Options)
    return taken


def shared_options(method: str, sign_in: str) -> set[str]:
    """Return the options that *method* and who signs in for it both take: nobody knows whose they are."""
    own = option_names(METHODS[method].Options)
    return own & option_names(ENTRA_METHODS[sign_in].Options) if "sign_in" in own else set()


def single_options(method: object) -> set[str]:
    """Return the options of *method* that belong to one registry: its id, the secrets that it knows.

    In a table for many hosts they would be sent to whatever registry an image names.
    """
    known = LOGIN_METHODS.get(str(method))
    return option_names(known.Options) - {"sign_in"} if known else set()


@functools.cache  # there may be 100,000 tables
def hints() -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the types of the keys that every method shares, and of all methods' options."""
    every: dict[str, Any] = {}
    for method in METHODS.values():
        found = get_type_hints(method.Options)
        every |= {key: found[key] for key in sorted(option_names(method.Options))}
    return get_type_hints(Common), every


def choices(made: tuple[clouds.Cloud, ...]) -> Mapping[str, tuple[str, ...]]:
    """Return the values of the keys that name one of a few things."""
    return {
        "method": tuple(METHODS),
        "sign_in": tuple(ENTRA_METHODS),
        "username": tuple(USER_NAMES),
        "refresh": REFRESHES,
        "cloud": (*(cloud.name for cloud in (*clouds.CLOUDS, *made)), clouds.ENVIRONMENT),
    }


def nearest(value: str, known: Iterable[str]) -> list[str]:
    """Return the one of *known* that *value* may have been meant as, or nothing."""
    import difflib  # noqa: PLC0415  mistakes only

    return difflib.get_close_matches(value, list(known), 1)


def meant(value: str, known: Collection[str]) -> str:
    near = nearest(value, known)
    return f', did you mean "{near[0]}"?' if near else ""
