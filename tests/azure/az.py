"""Installs a fake `az`, a real program that answers with tokens of the fake Azure."""

import json
import os
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tests.azure import FakeAzure, az_program
from tests.azure.directory import Identity
from tests.azure.programs import install

Mode = Literal[
    "signed_in",
    "signed_out",
    "refused",
    "slow",
    "noisy",
    "garbage",
    "flood",
    "stubborn",
    "grandchild",
]
ENVIRONMENT = ("AZURE_CONFIG_DIR", "HOME", "LD_LIBRARY_PATH", "PATH", "AZURE_CORE_NO_COLOR")


@dataclass(frozen=True)
class FakeAz:
    """The installed program: put `folder` on PATH."""

    folder: str

    @property
    def program(self) -> str:
        return os.path.join(self.folder, "az.cmd" if os.name == "nt" else "az")

    def calls(self) -> list[dict[str, Any]]:
        """Every call so far: argv, cwd, environ (the chosen variables), pid."""
        return self._lines("calls")

    def grandchildren(self) -> list[int]:
        """Process ids that mode "grandchild" left behind."""
        return self._lines("grandchildren")

    def _lines(self, name: str) -> list[Any]:
        try:
            with open(os.path.join(self.folder, f"az-{name}.jsonl"), encoding="utf-8") as file:
                return [json.loads(line) for line in file]
        except FileNotFoundError:
            return []

    def set(self, **changes: object) -> None:
        """Changes `mode`, `seconds` (of slow, stubborn and grandchild), `tokens` or `tenant`."""
        path = os.path.join(self.folder, "az-settings.json")
        try:
            with open(path, encoding="utf-8") as file:
                settings = json.load(file)
        except FileNotFoundError:
            settings = {}
        new = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(new, "w", encoding="utf-8") as file:
            json.dump(settings | changes, file)
        os.replace(path + ".new", path)


def install_az(  # noqa: PLR0913 - choices
    folder: str | os.PathLike[str],
    azure: FakeAzure,
    *,
    mode: Mode = "signed_in",
    seconds: float = 60,
    identity: Identity | None = None,
    environment: Sequence[str] = ENVIRONMENT,
) -> FakeAz:
    """Writes `az` into a folder, signed in as `azure.user` (or the given identity)."""
    os.makedirs(folder, exist_ok=True)
    az = FakeAz(os.path.abspath(folder))
    expires = int(time.time()) + 3600
    az.set(
        mode=mode,
        seconds=seconds,
        folder=az.folder,
        environment=list(environment),
        tenant=azure.tenant,
        subscription=str(uuid.uuid4()),
        tokens={
            audience.rstrip("/"): {
                "token": azure.access_token(audience, identity, 3600),
                "expires_on": expires,
            }
            for audience in azure.audiences
        },
    )
    with open(az_program.__file__, encoding="utf-8") as file:
        body = file.read()
    settings = os.path.join(az.folder, "az-settings.json")
    install(az.folder, "az", f"{body}\n\nsys.exit(main({settings!r}, sys.argv[1:]))\n")
    return az
