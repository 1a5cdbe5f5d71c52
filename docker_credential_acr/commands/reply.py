"""What a verb answers."""

from dataclasses import dataclass

from docker_credential_acr.errors import Failure, sentence


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes to standard output and standard error, and the exit code."""

    out: bytes = b""
    err: bytes = b""
    code: int = 0


def failed(failure: Failure, server: str = "") -> Reply:
    """Return *failure* on both streams: docker before 28.5 throws standard output away."""
    line = sentence(failure, server).encode() + b"\n"
    return Reply(line, line, 1)
