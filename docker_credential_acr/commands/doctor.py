"""``doctor [HOST]``: looks at all that stands between a client and its image, with a fix for each fault."""

import argparse
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict

from docker_credential_acr import (
    bundle,
    checks,
    checks_access,
    checks_files,
    checks_installation,
    checks_network,
)
from docker_credential_acr.checks import FAILED, OK, SKIPPED, WARNING, Check, Finding, Patient
from docker_credential_acr.commands.proof import ours
from docker_credential_acr.terminal import Terminal

SCHEMA_VERSION = 1
_SHOWN = {
    OK: ("ok", "good"),
    WARNING: ("warn", "warning"),
    FAILED: ("FAIL", "bad"),
    SKIPPED: ("skip", "dim"),
}
_ANNOTATIONS = {  # of CI systems: the variable that tells them, and how they want a line
    "GITHUB_ACTIONS": "::{kind} title=docker-credential-acr::{text}",
    "TF_BUILD": "##vso[task.logissue type={kind}]docker-credential-acr: {text}",
}

Line = tuple[Check, Finding]


def arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("host", nargs="?", metavar="HOST", help="a registry, such as NAME.azurecr.io")
    add("--repository", metavar="NAME", help="whether it may be pulled from and pushed to")
    add("--pre", action="store_true", help="before anything is configured: this machine only")
    add("--json", action="store_true", help="for programs")
    add("--ci", action="store_true", help="annotations for GitHub Actions and Azure Pipelines, too")
    add("--bundle", metavar="FILE", help="write a zip that is safe to share: no secret is in it")


def run(given: argparse.Namespace, environ: Mapping[str, str], terminal: Terminal) -> int:
    host = None
    if given.host and not given.pre:
        host, _ = ours(given.host, environ)
    began = time.monotonic()
    patient = Patient(host, given.repository, environ)
    lines: list[Line] = []
    section = ""
    for check, finding in _looked(_checks(host), patient, terminal):
        lines.append((check, finding))
        if given.json:
            continue
        if check.section != section:
            section = check.section
            terminal.tell(terminal.paint(section, "strong"))
        _tell(finding, terminal)
        terminal.out.flush()
    took = time.monotonic() - began
    if given.json:
        terminal.tell(json.dumps(_report(host, lines, took), indent=2))
    else:
        terminal.tell(_summary(lines, took))
    if given.ci:
        _annotate(lines, environ, terminal.note if given.json else terminal.tell)
    if given.bundle:
        bundle.write(given.bundle, _report(host, lines, took), environ)
        terminal.note(f"wrote {given.bundle}; it holds no secret, look into it before you share it")
    return 1 if any(finding.level == FAILED for _, finding in lines) else 0


def _checks(host: str | None) -> tuple[Check, ...]:
    """Return the checks that make sense: without a registry, those of this machine."""
    here = (*checks_installation.CHECKS, *checks_files.CHECKS)
    kubelet = checks_installation.KUBELET
    if host is None:
        return (*here, *checks_installation.WAYS, *kubelet)
    return (*here, *checks_network.CHECKS, *checks_access.CHECKS, *kubelet)


def _looked(wanted: tuple[Check, ...], patient: Patient, terminal: Terminal) -> Iterator[Line]:
    for check in wanted:
        terminal.draw(f"  ...   {check.name}")
        for finding in checks.findings(check, patient):
            terminal.draw("")
            yield check, finding
        terminal.draw("")


def _tell(finding: Finding, terminal: Terminal) -> None:
    word, colour = _SHOWN[finding.level]
    reference = f"  [{finding.reference}]" if finding.reference else ""
    terminal.tell(f"  {terminal.paint(f'{word:<5}', colour)} {finding.text}{reference}")
    if finding.fix:
        terminal.tell(f"        fix: {finding.fix}")


def _counts(lines: list[Line]) -> dict[str, int]:
    return {level: sum(finding.level == level for _, finding in lines) for level in _SHOWN}


def _summary(lines: list[Line], took: float) -> str:
    counts = _counts(lines)
    told = ", ".join(f"{count} {level}" for level, count in counts.items() if count)
    more = "" if not counts[FAILED] else "  To share it safely: --bundle FILE.zip"
    return f"{told} in {took:.1f} s.{more}"


def _report(host: str | None, lines: list[Line], took: float) -> dict[str, object]:
    found = [
        {"section": check.section, "check": check.name, **asdict(finding)}
        for check, finding in lines
    ]
    return {
        "schema_version": SCHEMA_VERSION,
        "host": host,
        "seconds": round(took, 1),
        "counts": _counts(lines),
        "findings": found,
    }


def _annotate(lines: list[Line], environ: Mapping[str, str], say: Callable[[str], None]) -> None:
    form = next((form for name, form in _ANNOTATIONS.items() if environ.get(name)), None)
    for _, finding in lines if form else ():
        if form is None or finding.level not in (FAILED, WARNING):
            continue
        text = f"{finding.text}; fix: {finding.fix}" if finding.fix else finding.text
        safe = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
        say(form.format(kind="error" if finding.level == FAILED else "warning", text=safe))
