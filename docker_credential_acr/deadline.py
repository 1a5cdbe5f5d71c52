"""The deadline: one for a whole ``get``, from which every step gets what is left."""

from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic

from docker_credential_acr.errors import OutOfTime, SettingsError

DEFAULT_SECONDS = 25
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
        left = self.left()
        if left <= 0:
            raise OutOfTime(
                "no answer within the time limit",
                "try again, or raise ACR_CRED_TIMEOUT (seconds, at most 55)",
                "out-of-time",
            )
        return min(most, left)


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
