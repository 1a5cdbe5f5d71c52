"""What can go wrong, as a tree.

Failure                      a sentence, the next step, and a reference that `help` explains
├── InputError               the client or the person sent something that cannot be used
├── SettingsError            the settings file or a variable is wrong
├── MethodUnavailable        nothing to try here: `automatic` goes on to the next method
│   └── NotSetUp             not a trace of it, which nobody needs to read about
├── NoCredential             the host wants none: clients are told that nothing was found
├── SignInRefused            tried, and Entra said no: `automatic` stops
│   └── AudienceUnknown      the tenant or cloud does not know the audience: another one is tried
├── RegistryRefused          the registry said no to an identity that Entra knows
├── Unreachable              no usable answer: names, connections, TLS, proxies, throttling, faults
├── HelperFailed             another credential helper, or where it keeps things, did not do its part
└── OutOfTime                the deadline has passed

Exit codes are those of the verbs for people; the protocol verbs know 0 and 1 only.
"""

LONGEST = 300  # characters of a sentence: it has to survive in a CI log, quoted by the client
NOT_FOUND = "credentials not found in native keychain"  # clients match it as a part of other text


class Failure(Exception):
    """A failure as a person reads it.

    *what* happened is lower case, without a full stop and without anything secret; *hint* is the one
    next thing to do; *reference* is a row of ``references.REFERENCES``.
    """

    exit_code = 1

    def __init__(self, what: str, hint: str, reference: str) -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint
        self.reference = reference


class InputError(Failure):
    exit_code = 2


class SettingsError(Failure):
    exit_code = 3
    excerpt: tuple[int, int, str] | None = None  # line and column from 1, and the line's text


class MethodUnavailable(Failure):
    exit_code = 4


class NotSetUp(MethodUnavailable):
    pass


class NoCredential(Failure):
    pass


class SignInRefused(Failure):
    exit_code = 4


class AudienceUnknown(SignInRefused):
    pass


class RegistryRefused(Failure):
    exit_code = 6


class Unreachable(Failure):
    exit_code = 5


class HelperFailed(Failure):
    pass


class OutOfTime(Unreachable):
    pass


def internal(error: Exception) -> Failure:
    """Return the failure that an exception nobody thought of stands for; its text may hold anything."""
    return Failure(
        f"this program met a fault of its own ({type(error).__name__})",
        "set ACR_CRED_DEBUG=FILE, try again and report the file",
        "internal",
    )


def sentence(failure: Failure, host: str = "") -> str:
    """Return *failure* as one line of at most 300 printable ASCII characters.

    What came from outside is shortened first: host, next step and reference always survive.
    """
    begin = f"{_shorten(printable(host), 80)}: " if host else ""
    reference = printable(failure.reference)  # a remembered one comes from a file
    end = f"; {printable(failure.hint)} [{reference}]"
    what = printable(failure.what)
    if len(begin) + len(what) + len(end) > LONGEST:  # a hint is long only where it lists things
        end = f"; {_shorten(printable(failure.hint), 100)} [{reference}]"
    return begin + _shorten(what, LONGEST - len(begin) - len(end)) + end


def printable(text: str) -> str:
    """Return *text* with everything but printable ASCII escaped, and never the not-found words."""
    clean = text.encode("ascii", "backslashreplace").decode()
    clean = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in clean)
    return clean.replace(NOT_FOUND, "(not found)")


def _shorten(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."
