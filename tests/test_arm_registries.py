"""A registry in Azure Resource Manager: found by its login server, its admin user, its tokens."""

import os
from pathlib import Path

import pytest

from docker_credential_acr import arm_registries
from docker_credential_acr.errors import Failure, MethodUnavailable, OutOfTime, RegistryRefused
from docker_credential_acr.references import REFERENCES
from tests.azure import FakeAzure, Hang, Status
from tests.managers import manager, targets
from tests.stories.program import new_host


def failure_of(azure: FakeAzure, host: str, registry_id: str | None = None) -> Failure:
    with pytest.raises(Failure) as raised:
        arm_registries.admin_logins(registry_id, manager(azure, host))
    assert raised.value.reference in REFERENCES
    return raised.value


class TestFind:
    def test_by_the_login_server(self, azure: FakeAzure, host: str) -> None:
        azure.registry(new_host())
        wanted = azure.arm.registry_id(azure.registry(host))
        assert arm_registries.find(manager(azure, host)) == wanted
        assert targets(azure) == ["GET /subscriptions", "GET SUB"]

    def test_a_domain_label_is_no_part_of_the_name(self, azure: FakeAzure) -> None:
        azure.registry("team.azurecr.io")
        wanted = azure.registry("team-abc123.azurecr.io")
        found = arm_registries.find(manager(azure, wanted.host))
        assert found == azure.arm.registry_id(wanted)

    def test_a_regional_endpoint_is_its_registry(self, azure: FakeAzure) -> None:
        wanted = azure.registry("team.azurecr.io")
        found = arm_registries.find(manager(azure, "team.westeurope.geo.azurecr.io"))
        assert found == azure.arm.registry_id(wanted)

    def test_in_every_subscription(self, azure: FakeAzure, host: str) -> None:
        """One that may not be looked into does not end the search."""
        azure.arm.others = {"aaa": True, "bbb": False}
        wanted = azure.arm.registry_id(azure.registry(host))
        assert arm_registries.find(manager(azure, host)) == wanted

    def test_nowhere(self, azure: FakeAzure, host: str) -> None:
        azure.registry(new_host())
        with pytest.raises(MethodUnavailable) as raised:
            arm_registries.find(manager(azure, host))
        assert raised.value.reference == "registry-not-found"
        assert host in raised.value.what
        assert "registry_id" in raised.value.hint

    def test_who_is_not_taken_at_all_is_told_so(self, azure: FakeAzure, host: str) -> None:
        azure.registry(host)
        azure.fault("arm", Status(401), times=1)
        with pytest.raises(RegistryRefused) as raised:
            arm_registries.find(manager(azure, host))
        assert raised.value.reference == "arm-identity"

    def test_a_search_without_an_end_names_the_way_round_it(
        self, azure: FakeAzure, host: str
    ) -> None:
        azure.fault("arm", Hang())
        with pytest.raises(OutOfTime) as raised:
            arm_registries.find(manager(azure, host, seconds=0.5))
        assert "registry_id" in raised.value.hint

    @pytest.mark.parametrize(
        "registry",
        ['{"properties": []}', '{"properties": {"loginServer": "HOST"}}', "{}", '"x"'],
    )
    def test_a_listing_with_holes(self, azure: FakeAzure, host: str, registry: str) -> None:
        azure.fault("arm", Status(200, body='{"value": [{"subscriptionId": "s"}]}'), times=1)
        content = registry.replace("HOST", host)
        azure.fault("arm", Status(200, body=f'{{"value": [{content}]}}'), times=1)
        with pytest.raises(MethodUnavailable):
            arm_registries.find(manager(azure, host))


class TestMemory:
    def test_it_is_looked_for_once(self, azure: FakeAzure, host: str, tmp_path: Path) -> None:
        azure.add_admin(host)
        folder = str(tmp_path / "cache")
        for _ in range(2):
            arm_registries.admin_logins(None, manager(azure, host, folder))
        listing = f"POST SUB/{azure.registry(host).name}/listCredentials"
        assert targets(azure) == ["GET /subscriptions", "GET SUB", listing, listing]
        assert all(b"CANARY" not in path.read_bytes() for path in (tmp_path / "cache").iterdir())

    def test_it_is_looked_for_again_where_it_is_no_more(
        self, azure: FakeAzure, host: str, tmp_path: Path
    ) -> None:
        folder = str(tmp_path / "cache")
        asking = manager(azure, host, folder)
        azure.add_admin(host)
        arm_registries.admin_logins(None, asking)
        azure.fault("arm", Status(404), times=1)
        found, _ = arm_registries.admin_logins(None, asking)
        assert found == azure.arm.registry_id(azure.registry(host))
        assert targets(azure).count("GET SUB") == 2

    def test_what_the_settings_name_is_asked_and_nothing_else(
        self, azure: FakeAzure, host: str, tmp_path: Path
    ) -> None:
        azure.add_admin(host)
        named = azure.arm.registry_id(azure.registry(host))
        arm_registries.admin_logins(named, manager(azure, host, str(tmp_path / "cache")))
        failure = failure_of(azure, host, named + "x")
        assert failure.reference == "registry-not-found"
        name = azure.registry(host).name
        assert targets(azure) == [
            f"POST SUB/{name}/listCredentials",
            f"POST SUB/{name}x/listCredentials",
        ]
        assert os.listdir(tmp_path / "cache") == []


class TestAdminUser:
    def test_both_passwords(self, azure: FakeAzure, host: str) -> None:
        name, _ = azure.add_admin(host)
        _, logins = arm_registries.admin_logins(None, manager(azure, host))
        assert [login.username for login in logins] == [name, name]
        found = [login.secret.reveal() for login in logins]
        assert found == azure.registry(host).admin_passwords

    def test_one_that_is_disabled_may_be_told_by_the_listing(
        self, azure: FakeAzure, host: str
    ) -> None:
        azure.registry(host)
        azure.arm.tells_disabled = True
        failure = failure_of(azure, host)
        assert type(failure) is RegistryRefused
        assert failure.reference == "admin-disabled"
        name = azure.registry(host).name
        assert failure.hint == f"run: az acr update -n {name} --admin-enabled true"

    @pytest.mark.parametrize(
        ("enabled", "readable", "reference"),
        [
            (False, True, "admin-disabled"),
            (True, True, "passwords-refused"),
            (False, False, "passwords-refused"),
        ],
    )
    def test_why_its_passwords_are_refused(
        self, azure: FakeAzure, host: str, *, enabled: bool, readable: bool, reference: str
    ) -> None:
        """Who may list the passwords need not be allowed to read whether they are of use."""
        azure.registry(host).admin_enabled = enabled
        azure.arm.readable = readable
        named = azure.arm.registry_id(azure.registry(host))
        failure = arm_registries.admin_refused(named, "team", manager(azure, host))
        assert failure.reference == reference
        assert "az acr update -n team --admin-enabled true" in failure.hint
        assert targets(azure) == [f"GET SUB/{azure.registry(host).name}"]

    @pytest.mark.parametrize(
        "body",
        [
            "{}",
            '{"username": "team"}',
            '{"username": "team", "passwords": [{"name": "password"}, {"value": 7}, 8]}',
            '{"passwords": [{"name": "password", "value": "CANARY"}]}',
            '{"username": "", "passwords": [{"name": "password", "value": "CANARY"}]}',
            '{"username": "team", "passwords": "CANARY"}',
        ],
    )
    def test_an_answer_without_them(self, azure: FakeAzure, host: str, body: str) -> None:
        named = azure.arm.registry_id(azure.registry(host))
        azure.fault("arm", Status(200, body=body), times=1)
        failure = failure_of(azure, host, named)
        assert failure.reference == "answer-unusable"
        assert "CANARY" not in str(failure)


class TestRepositoryToken:
    def test_its_passwords_are_listed_without_their_values(
        self, azure: FakeAzure, host: str
    ) -> None:
        azure.add_repository_token(host, "robot")
        token = azure.registry(host).repository_tokens["robot"]
        token.passwords["password2"] = "CANARY"
        token.made = {"password1": "2026-01-01T00:00:00Z", "password2": "2026-02-01T00:00:00Z"}
        token.expiry = {"password2": "2027-01-01T00:00:00Z"}
        named = azure.arm.registry_id(azure.registry(host))
        assert arm_registries.token_slots(None, "robot", manager(azure, host)) == (
            named,
            [
                arm_registries.Slot("password1", "2026-01-01T00:00:00Z", None),
                arm_registries.Slot("password2", "2026-02-01T00:00:00Z", "2027-01-01T00:00:00Z"),
            ],
        )

    def test_one_that_is_disabled(self, azure: FakeAzure, host: str) -> None:
        azure.add_repository_token(host, "robot")
        azure.registry(host).repository_tokens["robot"].enabled = False
        named = azure.arm.registry_id(azure.registry(host))
        with pytest.raises(RegistryRefused) as raised:
            arm_registries.token_slots(named, "robot", manager(azure, host))
        assert raised.value.reference == "token-disabled"

    @pytest.mark.parametrize("body", ["{}", '{"properties": {"credentials": {"passwords": 1}}}'])
    def test_one_without_passwords(self, azure: FakeAzure, host: str, body: str) -> None:
        named = azure.arm.registry_id(azure.registry(host))
        azure.fault("arm", Status(200, body=body), times=1)
        assert arm_registries.token_slots(named, "robot", manager(azure, host)) == (named, [])

    def test_a_new_password_takes_the_place_that_is_named(
        self, azure: FakeAzure, host: str
    ) -> None:
        first = azure.add_repository_token(host, "robot")
        named = azure.arm.registry_id(azure.registry(host))
        login = arm_registries.new_token_password(
            named, "robot", "password2", "2099-01-01T00:00:00Z", manager(azure, host)
        )
        token = azure.registry(host).repository_tokens["robot"]
        assert token.passwords == {"password1": first, "password2": login.secret.reveal()}
        assert token.expiry == {"password2": "2099-01-01T00:00:00Z"}
        assert login.username == "robot"

    def test_an_answer_without_it(self, azure: FakeAzure, host: str) -> None:
        named = azure.arm.registry_id(azure.registry(host))
        body = '{"passwords": [{"name": "password1", "value": "CANARY"}]}'
        azure.fault("arm", Status(200, body=body), times=1)
        with pytest.raises(Failure) as raised:
            arm_registries.new_token_password(named, "x", "password2", "", manager(azure, host))
        assert raised.value.reference == "answer-unusable"
