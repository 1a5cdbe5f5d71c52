"""Where things live."""

import os
import sys

import pytest

from docker_credential_acr import paths

HOME = "/home/person"
HOMES = {"HOME": HOME, "USERPROFILE": HOME}  # Windows' variable is the second
NAME = "docker-credential-acr"
linux = pytest.mark.skipif(sys.platform != "linux", reason="the folders of Linux")
UID = os.geteuid() if os.name != "nt" else 0


def test_a_variable_is_the_one_of_the_environment() -> None:
    assert paths.variable("ACR_CRED_NOBODY_SET_THIS") is None
    assert (paths.variable("PATH") is None) == ("PATH" not in os.environ)


class TestHome:
    def test_it_is_where_the_variable_says(self) -> None:
        assert paths.home(HOMES.get) == HOME

    def test_a_user_without_the_variable_has_one_all_the_same(self) -> None:
        nothing: dict[str, str] = {}
        assert paths.home(nothing.get) == os.path.expanduser("~")

    def test_a_relative_one_is_none(self) -> None:
        assert paths.home({"HOME": "person", "USERPROFILE": "person"}.get) is None


@linux
class TestSettings:
    def test_the_user_before_the_system(self) -> None:
        assert paths.settings_files({"HOME": HOME}.get) == (
            f"{HOME}/.config/{NAME}/config.toml",
            f"/etc/{NAME}/config.toml",
        )

    def test_xdg_moves_it_if_it_is_absolute(self) -> None:
        assert paths.settings_files({"HOME": HOME, "XDG_CONFIG_HOME": "/x"}.get)[0] == (
            f"/x/{NAME}/config.toml"
        )
        for relative in ("", "x", "./x"):
            environ = {"HOME": HOME, "XDG_CONFIG_HOME": relative}
            assert paths.settings_files(environ.get)[0] == f"{HOME}/.config/{NAME}/config.toml"

    def test_who_names_a_file_wants_no_other(self) -> None:
        assert paths.settings_files({"ACR_CRED_CONFIG": "/a", "HOME": HOME}.get) == ("/a",)
        assert len(paths.settings_files({"ACR_CRED_CONFIG": "", "HOME": HOME}.get)) == 2

    def test_never_the_working_directory(self) -> None:
        for environ in ({}, {"HOME": "."}, {"HOME": "", "XDG_CONFIG_HOME": "."}):
            assert all(map(os.path.isabs, paths.settings_files(environ.get)))


@linux
class TestCache:
    def test_it_is_in_the_users_cache_folder(self) -> None:
        assert paths.cache_folder({"HOME": HOME}.get) == f"{HOME}/.cache/{NAME}-{UID}"
        assert paths.cache_folder({"HOME": HOME, "XDG_CACHE_HOME": "/x"}.get) == f"/x/{NAME}-{UID}"

    def test_users_stay_apart_in_a_shared_folder(self) -> None:
        environ = {"HOME": HOME, "ACR_CRED_CACHE_DIR": "/shared"}
        assert paths.cache_folder(environ.get) == f"/shared/{NAME}-{UID}"

    @pytest.mark.parametrize(
        ("value", "off"), [("1", True), ("yes", True), ("0", False), ("", False)]
    )
    def test_it_can_be_turned_off(self, value: str, off: bool) -> None:  # noqa: FBT001  a table
        found = paths.cache_folder({"HOME": HOME, "ACR_CRED_NO_CACHE": value}.get)
        assert (found is None) == off

    def test_the_kubelet_has_no_home(self) -> None:
        environ = {"HOME": "relative"}
        assert paths.cache_folder(environ.get) == (None if UID else f"/run/{NAME}")
        nothing: dict[str, str] = {}
        own = f"{os.path.expanduser('~')}/.cache/{NAME}-{UID}"
        assert paths.cache_folder(nothing.get) == (own if UID else f"/run/{NAME}")
        for named in ("XDG_CACHE_HOME", "ACR_CRED_CACHE_DIR"):
            assert paths.cache_folder({named: "/x"}.get) == f"/x/{NAME}-{UID}"


@linux
class TestAccounts:
    def test_they_are_those_of_the_clis_and_the_token_file(self) -> None:
        assert paths.account_files({"HOME": HOME}.get) == (
            f"{HOME}/.azure/azureProfile.json",
            f"{HOME}/.Azure/AzureRmContext.json",
            f"{HOME}/.azd/auth.json",
            None,
            "/etc/kubernetes/azure.json",
            None,
            f"{HOME}/.local/share/{NAME}/kept/sign-ins",
        )

    def test_variables_move_them(self) -> None:
        environ = {
            "HOME": HOME,
            "AZURE_CONFIG_DIR": "/a",
            "AZD_CONFIG_DIR": "/b",
            "AZURE_FEDERATED_TOKEN_FILE": "/c",
            "AZURE_ENVIRONMENT_FILEPATH": "/d",
        }
        found = paths.account_files(environ.get)
        assert found[0] == "/a/azureProfile.json"
        assert found[2:-1] == ("/b/auth.json", "/c", "/etc/kubernetes/azure.json", "/d")
