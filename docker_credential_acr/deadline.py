"""The deadline: one for a whole ``get``, from which every step gets what is left."""

from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic

from docker_credential_acr import time_limit
from docker_credential_acr.errors import OutOfTime, SettingsError

_doing = [""]  # the step that is going on, for whom the time runs out


@dataclass(frozen=True, slots=True)
class Deadline:
    ends_at: float  # of the monotonic clock

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        return cls(monotonic() + seconds)

    def left(self) -> float:
        """Return the seconds left, never less than zero."""
        return max(0.0, self.ends_at - monotonic())

    def share(self, most: float) -> float:
        """Return how many seconds a step may take: at most *most*, and what is left.

        Raises OutOfTime when nothing is left.
        """
        self.check()
        return min(most, self.left())

    def check(self) -> None:
        """Raise OutOfTime when nothing is left."""
        if self.left() <= 0:
            raise OutOfTime(time_limit.over(_doing[0]), time_limit.HINT, "out-of-time")


def doing(step: str) -> None:
    """Note what is being done from now on: a sentence about lost time must say where it went."""
    _doing[0] = step


def sentence() -> bytes:
    """Return what the watchdog says when the time is up."""
    return time_limit.sentence(_doing[0])


def seconds_asked(environ: Mapping[str, str], otherwise: int) -> int:
    """Return the seconds that ACR_CRED_TIMEOUT asks for, else *otherwise*. Raises SettingsError."""
    found = time_limit.asked(environ.get(time_limit.VARIABLE), otherwise)
    if found is None:
        low, high = time_limit.RANGE
        raise SettingsError(
            f"{time_limit.VARIABLE} is not a number of seconds that can be used",
            f"give a whole number from {low} to {high}",
            "variable-invalid",
        )
    return found
