"""What was asked of the fake Azure, in order, and what kind of question each was."""

import dataclasses
import itertools
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

KINDS = (
    ("entra", r"POST", r"/[^/]+/oauth2/v2\.0/token", "sign-in"),
    ("entra", r"POST", r"/adfs/oauth2/token", "sign-in"),
    ("entra", r"GET", r"/adfs/\.well-known/openid-configuration", "discovery"),
    ("entra", r"POST", r"/[^/]+/oauth2/v2\.0/devicecode", "device-code"),
    ("entra", r"GET", r"/[^/]+/oauth2/v2\.0/authorize", "sign-in-page"),
    ("entra", r"GET", r"/[^/]+/v2\.0/\.well-known/openid-configuration", "discovery"),
    ("entra", r"GET", r"/common/discovery/instance", "instance-discovery"),
    ("registry", r"POST", r"/oauth2/exchange", "exchange"),
    ("registry", r"GET|POST", r"/oauth2/token", "token"),
    ("registry", r"GET|HEAD", r"/v2/?", "challenge"),
    ("registry", r".*", r"/v2/.+", "content"),
    ("metadata", r"GET|POST", r".*/token", "metadata"),
    ("arm", r"GET", r"/metadata/endpoints", "cloud-metadata"),
    ("arm", r".*", r"/.*", "arm"),
    ("bindings", r".*", r"/.*", "bindings"),
    ("oidc", r"GET|POST", r"/.*", "oidc"),
    ("proxy", r"CONNECT", r".*", "connect"),
    ("proxy", r".*", r".*", "forward"),
)


def kind_of(listener: str, method: str, path: str) -> str:
    for where, methods, paths, kind in KINDS:
        if where == listener and re.fullmatch(methods, method) and re.fullmatch(paths, path):
            return kind
    return "other"


@dataclass(frozen=True)
class Request:
    """One request; `status` is 0 until the answer starts (and stays 0 when there was none)."""

    at: float
    listener: str
    host: str
    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)
    status: int = 0

    @property
    def kind(self) -> str:
        return kind_of(self.listener, self.method, self.path)


class Log:
    """Requests are entered on arrival, so one that hangs is counted too."""

    def __init__(self) -> None:
        self._requests: dict[int, Request] = {}
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self.watcher: Callable[[Request], None] | None = None

    def enter(self, request: Request) -> int:
        with self._lock:
            number = next(self._numbers)
            self._requests[number] = request
            return number

    def answered(self, number: int, status: int) -> None:
        with self._lock:
            request = self._requests.get(number)
            if request is None:  # forgotten meanwhile
                return
            self._requests[number] = done = dataclasses.replace(request, status=status)
        if self.watcher:
            self.watcher(done)

    def all(self) -> list[Request]:
        with self._lock:
            return list(self._requests.values())

    def forget(self) -> None:
        with self._lock:
            self._requests.clear()
