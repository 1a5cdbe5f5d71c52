"""How much is tried: a quick profile that is the same in every run, a long one that never is.

``ACR_TESTS_LONG=1`` (or ``tests/run --long-fuzz``) chooses the long one.
"""

import os
import random

from hypothesis import HealthCheck, Phase, settings

LONG = os.environ.get("ACR_TESTS_LONG") == "1"


def many(quick: int, long: int) -> int:
    """How often something without hypothesis is tried."""
    return long if LONG else quick


def numbers(seed: int) -> random.Random:
    """Random numbers: the same in every quick run, others in every long one."""
    return random.Random(None if LONG else seed)


def examples(quick: int, long: int, steps: int = 50, *, processes: bool = False) -> settings:
    """So many examples; a failing one is printed as code that brings it back.

    With *processes* it is not made smaller first: that would start thousands of them.
    """
    return settings(
        max_examples=many(quick, long),
        stateful_step_count=many(steps, 50),
        derandomize=not LONG,
        database=None,
        deadline=None,  # a busy machine is no mistake
        print_blob=True,
        phases=[Phase.explicit, Phase.generate] if processes else tuple(Phase),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )
