"""The rules of the house: imports only go down, and some libraries have one keeper."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import docker_credential_acr

ROOT = Path(docker_credential_acr.__file__).parent
PACKAGE = "docker_credential_acr"

# From the ground up. A module imports from floors below its own only; modules of one floor know
# nothing of each other, but for the pairs of NEIGHBOURS.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("__init__", "paths", "registry", "errors", "secret", "references", "search_path", "json_text"),
    ("time_limit", "locks", "last_words", "own_folder"),
    (
        "entry",
        "kept_files",
        "clouds",
        "deadline",
        "log",
        "toml_lines",
        "terminal",
        "trusted_files",
        "completion",
        "process_tree",
    ),
    ("__main__", "child", "environment_file", "kubelet_arguments"),
    ("renewal", "kubelet_request", "helper_program", "waiting_room"),
    ("kubelet",),
    ("doors",),
    ("watchdog", "network_faults", "private_files", "addresses", "answer_head"),
    ("cache", "docker_config", "installed", "markers"),
    ("stores",),
    ("logins",),
    ("transport", "memory"),
    ("methods.contract",),
    ("registry_refusals", "arm_metadata"),
    ("methods.entra", "methods.sources", "methods.anonymous", "exchange"),
    ("methods.metadata_faults", "arm", "access", "verification", "methods.passwords"),
    ("arm_registries",),
    (
        "methods.client_secret",
        "methods.managed_identity",
        "methods.cli_program",
        "methods.admin_user",
        "methods.repository_token",
    ),
    ("methods.azure_cli", "methods.azure_powershell", "methods.azure_developer_cli"),
    ("methods.assertion", "methods.job", "methods.identity_bindings"),
    ("methods.browser_window", "methods.sealing_key"),
    ("methods.kept_sign_in",),
    ("methods.interactive",),
    ("methods.browser", "methods.device_code"),
    (
        "methods.client_certificate",
        "methods.workload_identity",
        "methods.github_actions",
        "methods.azure_pipelines",
        "methods.federated_token",
    ),
    ("methods.aks_node",),
    ("methods.automatic",),
    ("methods",),
    ("settings_keys",),
    ("settings_reader",),
    ("settings",),
    ("schema", "asker", "settings_text"),
    ("configuring", "origins", "bundle", "client_files"),
    ("callers",),
    ("audiences",),
    ("managing",),
    ("sign_in",),
    ("credentials",),
    ("checks",),
    ("checks_installation", "checks_files", "checks_network", "checks_access"),
    ("commands",),
    ("commands.reply",),
    ("commands.docker_input", "commands.bounds", "commands.pass_through"),
    (
        "commands.docker_helper",
        "commands.docker_list",
        "commands.docker_login",
        "commands.docker_logout",
        "commands.help",
        "commands.kubelet",
    ),
    ("commands.proof", "commands.generate"),
    (
        "commands.configure",
        "commands.pull_secret",
        "commands.token",
        "commands.cache",
        "commands.config",
        "commands.status",
        "commands.doctor",
        "commands.login",
        "commands.logout",
        "commands.admin",
        "commands.completion",
    ),
    ("people",),
    ("cli",),
)
# The fast doors open the slow one, Windows' watchdog, and the renewal; each when it is needed.
DOORS = {
    ("__main__", "doors"),
    ("__main__", "watchdog"),
    ("__main__", "renewal"),
    ("__main__", "waiting_room"),
    ("commands.completion", "people"),  # they show the list of verbs
    ("commands.help", "people"),
    ("doors", "cli"),
    ("doors", "watchdog"),
    ("kubelet", "cli"),
    ("kubelet", "watchdog"),
}

KEEPERS: dict[str, tuple[str, ...]] = {
    "azure": ("methods.",),
    "msal": ("methods.",),
    "msal_extensions": ("methods.sealing_key",),
    "cryptography": ("methods.",),
    "http": ("methods.browser_window", "answer_head"),
    "filelock": ("locks",),
    "fcntl": ("locks",),
    "tomllib": ("settings", "toml_lines"),
    "requests": (
        "transport",
        "network_faults",
        "registry_refusals",
        "arm",
    ),  # the last two: for its types only
    "socket": ("transport", "addresses"),
    "ssl": ("transport", "network_faults"),
    "truststore": ("transport",),
    "urllib3": ("transport", "network_faults"),
    "subprocess": ("child",),
    "tomlkit": ("settings_text",),
    "argparse": ("people", "commands.", "completion"),
    "logging": ("log",),
}


def modules() -> dict[str, ast.Module]:
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        name = name.removesuffix(".__init__")
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


MODULES = modules()
FLOOR_OF = {name: floor for floor, names in enumerate(FLOORS) for name in names}


def imported(tree: ast.Module) -> Iterator[str]:
    """Return every module that *tree* imports, in functions too, by its dotted name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own(name: str) -> Iterator[str]:
    """Return the modules of ours that the module *name* imports."""
    for target in imported(MODULES[name]):
        short = target.removeprefix(PACKAGE + ".")
        if target.startswith(PACKAGE + ".") and short in MODULES and short != name:
            yield short


def test_every_module_has_its_floor() -> None:
    """A new room is put on a floor by whoever builds it."""
    assert sorted(FLOOR_OF) == sorted(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_imports_only_go_down(name: str) -> None:
    for target in own(name):
        package_of_its_own = name.startswith(target + ".") or target == "commands"
        if (name, target) in DOORS or package_of_its_own:
            continue
        assert FLOOR_OF[target] < FLOOR_OF[name], f"{name} imports {target}"


@pytest.mark.parametrize(
    "name", ["arm_registries", "exchange", "methods.contract", "methods.job", "sign_in"]
)
def test_a_room_may_be_the_first(name: str) -> None:
    """A package and its modules know each other: no order of imports may end in a circle."""
    command = [sys.executable, "-c", f"import {PACKAGE}.{name}"]
    assert subprocess.run(command, check=False, cwd=ROOT.parent).returncode == 0


@pytest.mark.parametrize("library", KEEPERS)
def test_a_library_has_its_keepers(library: str) -> None:
    for name, tree in MODULES.items():
        used = any(target.partition(".")[0] == library for target in imported(tree))
        kept = any(
            name == keeper or (keeper[-1] == "." and name.startswith(keeper))
            for keeper in KEEPERS[library]
        )
        assert kept or not used, f"{name} imports {library}"


@pytest.mark.parametrize("name", MODULES)
def test_rooms_stay_small(name: str) -> None:
    """A module that outgrows its limit is split by noun, never into utils."""
    path = ROOT.joinpath(*name.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    limit = {"references": 600}.get(name, 330)

    assert len(file.read_text(encoding="utf-8").splitlines()) <= limit
