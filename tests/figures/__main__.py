"""Measure the figures of reliability: `python -m tests.figures` from the repository's root.

Prints number, target, what was measured, and whether it is met. `--quick` does less of everything,
`--long` all of it (1,000 kills, a minute of failures, ten minutes of calls). The exit code is 1 if a
target is missed. Seconds and milliseconds are those of a machine that does nothing else.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tests.azure import FakeAzure
from tests.bench.runs import Unmeasured
from tests.figures import measures
from tests.figures.measures import LONG, NORMAL, QUICK, Laboratory, Measured


@dataclass(frozen=True)
class Figure:
    """One row of the table; the numbers are those of docs/faults.md."""

    number: str
    quantity: str
    target: str
    measure: Callable[[Laboratory], Measured]


FIGURES = [
    Figure("N1", "200 processes, one cold host", "1 exchange, <= 5 s", measures.one_host),
    Figure("N2", "300 processes, 15 cold hosts", "15 exchanges", measures.many_hosts),
    Figure("N3", "calls while the server fails", "<= 20 upstream", measures.failing_server),
    Figure("N4", "SIGKILL at system calls", "0 corrupt, 0 stuck", measures.kills),
    Figure("N5", "hard deadline of get", "limit + 5 s", measures.deadline),
    Figure(
        "N6",
        "a host that is not ours",
        "<= 30 ms",
        partial(measures.start, kind="not ours", most=30),
    ),
    Figure("N7", "cached get", "<= 40 ms", partial(measures.start, kind="cached", most=40)),
    Figure("N8", "cold get", "<= 300 ms", partial(measures.start, kind="cold", most=300)),
    Figure("N9", "end on SIGTERM, SIGINT", "<= 500 ms", measures.stopped),
    Figure("N10", "no metadata service", "4 s dropped, 50 ms refused", measures.no_metadata),
    Figure("N11", "wait for a stopped holder", "8 s", measures.patience),
    Figure("N12", "least validity handed out", "min_ttl (900 s); 60 s", measures.validity),
    Figure("N13", "when a token is renewed", "50 % to 60 %", measures.window),
    Figure("N14", "peak memory", "25 MiB cached, 70 MiB cold", measures.memory),
    Figure("N15, N16", "fuzz inputs without a leak or traceback", ">= 50,000", measures.fuzz),
    Figure("N17", "rights of cache files", "0 violations", measures.rights),
    Figure("N19", "soak: a call a second, faults", "0 wrong, 0 unrecovered", measures.soaked),
    Figure("N18", "successes with words on stderr", "0", measures.silence),
]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.figures", description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--json", metavar="FILE", help="write the table as JSON, too")
    parser.add_argument("--only", metavar="N", nargs="*", help="such as N1 N12")
    options = parser.parse_args()
    size = LONG if options.long else QUICK if options.quick else NORMAL
    rows = []
    with (
        tempfile.TemporaryDirectory(prefix="figures-") as folder,
        FakeAzure(f"{folder}/azure") as azure,
    ):
        lab = Laboratory(azure, folder, size)
        for figure in FIGURES:
            if options.only and not set(figure.number.split(", ")) & set(options.only):
                continue
            print(f"{figure.number}: {figure.quantity} ...", file=sys.stderr, flush=True)
            rows.append((figure, measured(figure, lab)))
    table = [
        (
            figure.number,
            figure.quantity,
            figure.target,
            found.text,
            "met" if found.met else "NOT MET",
        )
        if isinstance(found, Measured)
        else (figure.number, figure.quantity, figure.target, f"left out: {found.reason}", "-")
        for figure, found in rows
    ]
    print(rendered([("number", "quantity", "target", "measured", ""), *table]))
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            names = ("number", "quantity", "target", "measured", "met")
            json.dump([dict(zip(names, row, strict=True)) for row in table], file, indent=2)
    return int(any(row[-1] == "NOT MET" for row in table))


def rendered(rows: list[tuple[str, ...]]) -> str:
    """The table, each column as wide as its widest cell."""
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "\n".join(lines)


def measured(figure: Figure, lab: Laboratory) -> Measured | Unmeasured:
    try:
        return figure.measure(lab)
    except Unmeasured as reason:
        return reason
    except AssertionError as error:  # a test's helper that is used here found a mistake
        return Measured(f"FAILED: {str(error)[:100]}", met=False)


if __name__ == "__main__":
    sys.exit(main())
