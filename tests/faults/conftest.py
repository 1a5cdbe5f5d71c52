"""The stories' kit: one fake Azure for each worker, a home and an environment for each program."""

from tests.stories.conftest import azure, host, program, programs, running

__all__ = ["azure", "host", "program", "programs", "running"]
