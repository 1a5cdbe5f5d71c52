"""The deadline: one for a whole ``get``, from which every step gets what is left."""

from dataclasses import dataclass
from time import monotonic

from docker_credential_acr.errors import OutOfTime

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
