"""The gate: who may receive a token, held against a second opinion that is written differently."""

import re
import string

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from docker_credential_acr import registry

patient = settings(deadline=None)  # a busy machine is no mistake

LABEL = rb"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# design.md 3 once more, as one expression over the lower-cased bytes that were sent.
ORACLE = re.compile(
    rb"(?:(?:https|http|oci|docker)://|//)?"
    rb"(" + LABEL + rb"(?:\." + LABEL + rb"\.geo)?\."
    rb"azurecr\.(?:io|cn|us|sovcloud-azure\.fr|sovcloud-azure\.de|eaglex\.ic\.gov|microsoft\.scloud))"
    rb"(?::443)?\.?"
    rb"(?:/[ !#-\[\]-~]*)?"
)


def oracle(server: bytes) -> str | None:
    found = ORACLE.fullmatch(server.lower())
    return found[1].decode() if found else None


def gate(server: bytes) -> str | None:
    host = registry.host_in(server)
    return host if host is not None and registry.is_ours(host) else None


ACCEPTED = {
    b"my.azurecr.io": "my.azurecr.io",
    b"MY.AzureCR.IO": "my.azurecr.io",
    b"my.azurecr.io.": "my.azurecr.io",
    b"my.azurecr.io:443": "my.azurecr.io",
    b"my.azurecr.io:443.": "my.azurecr.io",
    b"my.azurecr.io/": "my.azurecr.io",
    b"my.azurecr.io/a:b@c?d#e//f g": "my.azurecr.io",
    b"//my.azurecr.io": "my.azurecr.io",
    b"OCI://my.azurecr.io": "my.azurecr.io",
    b"docker://my.azurecr.io:443/x": "my.azurecr.io",
    b"my-0123456789abcdef.azurecr.io": "my-0123456789abcdef.azurecr.io",
    b"my--x.azurecr.io": "my--x.azurecr.io",
    b"xn--mnchen-3ya.azurecr.io": "xn--mnchen-3ya.azurecr.io",
    b"1.azurecr.cn": "1.azurecr.cn",
    b"my.eastus.geo.azurecr.us": "my.eastus.geo.azurecr.us",
    b"my.azurecr.sovcloud-azure.fr": "my.azurecr.sovcloud-azure.fr",
    b"my.azurecr.sovcloud-azure.de": "my.azurecr.sovcloud-azure.de",
    b"my.azurecr.eaglex.ic.gov": "my.azurecr.eaglex.ic.gov",
    b"my.azurecr.microsoft.scloud": "my.azurecr.microsoft.scloud",
    b"a" * 63 + b".azurecr.io": "a" * 63 + ".azurecr.io",
    b"geo.geo.geo.azurecr.io": "geo.geo.geo.azurecr.io",
}

REFUSED = [
    b"azurecr.io",
    b".azurecr.io",
    b"my.azurecr.de",
    b"my.azurecr.io..",
    b"my.azurecr.io.:443",
    b"my.azurecr.io:443:443",
    b"my.azurecr.io:0443",
    b"my.azurecr.io:",
    b"my.azurecr.io?x",
    b"my.azurecr.io#x",
    b"my.azurecr.io\\",
    b"my.azurecr.io/\\",
    b'my.azurecr.io/"',
    b"my.azurecr.io/\n",
    b"my.azurecr.io/\x7f",
    b"my.azurecr.io/\xc3\xa9",
    b"my.azurecr.io\x00",
    b"u@my.azurecr.io",
    b"my.data.azurecr.io",
    b"my.eastus.data.azurecr.io",
    b"my.eastus.azurecr.io",
    b"my.geo.azurecr.io",
    b"a.b.c.geo.azurecr.io",
    b"my..geo.azurecr.io",
    b"my.eastus.geo..azurecr.io",
    b"-my.azurecr.io",
    b"my-.azurecr.io",
    b"my.-eastus.geo.azurecr.io",
    b"m_y.azurecr.io",
    b"a" * 64 + b".azurecr.io",
    b"my.azurecr.io.evil.example",
    b"my.azurecr.sovcloud-azure.io",
    b"myazurecr.io",
    b"mcr.microsoft.com",
    b"://my.azurecr.io",
    b"///my.azurecr.io",
    b"ftp://my.azurecr.io",
    b"https:my.azurecr.io",
    b"https://https://my.azurecr.io",
    b"//https://my.azurecr.io",
    b" my.azurecr.io",
    b"",
]


@pytest.mark.parametrize(("server", "host"), ACCEPTED.items())
def test_accepted(server: bytes, host: str) -> None:
    """What names a registry of ours is reduced to its host."""
    assert gate(server) == host
    assert oracle(server) == host, "both opinions are meant to be right"


@pytest.mark.parametrize("server", REFUSED)
def test_refused(server: bytes) -> None:
    """What is no registry of ours in full is not ours at all."""
    assert gate(server) is None
    assert oracle(server) is None, "both opinions are meant to be right"


# -- properties

LETTERS = string.ascii_letters + string.digits
labels = st.text(LETTERS + "-", max_size=66) | st.sampled_from(["geo", "data", "GEO", "a", "", "-"])
suffixes = st.sampled_from(
    [*registry.SUFFIXES, "azurecr.de", "azurecr.i", "zurecr.io", "AZURECR.io"]
)
schemes = st.sampled_from(["", "//", "https://", "HTTP://", "oci://", "docker://", "ftp://", "://"])
ends = st.sampled_from(["", ".", ":443", ":443.", ".:443", ":8443", "/", "/v2/", "?a", "#a", "@b"])
names = st.builds(
    lambda scheme, parts, suffix, end: scheme + ".".join([*parts, suffix]) + end,
    schemes,
    st.lists(labels, max_size=4),
    suffixes,
    ends,
)
# Characters that case mapping, normalisation or a careless decoder turns into ASCII or dots.
CONFUSABLE = (
    "\u0131\u0130\u017f\u212a\uff41\uff0e\u3002\u2024\u200b\u00ad\u2010\u0430\u0661\u00a0\u2028"
)
STRANGE = [*CONFUSABLE, *'"\\@:/?#%;,_+*[]{}$ \t\n\r\0\x0b\x1c\x1b\x7f\x85.']


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A registry's name with one to three accidents."""
    text = draw(names)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(text)))
        kind = draw(st.sampled_from(["insert", "replace", "delete", "double"]))
        strange = draw(st.sampled_from(STRANGE) | st.sampled_from(LETTERS + ".-"))
        before, after = text[:place], text[place:]
        text = {
            "insert": before + strange + after,
            "replace": before + strange + after[1:],
            "delete": before + after[1:],
            "double": before + after[:1] + after,
        }[kind]
    return str(text).encode()


@settings(max_examples=1500, deadline=None)
@given(names.map(str.encode) | mutated() | st.binary(max_size=80))
@example(b"my.azurecr.io\n")
@example("my.azurecr.\u0131o".encode())
def test_second_opinion(server: bytes) -> None:
    """The gate and an expression written from the same words always agree."""
    assert gate(server) == oracle(server)


@patient
@given(
    st.binary(max_size=60), st.sampled_from(registry.SUFFIXES), st.binary(min_size=1, max_size=60)
)
def test_what_follows_the_suffix(before: bytes, suffix: str, after: bytes) -> None:
    """Whatever surrounds a suffix, the host that passes ends with a suffix and has no port."""
    host = gate(before + b"." + suffix.encode() + after)
    if host is not None:
        assert host.endswith(tuple("." + known for known in registry.SUFFIXES))
        assert re.fullmatch(r"[a-z0-9.-]+", host)


@patient
@given(mutated(), st.sampled_from(["factory.example", "a.b.c.example", "azurecr.factory.example"]))
def test_more_suffixes(server: bytes, suffix: str) -> None:
    """A suffix of the settings adds the hosts of its own form and takes nothing away."""
    host = registry.host_in(server)
    if host is None:
        return
    own = re.fullmatch(
        LABEL + rb"(\." + LABEL + rb"\.geo)?\." + re.escape(suffix.encode()), host.encode()
    )
    assert registry.is_ours(host, (suffix,)) == bool(own or registry.is_ours(host))
    moved = host.removesuffix("azurecr.io") + suffix
    if host.endswith(".azurecr.io"):
        assert registry.is_ours(moved, (suffix,)) == registry.is_ours(host)


@patient
@given(mutated(), st.lists(st.sampled_from(["one.example", "two.example:5000", "x.azurecr.de"])))
def test_named_hosts(server: bytes, hosts: list[str]) -> None:
    """A name in the settings counts in full or not at all; a line break never makes two of one."""
    named = b"\n" + b"".join(host.encode() + b"\n" for host in hosts)
    found = registry.host_in(server)
    if found is not None:
        assert registry.is_ours(found, (), named) == (found in hosts or registry.is_ours(found))
        for other in ("", "example", "ne.example", "one.example:5000"):
            assert not registry.is_ours(other, (), named)


@patient
@given(st.binary(max_size=200))
def test_never_raises(server: bytes) -> None:
    """Any bytes are answered, and a host is lower-case ASCII without control characters."""
    host = registry.host_in(server)
    assert host is None or (
        host.isascii() and host == host.lower() and (host == "" or host.isprintable())
    )
