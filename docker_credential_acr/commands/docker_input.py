"""What clients send on standard input, and the answers to what is missing there."""

from docker_credential_acr.commands.reply import Reply
from docker_credential_acr.errors import InputError

GET_LIMIT = 64 * 1024  # bytes of standard input, for erase too
STORE_LIMIT = 1024 * 1024
NO_SERVER = Reply(b"no credentials server URL\n", code=1)
NO_USER = Reply(b"no credentials username\n", code=1)


def trimmed(given: bytes) -> bytes:
    """Return *given* without one UTF-8 BOM and without ASCII white space around it."""
    return given.removeprefix(b"\xef\xbb\xbf").strip()


def limited(given: bytes, limit: int) -> None:
    if len(given) > limit:
        raise InputError(
            f"more than {limit // 1024} KiB came on standard input",
            "give one registry host",
            "input-too-long",
        )
