"""FZ12: whatever a kubelet sends is a request or refused in one way; what is sent out is strict."""

import json
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from docker_credential_acr import cache, kubelet, kubelet_arguments, kubelet_request
from docker_credential_acr.errors import InputError, MethodUnavailable, sentence
from docker_credential_acr.registry import is_ours
from tests.fuzz.mutation import mutated
from tests.fuzz.profile import examples, many, numbers
from tests.stories.node import CLIENT, TENANT, VERSION, once, request

SAMPLES = [
    request("team.azurecr.io/app").encode(),
    request("a.b.geo.azurecr.io", serviceAccountToken="a.b.c").encode(),
    request(
        "x", serviceAccountToken="e30.e30.", serviceAccountAnnotations={CLIENT: "x", TENANT: "y"}
    ).encode(),
]
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=9,
)
members = st.dictionaries(
    st.sampled_from(("image", "serviceAccountToken", "serviceAccountAnnotations", "other")),
    anything,
)


def told(refusal: InputError) -> None:
    assert sentence(refusal).isascii()


def read(data: bytes) -> None:
    """What the program does with *data* before anybody is asked."""
    try:
        image, token, annotations = kubelet_request.request(data)
    except InputError as refusal:
        told(refusal)
        return
    found = json.loads(data)
    assert (found["kind"], found["apiVersion"]) == ("CredentialProviderRequest", VERSION)
    assert found["image"] == image
    host, keys = kubelet_request.place(image, {"mirrored.example": "team.azurecr.io"})
    if host is not None and is_ours(host):
        login = cache.rendered("user", "secret")
        strict = json.loads(kubelet.answer(keys, login, 9), object_pairs_hook=once)
        assert set(strict["auth"]) == {*keys}
    kubelet_request.caller(token)
    for options in (
        {},
        {"--unannotated": "node"},
        {"--ib-sni-name": "x", "--ib-apiserver-ip": "y"},
    ):
        try:
            who = kubelet_request.pod(options, keys, token, annotations)
        except MethodUnavailable:
            continue
        stamp = kubelet_request.asks(options, token, who)
        assert stamp is None or (stamp.isascii() and b"\n" not in stamp)


@examples(quick=500, long=50_000)
@given(members)
def test_fz12_members(tried: Callable[[int], None], given_members: dict[str, object]) -> None:
    """A request whose members are anything that JSON can say."""
    whole = {"kind": "CredentialProviderRequest", "apiVersion": VERSION, **given_members}
    read(json.dumps(whole).encode())
    tried(1)


def test_fz12_accidents(tried: Callable[[int], None]) -> None:
    """Every sort of accident to every sort of request."""
    some = numbers(6)
    for _ in range(many(10_000, 500_000)):
        read(mutated(some, SAMPLES))
        tried(1)


@examples(quick=500, long=50_000)
@given(st.lists(st.sampled_from(kubelet_arguments._FLAGS) | st.text(max_size=20), max_size=5))  # noqa: SLF001
def test_fz12_arguments(tried: Callable[[int], None], given_words: list[str]) -> None:
    try:
        found = kubelet_arguments.arguments(given_words)
    except InputError as refusal:
        told(refusal)
    else:
        kubelet_arguments.mirrors(found)
        ascii(found)
    tried(1)


@examples(quick=300, long=30_000)
@given(st.text(), st.text(), st.floats(-1e9, 1e9))
def test_fz12_answers(
    tried: Callable[[int], None], username: str, secret: str, seconds: float
) -> None:
    """Whatever a registry gives as a secret, the kubelet's strict reader gets it back."""
    answer = kubelet.answer(
        ("a.azurecr.io", "b.example"), cache.rendered(username, secret), seconds
    )
    found = json.loads(answer, object_pairs_hook=once)
    login = {"username": username, "password": secret}
    assert found["auth"] == {"a.azurecr.io": login, "b.example": login}
    assert answer.count(b"\n") == 1
    tried(1)
