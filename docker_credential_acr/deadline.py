"""The deadline: one for a whole ``get``, from which every step gets what is left."""

from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic

from docker_credential_acr.errors import OutOfTime, SettingsError

DEFAULT_SECONDS = 25
_HINT = "try again, or raise ACR_CRED_TIMEOUT (seconds, at most 55)"
_doing = [""]  # the step that is going on, for whom the time runs out
RANGE = (5, 55)  # seconds; the kubelet ends its plug-ins after 60


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
            raise OutOfTime(_what(), _HINT, "out-of-time")


def doing(step: str) -> None:
    """Note what is being done from now on: a sentence about lost time must say where it went."""
    _doing[0] = step


def _what() -> str:
    return "no answer within the time limit" + (f" while {_doing[0]}" if _doing[0] else "")


def sentence() -> bytes:
    """Return what the watchdog says when the time is up."""
    return f"{_what()}; {_HINT} [out-of-time]\n".encode("ascii", "backslashreplace")


def seconds_asked(environ: Mapping[str, str], otherwise: int) -> int:
    """Return the seconds that ACR_CRED_TIMEOUT asks for, else *otherwise*. Raises SettingsError."""
    text = environ.get("ACR_CRED_TIMEOUT", "")
    low, high = RANGE
    if not text:
        return otherwise
    if not (text.isascii() and text.isdecimal() and len(text) < 4 and low <= int(text) <= high):  # noqa: PLR2004
        raise SettingsError(
            "ACR_CRED_TIMEOUT is not a number of seconds that can be used",
            f"give a whole number from {low} to {high}",
            "variable-invalid",
        )
    return int(text)
