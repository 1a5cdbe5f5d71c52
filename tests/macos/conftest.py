"""Tests of what only macOS has; elsewhere they are skipped."""

from tests.stories.conftest import azure, host, program, programs, running

__all__ = ["azure", "host", "program", "programs", "running"]
