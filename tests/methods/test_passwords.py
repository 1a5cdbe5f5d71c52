"""Both passwords of an admin user or a repository token, from wherever they are kept."""

import os

import pytest

from docker_credential_acr.errors import Failure, MethodUnavailable, RegistryRefused, SettingsError
from docker_credential_acr.methods import admin_user, repository_token
from docker_credential_acr.methods.admin_user import Options
from tests.managers import targets
from tests.methods.worlds import Machine

KINDS = ("env", "file", "command")


class Kept:
    """An admin user whose two passwords are kept in one way."""

    def __init__(self, machine: Machine, host: str) -> None:
        self.machine, self.host = machine, host
        machine.azure.add_admin(host)
        self.passwords = machine.azure.registry(host).admin_passwords

    def option(self, kind: str, number: int, password: str | None) -> dict[str, object]:
        """The key of one password and where it is, the password put there unless it is None."""
        key = f"password{number if number > 1 else ''}"
        path = os.path.join(self.machine.folder, key)
        if kind == "env":
            self.machine.set(**{f"MY_{key.upper()}": password})
        elif password is not None:
            self.machine.file(key, password)
        elif os.path.exists(path):
            os.unlink(path)
        places = {"env": f"MY_{key.upper()}", "file": path, "command": ("/bin/cat", path)}
        return {f"{key}_{kind}": places[kind]}

    def options(self, kind: str, *passwords: str | None) -> Options:
        given: dict[str, object] = {}
        for number, password in enumerate(passwords, 1):
            given |= self.option(kind, number, password)
        return Options(**given)  # type: ignore[arg-type]

    def secrets(self, options: Options) -> list[str]:
        offer = self.machine.offer("admin-user", options, self.host)
        return [login.secret.reveal() for login in offer.logins]

    def served(self, options: Options) -> str:
        return self.machine.login("admin-user", options, self.host).secret.reveal()


@pytest.fixture
def kept(machine: Machine, host: str) -> Kept:
    return Kept(machine, host)


class TestSources:
    @pytest.mark.parametrize("kind", KINDS)
    def test_both_are_read(self, kept: Kept, kind: str) -> None:
        assert kept.secrets(kept.options(kind, *kept.passwords)) == kept.passwords

    @pytest.mark.parametrize("kind", KINDS)
    def test_one_is_enough(self, kept: Kept, kind: str) -> None:
        assert kept.served(kept.options(kind, kept.passwords[1])) == kept.passwords[1]

    @pytest.mark.parametrize("kind", KINDS)
    def test_the_second_where_the_first_is_refused(self, kept: Kept, kind: str) -> None:
        assert kept.served(kept.options(kind, "CANARY-old", kept.passwords[1])) == kept.passwords[1]
        assert kept.machine.azure.count("token") == 2

    @pytest.mark.parametrize("kind", KINDS)
    def test_the_second_where_the_first_is_missing(self, kept: Kept, kind: str) -> None:
        """As a rotation leaves it for a moment."""
        assert kept.secrets(kept.options(kind, None, kept.passwords[1])) == kept.passwords[1:]
        assert kept.secrets(kept.options(kind, kept.passwords[0], None)) == kept.passwords[:1]

    @pytest.mark.parametrize("kind", KINDS)
    def test_both_are_missing(self, kept: Kept, kind: str) -> None:
        """Nobody is asked for anything: the Resource Manager is not what the settings say."""
        with pytest.raises(MethodUnavailable) as raised:
            kept.secrets(kept.options(kind, None, None))
        assert raised.value.reference in {"inputs-missing", "secret-unreadable"}
        assert kept.machine.azure.requests == []

    def test_each_may_be_kept_in_a_way_of_its_own(self, kept: Kept) -> None:
        given = kept.option("env", 1, kept.passwords[0]) | kept.option("file", 2, kept.passwords[1])
        assert kept.secrets(Options(**given)) == kept.passwords  # type: ignore[arg-type]

    def test_one_password_has_one_source(self, kept: Kept) -> None:
        options = Options(password2_env="A", password2_file="/b")
        with pytest.raises(SettingsError) as raised:
            kept.secrets(options)
        assert "password2_env and password2_file" in raised.value.what

    def test_a_file_is_read_anew(self, kept: Kept) -> None:
        """Mounted secrets are rotated in place."""
        options = kept.options("file", "CANARY-old")
        with pytest.raises(RegistryRefused):
            kept.served(options)
        kept.machine.file("password", kept.passwords[0] + "\n")
        assert kept.served(options) == kept.passwords[0]

    @pytest.mark.parametrize("password", ["CANARY one\ntwo", "CANARY\0"])
    def test_what_is_more_than_a_password_is_not_sent(self, kept: Kept, password: str) -> None:
        with pytest.raises(SettingsError) as raised:
            kept.secrets(kept.options("file", password))
        assert "CANARY" not in raised.value.what
        assert kept.machine.azure.requests == []

    def test_with_a_password_given_the_resource_manager_is_not_asked(self, kept: Kept) -> None:
        kept.served(kept.options("file", kept.passwords[0]))
        assert kept.machine.azure.count("arm") == kept.machine.azure.count("sign-in") == 0


class TestAdminUser:
    @pytest.mark.parametrize(
        ("login_server", "name"),
        [
            ("team.azurecr.io", "team"),
            ("team-a1b2c3.azurecr.io", "team"),
            ("team.westeurope.geo.azurecr.io", "team"),
            ("team-a1b2c3.westeurope.geo.azurecr.io", "team"),
        ],
    )
    def test_its_name_is_the_registrys(self, login_server: str, name: str) -> None:
        assert admin_user.username(Options(), login_server) == name

    def test_it_is_listed_and_nothing_else_is_done(self, machine: Machine, host: str) -> None:
        machine.azure.add_admin(host)
        named = machine.azure.arm.registry_id(machine.azure.registry(host))
        machine.login("admin-user", Options(registry_id=named), host)
        assert targets(machine.azure) == [
            f"POST SUB/{machine.azure.registry(host).name}/listCredentials"
        ]

    def test_one_that_is_disabled(self, machine: Machine, host: str) -> None:
        """Its passwords are listed and refused; why, is asked then."""
        registry = machine.azure.registry(host)
        with pytest.raises(RegistryRefused) as raised:
            machine.login("admin-user", Options(), host)
        assert raised.value.reference == "admin-disabled"
        assert raised.value.what == f"the admin user of the registry {registry.name} is disabled"
        assert raised.value.hint == f"run: az acr update -n {registry.name} --admin-enabled true"

    @pytest.mark.parametrize("enabled", [True, False])
    def test_a_password_of_ones_own_that_is_refused(
        self, machine: Machine, host: str, *, enabled: bool
    ) -> None:
        machine.azure.registry(host).admin_enabled = enabled
        options = Options(password_file=machine.file("password", "CANARY-wrong"))
        with pytest.raises(RegistryRefused) as raised:
            machine.login("admin-user", options, host)
        assert raised.value.reference == "passwords-refused"
        assert "--admin-enabled true" in raised.value.hint
        assert machine.azure.count("arm") == 0


class TestRepositoryToken:
    def failure(self, machine: Machine, host: str, **options: str) -> Failure:
        with pytest.raises(Failure) as raised:
            machine.login("repository-token", repository_token.Options(**options), host)  # type: ignore[arg-type]
        return raised.value

    def test_it_needs_its_name(self, machine: Machine, host: str) -> None:
        path = machine.file("password", "CANARY")
        failure = self.failure(machine, host, password_file=path)
        assert isinstance(failure, SettingsError)
        assert "token_name" in failure.hint
        assert repository_token.username(repository_token.Options(), host) is None

    def test_without_a_password_it_says_how_to_have_one(self, machine: Machine, host: str) -> None:
        """And makes none."""
        machine.azure.add_repository_token(host, "robot")
        failure = self.failure(machine, host, token_name="robot")
        assert isinstance(failure, MethodUnavailable)
        assert failure.reference == "password-missing"
        assert f"docker-credential-acr login {host} --generate" in failure.hint
        assert machine.azure.requests == []

    def test_a_name_that_nobody_has(self, machine: Machine, host: str) -> None:
        path = machine.file("password", "CANARY")
        failure = self.failure(machine, host, token_name="nobody", password_file=path)
        assert isinstance(failure, RegistryRefused)
        assert failure.reference == "login-unknown"
        assert "nobody" in failure.what

    def test_one_that_has_expired(self, machine: Machine, host: str) -> None:
        password = machine.azure.add_repository_token(host, "robot")
        token = machine.azure.registry(host).repository_tokens["robot"]
        token.expiry = {"password1": "2001-01-01T00:00:00Z"}
        path = machine.file("password", password)
        failure = self.failure(machine, host, token_name="robot", password_file=path)
        assert failure.reference == "passwords-refused"
        assert "expired" in failure.hint
