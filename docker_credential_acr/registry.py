"""What a client sent on standard input -> the registry host it means, and whether that host is ours.

The gate is the one place that decides who may receive a token. It works on bytes, accepts only what
matches in full, and imports nothing: a host that merely looks like a registry must cost nothing and
reach nobody (GO-2026-6225 is what happens otherwise).
"""

# Login servers of every Azure cloud whose registries are known; other suffixes come from settings.
SUFFIXES = (
    "azurecr.io",
    "azurecr.cn",
    "azurecr.us",
    "azurecr.sovcloud-azure.fr",
    "azurecr.sovcloud-azure.de",
    "azurecr.eaglex.ic.gov",
    "azurecr.microsoft.scloud",
)

_SCHEMES = ("https", "http", "oci", "docker")
_PRINTABLE = bytes(set(range(0x20, 0x7F)) - set(b'"\\'))
_LABEL = b"abcdefghijklmnopqrstuvwxyz0123456789-"


def host_in(server: bytes) -> "str | None":
    """Return the host that *server* names, lower case, a port kept unless it is 443.

    *server* is the trimmed input: a host, ``host/path`` or a URL. ``None`` means that it holds a
    control character, a non-ASCII byte, a quote or a backslash and so cannot be a registry of ours.
    """
    if server.translate(None, _PRINTABLE):
        return None
    text = server.decode("ascii")
    scheme, separator, rest = text.partition("://")
    if separator and scheme.lower() in _SCHEMES:
        text = rest
    elif text.startswith("//"):
        text = text[2:]
    authority = text.partition("/")[0].lower()
    return authority.removesuffix(".").removesuffix(":443")


def is_ours(host: str, suffixes: "tuple[str, ...]" = (), named: bytes = b"") -> bool:
    """Tell whether *host* may receive a token.

    It must be in full ``label.suffix`` or ``label.label.geo.suffix``, where further *suffixes* come from
    the settings, or be *named* there: exact names, each on a line of its own between line breaks.
    """
    for suffix in SUFFIXES + suffixes:
        if host.endswith("." + suffix):
            labels = host[: -len(suffix) - 1].split(".")
            form = len(labels) == 1 or (len(labels) == 3 and labels.pop() == "geo")  # noqa: PLR2004
            if form and all(map(_is_label, labels)):
                return True
    return b"\n" + host.encode() + b"\n" in named


def _is_label(text: str) -> bool:
    return (
        0 < len(text) < 64  # noqa: PLR2004  RFC 1035
        and not text.encode().translate(None, _LABEL)
        and text[0] != "-"
        and text[-1] != "-"
    )
