"""The stories' kit, and the number of inputs that each target has had."""

from collections import Counter
from collections.abc import Callable

import pytest

from tests.fuzz.profile import LONG
from tests.stories.conftest import azure, host, program, programs, running

__all__ = ["azure", "host", "program", "programs", "running"]

NAME = "inputs"


def pytest_itemcollected(item: pytest.Item) -> None:
    if LONG:
        item.add_marker(pytest.mark.timeout(7200))


@pytest.fixture
def tried(
    request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> Callable[[int], None]:
    """Counts inputs for the table at the end; the target is in the test's name."""
    count: list[object] = [request.node.name.split("_")[1].upper(), 0]
    total = 0
    record_property(NAME, count)

    def add(number: int) -> None:
        nonlocal total
        total += number
        count[1] = total

    return add


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many inputs each target has had; ``tests.figures`` reads the last line."""
    counts: Counter[str] = Counter()
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == NAME:
                counts[value[0]] += value[1]
    if counts:
        terminalreporter.section("inputs of the fuzz tests")
        for target in sorted(counts, key=lambda name: int(name[2:])):
            terminalreporter.line(f"{target:<5} {counts[target]:>10,}")
        terminalreporter.line(f"in all {sum(counts.values()):,} inputs")
