"""`device-code`: a person signs in with a browser anywhere, by a code, once, by ``login HOST``."""

import time
from typing import Any

from docker_credential_acr.errors import OutOfTime, Unreachable, printable
from docker_credential_acr.log import log
from docker_credential_acr.methods import interactive
from docker_credential_acr.methods.contract import Account, SignIn
from docker_credential_acr.terminal import Terminal

INPUTS: tuple[str, ...] = ()
SECRET_INPUTS: tuple[str, ...] = ()
Options = interactive.Options
detect = interactive.detect
entra_token = interactive.entra_token

_PENDING = ("authorization_pending", "slow_down")
_LONGEST_PAUSE = 60  # seconds between two questions, however often nothing answered


def log_in(
    options: interactive.Options, sign_in: SignIn, audience: str, prompts: Terminal
) -> Account:
    """Show the code, and ask until somebody has entered it or the deadline has come."""

    def ask(application: Any, scopes: list[str]) -> dict[str, Any]:
        flow: dict[str, Any] = application.initiate_device_flow(scopes)
        if "user_code" not in flow:
            return flow
        address, code = (printable(str(flow[key])) for key in ("verification_uri", "user_code"))
        prompts.note(f"To sign in for {sign_in.host}, open {address} and enter the code {code}")
        interactive.name_the_app(options, prompts)
        return interactive.waited(_asking(application, flow), sign_in, prompts)

    return interactive.log_in(options, sign_in, audience, ask)


def _asking(application: Any, flow: dict[str, Any]) -> interactive.Look[dict[str, Any]]:
    """Return what asks Entra once in each interval, which grows when it says so or does not answer."""
    next_at = time.monotonic() + flow["interval"]

    def look(seconds: float) -> dict[str, Any] | None:
        nonlocal next_at
        time.sleep(seconds)
        if time.monotonic() < next_at:
            return None
        try:
            result: dict[str, Any] = application.acquire_token_by_device_flow(
                flow, exit_condition=lambda _: True
            )
        except OutOfTime:
            return None
        except Unreachable as fault:  # RFC 8628: twice as long before the next one
            log.debug("%s, asking again", fault.what)
            flow["interval"] = min(2 * flow["interval"], _LONGEST_PAUSE)
            result = {"error": _PENDING[0]}
        next_at = time.monotonic() + flow["interval"]
        return None if result.get("error") in _PENDING else result

    return look
