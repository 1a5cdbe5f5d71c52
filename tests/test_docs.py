"""What the pages for people say is what the program reads: every example, every method, every cloud."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from docker_credential_acr.clouds import CLOUDS
from docker_credential_acr.methods import METHODS
from docker_credential_acr.methods.automatic import ORDER
from docker_credential_acr.people import OTHERS, parsers
from docker_credential_acr.references import REFERENCES
from docker_credential_acr.settings import Settings, for_host, parse
from docker_credential_acr.settings_keys import option_names

ROOT = Path(__file__).parent.parent
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")))
}
README, LONG = PAGES["README.md"], PAGES["docs/methods.md"]
FENCED = re.compile(r"^```toml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FENCED_AS = re.compile(r"^```([a-z]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TYPED = re.compile(
    r"(?<![\w/.:-])docker-credential-acr( +[a-z][^\s|;&)`'\"#]*(?: +[^\s|;&)`'\"#]+)*)"
)
ROW = re.compile(
    r"^\| \[`([a-z-]+)`\]\(docs/methods\.md#([a-z-]+)\) \| .+ \| `(\{.+\})` \|$", re.MULTILINE
)
BUILT = ("benchmarks.svg",)  # python -m tests.bench --docs draws it
ANYWHERE = "team.azurecr.io"
SUFFIXES = ("azurecr.io", "azurecr.us")


def examples() -> Iterator[tuple[str, str]]:
    """Every example of settings, with its page."""
    for page, text in PAGES.items():
        yield from ((page, example) for example in FENCED.findall(text))
    yield from (("README.md", f'registries."{ANYWHERE}" = {row[2]}') for row in ROW.findall(README))


EXAMPLES = list(examples())


def sections() -> dict[str, str]:
    """The sections of the long page by their headings."""
    _, *parts = re.split(r"^## ", LONG, flags=re.MULTILINE)
    return {part.partition("\n")[0]: part for part in parts}


def hosts(settings: Settings) -> dict[str, Mapping[str, Any]]:
    """A host for each table, for the defaults and for each cloud, and what is said about it."""
    anywhere: dict[str, Mapping[str, Any]] = {f"other.{suffix}": {} for suffix in SUFFIXES}
    private: dict[str, Mapping[str, Any]] = {f"team.{suffix}": {} for suffix in settings.suffixes}
    named = {name.replace("*", "x"): table for name, table in settings.registries.items()}
    return {**anywhere, **private, **named}


@pytest.mark.parametrize(
    ("page", "example"),
    EXAMPLES,
    ids=[f"{number}-{page}" for number, (page, _) in enumerate(EXAMPLES)],
)
def test_every_example_is_read(page: str, example: str, tmp_path: Path) -> None:
    settings = parse(example.encode(), page)
    environ = {}
    if 'cloud = "environment"' in example:
        path = tmp_path / "environment.json"
        path.write_text(
            '{"containerRegistryDNSSuffix": "a.b", "activeDirectoryEndpoint": "https://l.example/"}'
        )
        path.chmod(0o600)
        environ = {"AZURE_ENVIRONMENT_FILEPATH": str(path)}
    for host, table in hosts(settings).items():
        chosen = for_host(settings, host, environ)
        if "method" in table:
            assert chosen.method == table["method"]
        for key in option_names(type(chosen.options)) & table.keys():
            given = table[key]
            assert getattr(chosen.options, key) == (tuple(given) if type(given) is list else given)


def test_the_readme_has_a_row_for_every_method() -> None:
    rows = ROW.findall(README)
    assert sorted(name for name, _, _ in rows) == sorted(METHODS)
    for name, anchor, example in rows:
        assert name == anchor
        assert f'method = "{name}"' in example


def test_automatic_tries_them_in_the_order_of_the_rows() -> None:
    rows = [name for name, _, _ in ROW.findall(README)]
    assert [name for name in rows if name in ORDER] == list(ORDER)
    tried = re.findall(r"`([a-z-]+)`", sections()["automatic"])
    assert [name for name in tried if name in ORDER] == list(ORDER)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_has_a_section(name: str) -> None:
    """With an example, all its options in all its examples, and all its variables."""
    section, method = sections()[name], METHODS[name]
    written = "\n".join(FENCED.findall(section))
    assert f'method = "{name}"' in written
    kinds = ("_env", "_file", "_command")
    for option in option_names(method.Options):
        stem = next((option.removesuffix(kind) for kind in kinds if option.endswith(kind)), option)
        assert stem in section, option
    for variable in (*method.INPUTS, *method.SECRET_INPUTS):
        assert f"`{variable}`" in section
    for label in ("**When:**", "**Reads:**", "**Asks:**"):
        assert label in section or (label == "**Reads:**" and name == "automatic")


def test_every_section_is_a_method_or_of_them_all() -> None:
    assert set(sections()) - set(METHODS) == {"Clouds", "Hosts"}


def test_what_goes_wrong_is_what_help_explains() -> None:
    told = re.findall(r"\*\*When it fails:\*\*(.*)", LONG)
    names = {name for line in told for name in re.findall(r"`([a-z]+(?:-[a-z]+)+)`", line)}
    assert names - set(METHODS) <= set(REFERENCES)


def test_the_table_of_clouds_is_the_programs() -> None:
    row = re.compile(
        r"^\| `([a-z]+)` \| `([a-z.-]+)` \| `([a-z.-]+)` \| `([a-z.-]+)` \|$", re.MULTILINE
    )
    known = [
        (cloud.name, cloud.suffix, cloud.authority, str(cloud.arm).removeprefix("https://"))
        for cloud in CLOUDS
    ]
    assert row.findall(sections()["Clouds"]) == known


def test_links_lead_somewhere() -> None:
    for page, text in PAGES.items():
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            path, _, anchor = target.partition("#")
            if path.startswith("http"):
                continue
            if path in BUILT:
                continue
            file = ROOT / Path(page).parent / path if path else ROOT / page
            assert file.exists(), f"{page}: {target}"
            if anchor and file.suffix == ".md":
                headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
                assert anchor in {
                    re.sub(r"[^a-z0-9 -]", "", h.lower()).replace(" ", "-") for h in headings
                }, target


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every command line of ours that somebody may copy, with its page: verb and arguments."""
    for page, text in PAGES.items():
        for kind, block in FENCED_AS.findall(text):
            if kind not in ("sh", "console", "yaml", "groovy", "text"):
                continue
            for line in block.replace("\\\n", " ").splitlines():
                if kind == "console" and not line.startswith("$ "):
                    continue  # what the program said
                if kind != "text":
                    yield from ((page, shlex.split(words)) for words in TYPED.findall(line))
        for words in re.findall(r"`docker-credential-acr ([^`]+)`", text):
            yield page, shlex.split(words.partition(" |")[0])


COMMANDS = list(commands())


@pytest.mark.parametrize(
    ("page", "words"),
    COMMANDS,
    ids=[f"{number}-{page}" for number, (page, _) in enumerate(COMMANDS)],
)
def test_every_command_can_be_typed(page: str, words: list[str]) -> None:
    """Verb and options are those that the program takes."""
    verb, *arguments = words
    if verb in OTHERS:
        assert not arguments or verb in ("help", "kubelet"), page
    else:
        parsers()[verb].parse_args(arguments)


def test_commands_are_found() -> None:
    """So that the test above does not pass for want of them."""
    pages = {page for page, _ in COMMANDS}
    assert {"README.md", "docs/ci.md", "docs/recipes.md"} <= pages
    assert ("docs/ci.md", ["logout", "--all"]) in COMMANDS


@pytest.mark.parametrize("page", PAGES)
def test_examples_in_yaml_and_json_are_whole(page: str) -> None:
    for kind, block in FENCED_AS.findall(PAGES[page]):
        if kind == "json":
            json.loads(block)
        elif kind == "yaml":
            assert list(yaml.safe_load_all(block))


def test_every_page_is_in_the_index() -> None:
    index = PAGES["docs/README.md"]
    for page in PAGES:
        path = Path(page)
        if path.parent.as_posix() == "docs" and path.name != "README.md":
            assert f"]({path.name})" in index


def test_rooms_that_are_told_of_are_there() -> None:
    """CONTRIBUTING's table names modules and folders of the program."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.+?) \| ", text, re.MULTILINE)
    rooms = {name for row in rows for name in re.findall(r"`([^`]+)`", row)}
    assert len(rooms) > 30
    package = ROOT / "docker_credential_acr"
    for room in rooms:
        assert list(package.glob(room if room.endswith("/") else f"{room}.py")), room
