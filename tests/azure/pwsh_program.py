"""The body of the fake `pwsh`: run with -IS, so the standard library and nothing else.

It is no PowerShell: it reads what the script assigns and looks whether the script takes care of what
this machine's version of Az.Accounts does, and else prints what PowerShell would have printed.
"""

import base64
import json
import os
import re
import sys
import time
from collections.abc import Callable
from typing import Any

ARGUMENTS = ["-NoProfile", "-NonInteractive", "-EncodedCommand"]
QUOTE = "['\u2018\u2019\u201a\u201b]"  # PowerShell takes each of them for a single quote
ASSIGNED = re.compile(rf"\$(\w+) = {QUOTE}((?:[^'\u2018-\u201b\n]|({QUOTE})\3)*){QUOTE}\n")
ANSWERED = re.compile(r'Write-Output "`n([\w-]+)\$\(ConvertTo-Json [^)]+\)\1`n"\n')
BANNER = "A new PowerShell stable release is available: v7.9.9\n"
CLIXML = (
    '#< CLIXML\n<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">'
    '<S S="warning">CANARY-warning: upcoming breaking changes_x000D__x000A_</S></Objs>'
)
NOT_LOGGED_IN = "Run Connect-AzAccount to login."
REFUSED = (
    "Authentication failed against resource {audience}. AADSTS700082: The refresh token has expired"
    " due to inactivity. Trace ID: CANARY Correlation ID: 11111111-2222-3333-4444-555555555555"
)
INTERACTION = (
    "Authentication failed against resource {audience}. User interaction is required. This may be due"
    " to the conditional access policy settings such as multi-factor authentication (MFA). Please rerun"
    " 'Connect-AzAccount' with additional parameter '-AuthScope CANARY'."
)
UNKNOWN = (
    "AADSTS500011: The resource principal named {audience} was not found in the tenant CANARY."
)
POLICY = "AuthorizationManager check failed. CANARY"

Settings = dict[str, Any]


class Script:
    """What the decoded script says; a fault of its form ends the program as PowerShell would."""

    def __init__(self, arguments: list[str]) -> None:
        if arguments[:-1] != ARGUMENTS:
            sys.exit(64)
        self.text = base64.b64decode(arguments[-1], validate=True).decode("utf-16-le")
        self.values = {
            found[1]: re.sub(f"({QUOTE})\\1", r"\1", found[2])
            for found in ASSIGNED.finditer(self.text)
        }
        answered = ANSWERED.search(self.text)
        if not answered or not {"audience", "tenant", "subscription"} <= self.values.keys():
            sys.exit(1)
        self.mark = answered[1]

    def has(self, *words: str) -> bool:
        """Tell whether *words* stand there in this order."""
        return re.search(".*".join(map(re.escape, words)), self.text, re.DOTALL) is not None

    def print(self, **answer: str) -> int:
        sys.stdout.write(f"\n{self.mark}{json.dumps(answer)}{self.mark}\n\n")
        return 0

    def fail(self, message: str) -> int:
        """An exception: caught where the script catches, else told on stderr."""
        message = message.format(audience=self.values["audience"])
        if self.has("try {", "catch {", ".InnerException", ".Message"):
            return self.print(state="error", told=f"{message} CANARY,Microsoft.Azure.Commands")
        sys.stderr.write(message + "\n")
        return 1


class PowerShell:
    """One run of the script on a machine that is in the mode of the settings."""

    def __init__(self, settings: Settings, script: Script) -> None:
        self.settings = settings
        self.script = script

    def plain(self) -> int:
        """Az.Accounts before 5: the token is a text."""
        return self.token()

    def secure(self) -> int:
        """Az.Accounts from 5 on: the token is a SecureString, which prints as its type."""
        if self.script.has("-is [securestring]", "ConvertFrom-SecureString", "-AsPlainText"):
            return self.token()
        return self.script.print(state="token", token="System.Security.SecureString", tenant="")

    def noisy(self) -> int:
        sys.stdout.write(BANNER)
        sys.stderr.write(CLIXML)
        return self.token()

    def token(self) -> int:
        if not self.script.has(
            "Import-Module", "Get-AzContext", "ResourceUrl = $audience", "Get-AzAccessToken @given"
        ):
            return 1
        values = self.script.values
        wanted = values["subscription"]
        if wanted and wanted not in self.settings["subscriptions"]:
            return self.script.print(state="context")
        token = self.settings["tokens"].get(values["audience"].rstrip("/"))
        if token is None:
            return self.script.fail(UNKNOWN)
        tenant = values["tenant"] or self.settings["tenant"]
        return self.script.print(state="token", token=token, tenant=tenant)

    def no_module(self) -> int:
        return self.script.print(state="module", versions="")

    def old_module(self) -> int:
        oldest = re.search(r"MinimumVersion = '([\d.]+)'", self.script.text)
        if not oldest or oldest[1] != "2.2.0":
            return self.script.fail("Get-AzAccessToken is not recognized as a name of a cmdlet")
        return self.script.print(state="module", versions="1.9.1 2.1.0")

    def broken_module(self) -> int:
        return self.script.print(state="module", versions="1.9.1 5.3.0")

    def no_context(self) -> int:
        if self.script.has("-not $context", "'context'"):
            return self.script.print(state="context")
        return self.script.fail(NOT_LOGGED_IN)

    def not_logged_in(self) -> int:
        return self.script.fail(NOT_LOGGED_IN)

    def refused(self) -> int:
        return self.script.fail(REFUSED)

    def interaction(self) -> int:
        return self.script.fail(INTERACTION)

    def policy(self) -> int:
        return self.script.fail(POLICY)

    def other(self) -> int:
        return self.script.fail("CANARY: something else")

    def silent(self) -> int:
        return 0

    def half(self) -> int:
        print(f"{self.script.mark}{{")
        return 0

    def crash(self) -> int:
        sys.stderr.write(CLIXML)
        return 134

    def slow(self) -> int:
        time.sleep(60)
        return self.token()

    def run(self, arguments: list[str]) -> int:
        said = {"script": self.script.text, "values": self.script.values}
        call = {"argv": arguments, "cwd": os.getcwd(), **said}
        path = os.path.join(self.settings["folder"], "pwsh-calls.jsonl")
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(file, json.dumps(call).encode() + b"\n")
        os.close(file)
        act: Callable[[], int] = getattr(self, self.settings["mode"])
        return act()


def main(settings: str, arguments: list[str]) -> int:
    with open(settings, encoding="utf-8") as file:
        return PowerShell(json.load(file), Script(arguments)).run(arguments)
