"""Entra token -> registry token, over real HTTPS against the fake registry."""

import gzip
import itertools
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_credential_acr.deadline import Deadline
from docker_credential_acr.errors import (
    LONGEST,
    Failure,
    OutOfTime,
    RegistryRefused,
    Unreachable,
    sentence,
)
from docker_credential_acr.exchange import jwt_claims, read, registry_token
from docker_credential_acr.methods.contract import EntraToken
from docker_credential_acr.references import REFERENCES
from docker_credential_acr.secret import Secret
from tests.azure import Cut, Endless, FakeAzure, Garbage, Hang, Redirect, Reset, Slow, Status
from tests.azure.tokens import base64url
from tests.stories.program import new_host

HOST = "team.azurecr.io"
REGIONAL = "team.westeurope.geo.azurecr.io"
LEAF = "x" * 40


def exchange(
    azure: FakeAzure, host: str, seconds: float = 10, tenant: str | None = None, token: str = ""
) -> Any:
    entra = EntraToken(Secret(token or azure.access_token()), tenant)
    return registry_token(host, entra, Deadline.after(seconds))


def failure(azure: FakeAzure, host: str, seconds: float = 10, token: str = "") -> Failure:
    with pytest.raises(Failure) as raised:
        exchange(azure, host, seconds, token=token)
    line = sentence(raised.value, host)
    assert raised.value.reference in REFERENCES
    assert len(line) <= LONGEST
    assert line.isprintable()
    assert "CANARY" not in line
    assert not [secret for secret in azure.secrets if secret[-40:] in line]
    return raised.value


def jwt(payload: str | bytes | dict[str, Any]) -> str:
    text = json.dumps(payload) if isinstance(payload, dict) else payload
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return f"{base64url(b'{}')}.{base64url(data)}.{base64url(b'signature')}"


def token(**changes: object) -> str:
    return jwt({"aud": HOST, "iat": 1_700_000_000, "exp": 1_700_011_700, **changes})


class TestExchange:
    def test_the_registry_is_sent_what_it_needs_and_nothing_else(
        self, azure: FakeAzure, host: str
    ) -> None:
        found = exchange(azure, host, tenant=azure.tenant)
        (request,) = (r for r in azure.requests if r.kind == "exchange")
        assert (request.host, request.method) == (host, "POST")
        assert set(request.form) == {"grant_type", "service", "access_token", "tenant"}
        assert request.form["grant_type"] == "access_token"
        assert request.form["service"] == host
        assert request.form["tenant"] == azure.tenant
        assert "authorization" not in request.headers
        assert found.expires - found.issued == 11_700
        assert found.secret.reveal() in azure.secrets

    def test_an_unknown_tenant_is_left_out(self, azure: FakeAzure, host: str) -> None:
        exchange(azure, host)
        assert "tenant" not in next(r for r in azure.requests if r.kind == "exchange").form

    @pytest.mark.parametrize(
        ("status", "kind", "reference", "tries"),
        [
            (400, RegistryRefused, "registry-refused", 1),
            (401, RegistryRefused, "registry-refused", 1),
            (403, RegistryRefused, "registry-firewall", 1),
            (404, Unreachable, "registry-missing", 1),
            (413, Unreachable, "answer-unusable", 1),
            (418, Unreachable, "answer-unusable", 1),
            (204, Unreachable, "answer-unusable", 1),
            (429, Unreachable, "registry-throttled", 2),
            (500, Unreachable, "registry-unavailable", 2),
            (503, Unreachable, "registry-unavailable", 2),
        ],
    )
    def test_each_refusal_has_its_own_words(
        self, azure: FakeAzure, status: int, kind: type[Failure], reference: str, tries: int
    ) -> None:
        host = new_host()
        identity = "12345678-1234-1234-1234-123456789abc"
        azure.fault("exchange", Status(status, {"x-ms-correlation-request-id": identity}))
        found = failure(azure, host)
        assert type(found) is kind
        assert found.reference == reference
        assert f"correlation id {identity}" in found.what
        assert azure.count("exchange") == tries

    def test_the_fakes_own_refusals_are_understood(self, azure: FakeAzure, host: str) -> None:
        registry = azure.registry(host)
        assert failure(azure, host, token=LEAF).reference == "registry-refused"
        registry.firewall = True
        assert failure(azure, host).reference == "registry-firewall"

    @pytest.mark.parametrize("identity", ["\x1b[31mred", "x" * 65, "a b", ""])
    def test_an_id_that_is_none_is_not_shown(
        self, azure: FakeAzure, host: str, identity: str
    ) -> None:
        azure.fault("exchange", Status(401, {"x-ms-correlation-request-id": identity}))
        assert "correlation" not in failure(azure, host).what

    def test_how_long_to_wait_is_said_when_it_does_not_fit(
        self, azure: FakeAzure, host: str
    ) -> None:
        azure.registry(host).throttled = 600
        found = failure(azure, host)
        assert found.hint == "try again in 600 s"
        assert azure.count("exchange") == 1

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    @pytest.mark.parametrize("url", ["https://elsewhere.azurecr.io/oauth2/exchange", "http://x/"])
    def test_a_redirect_is_never_followed(
        self, azure: FakeAzure, host: str, status: int, url: str
    ) -> None:
        azure.fault("exchange", Redirect(url, status), host=host)
        assert failure(azure, host).reference == "redirect-refused"
        assert {r.host for r in azure.requests} == {host}

    def test_the_realm_of_a_challenge_is_not_asked_for(self, azure: FakeAzure, host: str) -> None:
        realm = 'Bearer realm="https://elsewhere.azurecr.io/oauth2/token",service="x"'
        azure.fault("exchange", Status(401, {"WWW-Authenticate": realm}))
        failure(azure, host)
        assert {r.host for r in azure.requests} == {host}

    @pytest.mark.parametrize(
        "body",
        [
            "",
            "{}",
            "[]",
            "null",
            "5",
            '{"refresh_token": "',
            '{"refresh_token": null}',
            '{"refresh_token": 5}',
            '{"refresh_token": ""}',
            '{"refresh_token": {"a": "b"}}',
            '{"refresh_token": "a.b.c\\n"}',
            json.dumps({"refresh_token": token() + "\n"}),
            json.dumps({"refresh_token": token(more="x" * 70_000)}),
            json.dumps({"refresh_token": token(aud="other.azurecr.io")}),
            "[" * 100_000,
            "\x1b]0;owned\x07 CANARY",
            b"\xff\xfe\x00",
        ],
    )
    def test_what_is_no_token_of_this_registry_is_refused(
        self, azure: FakeAzure, host: str, body: str | bytes
    ) -> None:
        azure.fault("exchange", Garbage(body, "application/json"))
        found = failure(azure, host)
        assert isinstance(found, Unreachable)
        assert found.reference in ("answer-unusable", "token-unusable")
        assert azure.count("exchange") == 1

    @pytest.mark.parametrize("last", ["right", "wrong"])
    def test_of_a_member_that_comes_twice_the_last_counts(
        self, azure: FakeAzure, host: str, last: str
    ) -> None:
        """And is looked at as closely as a single one."""
        tokens = {"right": token(aud=host), "wrong": token(aud="other.azurecr.io")}
        first = tokens["wrong" if last == "right" else "right"]
        body = f'{{"refresh_token": "{first}", "refresh_token": "{tokens[last]}"}}'
        azure.fault("exchange", Garbage(body, "application/json"))
        if last == "right":
            assert exchange(azure, host).secret.reveal() == tokens["right"]
        else:
            assert failure(azure, host).reference == "token-unusable"

    def test_a_login_page_is_no_answer(self, azure: FakeAzure, host: str) -> None:
        azure.fault("exchange", Garbage())
        assert "guest network" not in sentence(failure(azure, host), host)

    def test_a_body_without_an_end_is_cut_off(self, azure: FakeAzure, host: str) -> None:
        azure.fault("exchange", Endless())
        assert "too large" in failure(azure, host).what

    def test_a_bomb_does_not_go_off(self, azure: FakeAzure, host: str) -> None:
        bomb = gzip.compress(b"\0" * 30_000_000)
        azure.fault("exchange", Status(200, {"Content-Encoding": "gzip"}, bomb))
        assert failure(azure, host).reference == "answer-unusable"

    def test_a_packed_answer_is_read(self, azure: FakeAzure, host: str) -> None:
        """Nobody asked for it, and some proxies do it all the same."""
        text = json.dumps({"refresh_token": token(aud=host)}).encode()
        azure.fault("exchange", Status(200, {"Content-Encoding": "gzip"}, gzip.compress(text)))
        assert exchange(azure, host).expires == 1_700_011_700

    @pytest.mark.parametrize("fault", [Cut(), Reset()], ids=["cut", "reset"])
    def test_a_broken_connection_is_tried_once_more(
        self, azure: FakeAzure, host: str, fault: Cut | Reset
    ) -> None:
        azure.fault("exchange", fault, times=1)
        exchange(azure, host)
        azure.fault("exchange", fault)
        assert failure(azure, host).reference in ("unreachable", "no-answer", "answer-unusable")
        assert azure.count("exchange") == 4

    @pytest.mark.parametrize("fault", [Hang(), Slow(5)], ids=["hang", "slow"])
    def test_the_deadline_holds(self, azure: FakeAzure, host: str, fault: Hang | Slow) -> None:
        azure.fault("exchange", fault)
        began = time.monotonic()
        assert isinstance(failure(azure, host, seconds=1), Unreachable)
        assert time.monotonic() - began < 2

    def test_past_the_deadline_nothing_is_sent(self, azure: FakeAzure, host: str) -> None:
        with pytest.raises(OutOfTime):
            exchange(azure, host, seconds=0)
        assert azure.requests == []


class TestAudience:
    @pytest.mark.parametrize("aud", [HOST, HOST.upper(), [HOST], ["x", HOST]])
    def test_a_token_of_this_registry(self, aud: object) -> None:
        assert read(token(aud=aud), HOST)

    @pytest.mark.parametrize(
        "aud",
        [
            "other.azurecr.io",
            "",
            None,
            5,
            True,
            [],
            [None],
            [["team.azurecr.io"]],
            {HOST: 1},
            f"{HOST}.evil.example",
            f"evil-{HOST}",
            f" {HOST}",
            f"https://{HOST}",
            "team",
            "azurecr.io",
            REGIONAL,
        ],
    )
    def test_a_token_of_another(self, aud: object) -> None:
        assert read(token(aud=aud), HOST) is None

    @pytest.mark.parametrize("aud", [REGIONAL, HOST])
    def test_a_regional_endpoint_may_speak_for_its_registry(self, aud: str) -> None:
        assert read(token(aud=aud), REGIONAL)

    @pytest.mark.parametrize(
        "aud",
        ["westeurope.azurecr.io", "azurecr.io", "team.eastus.geo.azurecr.io", "team.azurecr.cn"],
    )
    def test_and_for_no_other(self, aud: str) -> None:
        assert read(token(aud=aud), REGIONAL) is None


class TestShape:
    @pytest.mark.parametrize(
        "claims",
        [
            {"exp": True},
            {"iat": True},
            {"iat": False},
            {"exp": "1700011700"},
            {"exp": 1_700_011_700.0},
            {"exp": None},
            {"iat": None},
            {"iat": 0},
            {"iat": -1},
            {"exp": 1_700_000_000},
            {"exp": 1_600_000_000},
            {"exp": 2**53},
            {"exp": 10**400},
            {"exp": [1]},
            {"exp": float("nan")},
            {"exp": float("inf")},
            {"iat": float("-inf")},
        ],
    )
    def test_times_that_are_none(self, claims: dict[str, object]) -> None:
        assert read(token(**claims), HOST) is None

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "..",
            "a.b",
            "a.b.c",
            "a.b.c.d",
            token() + ".x",
            token() + "\n",
            " " + token(),
            token().replace(".", ".\n", 1),
            token() + "é",
            token() + '"',
            token() + "\\",
            token() + "=",
            jwt("[]"),
            jwt('"text"'),
            jwt(b"\xff"),
            jwt("{"),
            jwt("[" * 50_000),
            jwt('{"exp": ' + "9" * 5000 + "}"),
            jwt('{"aud": "\ud800"}'),
            None,
            5,
            b"a.b.c",
            [token()],
        ],
        ids=map(str, itertools.count()),
    )
    def test_texts_that_are_none(self, text: object) -> None:
        assert read(text, HOST) is None

    def test_the_last_of_two_claims_counts_as_for_everybody(self) -> None:
        twice = '{"aud": "x", "aud": "team.azurecr.io", "iat": 1, "exp": 2}'
        found = read(jwt(twice), HOST)
        assert found is not None
        assert (found.issued, found.expires) == (1, 2)

    @given(st.one_of(st.text(), st.binary().map(jwt), st.text().map(jwt)))
    def test_nothing_makes_it_fail(self, text: str) -> None:
        assert read(text, HOST) is None
        assert jwt_claims(text) is None or isinstance(jwt_claims(text), dict)
