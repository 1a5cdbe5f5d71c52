"""How long one ``get`` may take, and what is said when that is over.

Imports nothing: who waits for another process's sign-in loads no more than this (``waiting_room``).
"""

DEFAULT_SECONDS = 25
RANGE = (5, 55)  # seconds; the kubelet ends its plug-ins after 60
VARIABLE = "ACR_CRED_TIMEOUT"
HINT = "try again, or raise ACR_CRED_TIMEOUT (seconds, at most 55)"
WAITING = "waiting for another process that signs in"


def asked(text: "str | None", otherwise: int) -> "int | None":
    """Return the seconds that *text*, the variable's value, asks for; None: it cannot be used.

    Without a text it is *otherwise*.
    """
    low, high = RANGE
    if not text:
        return otherwise
    number = text.isascii() and text.isdecimal() and len(text) < 4  # noqa: PLR2004
    return int(text) if number and low <= int(text) <= high else None


def over(doing: str) -> str:
    """Return what is said when the time is over; *doing* is where it went, as far as that is known."""
    return "no answer within the time limit" + (f" while {doing}" if doing else "")


def sentence(doing: str) -> bytes:
    """Return the whole line that a client is given when the time is over."""
    return f"{over(doing)}; {HINT} [out-of-time]\n".encode("ascii", "backslashreplace")
