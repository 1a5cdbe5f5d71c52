"""The log: off by default, one private file when asked for, never a secret in it.

``ACR_CRED_DEBUG=FILE`` names the file. There is no switch that shows secrets.
"""

import contextlib
import logging
import os
import re
import stat
import warnings

from docker_credential_acr.secret import redacted

_TOKEN = re.compile(r"eyJ[\w-]{8,}[\w.~+/=-]*")  # a JWT of somebody else's making
_FORM = re.compile(
    r"(?i)((?:secret|password|assertion|token|authorization|code|verifier)[\"']?\s*[=:]\s*[\"']?)[^\s&\"',}]{8,}"
)

_LONGEST = 8000  # characters of a record: an SDK logs whatever a server has sent

log = logging.getLogger("docker_credential_acr")


def redact(text: str) -> str:
    """Return *text* without secrets that this process has met, and without what looks like one."""
    return _FORM.sub(r"\1<secret>", _TOKEN.sub("<token>", redacted(text)))


class _Redacting(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        text = redact(super().format(record))
        if len(text) > _LONGEST:
            text = f"{text[:_LONGEST]}... ({len(text)} characters)"
        return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)  # one line each


def start(path: str | None) -> None:
    """Send what is logged to *path*, created 0600; without it silence every logger, the SDK's too.

    A path that is not absolute, or not a regular file of ours under one name, is passed over: a log is
    never a reason for a failed pull, and never lands in the folder that somebody happens to build in.
    Nor is it written where standard output or error lead to, which are for answers.
    """
    root = logging.getLogger()
    if root.handlers:
        return
    root.addHandler(logging.NullHandler())  # else warnings would land on standard error
    logging.raiseExceptions = False
    warnings.simplefilter("ignore")  # a success has nothing to say on standard error
    if not path or not os.path.isabs(path):
        return
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    for name in ("O_NOFOLLOW", "O_CLOEXEC", "O_NONBLOCK"):
        flags |= getattr(os, name, 0)
    try:
        descriptor = os.open(path, flags, 0o600)
        if not _may_be_written(os.fstat(descriptor)):
            os.close(descriptor)
            return
        if os.name != "nt":
            os.fchmod(descriptor, 0o600)  # it may have been there
    except OSError:
        return
    handler = logging.StreamHandler(os.fdopen(descriptor, "a", encoding="utf-8"))
    handler.setFormatter(_Redacting("%(asctime)s %(process)d %(name)s %(levelname)s %(message)s"))
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)


def _may_be_written(found: os.stat_result) -> bool:
    if not stat.S_ISREG(found.st_mode):
        return False
    for stream in (1, 2):
        with contextlib.suppress(OSError):
            if os.path.samestat(found, os.fstat(stream)):
                return False
    return os.name == "nt" or (found.st_uid == os.geteuid() and found.st_nlink == 1)
