"""FZ1: whatever a client sends, the gate says what a second opinion says, and loads no network."""

import subprocess
import sys
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz import readers
from tests.fuzz.mutation import mutated
from tests.fuzz.profile import examples, many, numbers
from tests.fuzz.samples import CORPUS
from tests.stories.program import surroundings
from tests.test_registry import mutated as mutated_names
from tests.test_registry import names, oracle

SAMPLES = list(CORPUS["host"].values())
NETWORK = ("socket", "ssl", "http", "urllib", "requests", "msal", "azure", "subprocess")
BATCH = """
import sys
from docker_credential_acr.__main__ import NOT_FOUND, cached
sizes, data = sys.stdin.buffer.read().split(b"\\n", 1)
for size in map(int, sizes.split()):
    one, data = data[:size], data[size:]
    assert cached(one) in (None, (NOT_FOUND,)), one
print(*(name for name in sys.argv[1:] if name in sys.modules))
"""


@examples(quick=1000, long=100_000)
@given(st.lists(names.map(str.encode) | mutated_names() | st.binary(max_size=80), max_size=3))
def test_fz1_second_opinion(tried: Callable[[int], None], sent: list[bytes]) -> None:
    """Grammar, mutations and look-alikes."""
    for data in sent:
        readers.host(data)
        assert readers.gate(data) == oracle(data.removeprefix(b"\xef\xbb\xbf").strip())
    tried(len(sent))


def test_fz1_accidents(tried: Callable[[int], None]) -> None:
    """Every sort of accident to every sort of name."""
    some = numbers(1)
    for _ in range(many(40_000, 1_000_000)):
        data = mutated(some, SAMPLES)
        readers.host(data)
        assert readers.gate(data) == oracle(data.removeprefix(b"\xef\xbb\xbf").strip()), data
        tried(1)


def test_fz1_no_network_is_loaded(tried: Callable[[int], None], tmp_path: object) -> None:
    """A process that has looked at thousands of hosts of any sort has loaded nothing that could send."""
    some = numbers(2)
    sent = [mutated(some, SAMPLES) for _ in range(2000)]
    data = b"".join(sent)
    done = subprocess.run(
        [sys.executable, "-c", BATCH, *NETWORK],
        input=" ".join(str(len(one)) for one in sent).encode() + b"\n" + data,
        capture_output=True,
        check=False,
        env=surroundings(str(tmp_path)),
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"\n", b"")
    tried(len(sent))
