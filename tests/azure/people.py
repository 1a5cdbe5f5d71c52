"""People who sign in: device codes, browsers, and the refresh tokens that renew a sign-in silently."""

import dataclasses
import json
import time
import uuid
from collections.abc import Mapping

from tests.azure.aadsts import Refused
from tests.azure.authorize import Authorize
from tests.azure.directory import Directory, Identity
from tests.azure.tokens import base64url
from tests.azure.wire import Json

LIFE = 900
Grant = tuple[str, str]
"""The scope that was asked for, and the nonce for the id token."""


class People:
    """One person, who approves every device code unless `device_code_problem` says otherwise."""

    def __init__(self, directory: Directory, user: Identity) -> None:
        self._directory = directory
        self._user = user
        self._scopes: dict[str, str] = {}  # device code -> what it was asked for
        self._refresh_tokens: set[str] = set()
        self.device_code_problem: int | None = None  # 70016 pending, 70018 declined, 70020 expired
        self.refresh_problem: int | None = (
            None  # 50076 a second factor, 53003 policies, 700082 idle
        )
        self.rotates = False  # whether a refresh token is good once
        self.name = "dana@fake-azure.example"
        self.browser = Authorize(directory)

    def start(self, form: Mapping[str, str]) -> Json:
        code = self._directory.keep(f"CANARY-device-{uuid.uuid4().hex}")
        self._scopes[code] = form.get("scope", "")
        user_code, page = "FAKE12345", "https://microsoft.com/devicelogin"
        return {
            "user_code": user_code,
            "device_code": code,
            "verification_uri": page,
            "expires_in": LIFE,
            "interval": 1,
            "message": f"To sign in, use a web browser to open the page {page} and enter the"
            f" code {user_code} to authenticate.",
        }

    def by_device_code(self, form: Mapping[str, str]) -> Grant:
        """The device code is good once."""
        if self.device_code_problem:
            raise Refused(self.device_code_problem)
        scope = self._scopes.pop(form.get("device_code", ""), None)
        if scope is None:
            raise Refused(70020)
        return scope, ""

    def by_refresh_token(self, form: Mapping[str, str]) -> Grant:
        given = form.get("refresh_token", "")
        if given not in self._refresh_tokens:
            raise Refused(50173)
        if self.refresh_problem:
            raise Refused(self.refresh_problem)
        if self.rotates:
            self._refresh_tokens.discard(given)
        return form.get("scope", ""), ""

    def revoke(self) -> None:
        """Every sign-in so far has ended, as after a changed password."""
        self._refresh_tokens.clear()

    def answer(self, form: Mapping[str, str], audience: str, issuer: str, nonce: str) -> Json:
        """Access, refresh and id token, and the account's identifiers (`client_info`)."""
        person = dataclasses.replace(self._user, client_id=form["client_id"])
        refresh_token = self._directory.keep(f"1.CANARY-refresh-{uuid.uuid4().hex}")
        self._refresh_tokens.add(refresh_token)
        info = {"uid": person.object_id, "utid": self._directory.tenant}
        return {
            "token_type": "Bearer",
            "scope": f"{audience}/user_impersonation",
            "expires_in": self._directory.token_life - 1,
            "access_token": self._directory.access_token(person, audience),
            "refresh_token": refresh_token,
            "id_token": self._id_token(person, issuer, nonce),
            "client_info": base64url(json.dumps(info).encode()),
        }

    def _id_token(self, person: Identity, issuer: str, nonce: str) -> str:
        now = int(time.time())
        claims = {
            "aud": person.client_id,
            "iss": issuer,
            "iat": now,
            "nbf": now,
            "exp": now + 3600,
            "name": "Dana Builder",
            "preferred_username": self.name,
            "oid": person.object_id,
            "sub": person.object_id,
            "tid": self._directory.tenant,
            "ver": "2.0",
            **({"nonce": nonce} if nonce else {}),
        }
        return self._directory.keep(self._directory.signer.sign(claims))
