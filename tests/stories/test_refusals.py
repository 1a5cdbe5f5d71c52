"""Every refusal of Entra, registry and Resource Manager (acr.md 1.9): a sentence and a step of its own.

What is not here is not `get`'s to meet: an access token with fewer actions, and a data endpoint that does
not like a client's header.
"""

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest

from docker_credential_acr.references import REFERENCES
from tests.azure import ACR_AUDIENCE, Refusal, Status
from tests.azure.az import install_az
from tests.azure.registry import NEEDS_SIGN_IN, NOT_A_GUID, NOT_REGISTERED
from tests.stories.program import Program
from tests.systems import need_scripts

CORRELATION = re.compile(r"correlation id ([0-9a-f-]{36})")
LATER = {"Retry-After": "77"}
ADMIN = 'method = "admin-user"\nsign_in = "client-secret"\n'
TOKEN = 'method = "repository-token"\ntoken_name = "{}"\npassword_env = "EDGE"\n'


@dataclass(frozen=True)
class Row:
    """What is wrong, and what a person reads: *says* the step that failed, *then* what to do next."""

    wrong: Callable[[Program, str], object]
    says: str
    then: str
    reference: str
    settings: str = ""
    environ: Mapping[str, str | None] = field(default_factory=dict)
    correlated: bool = True


def entra(code: int) -> Callable[[Program, str], object]:
    return lambda program, _: program.azure.fault("sign-in", Refusal(code))


def registry(**changes: object) -> Callable[[Program, str], object]:
    def change(program: Program, host: str) -> None:
        for name, value in changes.items():
            setattr(program.azure.registry(host), name, value)

    return change


def said(status: int, message: str, **headers: str) -> Callable[[Program, str], object]:
    """The registry answers an exchange in its own form of errors."""
    body = json.dumps({"errors": [{"code": "UNAUTHORIZED", "message": message}]})
    headers |= {"Content-Type": "application/json", "X-Ms-Correlation-Request-Id": "a" * 36}
    return lambda program, host: program.azure.fault(
        "exchange", Status(status, headers, body), host=host
    )


def no_arm_tokens(program: Program, host: str) -> None:
    program.azure.registry(host).arm_tokens_allowed = False


def denied(program: Program, host: str) -> None:
    program.azure.add_admin(host)
    program.azure.arm.denied = True


def disabled(program: Program, host: str) -> None:
    program.azure.add_admin(host)
    program.azure.registry(host).admin_enabled = False


ENTRA: dict[str, tuple[str, str, str]] = {
    "7000215": ("refused the client secret", "secret's value, not its id", "client-secret-refused"),
    "7000222": ("client secret has expired", "create a new secret", "client-secret-expired"),
    "700027": ("does not know the certificate", "upload the certificate", "certificate-refused"),
    "1000502": ("certificate has expired", "create a new one", "certificate-refused"),
    "700016": ("does not know the client id", "check client_id and tenant_id", "app-unknown"),
    "7000112": ("app is disabled", "have its owner enable it", "app-disabled"),
    "90002": ("does not know the tenant", "check tenant_id and the cloud", "tenant-unknown"),
    "900023": ("does not know the tenant", "check tenant_id and the cloud", "tenant-unknown"),
    "70021": (
        "no federated credential",
        "compare issuer, subject and audience",
        "assertion-refused",
    ),
    "700211": ("assertion's issuer", "compare the issuer", "assertion-refused"),
    "700212": ("assertion's audience", "api://AzureADTokenExchange", "assertion-refused"),
    "700213": ("assertion's subject", "compare the subject", "assertion-refused"),
    "700024": ("outside the time", "check this machine's clock", "assertion-expired"),
    "50013": ("cannot verify the federated token", "issuer's keys", "assertion-refused"),
    "53003": ("Conditional Access", "ask whoever runs the tenant's policies", "sign-in-blocked"),
    "53000": ("a device that the tenant manages", "on such a device", "sign-in-blocked"),
    "53001": ("a device that the tenant manages", "on such a device", "sign-in-blocked"),
    "50076": ("a second factor is needed", "sign in again, or use a method", "sign-in-blocked"),
    "50078": ("second factor has expired", "sign in again, or use a method", "sign-in-blocked"),
    "50079": ("a second factor is to be set up", "sign in again", "sign-in-blocked"),
    "50158": ("asks for one more step", "sign in again", "sign-in-blocked"),
    "50173": ("sign-in was revoked", "sign in again", "sign-in-expired"),
    "70043": ("wants a new sign-in", "sign in again", "sign-in-expired"),
    "700082": ("sign-in has expired", "sign in again", "sign-in-expired"),
    "500011": ("does not know the registry audience", "set audience", "audience-unknown"),
    "50001": ("does not know the registry audience", "set audience", "audience-unknown"),
    "900144": ("refused the sign-in", "look the number up", "sign-in-refused"),
}
ROWS: dict[str, Row] = {
    **{
        f"AADSTS{code}": Row(entra(int(code)), says, then, reference)
        for code, (says, then, reference) in ENTRA.items()
    },
    "denied": Row(
        registry(firewall=True, client_address="203.0.113.77"),
        "do not admit 203.0.113.77 (HTTP 403)",
        "ask its owner to allow 203.0.113.77",
        "registry-firewall",
    ),
    "denied-ipv6": Row(
        registry(firewall=True, client_address="2001:db8::7"),
        "do not admit 2001:db8::7 (HTTP 403)",
        "ask its owner to allow 2001:db8::7",
        "registry-firewall",
    ),
    "denied-nonsense": Row(
        registry(firewall=True, client_address="999.1"),
        "do not admit this address (HTTP 403)",
        "ask its owner to allow this address",
        "registry-firewall",
    ),
    "unauthorized": Row(
        said(401, NEEDS_SIGN_IN),
        "did not accept the identity (HTTP 401)",
        "a role such as AcrPull",
        "registry-refused",
    ),
    "unauthorized-arm": Row(
        no_arm_tokens,
        "did not accept the identity (HTTP 401)",
        "authentication-as-arm",
        "registry-refused",
        'audience = "https://management.azure.com"\n',
    ),
    "another-tenant": Row(
        registry(tenant="another"),
        "did not accept the identity",
        "check the tenant",
        "registry-refused",
    ),
    "bad-request": Row(
        said(400, "CANARY"), "did not accept the exchange", "check login_server", "registry-refused"
    ),
    "not-registered": Row(
        lambda *_: None,
        "takes somebody@example.com for a service principal",
        "a person's e-mail and password do not work here",
        "login-unknown",
        TOKEN.format("somebody@example.com"),
        {"EDGE": "CANARY-edge"},
    ),
    "no-guid": Row(
        lambda *_: None,
        "no user or token called edge",
        "check the name",
        "login-unknown",
        TOKEN.format("edge"),
        {"EDGE": "CANARY-edge"},
    ),
    "password": Row(
        lambda program, host: program.azure.add_repository_token(host, "edge"),
        "the repository token edge",
        "password",
        "passwords-refused",
        TOKEN.format("edge"),
        {"EDGE": "CANARY-edge"},
        correlated=False,
    ),
    "missing": Row(
        said(404, "CANARY"),
        "no registry answers under this name (HTTP 404)",
        "check the spelling",
        "registry-missing",
    ),
    "throttled": Row(
        registry(throttled=77),
        "throttling sign-ins (HTTP 429)",
        "try again in 77 s",
        "registry-throttled",
    ),
    "throttled-entra": Row(
        lambda program, _: program.azure.fault("sign-in", Status(429, LATER)),
        "login.microsoftonline.com is throttling sign-ins (HTTP 429)",
        "try again in 77 s",
        "entra-throttled",
        correlated=False,
    ),
    "arm-denied": Row(
        denied,
        "Azure Resource Manager (HTTP 403, AuthorizationFailed)",
        "Microsoft.ContainerRegistry/registries/listCredentials/action",
        "arm-denied",
        ADMIN,
    ),
    "admin-disabled": Row(
        disabled, "the admin user", "az acr update -n", "admin-disabled", ADMIN, correlated=False
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_each_has_its_own_sentence(program: Program, host: str, name: str) -> None:
    row = ROWS[name]
    if row.settings:
        program.settings(f'[registries."{host}"]\n{row.settings}')
    row.wrong(program, host)
    program.secrets.add("CANARY-edge")
    answer = program.get(host, **row.environ)
    program.azure.arm.denied = False  # which is there for others, too
    assert answer.reference == row.reference, answer  # which also looks at form and length
    told = answer.out.decode()
    assert told.startswith(f"{host}: ")
    what, _, then = told.removeprefix(f"{host}: ").partition("; ")
    assert row.says in what
    assert row.then in then
    assert "CANARY" not in told
    if name.startswith("AADSTS"):
        assert f"({name}, correlation id aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee)" in what
    elif row.correlated:
        assert CORRELATION.search(what)
    helped = program.run("help", row.reference)
    assert helped.code == 0
    for text in (page := REFERENCES[row.reference]).cause, page.check, page.fix:
        assert text in " ".join(helped.out.decode().split())


def test_no_two_of_them_are_the_same() -> None:
    """But for numbers that mean one thing."""
    told = [(row.says, row.then) for row in ROWS.values()]
    twice = {name for name, row in ROWS.items() if told.count((row.says, row.then)) > 1}
    assert twice == {
        "AADSTS90002",
        "AADSTS900023",
        "AADSTS500011",
        "AADSTS50001",
        "AADSTS53000",
        "AADSTS53001",
    }


@pytest.mark.parametrize("words", [NOT_REGISTERED, NOT_A_GUID])
def test_the_registrys_words_in_an_exchange_are_a_refused_identity(
    program: Program, host: str, words: str
) -> None:
    said(401, words)(program, host)
    assert program.get(host).reference == "registry-refused"


class TestPeople:
    """The next step is that of the method: who signed in with az is told of az."""

    TOLD = (
        "AADSTS{code}: CANARY. Trace ID: {id} Correlation ID: {id} Timestamp: 2026-01-01 00:00:00Z"
    )

    @pytest.mark.parametrize(
        "code", ["50076", "50078", "50079", "50158", "50173", "70043", "700082"]
    )
    def test_az_login(self, program: Program, host: str, code: str) -> None:
        told = self.TOLD.format(code=code, id="11111111-2222-3333-4444-555555555555")
        self.az(program, f"echo 'ERROR: {told}' >&2; exit 1")
        answer = program.get(host)
        assert answer.reference == ENTRA[code][2]
        assert b"; run: az login" in answer.out
        assert f"(AADSTS{code}, correlation id 1111".encode() in answer.out

    def test_whatever_else_it_says(self, program: Program, host: str) -> None:
        self.az(program, f"echo 'ERROR: {self.TOLD.format(code='999999', id='x')}' >&2; exit 1")
        answer = program.get(host)
        assert answer.reference == "sign-in-refused"
        assert b"(AADSTS999999" in answer.out
        assert b"; run: az login" in answer.out

    def test_the_real_refusal_of_an_old_sign_in(self, program: Program, host: str) -> None:
        az = install_az(os.path.join(program.home, "bin"), program.azure, mode="refused")
        program.environ["PATH"] = az.folder
        program.own.add(os.path.join(az.folder, "az-settings.json"))
        program.settings('[defaults]\nmethod = "azure-cli"\n')
        answer = program.get(host)
        assert answer.reference == "sign-in-expired"
        assert b"; run: az login" in answer.out

    @staticmethod
    def az(program: Program, script: str) -> None:
        need_scripts()
        path = os.path.join(program.home, "bin", "az")
        os.makedirs(os.path.dirname(path))
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\n{script}\n")
        os.chmod(path, 0o755)
        program.environ["PATH"] = os.path.dirname(path) + ":/usr/bin:/bin"
        program.settings('[defaults]\nmethod = "azure-cli"\n')


def test_a_challenge_of_conditional_access_is_not_shown(program: Program, host: str) -> None:
    """The claims in Entra's answer are for an application that can ask a person."""
    program.azure.fault("sign-in", Refusal(53003))
    answer = program.get(host)
    assert b"claims" not in answer.out
    assert b"CANARY" not in answer.out
    forms = [r.form for r in program.azure.requests if r.kind == "sign-in"]
    assert [form["scope"] for form in forms] == [f"{ACR_AUDIENCE}/.default"]
