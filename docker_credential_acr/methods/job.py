"""The token that a CI system gives a job of its own, for the job's asking."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from docker_credential_acr import exchange  # which imports this package: not by its names
from docker_credential_acr.errors import MethodUnavailable, NotSetUp, SettingsError, SignInRefused
from docker_credential_acr.methods import entra
from docker_credential_acr.methods.contract import SignIn
from docker_credential_acr.secret import Secret


@dataclass(frozen=True, slots=True)
class JobTokens:
    """How a CI system is asked: ``url`` and ``bearer`` are names of variables."""

    url: str
    bearer: str
    method: str
    member: str  # of the answer
    advice: str  # for who is refused, or has not got the variables
    headers: Mapping[str, str] = field(default_factory=dict)

    def check(self, environ: Mapping[str, str], *, in_job: bool) -> None:
        """Raise MethodUnavailable unless both variables are there; NotSetUp outside such a job."""
        missing = [name for name in (self.url, self.bearer) if not environ.get(name)]
        if missing:
            kind = MethodUnavailable if in_job or len(missing) == 1 else NotSetUp
            raise kind(f"no {' and '.join(missing)}", self.advice, "job-token")

    def fetch(self, parameters: Mapping[str, str], sign_in: SignIn) -> Secret:
        """Return a new token of this job.

        The job's bearer token goes to the variable's address only, over https, and no redirect is
        followed. Raises MethodUnavailable, SettingsError, SignInRefused, Unreachable.
        """
        from docker_credential_acr.transport import (  # noqa: PLC0415  loaded when it is used
            Session,
            correlation,
            host_of,
            retry_after,
            unusable,
        )

        self.check(sign_in.environ, in_job=True)
        address = sign_in.environ[self.url].rstrip("/")
        if not address.lower().startswith("https://"):
            raise SettingsError(
                f"{self.url} is not an https address",
                "leave it as the CI system sets it",
                "variable-invalid",
            )
        bearer = Secret(sign_in.environ[self.bearer])
        headers = {"Authorization": f"Bearer {bearer.reveal()}", "Accept": "application/json"}
        response = Session(sign_in.deadline).request(
            self.method, address, params=dict(parameters), headers=headers | dict(self.headers)
        )
        host, status = host_of(response.request), response.status_code
        if status == 429 or status >= 500:  # noqa: PLR2004  HTTP
            raise entra.unavailable(host, status, retry_after(response), correlation(response))
        if status >= 400:  # noqa: PLR2004  HTTP
            raise SignInRefused(
                f"{host} gave the job no token (HTTP {status}){correlation(response)}",
                self.advice,
                "job-token",
            )
        try:
            found = response.json()[self.member]
        except (ValueError, KeyError, TypeError, RecursionError):
            found = None
        if exchange.jwt_claims(found) is None:
            raise unusable(response, "there is no token in it")
        return Secret(str(found))
