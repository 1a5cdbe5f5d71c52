"""The page where a person signs in with a browser: authorization codes with PKCE (RFC 7636).

Entra answers a native app with a page whose form the browser posts to `http://localhost:PORT`
(`response_mode=form_post`), or with a redirect.
"""

import base64
import hashlib
import html
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from tests.azure.aadsts import Refused
from tests.azure.directory import Directory
from tests.azure.wire import Call, Reply

LOOPBACK = r"http://(localhost|127\.0\.0\.1)(:\d+)?/?"


@dataclass(frozen=True)
class Granted:
    """What an authorization code stands for."""

    client_id: str
    redirect_uri: str
    challenge: str
    scope: str
    nonce: str


class Authorize:
    """One person, who signs in at once unless `problem` says otherwise."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._granted: dict[str, Granted] = {}
        self.problem: int | None = (
            None  # 65004 declined, 53003 Conditional Access, 50020 wrong tenant
        )
        self.state: str | None = None  # sent instead of the one that was asked for
        self.nonce: str | None = None  # the same, in the id token

    def page(self, call: Call) -> Reply:
        asked = call.query
        wrong = _wrong(asked)
        if wrong:  # shown to the person; nothing is sent to an address that nobody registered
            return Reply(400, {"Content-Type": "text/plain"}, wrong.encode())
        answer = self._answer(asked)
        answer["state"] = self.state or asked.get("state", "")
        if asked.get("response_mode") == "form_post":
            return _form(asked["redirect_uri"], answer)
        place = f"{asked['redirect_uri']}?{urlencode(answer)}"
        return Reply(302, {"Location": place})

    def _answer(self, asked: Mapping[str, str]) -> dict[str, str]:
        if self.problem:
            return Refused(self.problem).redirected()
        code = self._directory.keep(f"1.CANARY-code-{uuid.uuid4().hex}")
        self._granted[code] = Granted(
            asked["client_id"],
            asked["redirect_uri"],
            asked["code_challenge"],
            asked["scope"],
            asked.get("nonce", ""),
        )
        return {"code": code, "session_state": str(uuid.uuid4())}

    def by_code(self, form: Mapping[str, str]) -> tuple[str, str]:
        """The scope that was asked for, and the nonce; the code is good once, for who began."""
        granted = self._granted.pop(form.get("code", ""), None)
        if granted is None:
            raise Refused(54005)
        if (form["client_id"], form.get("redirect_uri")) != (
            granted.client_id,
            granted.redirect_uri,
        ):
            raise Refused(500112)
        verifier = form.get("code_verifier", "")
        if not 43 <= len(verifier) <= 128 or challenge_of(verifier) != granted.challenge:
            raise Refused(501481)
        return granted.scope, self.nonce or granted.nonce


def challenge_of(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _wrong(asked: Mapping[str, str]) -> str:
    wanted = {"response_type": "code", "code_challenge_method": "S256"}
    for name, value in wanted.items():
        if asked.get(name) != value:
            return f"AADSTS900144: {name} is not {value}"
    missing = [name for name in ("client_id", "scope", "code_challenge") if not asked.get(name)]
    if missing:
        return f"AADSTS900144: no {missing[0]}"
    if not re.fullmatch(LOOPBACK, asked.get("redirect_uri", "")):
        return "AADSTS50011: The redirect URI does not match one of the application's."
    return ""


def _form(address: str, answer: Mapping[str, str]) -> Reply:
    inputs = "".join(
        f'<input type="hidden" name="{name}" value="{html.escape(value)}"/>'
        for name, value in answer.items()
    )
    page = (
        "<html><head><title>Working...</title></head><body>"
        f'<form method="POST" name="hiddenform" action="{html.escape(address)}">{inputs}'
        "<noscript><input type='submit' value='Submit'/></noscript></form>"
        "<script>document.forms[0].submit();</script></body></html>"
    )
    return Reply(200, {"Content-Type": "text/html; charset=utf-8"}, page.encode())
