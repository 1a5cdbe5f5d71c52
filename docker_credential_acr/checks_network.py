"""Checks of the way to the registry and to Entra: names, proxies, TLS, the clock. No secret is sent."""

import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

from docker_credential_acr import asker, transport
from docker_credential_acr.checks import FAILED, OK, SKIPPED, WARNING, Check, Finding, Patient
from docker_credential_acr.deadline import Deadline
from docker_credential_acr.managing import with_endpoints
from docker_credential_acr.settings import RegistrySettings, for_host, load

_SECONDS = 12.0
_SKEW_WARNING, _SKEW_FAILURE = 60.0, 300.0  # seconds; Entra tolerates five minutes
_PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
_DISCOVERY = "/common/v2.0/.well-known/openid-configuration"


def _chosen(patient: Patient) -> RegistrySettings:
    who = asker.who_asks(patient.environ)
    return for_host(load(who.settings_path), patient.host or "", patient.environ)


def proxy(patient: Patient) -> Iterator[Finding]:
    named = [name for name in _PROXIES if patient.environ.get(name)]
    if named:
        yield Finding(OK, f"a proxy is named by {', '.join(named)}, and is used")
    transport.check_trust_variables()


def names(patient: Patient) -> Iterator[Finding]:
    server = _chosen(patient).login_server
    if any(patient.environ.get(name) for name in _PROXIES):
        yield Finding(SKIPPED, f"{server}: the proxy looks its name up")
        return
    began = time.monotonic()
    found = transport.addresses(server.partition(":")[0])
    took = (time.monotonic() - began) * 1000
    private = "" if all(public for _, public in found) else ", a private endpoint"
    shown = ", ".join(address for address, _ in found[:3])
    yield Finding(OK, f"{server} is {shown}{private} ({took:.0f} ms)")


def registry(patient: Patient) -> Iterator[Finding]:
    server = _chosen(patient).login_server
    began = time.monotonic()
    response = transport.Session(Deadline.after(_SECONDS)).get(f"https://{server}/v2/")
    took = (time.monotonic() - began) * 1000
    patient.shared["date"] = response.headers.get("Date")
    challenge = response.headers.get("WWW-Authenticate", "")
    if response.status_code not in (200, 401):
        fix = "check the spelling, the registry's network rules, and whether it still exists"
        text = f"{server} answers HTTP {response.status_code}"
        yield Finding(FAILED, text, fix, "registry-missing")
    elif response.status_code == 401 and f'realm="https://{server}/' not in challenge:  # noqa: PLR2004  HTTP
        fix = "set login_server to the registry's own name; no token goes where a challenge points"
        yield Finding(WARNING, f"{server} points elsewhere for tokens", fix, "token-unusable")
    else:
        yield Finding(OK, f"{server} answers, its certificate is trusted ({took:.0f} ms)")


def authority(patient: Patient) -> Iterator[Finding]:
    who, deadline = asker.who_asks(patient.environ), Deadline.after(_SECONDS)
    chosen = with_endpoints(_chosen(patient), who, deadline)
    if chosen.authority is None:
        fix = "give it in [clouds.NAME]"
        yield Finding(SKIPPED, f"the sign-in address of {chosen.cloud.name} is not on record", fix)
        return
    response = transport.Session(deadline).get(f"https://{chosen.authority}{_DISCOVERY}")
    patient.shared.setdefault("date", response.headers.get("Date"))
    level = OK if response.status_code == 200 else WARNING  # noqa: PLR2004  HTTP
    fix = "" if level == OK else "check for a proxy that answers in its place"
    text = f"{chosen.authority} answers HTTP {response.status_code}"
    yield Finding(level, text, fix, "" if level == OK else "answer-unusable")


def clock(patient: Patient) -> Iterator[Finding]:
    try:
        there = parsedate_to_datetime(patient.shared.get("date") or "").timestamp()
    except (TypeError, ValueError):
        yield Finding(SKIPPED, "nobody has answered with a time to compare with")
        return
    off = abs(time.time() - there)
    level = OK if off < _SKEW_WARNING else WARNING if off < _SKEW_FAILURE else FAILED
    fix = "" if level == OK else "set the clock: timedatectl set-ntp true"
    how_far = f"within {max(1, round(off))} s of" if level == OK else f"{off:.0f} s away from"
    reference = "" if level == OK else "clock-wrong"
    yield Finding(level, f"the clock is {how_far} the servers'", fix, reference)


CHECKS = (
    Check("Network", "proxy", proxy),
    Check("Network", "name", names),
    Check("Network", "registry", registry, _SECONDS + 3),
    Check("Network", "authority", authority, _SECONDS + 3),
    Check("Clock", "clock", clock),
)
