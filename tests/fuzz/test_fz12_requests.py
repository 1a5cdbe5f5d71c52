"""FZ12: whatever the kubelet, or somebody in its place, asks: the gate is FZ1's, and so is the oracle."""

import json
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_credential_acr import kubelet_request, registry
from docker_credential_acr.errors import LONGEST, InputError, MethodUnavailable, sentence
from tests.fuzz.mutation import mutated
from tests.fuzz.profile import examples, many, numbers
from tests.fuzz.samples import CORPUS, token
from tests.stories.node import CLIENT, TENANT, VERSION, Node, Response, reference, request
from tests.stories.program import Answer, Program
from tests.test_registry import mutated as mutated_names
from tests.test_registry import names, oracle

IDS = {
    CLIENT: "00000000-1111-2222-3333-444444444444",
    TENANT: "11111111-2222-3333-4444-555555555555",
}
SAMPLES = [
    request("team.azurecr.io/app:1").encode(),
    request(
        "Team.azurecr.io:443/a/b@sha256:0",
        serviceAccountToken=token().decode(),
        serviceAccountAnnotations=IDS,
    ).encode(),
    request(
        "registry.example/app", serviceAccountToken=None, serviceAccountAnnotations=None
    ).encode(),
    *(request(name.decode("latin-1") + "/app").encode() for name in CORPUS["host"].values()),
]


def read(data: bytes) -> tuple[str, str, dict[str, str]] | None:
    """What is asked, or None if that is said in a sentence."""
    try:
        return kubelet_request.request(data)
    except InputError as error:
        line = sentence(error)
        assert line.isascii()
        assert len(line) <= LONGEST
        assert "CANARY" not in line
        return None


def second_opinion(data: bytes) -> bool:
    """Whether the standard library's JSON and the protocol's words accept *data*."""
    try:
        found = json.loads(data.strip().decode(), parse_constant=lambda _: 1 / 0)
        image, named = found["image"], (found["kind"], found["apiVersion"])
        proof, notes = found.get("serviceAccountToken"), found.get("serviceAccountAnnotations")
    except (ValueError, RecursionError, KeyError, TypeError, ZeroDivisionError):
        return False
    return (
        named == ("CredentialProviderRequest", VERSION)
        and isinstance(image, str)
        and image.strip() != ""
        and isinstance(proof, str | None)
        and isinstance(notes, dict | None)
    )


def check(data: bytes) -> None:
    found = read(data)
    assert (found is not None) == second_opinion(data), data
    if found is None:
        return
    image, proof, annotations = found
    assert proof == proof.strip()
    assert all(isinstance(text, str) for pair in annotations.items() for text in pair)
    host, keys = kubelet_request.place(image, {})
    assert keys == (image.strip().partition("/")[0],)
    if host is not None and registry.is_ours(host):
        assert host in keys[0].lower(), "what the kubelet compares is what was asked"
    with suppress(MethodUnavailable):
        pod = kubelet_request.pod({}, keys, proof, annotations)
        assert pod is None or all(part is None or part.isascii() for part in pod)


def test_fz12_second_opinion(tried: Callable[[int], None]) -> None:
    """Requests after accidents are accepted where the standard library would."""
    some = numbers(12)
    for _ in range(many(15_000, 100_000)):
        check(mutated(some, SAMPLES))
        tried(1)


@examples(quick=700, long=100_000)
@given(
    (names | mutated_names().map(lambda name: name.decode("utf-8", "replace"))),
    st.text("/a:@", max_size=4),
)
def test_fz12_the_gate_is_the_same(tried: Callable[[int], None], name: str, rest: str) -> None:
    """An image's host passes where a client's host does, and nowhere else."""
    written = (name + rest).strip().partition("/")[0]
    host, _ = kubelet_request.place(name + rest, {})
    passed = host if host is not None and registry.is_ours(host) else None
    plain = written.encode("ascii", "backslashreplace")
    assert passed == (oracle(plain) if b"://" not in plain else passed)
    tried(1)


@pytest.fixture
def pulling(program: Program) -> Callable[[bytes], Answer]:
    node = Node(program)
    return lambda data: node.program.run("kubelet", stdin=data)


@examples(quick=40, long=3000, processes=True)
@given(st.integers(0, 2**32))
def test_fz12_any_request(
    tried: Callable[[int], None], pulling: Callable[[bytes], Answer], seed: int
) -> None:
    """The installed program: one whole response, or nothing and one sentence."""
    import random  # noqa: PLC0415  a seed is what hypothesis can print

    data = mutated(random.Random(seed), SAMPLES)
    answer = pulling(data)
    assert b"Traceback" not in answer.err
    if answer.code == 0:
        Response.of(answer)
    else:
        assert reference(answer)
    tried(1)
