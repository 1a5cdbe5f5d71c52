"""`azure-powershell`: the sign-in of the person who ran ``Connect-AzAccount``.

Azure PowerShell is a module (Az.Accounts) of PowerShell, so it is asked by a script. The script answers
with one JSON object between two marks, whatever the profile, the module or a policy prints around it,
and it says how it went in words of its own: those of PowerShell are in the language of the machine.
"""

import base64
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from docker_credential_acr import paths
from docker_credential_acr.errors import Failure, MethodUnavailable, NotSetUp, SignInRefused
from docker_credential_acr.methods.cli_program import CliProgram
from docker_credential_acr.methods.contract import EntraToken, SignIn

INPUTS: tuple[str, ...] = ()
SECRET_INPUTS: tuple[str, ...] = ()

_LOGIN = "Connect-AzAccount"
PWSH = CliProgram(
    name="pwsh",
    product="Azure PowerShell",
    login=_LOGIN,
    by_hand="Get-AzAccessToken",
    signed_out=(b"Run Connect-AzAccount to login", b"run Connect-AzAccount to set up"),
    references=(
        "powershell-missing",
        "powershell-signed-out",
        "powershell-failed",
        "powershell-timeout",
    ),
    also=("powershell",) if os.name == "nt" else (),
)

_OLDEST = "2.2.0"  # the first Az.Accounts that has Get-AzAccessToken
_MARK = "docker-credential-acr"
# What PowerShell takes for a single quote; within quotes each stands for itself when it is doubled.
_QUOTES = re.compile("['\u2018\u2019\u201a\u201b]")
_BLOCKED = ("AuthorizationManager", "about_Execution_Policies", "LinkID=135170")

# Since Az.Accounts 5 the token is a SecureString; before, there may be a warning if it is not asked for.
# Methods of .NET are not called: where a policy restricts the language they must not be.
_SCRIPT = """
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$audience = {audience}
$tenant = {tenant}
$subscription = {subscription}
$answer = @{{}}
try {{
    $asked = @{{ Name = 'Az.Accounts'; MinimumVersion = '{oldest}'; PassThru = $true }}
    $module = Import-Module @asked -WarningAction SilentlyContinue -ErrorAction SilentlyContinue
    $context = $null
    if ($module) {{
        $context = Get-AzContext
        if ($subscription) {{
            $context = @($context) + @(Get-AzContext -ListAvailable) | Where-Object {{
                $_.Subscription.Id -eq $subscription -or $_.Subscription.Name -eq $subscription
            }} | Select-Object -First 1
        }}
    }}
    if (-not $module) {{
        $found = Get-Module -Name Az.Accounts -ListAvailable | ForEach-Object {{ "$($_.Version)" }}
        $answer['state'] = 'module'
        $answer['versions'] = @($found) -join ' '
    }}
    elseif (-not $context -or -not $context.Account) {{
        $answer['state'] = 'context'
    }}
    else {{
        $given = @{{ ResourceUrl = $audience; WarningAction = 'SilentlyContinue' }}
        if ($tenant) {{ $given['TenantId'] = $tenant }}
        if ($subscription) {{ $given['DefaultProfile'] = $context }}
        if ((Get-Command -Name Get-AzAccessToken).Parameters.Keys -contains 'AsSecureString') {{
            $given['AsSecureString'] = $true
        }}
        $token = Get-AzAccessToken @given
        $value = $token.Token
        if ($value -is [securestring]) {{
            if ($PSVersionTable.PSVersion.Major -ge 7) {{
                $value = ConvertFrom-SecureString -SecureString $value -AsPlainText
            }}
            else {{
                $value = (New-Object System.Net.NetworkCredential('', $value)).Password
            }}
        }}
        $answer['state'] = 'token'
        $answer['token'] = $value
        $answer['tenant'] = "$($token.TenantId)"
    }}
}}
catch {{
    $told = @()
    for ($fault = $_.Exception; $fault; $fault = $fault.InnerException) {{ $told += $fault.Message }}
    $answer = @{{ state = 'error'; told = "$told $($_.FullyQualifiedErrorId)" }}
}}
Write-Output "`n{mark}$(ConvertTo-Json -InputObject $answer -Compress){mark}`n"
"""
_QUIET = {
    "NO_COLOR": "1",
    "POWERSHELL_TELEMETRY_OPTOUT": "1",
    "POWERSHELL_UPDATECHECK": "Off",
    "SuppressAzurePowerShellBreakingChangeWarnings": "true",
}


@dataclass(frozen=True, slots=True)
class Options:
    subscription: str | None = None


def detect(environ: Mapping[str, str]) -> Options:
    _, contexts, *_ = paths.account_files(environ.get)
    try:
        PWSH.path(environ)
    except MethodUnavailable as absent:
        raise NotSetUp(absent.what, absent.hint, absent.reference) from None
    if not contexts or not os.path.exists(contexts):  # and starting it takes a second or two
        raise NotSetUp("no sign-in of Azure PowerShell", f"run: {_LOGIN}", "powershell-signed-out")
    return Options()


def entra_token(options: Options, sign_in: SignIn, audience: str) -> EntraToken:
    script = _SCRIPT.format(
        audience=_quoted(audience),
        tenant=_quoted(sign_in.tenant_id or ""),
        subscription=_quoted(options.subscription or ""),
        oldest=_OLDEST,
        mark=_MARK,
    )
    encoded = base64.b64encode(script.encode("utf-16-le", "replace")).decode()
    arguments = ["-NoProfile", "-NonInteractive", "-EncodedCommand", encoded]
    return PWSH.ask(arguments, sign_in, _QUIET, lambda out: _read(out, options))


def _quoted(text: str) -> str:
    return "'" + _QUOTES.sub(r"\g<0>\g<0>", text) + "'"


def _read(out: bytes, options: Options) -> tuple[object, object]:
    """Read the answer between the marks; raises Failure for one that is no token."""
    _, _, rest = out.decode("utf-8", "replace").partition(_MARK)
    answer = json.loads(rest.partition(_MARK)[0])
    if answer["state"] == "module":
        raise _module(str(answer["versions"]))
    if answer["state"] == "context":
        if options.subscription:
            raise MethodUnavailable(
                "Azure PowerShell has no sign-in for the subscription of the settings",
                f"run: {_LOGIN} -Subscription ..., or correct subscription",
                "powershell-signed-out",
            )
        raise PWSH.nobody()
    if answer["state"] == "error":
        raise _refused(str(answer["told"]))
    return answer["token"], answer["tenant"]


def _module(versions: str) -> MethodUnavailable:
    install = "run in PowerShell: Install-Module Az.Accounts -Scope CurrentUser"
    if not versions:
        what = "PowerShell has no module Az.Accounts"
        return MethodUnavailable(what, f"{install}; then: {_LOGIN}", "powershell-module")
    newest = max(re.findall(r"\d+(?:\.\d+)+", versions), key=_numbers, default="?")
    if newest == "?" or _numbers(newest) >= _numbers(_OLDEST):
        what = "PowerShell does not load its module Az.Accounts"
        hint = "run in PowerShell to see why: Import-Module Az.Accounts"
        return MethodUnavailable(what, hint, "powershell-module")
    what = f"the module Az.Accounts {newest} is too old, {_OLDEST} is needed"
    return MethodUnavailable(what, f"{install} -Force", "powershell-module")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _refused(told: str) -> Failure:
    if any(words in told for words in _BLOCKED):
        return MethodUnavailable(
            "the execution policy of this machine keeps PowerShell from loading Az.Accounts",
            "run in PowerShell: Set-ExecutionPolicy RemoteSigned -Scope CurrentUser",
            "powershell-module",
        )
    failure = PWSH.refusal(told.encode(), "Get-AzAccessToken failed")
    if failure.reference == "powershell-failed" and _LOGIN in told:  # a person is needed again
        return SignInRefused(
            "the sign-in of Azure PowerShell has expired or needs a second factor",
            f"run: {_LOGIN}",
            "sign-in-expired",
        )
    return failure
