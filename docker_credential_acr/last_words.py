"""A sentence in place of an answer, and the end: for who comes no further than the fast staircase."""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

NO_INPUT = (
    b"no registry host came on standard input within 5 s; "
    b"try: echo HOST | docker-credential-acr get [no-input]\n"
)


def fail(write: "Callable[[int, bytes], bool]", sentence: bytes) -> "NoReturn":
    """Say *sentence* on both streams, as every failure is said, and end the process."""
    write(1, sentence)
    try:
        if os.fstat(1)[:3] != os.fstat(2)[:3]:  # on a terminal a person reads it once
            write(2, sentence)
    finally:
        os._exit(1)
