"""docs/benchmarks.md: its tables are written by the command that measured, its words by people."""

import os
from collections.abc import Mapping, Sequence
from statistics import median

from tests.bench import svg, table
from tests.bench.environment import REPOSITORY
from tests.bench.runs import Times, Unmeasured

PAGE = os.path.join(REPOSITORY, "docs", "benchmarks.md")
PLOT = os.path.join(REPOSITORY, "docs", "benchmarks.svg")
BEGIN = "<!-- measured: written by python -m tests.bench --docs -->"
END = "<!-- /measured -->"


def write(
    machine: str, groups: Sequence[Times], counts: Mapping[str, int], measured: table.Measured
) -> None:
    """Write what was measured between the marks of the page, and the plot beside it."""
    with open(PAGE, encoding="utf-8") as file:
        page = file.read()
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    with open(PAGE, "w", encoding="utf-8", newline="\n") as file:
        file.write(before + BEGIN + tables(machine, groups, counts, measured) + END + after)
    rows = [(name, median(times.walls(name))) for times in groups for name in times.runs]
    with open(PLOT, "w", encoding="utf-8", newline="\n") as file:
        file.write(svg.bars("Median milliseconds from start to end", rows))


def tables(
    machine: str, groups: Sequence[Times], counts: Mapping[str, int], measured: table.Measured
) -> str:
    """Return the figures of the design, the times and the counts as Markdown."""
    rows = table.figures((3, 11, 0))
    lines = ["", "", f"Measured on {machine}.", "", *_head("figure", "measured", "target", "")]
    for key, figure in rows.items():
        value = measured.get(key)
        sign = "at least" if figure.at_least else "at most"
        known = isinstance(value, int | float)
        told = f"{value:.3f}" if known else "-"
        verdict = figure.verdict(value) if isinstance(value, int | float) else _reason(value)
        lines.append(f"| {figure.text} | {told} | {sign} {figure.target:g} | {verdict} |")
    lines += ["", *_head("command", "min ms", "median ms", "processor ms", "rounds")]
    for times in groups:
        for name in times.runs:
            walls, cpu = times.walls(name), median(times.cpus(name))
            figures = f"{min(walls) * 1e3:.2f} | {median(walls) * 1e3:.2f} | {cpu * 1e3:.2f}"
            lines.append(f"| {name} | {figures} | {len(walls)} |")
    if counts:
        lines += ["", *_head("command", "million instructions")]
        lines += [f"| {name} | {number / 1e6:.2f} |" for name, number in counts.items()]
    return "\n".join(lines) + "\n\n"


def _head(*names: str) -> list[str]:
    return [f"| {' | '.join(names)} |", "|---" + "|---:" * (len(names) - 1) + "|"]


def _reason(value: "float | Unmeasured | None") -> str:
    return f"left out: {value.reason}" if isinstance(value, Unmeasured) else "left out"
