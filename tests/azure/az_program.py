"""The body of the fake `az`: run with -IS, so the standard library and nothing else."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

NOT_LOGGED_IN = "Please run 'az login' to setup account."
REFUSED = (
    "AADSTS700082: The refresh token has expired due to inactivity. The token was issued on"
    " 2025-01-01T00:00:00.0000000Z and was inactive for 90.00:00:00. Trace ID: {id}"
    " Correlation ID: {id} Timestamp: 2026-01-01 00:00:00Z\n"
    "Interactive authentication is needed. Please run:\naz login --scope {resource}/.default"
)
UNKNOWN = (
    "AADSTS500011: The resource principal named {resource} was not found in the tenant named"
    " {tenant}. This can happen if the application has not been installed by the administrator of"
    " the tenant or consented to by any user in the tenant. Trace ID: {id} Correlation ID: {id}"
    " Timestamp: 2026-01-01 00:00:00Z"
)
MISUSE = "the following arguments are required: _command_package"
SOME_ID = "11111111-2222-3333-4444-555555555555"

Settings = dict[str, Any]


class Azure:
    """One call of `az account get-access-token`."""

    def __init__(self, settings: Settings, arguments: list[str]) -> None:
        self.settings = settings
        self.arguments = arguments
        scope = self.option("--scope").removesuffix("/.default")
        self.resource = (self.option("--resource") or scope).rstrip("/")

    def option(self, name: str) -> str:
        if name in self.arguments[:-1]:
            return self.arguments[self.arguments.index(name) + 1]
        return ""

    def signed_in(self) -> int:
        if self.arguments[:2] != ["account", "get-access-token"]:
            return fail(MISUSE, 2)
        token = self.settings["tokens"].get(self.resource)
        if token is None:
            tenant = self.option("--tenant") or self.settings["tenant"]
            return fail(UNKNOWN.format(resource=self.resource, tenant=tenant, id=SOME_ID))
        print(json.dumps(self.answer(token["token"], token["expires_on"]), indent=2))
        return 0

    def answer(self, token: str, expires: int) -> Settings:
        """With --tenant the real one leaves the subscription out."""
        local = datetime.fromtimestamp(expires)  # noqa: DTZ006 - local and naive, as az prints it
        subscription = self.option("--subscription") or self.settings["subscription"]
        return {
            "accessToken": token,
            "expiresOn": local.strftime("%Y-%m-%d %H:%M:%S.000000"),
            "expires_on": expires,
            **({} if self.option("--tenant") else {"subscription": subscription}),
            "tenant": self.option("--tenant") or self.settings["tenant"],
            "tokenType": "Bearer",
        }

    def signed_out(self) -> int:
        return fail(NOT_LOGGED_IN)

    def refused(self) -> int:
        return fail(REFUSED.format(resource=self.resource, id=SOME_ID))

    def slow(self) -> int:
        time.sleep(self.settings["seconds"])
        return self.signed_in()

    def noisy(self) -> int:
        """A warning before the JSON text, as extensions and broken wrappers print."""
        print("WARNING: this command is in preview.", flush=True)
        return self.signed_in()

    def garbage(self) -> int:
        print("{ this is not JSON")
        return 0

    def flood(self) -> int:
        for _ in range(1024):
            print("x" * 1023)
        return 0

    def stubborn(self) -> int:
        """Ignores SIGTERM and does not end."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        return self.slow()

    def grandchild(self) -> int:
        """Ends, but leaves a process behind that holds its stdout open."""
        child = subprocess.Popen(
            [sys.executable, "-IS", "-c", f"import time; time.sleep({self.settings['seconds']})"]
        )
        self.note("grandchildren", child.pid)
        return self.signed_in()

    def note(self, name: str, content: object) -> None:
        line = json.dumps(content) + "\n"
        path = os.path.join(self.settings["folder"], f"az-{name}.jsonl")
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(file, line.encode())  # one write: calls at the same time do not mix
        os.close(file)

    def run(self) -> int:
        wanted: list[str] = self.settings["environment"]
        environment = {name: os.environ[name] for name in wanted if name in os.environ}
        call = {"argv": self.arguments, "cwd": os.getcwd(), "environ": environment}
        self.note("calls", call | {"pid": os.getpid()})
        act: Callable[[], int] = getattr(self, self.settings["mode"])
        return act()


def fail(message: str, code: int = 1) -> int:
    print(f"ERROR: {message}", file=sys.stderr)
    return code


def main(settings: str, arguments: list[str]) -> int:
    with open(settings, encoding="utf-8") as file:
        return Azure(json.load(file), arguments).run()
