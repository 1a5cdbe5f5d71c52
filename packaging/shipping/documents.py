"""What lies beside the program in every package: its manual, and completions for the shells.

    packaging/manual FOLDER

writes them into ``FOLDER/man`` and ``FOLDER/completions``.
"""

import os
import sys
import time
from collections.abc import Mapping

from docker_credential_acr import completion, people
from shipping import manual
from shipping.places import NAME, epoch

FOLDER = "documents"  # in the frozen program's folder, for managers that install from its archive
ENDINGS = {"bash": "bash", "zsh": "zsh", "fish": "fish", "powershell": "ps1"}


def documents(day: str) -> Mapping[str, str]:
    """Return every document by its path; *day* (YYYY-MM-DD) stands in the manual."""
    words = completion.words(people.parsers(), people.OTHERS)
    scripts = {
        f"completions/{NAME}.{ENDINGS[shell]}": script(words)
        for shell, script in completion.SHELLS.items()
    }
    return {**{f"man/{name}": page for name, page in manual.pages(day).items()}, **scripts}


def write(folder: str) -> list[str]:
    """Write all of them into *folder*; their paths."""
    day = time.strftime("%Y-%m-%d", time.gmtime(epoch()))
    made = []
    for name, content in documents(day).items():
        made.append(os.path.join(folder, *name.split("/")))
        os.makedirs(os.path.dirname(made[-1]), exist_ok=True)
        with open(made[-1], "w", encoding="utf-8", newline="\n") as file:
            file.write(content)
    return made


if __name__ == "__main__":
    print("\n".join(write(*sys.argv[1:])))
