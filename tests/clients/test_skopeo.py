"""skopeo: the registry alone, without an engine."""

import pytest

from tests.clients.desk import Desk
from tests.clients.places import BASE, REGISTRY
from tests.clients.recorder import Calls

OPERATIONS = {
    "list-tags": (["list-tags", f"docker://{BASE}"], Calls(get=1)),
    "inspect": (["inspect", f"docker://{BASE}"], Calls(get=2)),
    "pull": (["copy", f"docker://{BASE}", "dir:pulled"], Calls(get=1)),
    "copy": (["copy", f"docker://{BASE}", f"docker://{REGISTRY}/copied"], Calls(get=2)),
}


@pytest.mark.parametrize(("operation", "expected"), OPERATIONS.items())
def test_operation(desk: Desk, operation: str, expected) -> None:
    """Every operation works, and asks the helper no more often than it needs to."""
    arguments, calls = expected
    done = desk.measure(f"skopeo {operation}", "skopeo", *arguments)

    assert calls == done.calls
