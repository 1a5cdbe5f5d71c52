"""Real clients, a real registry server, a real engine; only Azure is a fake."""

import os
import sys
from collections.abc import Callable, Generator, Iterator

import pytest

from tests.clients import images, namespace, places
from tests.clients.desk import Desk
from tests.clients.lab import Lab, opened

NEEDED = ("docker-registry", "skopeo")
OWN_FILES = {"etc/mine": b"mine\n"}
REQUIRED = "clients" in os.environ.get("ACR_TESTS_REQUIRE", "").split(",")


def pytest_itemcollected(item: pytest.Item) -> None:
    """One lab, so one worker."""
    item.add_marker(pytest.mark.xdist_group("clients"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where these tests are required, none is skipped in silence."""
    report = yield
    if report.skipped and REQUIRED and isinstance(report.longrepr, tuple):
        _, _, reason = report.longrepr
        if "optional: " not in reason:
            report.outcome = "failed"
            report.longrepr = f"ACR_TESTS_REQUIRE=clients, but {reason}"
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
) -> Iterator[Desk]:
    """No client leaves a secret in a file that is not the helper's own."""
    desk = Desk(lab, str(tmp_path_factory.mktemp("desk")), helper, username, record_property)
    yield desk
    assert desk.leaks() == []


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image of our own, as skopeo names it."""
    return images.layout(str(tmp_path_factory.mktemp("image")), OWN_FILES)


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The same files for `docker import`."""
    path = tmp_path_factory.mktemp("archive") / "files.tar"
    path.write_bytes(images.archive(OWN_FILES))
    return str(path)


@pytest.fixture(scope="session")
def context(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What to build: one file more on a private base image."""
    folder = tmp_path_factory.mktemp("context")
    (folder / "Dockerfile").write_text(f"FROM {places.BASE}\nCOPY more /etc/more\n")
    (folder / "more").write_text("more\n")
    return str(folder)
