"""The figures of the design, what was measured, and whether it is enough."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from tests.bench.runs import Times, Unmeasured


@dataclass(frozen=True)
class Figure:
    """One row of the design's section on speed; *wheel* rows are what ``--check`` is about."""

    text: str
    target: float
    stretch: float | None = None
    at_least: bool = False
    wheel: bool = True

    def met(self, value: float, bound: float) -> bool:
        return value >= bound if self.at_least else value <= bound

    def verdict(self, value: float) -> str:
        if not self.met(value, self.target):
            return "NOT met"
        if self.stretch is not None and self.met(value, self.stretch):
            return "met, stretch too"
        return "met"


def figures(version: tuple[int, ...]) -> dict[str, Figure]:
    """Return the rows by key, for an interpreter of *version*."""
    lazy = version >= (3, 15)
    return {
        "instructions": Figure("cached get / python -c pass, instructions", 0.88, 0.84),
        "wall": Figure("cached get / python -c pass, wall", 1.00, 0.93),
        "ecr": Figure("cached get / ECR helper's cached get, wall", 2.5, 2.1),
        "frozen": Figure(
            "frozen cached get / ECR helper's cached get, wall", 3.0, 2.3, wheel=False
        ),
        "frozen instructions": Figure(
            "frozen cached get / python -I -S -c pass, instructions", 1.9, 1.65, wheel=False
        ),
        "az": Figure("cached get / az account get-access-token, wall", 0.03, 0.02),
        "cold": Figure(
            "cold get / plain azure-identity script, wall", 0.90, 0.45 if lazy else 0.80
        ),
        "foreign": Figure("foreign host / cached get, wall", 1.05, 1.0),
        "crowd exchanges": Figure("50 processes cold: exchanges", 1, 1),
        "crowd": Figure("50 processes cold / 50 cached, wall", 8, 3),
        "rate": Figure("200 processes cached: answers/s / ECR helper's", 0.40, 0.50, at_least=True),
        "rate cpu": Figure(  # for a busy machine, where the one before says little
            "the same per second of processor", 0.40, 0.50, at_least=True, wheel=False
        ),
        "memory": Figure("peak memory, cached get, MiB", 9),
        "memory frozen": Figure("peak memory, frozen cached get, MiB", 11, wheel=False),
        "memory cold": Figure("peak memory, cold get, service principal, MiB", 46),
        "entries 10": Figure("cached get, 10 entries / one, wall", 1.05, 1.0, wheel=False),
        "entries 1000": Figure("cached get, 1,000 entries / one, wall", 1.05, 1.0),
        "entries 100000": Figure("cached get, 100,000 entries / one, wall", 1.05, 1.0),
        "registries 100": Figure(
            "cached get, 100 configured registries / one, wall", 1.05, 1.0, wheel=False
        ),
        "registries": Figure("cached get, 10,000 configured registries / one, wall", 1.05, 1.0),
    }


Measured = Mapping[str, "float | Unmeasured"]


def rendered(rows: Mapping[str, Figure], measured: Measured) -> str:
    """Return the table of the figures."""
    lines = [("figure", "measured", "target", "stretch", "")]
    for key, figure in rows.items():
        sign = ">=" if figure.at_least else "<="
        target = f"{sign} {figure.target:g}"
        stretch = "" if figure.stretch is None else f"{sign} {figure.stretch:g}"
        value = measured.get(key, Unmeasured("was not asked for", optional=True))
        if isinstance(value, Unmeasured):
            lines.append((figure.text, "-", target, stretch, f"left out: {value.reason}"))
        else:
            lines.append((figure.text, f"{value:.3f}", target, stretch, figure.verdict(value)))
    return columns(lines)


def missed(rows: Mapping[str, Figure], measured: Measured) -> list[str]:
    """Return the figures of the wheel that miss their target."""
    return [
        figure.text
        for key, figure in rows.items()
        if figure.wheel
        and isinstance(value := measured.get(key), int | float)
        and not figure.met(value, figure.target)
    ]


def times_table(groups: Sequence[Times]) -> str:
    """Return minimum and median of every command, in the order of the runs; nothing for nothing."""
    if not groups:
        return ""
    lines = [("command", "wall ms min", "median", "cpu ms median", "rounds")]
    for times in groups:
        for name in times.runs:
            walls, cpus = times.walls(name), times.cpus(name)
            lines.append(
                (
                    name,
                    f"{min(walls) * 1000:.2f}",
                    f"{median(walls) * 1000:.2f}",
                    f"{median(cpus) * 1000:.2f}",
                    str(len(walls)),
                )
            )
    return columns(lines)


def columns(lines: Sequence[tuple[str, ...]]) -> str:
    """Return *lines* with each column as wide as its widest cell; numbers to the right."""
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    last = len(widths) - 1
    return "\n".join(
        "  ".join(
            cell.ljust(width) if place in (0, last) else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
