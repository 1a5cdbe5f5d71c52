"""Installs a fake `pwsh`, a real program that answers with tokens of the fake Azure."""

import json
import os
from dataclasses import dataclass
from typing import Any, Literal

from tests.azure import FakeAzure, pwsh_program
from tests.azure.programs import install

Mode = Literal[
    "plain",
    "secure",
    "noisy",
    "no_module",
    "old_module",
    "broken_module",
    "no_context",
    "not_logged_in",
    "refused",
    "interaction",
    "policy",
    "other",
    "silent",
    "half",
    "crash",
    "slow",
]
SUBSCRIPTION = "Team A's"


@dataclass(frozen=True)
class FakePwsh:
    """The installed program: put `folder` on PATH."""

    folder: str

    def calls(self) -> list[dict[str, Any]]:
        """Every call so far: argv, cwd, script (decoded), values (that it assigns)."""
        try:
            path = os.path.join(self.folder, "pwsh-calls.jsonl")
            with open(path, encoding="utf-8") as file:
                return [json.loads(line) for line in file]
        except FileNotFoundError:
            return []


def install_pwsh(
    folder: str | os.PathLike[str], azure: FakeAzure, *, mode: Mode = "secure", name: str = "pwsh"
) -> FakePwsh:
    """Writes `pwsh` into a folder, signed in as `azure.user`."""
    os.makedirs(folder, exist_ok=True)
    pwsh = FakePwsh(os.path.abspath(folder))
    settings = os.path.join(pwsh.folder, "pwsh-settings.json")
    content = {
        "mode": mode,
        "folder": pwsh.folder,
        "tenant": azure.tenant,
        "subscriptions": [SUBSCRIPTION],
        "tokens": {
            audience.rstrip("/"): azure.access_token(audience, None, 3600)
            for audience in azure.audiences
        },
    }
    with open(os.open(settings, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(content, file)
    with open(pwsh_program.__file__, encoding="utf-8") as file:
        body = file.read()
    install(pwsh.folder, name, f"{body}\n\nsys.exit(main({settings!r}, sys.argv[1:]))\n")
    return pwsh
