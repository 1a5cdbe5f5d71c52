import os
import sys
from functools import partial

import pytest

from tests.bench.instructions import collected
from tests.bench.runs import Command, Run, Times, Unmeasured, at_once, paired, paired_ratio
from tests.bench.table import figures, missed, rendered

PASS = Command("pass", (sys.executable, "-I", "-S", "-c", "pass"), {})
FAIL = Command(
    "fail",
    (sys.executable, "-I", "-S", "-c", "import os; print('why', flush=True); os._exit(3)"),
    {},
)


def test_a_ratio_is_the_median_of_each_rounds_own() -> None:
    """One slow moment of the machine hits both sides of a round, or it is an outlier."""
    assert paired_ratio([1, 20, 9], [2, 10, 10]) == 0.9


def test_sides_of_unequal_length_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="zip"):
        paired_ratio([1, 2], [1])


def test_times_keep_the_rounds_apart() -> None:
    times = Times(["a", "b"])
    times.runs["a"] += [Run(1, 0.5), Run(4, 0.5)]
    times.runs["b"] += [Run(2, 0.5), Run(2, 1)]

    assert times.ratio("a", "b") == 1.25
    assert times.cpus("b") == [0.5, 1]
    assert times.cpu_ratio("a", "b") == 0.75


def test_commands_run_in_turn_and_the_warm_up_does_not_count() -> None:
    order: list[str] = []
    commands = [
        Command(name, PASS.argv, PASS.environ, before=partial(order.append, name)) for name in "ab"
    ]

    times = paired(commands, 2, warm_up=1)

    assert order == ["a", "b"] * 3
    assert len(times.walls("a")) == len(times.walls("b")) == 2
    assert all(run.wall > 0 for run in times.runs["a"])


def test_a_program_that_fails_is_not_measured_and_its_words_are_shown() -> None:
    with pytest.raises(Unmeasured, match="fail ended with 3: 'why'"):
        paired([FAIL], 1)


def test_all_of_a_crowd_are_waited_for() -> None:
    assert at_once(PASS, 5).wall > 0

    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_instructions_are_the_sum_over_all_processes() -> None:
    report = "==7== Collected : 100\n==7==\n==8== Collected : 23\n"

    assert collected(report) == 123
    assert collected("no report") == 0


def test_a_figure_knows_its_direction() -> None:
    rows = figures((3, 11, 2))

    assert rows["wall"].verdict(1.0) == "met"
    assert rows["wall"].verdict(1.001) == "NOT met"
    assert rows["wall"].verdict(0.9) == "met, stretch too"
    assert rows["rate"].verdict(0.39) == "NOT met"
    assert rows["rate"].verdict(0.45) == "met"


def test_only_the_wheels_rows_are_checked() -> None:
    rows = figures((3, 11, 2))
    measured: dict[str, float | Unmeasured]
    measured = {"wall": 2.0, "frozen": 9.0, "cold": Unmeasured("no way"), "memory": 8.0}

    assert missed(rows, measured) == [rows["wall"].text]


def test_the_table_has_every_row_and_says_what_is_missing() -> None:
    rows = figures((3, 15, 0))

    text = rendered(rows, {"cold": 0.5, "az": Unmeasured("no az here", optional=True)})

    assert len(text.splitlines()) == len(rows) + 1
    assert "left out: no az here" in text
    assert [line for line in text.splitlines() if "0.500" in line and "<= 0.45" in line]
