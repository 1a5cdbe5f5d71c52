"""`browser`: a person signs in with a browser on this machine, once, by ``login HOST``."""

from typing import Any

from docker_credential_acr.errors import SignInRefused
from docker_credential_acr.methods import interactive
from docker_credential_acr.methods.contract import Account, SignIn
from docker_credential_acr.terminal import Terminal

INPUTS: tuple[str, ...] = ()
SECRET_INPUTS: tuple[str, ...] = ()
Options = interactive.Options
detect = interactive.detect
entra_token = interactive.entra_token


def log_in(
    options: interactive.Options, sign_in: SignIn, audience: str, prompts: Terminal
) -> Account:
    """Have a browser opened, and wait for its answer until the deadline."""
    from docker_credential_acr.methods import browser_window  # noqa: PLC0415  an HTTP server

    def ask(application: Any, scopes: list[str]) -> dict[str, Any]:
        with browser_window.listening() as loopback:
            flow = application.initiate_auth_code_flow(
                scopes,
                redirect_uri=loopback.address,
                prompt="select_account",  # else whoever is signed in there already is taken
                response_mode="form_post",
            )
            loopback.state = flow["state"]
            opened = browser_window.opened(flow["auth_uri"], sign_in.environ)
            _tell(None if opened else flow["auth_uri"], sign_in, prompts)
            interactive.name_the_app(options, prompts)
            answer = interactive.waited(loopback.answer, sign_in, prompts)
        try:
            found: dict[str, Any] = application.acquire_token_by_auth_code_flow(flow, answer)
        except RuntimeError as error:  # the id token's nonce
            raise SignInRefused(
                "the browser brought the answer to another sign-in",
                "close its windows and run it again",
                "sign-in-unfinished",
            ) from error
        return found

    return interactive.log_in(options, sign_in, audience, ask)


def _tell(address: str | None, sign_in: SignIn, prompts: Terminal) -> None:
    """Say what is to be done; *address* is given where the person has to open it."""
    elsewhere = f"docker-credential-acr login {sign_in.host} --method device-code"
    if address is None:
        prompts.note(f"A browser has been opened: sign in there for {sign_in.host}.")
        prompts.note(f"  nothing there? Stop with Ctrl-C and run: {elsewhere}")
        return
    prompts.note(
        f"No browser can be opened here. Open this address on this machine:\n\n{address}\n"
    )
    prompts.note(f"  with a browser on another machine: stop with Ctrl-C and run: {elsewhere}")
