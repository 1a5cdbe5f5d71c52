"""Real clients, a real registry server, a real engine; only Azure is a fake."""

import os
import sys
from collections.abc import Callable, Generator, Iterator

import pytest

from tests.clients import namespace
from tests.clients.desk import Desk
from tests.clients.lab import Lab, opened

NEEDED = ("docker-registry", "skopeo", "dockerd")
REQUIRED = "clients" in os.environ.get("ACR_TESTS_REQUIRE", "").split(",")


def pytest_itemcollected(item: pytest.Item) -> None:
    """One lab, so one worker."""
    item.add_marker(pytest.mark.xdist_group("clients"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where these tests are required, none is skipped in silence."""
    report = yield
    optional = item.get_closest_marker("optional")
    if report.skipped and REQUIRED and not optional:
        report.outcome = "failed"
        report.longrepr = f"ACR_TESTS_REQUIRE=clients, but: {report.longrepr}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what every operation cost."""
    rows = [
        row
        for report in terminalreporter.getreports("passed")
        for name, row in report.user_properties
        if name == "operation"
    ]
    if not rows:
        return
    terminalreporter.section("what clients ask of the helper, and the helper of Azure")
    widths = {name: max(len(name), *(len(str(row[name])) for row in rows)) for name in rows[0]}
    for row in [{name: name for name in widths}, *rows]:
        terminalreporter.line("  ".join(str(row[name]).ljust(widths[name]) for name in widths))


@pytest.fixture(scope="session")
def helper() -> str:
    """The installed program."""
    path = os.path.join(os.path.dirname(sys.executable), "docker-credential-acr")
    if not os.access(path, os.X_OK):
        pytest.skip("docker-credential-acr is not installed beside this Python")
    return path


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    if reason := namespace.missing():
        pytest.skip(reason)
    if absent := [name for name in NEEDED if not namespace.which(name)]:
        pytest.skip(f"not installed: {', '.join(absent)}")
    with opened(str(tmp_path_factory.mktemp("lab"))) as lab:
        yield lab


@pytest.fixture(params=["guid", "token"])
def username(request: pytest.FixtureRequest) -> str:
    """Both forms of the user name."""
    mode: str = request.param
    return mode


@pytest.fixture
def desk(
    lab: Lab,
    helper: str,
    username: str,
    tmp_path_factory: pytest.TempPathFactory,
    record_property: Callable[[str, object], None],
) -> Desk:
    return Desk(lab, str(tmp_path_factory.mktemp("desk")), helper, username, record_property)
