"""The JSON Schema that editors get."""

import json
import subprocess
import sys
from importlib import resources
from typing import Any

import jsonschema
import pytest

from docker_credential_acr import schema

RENEW = "python -m docker_credential_acr.schema > docker_credential_acr/settings.schema.json"


def tables(part: Any) -> list[dict[str, Any]]:
    """Every ``properties`` of the schema that describes keys."""
    whole: dict[str, Any] = part
    return [whole["properties"], *(each["properties"] for each in whole["definitions"].values())]


def test_the_shipped_file_is_what_the_program_reads() -> None:
    shipped = resources.files("docker_credential_acr").joinpath("settings.schema.json")
    assert json.loads(shipped.read_text("utf-8")) == schema.schema(), f"run: {RENEW}"
    assert shipped.read_text("utf-8") == schema.text(), f"run: {RENEW}"


def test_it_is_a_schema_of_draft_7() -> None:
    jsonschema.Draft7Validator.check_schema(schema.schema())


def test_each_key_has_a_description() -> None:
    """A short text without markup: editors show it beside the key."""
    for table in tables(schema.schema()):
        for key, value in table.items():
            assert value["description"].endswith("."), key
            assert len(value["description"]) < 200, key


@pytest.mark.parametrize(
    ("described", "known"),
    [
        (schema.TOP, schema.schema()["properties"]),
        (schema.REGISTRY, schema.schema()["definitions"]["registry"]["properties"]),
        (schema.CLOUD, schema.schema()["definitions"]["cloud"]["properties"]),
    ],
    ids=["top", "registry", "cloud"],
)
def test_no_description_is_left_over(described: dict[str, str], known: dict[str, Any]) -> None:
    assert set(described) == set(known)


def test_it_can_be_printed() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "docker_credential_acr.schema"],
        capture_output=True,
        check=True,
        text=True,
    )
    assert ran.stdout == schema.text()
