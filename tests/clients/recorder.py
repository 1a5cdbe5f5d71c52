"""The helper's place on PATH: runs the real one, bytes unchanged, and notes each call."""

import collections
import dataclasses
import os
import shlex

SCRIPT = """#!/bin/sh
note={notes}/$$
printf %s "$1" >"$note.verb"
tee "$note.stdin" | {helper} "$@" 2>"$note.stderr"
code=$?
cat "$note.stderr" >&2
echo "$code" >"$note.exit"
exit "$code"
"""


@dataclasses.dataclass(frozen=True)
class Call:
    """One call of the helper."""

    verb: str
    stdin: str
    exit: int
    stderr: str


@dataclasses.dataclass(frozen=True)
class Calls:
    """How often each verb was called."""

    get: int = 0
    store: int = 0
    erase: int = 0
    list: int = 0


class Recorder:
    """A folder for PATH in which docker-credential-acr is recorded."""

    def __init__(self, folder: str, helper: str) -> None:
        self.bin = os.path.join(folder, "bin")
        self._notes = os.path.join(folder, "notes")
        os.makedirs(self.bin)
        os.makedirs(self._notes)
        script = os.path.join(self.bin, "docker-credential-acr")
        with open(script, "w") as file:
            file.write(SCRIPT.format(notes=shlex.quote(self._notes), helper=shlex.quote(helper)))
        os.chmod(script, 0o755)

    def take(self) -> list[Call]:
        """Answer the calls since the last time, oldest first."""
        verbs = [entry for entry in os.scandir(self._notes) if entry.name.endswith(".verb")]
        verbs.sort(key=lambda entry: entry.stat().st_mtime_ns)
        return [
            Call(
                verb=self._note(call, "verb"),
                stdin=self._note(call, "stdin"),
                exit=int(self._note(call, "exit")),
                stderr=self._note(call, "stderr"),
            )
            for call in (entry.name.removesuffix(".verb") for entry in verbs)
        ]

    def _note(self, call: str, about: str) -> str:
        path = os.path.join(self._notes, f"{call}.{about}")
        with open(path) as file:
            text = file.read()
        os.unlink(path)
        return text


def count(calls: list[Call]) -> Calls:
    """Count the calls, verb by verb."""
    return Calls(**collections.Counter(call.verb for call in calls))
