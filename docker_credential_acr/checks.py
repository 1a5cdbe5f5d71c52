"""What `doctor` does: checks that know nothing of each other, each with a bound on its time.

A check is a function that yields findings. What it raises is a finding, too; what it does not end in
time is left behind, and the next one begins.
"""

import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from time import monotonic

from docker_credential_acr.errors import Failure, internal, printable
from docker_credential_acr.log import log
from docker_credential_acr.secret import redacted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

OK, WARNING, FAILED, SKIPPED = "ok", "warning", "failed", "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: how it is, the one thing to do about it, and the reference that explains it."""

    level: str
    text: str
    fix: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Patient:
    """Who is looked at; *shared* is what a check has found that a later one can use."""

    host: str | None
    repository: str | None
    environ: Mapping[str, str]
    shared: "dict[str, Any]" = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Check:
    """A row: what it belongs to, what it looks at, and how long it may take in seconds."""

    section: str
    name: str
    look: Callable[[Patient], Iterator[Finding]]
    seconds: float = 10.0


def findings(check: Check, patient: Patient) -> Iterator[Finding]:
    """Yield what *check* finds, as it finds it."""
    found: queue.Queue[Finding | None] = queue.Queue()
    thread = threading.Thread(target=_look, args=(check, patient, found), daemon=True)
    thread.start()
    ends_at = monotonic() + check.seconds
    while True:
        try:
            finding = found.get(timeout=max(0.0, ends_at - monotonic()))
        except queue.Empty:
            text = f"{check.name}: no answer within {check.seconds:.0f} s"
            yield Finding(FAILED, text, "look at what it has to do with", "out-of-time")
            return
        if finding is None:
            return
        yield finding


def _look(check: Check, patient: Patient, found: "queue.Queue[Finding | None]") -> None:
    try:
        for finding in check.look(patient):
            found.put(_clean(finding))
    except Failure as failure:
        found.put(_clean(of(failure)))
    except Exception as error:  # noqa: BLE001  the other checks go on
        log.debug("%s", check.name, exc_info=error)
        found.put(of(internal(error)))
    finally:
        found.put(None)


def of(failure: Failure) -> Finding:
    """Return *failure* as a finding."""
    return Finding(FAILED, failure.what, failure.hint, failure.reference)


def _clean(finding: Finding) -> Finding:
    text, fix = (redacted(printable(part)) for part in (finding.text, finding.fix))
    return Finding(finding.level, text, fix, finding.reference)
