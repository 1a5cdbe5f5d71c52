"""Measure the figures of the design: `python -m tests.bench` from the repository's root.

It is no timed test: it prints what was measured, and its exit code is 0 unless a figure could not be
measured (2), or a target of the wheel is missed and --check was given (1). A peer that is not installed
only leaves its row out.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace

from tests.azure import FakeAzure
from tests.bench import environment, instructions, memory, methods, page, peers, table
from tests.bench.environment import Environment, variables
from tests.bench.homes import HOST, Home
from tests.bench.runs import Command, Times, Unmeasured, at_once, paired

PASS = "python -c pass"
BARE = "python -I -S -c pass"
CACHED = "cached get"
COLD = "cold get"
FOREIGN = "foreign host"
FROZEN = "frozen cached get"
ONE_FILE = "one-file cached get"
KUBELET = "kubelet request, cached"
PLAIN = "plain azure-identity script"
_CROWD = 50
_THRONG = 200


@dataclass(frozen=True)
class Rounds:
    """How often each thing is measured."""

    start: int
    slow: int
    cold: int
    growth: int
    crowd: int


FULL = Rounds(start=150, slow=15, cold=25, growth=150, crowd=7)
QUICK = Rounds(start=40, slow=5, cold=7, growth=40, crowd=3)


@dataclass
class Bench:
    """What was asked for, the places, and what has been measured so far."""

    options: argparse.Namespace
    scratch: str
    environment: Environment
    azure: FakeAzure
    measured: dict[str, float | Unmeasured] = field(default_factory=dict)
    groups: list[Times] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def rounds(self) -> Rounds:
        return QUICK if self.options.quick else FULL

    def home(self, name: str, program: str | None = None) -> Home:
        folder = os.path.join(self.scratch, name)
        return Home.made(folder, program or self.environment.program, self.azure)

    def python(self, name: str, *arguments: str) -> Command:
        environ = variables(self.scratch)
        return Command(name, (self.environment.python, *arguments), environ)

    def interpreters(self) -> list[Command]:
        return [self.python(PASS, "-c", "pass"), self.python(BARE, "-I", "-S", "-c", "pass")]

    def paired(self, commands: list[Command], rounds: int) -> Times:
        """Run *commands* in turn and keep their times for the table."""
        times = paired(commands, rounds)
        self.groups.append(times)
        return times

    def attempt(self, keys: tuple[str, ...], act: Callable[[], object]) -> None:
        """Do a part of it; a part that cannot be measured does not end the others."""
        print(f"measuring: {', '.join(keys)} ...", file=sys.stderr, flush=True)
        try:
            act()
        except Unmeasured as unmeasured:
            print(f"left out: {unmeasured.reason}", file=sys.stderr)
            for key in keys:
                self.measured.setdefault(key, unmeasured)


def starts(bench: Bench) -> None:
    """Measure everything that ends in some milliseconds, in the same rounds."""
    home = bench.home("start").warm()
    commands = [*bench.interpreters(), home.get(CACHED), home.foreign(FOREIGN)]
    ratios = {"wall": (CACHED, PASS), "foreign": (FOREIGN, CACHED)}
    if bench.options.frozen:
        commands.append(frozen(bench))
    try:
        ecr = peers.ecr(os.path.join(bench.scratch, "ecr"))
    except Unmeasured as unmeasured:
        bench.measured |= {"ecr": unmeasured, "frozen": unmeasured}
    else:
        commands.append(ecr)
        ratios["ecr"] = (CACHED, ecr.name)
        if bench.options.frozen:
            ratios["frozen"] = (FROZEN, ecr.name)
    times = bench.paired(commands, bench.rounds.start)
    for key, names in ratios.items():
        bench.measured[key] = times.ratio(*names)


def slow(bench: Bench) -> None:
    """Measure what takes longer than ten starts, for orientation and for the figure on az."""
    home = bench.home("slow").warm()
    cached = home.get(f"{CACHED}, again")
    commands = [cached, home.list("list")]
    with suppress(Unmeasured):
        commands.append(home.kubelet(KUBELET))
    if bench.options.one_file:
        commands.append(bench.home("one-file", bench.options.one_file).warm().get(ONE_FILE))
    with ExitStack() as stack:
        try:
            store = peers.password_store(os.path.join(bench.scratch, "p"))
            commands.append(stack.enter_context(store))
        except Unmeasured as unmeasured:
            print(f"docker-credential-pass left out: {unmeasured.reason}", file=sys.stderr)
        if bench.options.az:
            commands.append(peers.az(bench.options.az, os.path.join(bench.scratch, "az")))
        times = bench.paired(commands, bench.rounds.slow)
    if bench.options.az:
        bench.measured["az"] = times.ratio(cached.name, commands[-1].name)


def frozen(bench: Bench) -> Command:
    return bench.home("frozen", bench.options.frozen).warm().get(FROZEN)


def counts(bench: Bench) -> None:
    """Count instructions."""
    home = bench.home("count").warm()
    commands = [*bench.interpreters(), home.get(CACHED), home.foreign(FOREIGN)]
    if bench.options.frozen:
        home = bench.home("count-frozen", bench.options.frozen).warm()
        commands.append(home.get(FROZEN))
    bench.counts = found = {command.name: instructions.count(command) for command in commands}
    bench.measured["instructions"] = found[CACHED] / found[PASS]
    if FROZEN in found:
        bench.measured["frozen instructions"] = found[FROZEN] / found[BARE]


def cold(bench: Bench) -> None:
    """Sign in again and again, in turn with a plain script that does the same."""
    home = bench.home("cold").warm()
    plain = home.plain(PLAIN, bench.environment.python)
    times = bench.paired([home.cold(COLD), plain], bench.rounds.cold)
    bench.measured["cold"] = times.ratio(COLD, PLAIN)


def each_method(bench: Bench) -> None:
    """Sign in with each method in turn: for orientation."""
    program = bench.environment.program
    with methods.colds(os.path.join(bench.scratch, "methods"), program, bench.azure) as commands:
        bench.paired(commands, bench.rounds.slow)


def crowd(bench: Bench) -> None:
    """Start fifty processes at once without a token, and with one."""
    home = bench.home("crowd").warm()
    cold, cached = home.cold(f"{_CROWD} cold gets at once"), home.get(f"{_CROWD} cached at once")
    times = Times([cold.name, cached.name])
    exchanges = 0
    for _ in range(bench.rounds.crowd):
        bench.azure.forget()
        times.runs[cold.name].append(at_once(cold, _CROWD))
        exchanges = max(exchanges, bench.azure.count("exchange"))
        times.runs[cached.name].append(at_once(cached, _CROWD))
    bench.groups.append(times)
    bench.measured["crowd exchanges"] = exchanges
    bench.measured["crowd"] = times.ratio(cold.name, cached.name)


def rate(bench: Bench) -> None:
    """Start two hundred processes at once, ours and Amazon's."""
    ecr = peers.ecr(os.path.join(bench.scratch, "ecr-rate"))
    ecr = replace(ecr, name=f"{_THRONG} ECR helpers at once")
    cached = bench.home("rate").warm().get(f"{_THRONG} cached gets at once")
    times = Times([cached.name, ecr.name])
    at_once(cached, _THRONG)  # the first time, memory has to be found for them
    for _ in range(bench.rounds.crowd):
        for command in (cached, ecr):
            times.runs[command.name].append(at_once(command, _THRONG))
    bench.groups.append(times)
    bench.measured["rate"] = times.ratio(ecr.name, cached.name)
    bench.measured["rate cpu"] = times.cpu_ratio(ecr.name, cached.name)


def memories(bench: Bench) -> None:
    home = bench.home("memory").warm()
    bench.measured["memory"] = memory.peak(home.get(CACHED))
    bench.measured["memory cold"] = memory.peak(home.cold(COLD))
    if bench.options.frozen:
        home = bench.home("memory-frozen", bench.options.frozen).warm()
        bench.measured["memory frozen"] = memory.peak(home.get(FROZEN))


def growth(bench: Bench) -> None:
    """Measure the same get in homes with very much in them."""
    one = f"{CACHED}, one entry, one registry"
    homes = {
        "": bench.home("one").configure(1).warm().get(one),
        "entries 10": bench.home("10").configure(1).warm().fill(10).get("10 entries"),
        "entries 1000": bench.home("1000").configure(1).warm().fill(1_000).get("1,000 entries"),
        "entries 100000": bench.home("100000")
        .configure(1)
        .warm()
        .fill(100_000)
        .get("100,000 entries"),
        "registries 100": bench.home("r100").configure(100).warm().get("100 registries"),
        "registries": bench.home("registries").configure(10_000).warm().get("10,000 registries"),
    }
    times = bench.paired(list(homes.values()), bench.rounds.growth)
    for key, command in homes.items():
        if key:
            bench.measured[key] = times.ratio(command.name, one)


def measure(bench: Bench) -> None:
    """Do all of it; what is asked for by a flag alone says so where it is missing."""
    if not bench.options.frozen:
        absent = Unmeasured("name a frozen program with --frozen", optional=True)
        bench.measured |= dict.fromkeys(("frozen", "frozen instructions", "memory frozen"), absent)
    if not bench.options.az:
        bench.measured["az"] = Unmeasured(
            "name the real Azure CLI with --az; a stand-in would prove nothing", optional=True
        )
    bench.attempt(("wall", "ecr", "frozen", "foreign"), lambda: starts(bench))
    bench.attempt(("az",), lambda: slow(bench))
    bench.attempt(("instructions", "frozen instructions"), lambda: counts(bench))
    bench.attempt(("cold",), lambda: cold(bench))
    bench.attempt(("each method",), lambda: each_method(bench))
    bench.attempt(("crowd exchanges", "crowd"), lambda: crowd(bench))
    bench.attempt(("rate", "rate cpu"), lambda: rate(bench))
    bench.attempt(("memory", "memory cold", "memory frozen"), lambda: memories(bench))
    sizes = ("entries 10", "entries 1000", "entries 100000", "registries 100", "registries")
    bench.attempt(sizes, lambda: growth(bench))


def show(bench: Bench) -> None:
    print(f"\n{bench.environment.machine()}\n")
    print(table.times_table(bench.groups))
    if bench.counts:
        print("\n" + table.columns([("command", "million instructions"), *_millions(bench.counts)]))
    figures = table.figures(bench.environment.interpreter.version)
    print("\n" + table.rendered(figures, bench.measured))


def _millions(found: dict[str, int]) -> list[tuple[str, ...]]:
    return [(name, f"{number / 1e6:.2f}") for name, number in found.items()]


def as_json(bench: Bench) -> dict[str, object]:
    """Return everything that was measured, for a machine."""
    rows = {}
    for key, row in table.figures(bench.environment.interpreter.version).items():
        value = bench.measured.get(key)
        known = isinstance(value, int | float)
        rows[key] = {
            "figure": row.text,
            "measured": value if known else None,
            "target": row.target,
            "stretch": row.stretch,
            "met": row.met(value, row.target) if isinstance(value, int | float) else None,
            "left_out": value.reason if isinstance(value, Unmeasured) else None,
        }
    walls = {name: times.walls(name) for times in bench.groups for name in times.runs}
    return {
        "machine": bench.environment.machine(),
        "rows": rows,
        "instructions": bench.counts,
        "seconds": walls,
    }


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--check", action="store_true", help="exit 1 if the wheel misses a target")
    parser.add_argument("--json", metavar="FILE", help="write everything that was measured there")
    parser.add_argument("--python", help="the interpreter to measure with (default: Debian's)")
    parser.add_argument(
        "--environment", metavar="DIR", help="a virtualenv to make, or to use again, and to keep"
    )
    parser.add_argument("--frozen", metavar="PROGRAM", help="a frozen program to measure as well")
    parser.add_argument("--one-file", metavar="PROGRAM", help="and one in a single file")
    parser.add_argument("--docs", action="store_true", help="write docs/benchmarks.md and its plot")
    parser.add_argument("--az", metavar="PROGRAM", help="the real Azure CLI, to compare with")
    return parser.parse_args()


def main() -> int:
    options = parsed()
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        folder = os.path.abspath(options.environment or os.path.join(scratch, "environment"))
        python = options.python or environment.default_python()
        print("making the environment ...", file=sys.stderr, flush=True)
        try:
            made = environment.made(folder, python, scratch)
        except Unmeasured as unmeasured:
            print(unmeasured.reason, file=sys.stderr)
            return 2
        with FakeAzure(os.path.join(scratch, "azure")) as azure:
            azure.registry(HOST)
            bench = Bench(options, scratch, made, azure)
            measure(bench)
    show(bench)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(as_json(bench), file, indent=2)
            file.write("\n")
    if options.docs:
        page.write(bench.environment.machine(), bench.groups, bench.counts, bench.measured)
    gaps = [v for v in bench.measured.values() if isinstance(v, Unmeasured) and not v.optional]
    if gaps:
        return 2
    missed = table.missed(table.figures(made.interpreter.version), bench.measured)
    return 1 if options.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())
