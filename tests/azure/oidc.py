"""The issuer outside Entra whose tokens an application trusts: a cluster's or a pipeline's own."""

import time
import uuid
from collections.abc import Mapping

from tests.azure.directory import EXCHANGE_AUDIENCE, Directory
from tests.azure.wire import Call, Reply, json_reply

ISSUER = "https://oidc.fake-azure.example"
SUBJECT = "system:serviceaccount:default:builder"
GITHUB = "pipelines.actions.githubusercontent.com"
PIPELINES = "dev.azure.com"
SERVICE_CONNECTION = "77777777-8888-9999-aaaa-bbbbbbbbbbbb"


class Oidc:
    """Hands its token to any job that presents the job's secret."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._secret = directory.keep(f"CANARY-job-{uuid.uuid4().hex}")
        self.subject = SUBJECT
        self.hosts = {GITHUB, PIPELINES}

    def assertion(self, issuer: str, subject: str, audience: str, life: int, **more: object) -> str:
        now = int(time.time())
        claims = {
            "iss": issuer,
            "sub": subject,
            "aud": audience,
            "iat": now - 3600 if life < 0 else now,
            "exp": now + life,
            "jti": uuid.uuid4().hex,
            **more,
        }
        return self._directory.keep(self._directory.signer.sign(claims))

    def environ(self) -> Mapping[str, Mapping[str, str]]:
        """Where a job runs -> the variables it gets there (`acr.md` 3.1)."""
        return {
            "github-actions": {
                "ACTIONS_ID_TOKEN_REQUEST_URL": f"https://{GITHUB}/idtoken?api-version=2.0",
                "ACTIONS_ID_TOKEN_REQUEST_TOKEN": self._secret,
            },
            "azure-pipelines": {
                "SYSTEM_OIDCREQUESTURI": f"https://{PIPELINES}/organization/oidctoken",
                "SYSTEM_ACCESSTOKEN": self._secret,
                "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID": SERVICE_CONNECTION,
            },
        }

    def answer(self, call: Call) -> Reply:
        """GitHub: GET with `audience`, answers `value`. Pipelines: POST, answers `oidcToken`."""
        if call.headers.get("authorization") != f"Bearer {self._secret}":
            return json_reply(401, {"message": "the job's token does not match"})
        audience = call.query.get("audience", EXCHANGE_AUDIENCE)
        token = self.assertion(ISSUER, self.subject, audience, 600)
        if call.host == GITHUB:
            return json_reply(200, {"count": len(token), "value": token})
        if call.query.get("serviceConnectionId") != SERVICE_CONNECTION:
            return json_reply(404, {"message": "no such service connection"})
        return json_reply(200, {"oidcToken": token})
