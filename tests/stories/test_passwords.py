"""Admin users, repository tokens and registries that want nobody's credential, as clients meet them."""

import base64
import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.azure import NULL_GUID, FakeAzure, Reset, Status
from tests.azure.tokens import BadToken, peek
from tests.entries import redate, times_of
from tests.managers import targets
from tests.stories.program import NOT_FOUND, Answer, Program, new_host, until

ARM = "https://management.azure.com"
ADMIN = '[registries."{}"]\nmethod = "admin-user"\n'
ROBOT = '[registries."{}"]\nmethod = "repository-token"\ntoken_name = "robot"\n'


def taken(azure: FakeAzure, host: str, answer: Answer) -> bool:
    """What a client does with an answer: ask the registry for an access token."""
    pair = f"{answer.login['Username']}:{answer.login['Secret']}".encode()
    response = requests.get(
        f"https://{host}/oauth2/token",
        params={"service": host, "scope": "repository:hello:pull"},
        headers={"Authorization": f"Basic {base64.b64encode(pair).decode()}"},
        proxies={"https": azure.proxy_url},
        verify=azure.ca_file,
        timeout=20,
    )
    return response.status_code == 200


def change_entry(program: Program, host: str, change: Callable[[list[int]], list[int]]) -> None:
    (path,) = program.entries(host)
    redate(path, change)


def end(program: Program, host: str) -> None:
    """Let ``password_ttl`` pass."""
    past = int(time.time()) - 1
    change_entry(program, host, lambda times: [times[0] - 600, times[0] - 300, past, past])


def life(program: Program, host: str) -> int:
    (path,) = program.entries(host)
    with open(path, "rb") as file:
        issued, _, _, expires = times_of(file.read())
    return expires - issued


def age(program: Program, host: str) -> None:
    change_entry(program, host, lambda times: [times[0], times[0], *times[2:]])


def audiences(program: Program) -> list[str]:
    forms = [request.form for request in program.azure.requests if request.kind == "sign-in"]
    return [form["scope"].removesuffix("/.default") for form in forms]


def kept_file(program: Program, name: str, content: str) -> str:
    """A file of the person's own with a password in it."""
    path = os.path.join(program.home, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(content + "\n")
    program.own.add(path)
    return path


class TestAdminUser:
    @pytest.fixture
    def admin(self, program: Program, host: str) -> Program:
        program.settings(ADMIN.format(host))
        program.azure.add_admin(host)
        program.azure.forget()
        return program

    def test_its_login_is_read_and_verified(self, admin: Program, host: str) -> None:
        """By whoever ``automatic`` finds, and under its own name; the exchange is not for it."""
        registry = admin.azure.registry(host)
        login = admin.get(host).login
        assert login["Username"] == registry.name
        assert login["Secret"] == registry.admin_passwords[0]
        assert audiences(admin) == [ARM]
        listing = f"POST SUB/{registry.name}/listCredentials"
        assert targets(admin.azure) == ["GET /subscriptions", "GET SUB", listing]
        assert admin.azure.count("token") == 1
        assert admin.azure.count("exchange") == 0

    def test_it_is_cached(self, admin: Program, host: str) -> None:
        first = admin.get(host)
        admin.azure.forget()
        assert admin.get(host) == first
        assert admin.azure.requests == []

    def test_when_it_is_over_both_are_looked_at_again(self, admin: Program, host: str) -> None:
        """The registry's id is known by then."""
        admin.get(host)
        admin.azure.forget()
        end(admin, host)
        admin.get(host)
        name = admin.azure.registry(host).name
        assert targets(admin.azure) == [f"POST SUB/{name}/listCredentials"]
        assert admin.azure.count("token") == 1

    def test_the_token_for_the_resource_manager_is_on_no_disk(
        self, admin: Program, host: str
    ) -> None:
        admin.get(host)
        tokens = [secret for secret in admin.azure.secrets if audience_of(secret) == ARM]
        assert tokens
        for name in admin.files():
            with open(os.path.join(admin.home, name), "rb") as file:
                content = file.read()
            assert not any(token[-40:].encode() in content for token in tokens), name

    def test_the_settings_user_name_is_not_its_own(self, admin: Program, host: str) -> None:
        admin.settings(ADMIN.format(host) + 'username = "token"\n')
        name = admin.azure.registry(host).name
        assert admin.get(host).login["Username"] == name
        assert admin.get(host, ACR_CRED_USERNAME="guid").login["Username"] == name
        assert admin.hosts() == {host: name}

    def test_who_signs_in_is_named_with_its_options_beside(self, admin: Program, host: str) -> None:
        """And the registry by its id: then there is one request for it."""
        azure = admin.azure
        other = azure.add_service_principal(secret="CANARY-other")
        secret = kept_file(admin, "secret", "CANARY-other")
        registry = azure.registry(host)
        admin.settings(
            ADMIN.format(host)
            + f'registry_id = "{azure.arm.registry_id(registry)}"\n'
            + f'sign_in = "client-secret"\ntenant_id = "{azure.tenant}"\n'
            + f'client_id = "{other.client_id}"\nclient_secret_file = "{secret}"\n'
        )
        assert admin.get(host).secret == registry.admin_passwords[0]
        sent = [request.form for request in azure.requests if request.kind == "sign-in"]
        assert [form["client_id"] for form in sent] == [other.client_id]
        assert targets(azure) == [f"POST SUB/{registry.name}/listCredentials"]

    def test_the_passwords_of_another_registry_are_not_sent_to_this_one(
        self, admin: Program, host: str
    ) -> None:
        azure, other = admin.azure, new_host()
        azure.add_admin(other)
        registry_id = azure.arm.registry_id(azure.registry(other))
        admin.settings(ADMIN.format(host) + f'registry_id = "{registry_id}"\n')
        assert admin.get(host).reference == "settings-invalid"
        assert azure.count("token") == 0

    def test_its_second_password(self, admin: Program, host: str) -> None:
        """The registry may know a renewed one before or after the Resource Manager does."""
        registry = admin.azure.registry(host)
        registry.admin_passwords[0] = "CANARY-listed"
        admin.azure.fault("token", Status(401), times=1, host=host)
        assert admin.get(host).secret == registry.admin_passwords[1]

    def test_fifty_at_once_look_once(self, admin: Program, host: str) -> None:
        with ThreadPoolExecutor(16) as crowd:
            secrets = set(crowd.map(lambda _: admin.get(host).secret, range(50)))
        assert len(secrets) == 1
        assert admin.azure.count("sign-in") == 1
        assert admin.azure.count("arm") == 3
        assert admin.azure.count("token") == 1

    def test_an_ageing_one_is_served_and_looked_at_by_another_process(
        self, admin: Program, host: str
    ) -> None:
        first = admin.get(host).secret
        admin.azure.registry(host).admin_passwords[1] = new = "CANARY-renewed"
        admin.secrets.add(new)
        age(admin, host)
        assert admin.get(host).secret == first
        until(lambda: admin.azure.count("token") == 2)
        until(lambda: not any(name.endswith(".renewing") for name in admin.files()))
        assert admin.get(host).secret == new

    @pytest.mark.parametrize("tells", [False, True])
    def test_one_that_is_disabled_has_its_own_sentence(
        self, admin: Program, host: str, *, tells: bool
    ) -> None:
        registry = admin.azure.registry(host)
        registry.admin_enabled = False
        admin.azure.arm.tells_disabled = tells
        answer = admin.get(host)
        admin.azure.arm.tells_disabled = False
        assert answer.reference == "admin-disabled"
        assert f"run: az acr update -n {registry.name} --admin-enabled true".encode() in answer.out

    def test_who_may_not_list_it_reads_what_to_grant(self, admin: Program, host: str) -> None:
        admin.azure.arm.denied = True
        answer = admin.get(host)
        admin.azure.arm.denied = False
        assert answer.reference == "arm-denied"
        assert b"Microsoft.ContainerRegistry/registries/listCredentials/action" in answer.out

    def test_a_broken_way_to_the_resource_manager(self, admin: Program, host: str) -> None:
        admin.azure.fault("arm", Reset())
        answer = admin.get(host)
        assert answer.reference == "unreachable"
        assert b"management.azure.com" in answer.out
        assert admin.azure.count("token") == 0

    def test_while_nobody_can_list_them_the_last_one_is_served(
        self, admin: Program, host: str
    ) -> None:
        """As long as the registry takes it, and looked at every minute; its turn is remembered."""
        passwords = admin.azure.registry(host).admin_passwords
        admin.get(host)
        passwords[1] = second = "CANARY-second"
        admin.secrets.add(second)
        end(admin, host)
        assert admin.get(host).secret == second
        for fault, kind in ((Reset(), "arm"), (Status(503), "arm"), (Status(503), "sign-in")):
            admin.azure.fault(kind, fault)
            end(admin, host)
            assert admin.get(host).secret == second
            assert life(admin, host) == 60
            admin.azure.clear_faults()
        end(admin, host)
        assert admin.get(host).secret == second
        assert life(admin, host) == 600

    def test_what_the_registry_refuses_is_not_served_whoever_is_down(
        self, admin: Program, host: str
    ) -> None:
        admin.get(host)
        admin.azure.registry(host).admin_passwords[:] = ["CANARY-new", "CANARY-newer"]
        admin.azure.fault("arm", Reset())
        end(admin, host)
        assert admin.get(host).reference == "unreachable"

    def test_who_may_no_longer_list_them_has_none(self, admin: Program, host: str) -> None:
        """A refusal is no outage."""
        admin.get(host)
        end(admin, host)
        admin.azure.arm.denied = True
        answer = admin.get(host)
        admin.azure.arm.denied = False
        assert answer.reference == "arm-denied"

    def test_nobody_falls_to_it(self, program: Program, host: str) -> None:
        """It is enabled, the identity is refused, and that is that."""
        program.azure.add_admin(host)
        program.azure.forget()
        answer = program.get(host, AZURE_CLIENT_SECRET="CANARY-wrong")
        assert answer.reference == "client-secret-refused"
        assert program.azure.count("arm") == program.azure.count("token") == 0

    def test_a_registry_that_nobody_can_see(self, admin: Program) -> None:
        other = new_host()
        admin.settings(ADMIN.format(other))
        assert admin.get(other).reference == "registry-not-found"

    def test_a_domain_of_the_customers_own_asks_the_registry_only(
        self, admin: Program, host: str
    ) -> None:
        own = "images.factory.example"
        admin.settings(ADMIN.format(own) + f'login_server = "{host}"\n')
        assert admin.get(own).login["Username"] == admin.azure.registry(host).name
        asked = {request.host for request in admin.azure.requests if request.kind == "token"}
        assert asked == {host}

    def test_a_cloud_has_a_resource_manager_of_its_own(self, admin: Program) -> None:
        china = new_host("azurecr.cn")
        admin.azure.add_admin(china)
        admin.settings(ADMIN.format(china))
        assert admin.get(china).login["Username"] == admin.azure.registry(china).name
        asked = {request.host for request in admin.azure.requests if request.kind == "arm"}
        assert asked == {"management.chinacloudapi.cn"}
        assert audiences(admin) == ["https://management.chinacloudapi.cn"]


def audience_of(secret: str) -> object:
    try:
        return peek(secret)[1].get("aud")
    except (BadToken, ValueError, IndexError):
        return None


class TestRepositoryToken:
    @pytest.fixture
    def robot(self, program: Program, host: str) -> Program:
        password = program.azure.add_repository_token(host, "robot")
        path = kept_file(program, "password", password)
        program.settings(ROBOT.format(host) + f'password_file = "{path}"\n')
        program.azure.forget()
        return program

    def test_its_login_is_verified_and_nobody_else_is_asked(
        self, robot: Program, host: str
    ) -> None:
        login = robot.get(host).login
        token = robot.azure.registry(host).repository_tokens["robot"]
        assert (login["Username"], login["Secret"]) == ("robot", token.passwords["password1"])
        assert [r.kind for r in robot.azure.requests if r.kind != "connect"] == ["token"]
        assert robot.hosts() == {host: "robot"}

    def test_a_command_that_asks_is_not_started_out_of_nowhere(
        self, robot: Program, host: str
    ) -> None:
        """Its entry does not age: the get that finds it at its end runs the command."""
        path = os.path.join(robot.home, "password")
        robot.settings(ROBOT.format(host) + f'password_command = ["/bin/cat", "{path}"]\n')
        robot.get(host)
        (entry,) = robot.entries(host)
        with open(entry, "rb") as file:
            _, renew, ends, _ = times_of(file.read())
        assert renew == ends

    def test_a_new_password_that_is_not_known_everywhere_yet(
        self, robot: Program, host: str
    ) -> None:
        """The old one is served, for a minute and not for all of ``password_ttl``."""
        token = robot.azure.registry(host).repository_tokens["robot"]
        robot.settings(
            ROBOT.format(host)
            + f'password_file = "{robot.home}/password"\npassword2_file = "{robot.home}/password2"\n'
        )
        first = robot.get(host).secret
        assert life(robot, host) == 600
        young = "CANARY-young"
        kept_file(robot, "password2", young)
        robot.secrets.add(young)
        end(robot, host)
        assert robot.get(host).secret == first
        assert life(robot, host) == 60
        token.passwords["password2"] = young
        end(robot, host)
        assert robot.get(host).secret == young
        assert life(robot, host) == 600

    def test_without_a_password_it_is_told_how_to_make_one(self, robot: Program, host: str) -> None:
        """And none is made."""
        robot.settings(ROBOT.format(host))
        answer = robot.get(host)
        assert answer.reference == "password-missing"
        assert f"docker-credential-acr login {host} --generate".encode() in answer.out
        assert robot.azure.requests == []

    @pytest.mark.parametrize("where", ["defaults", 'registries."*.azurecr.io"'])
    def test_a_password_is_sent_to_its_own_registry_only(
        self, robot: Program, host: str, where: str
    ) -> None:
        """A table for many hosts cannot have one: any image may name any registry."""
        text = f'[{where}]\nmethod = "repository-token"\ntoken_name = "robot"\n'
        robot.settings(text + f'password_file = "{robot.home}/password"\n')
        assert robot.get(host).reference == "settings-invalid"
        assert robot.azure.requests == []


class Rotation:
    """Pulls that go on while somebody renews the passwords."""

    def __init__(self, program: Program, host: str) -> None:
        self.program, self.host = program, host
        self.served: list[str] = []

    def pull(self) -> None:
        """Whatever the cache says, the registry takes the answer."""
        answer = self.program.get(self.host)
        assert taken(self.program.azure, self.host, answer), answer
        if self.served[-1:] != [answer.secret]:
            self.served.append(answer.secret)

    def pulls(self) -> None:
        """With a fresh entry, with an ageing one, and with one that has ended."""
        self.pull()
        age(self.program, self.host)
        self.pull()
        until(lambda: not any(n.endswith(".renewing") for n in self.program.files()))
        self.pull()
        end(self.program, self.host)
        self.pull()
        self.pull()


class TestRotation:
    """The password that is not served is renewed, ``password_ttl`` passes, then the other one."""

    def test_of_an_admin_user(self, program: Program, host: str) -> None:
        program.settings(ADMIN.format(host))
        program.azure.add_admin(host)
        passwords = program.azure.registry(host).admin_passwords
        rotation = Rotation(program, host)
        rotation.pulls()
        for turn in range(4):
            served = rotation.served[-1]
            other = 1 - passwords.index(served)
            passwords[other] = f"CANARY-admin-renewed-{turn}"
            program.secrets.add(passwords[other])
            rotation.pulls()
        assert rotation.served[1:] == [f"CANARY-admin-renewed-{turn}" for turn in range(4)]
        verbs = {target.rpartition("/")[2] for target in targets(program.azure)}
        assert verbs == {"subscriptions", "GET SUB", "listCredentials"}, "nothing was made"

    def test_of_a_repository_token(self, program: Program, host: str) -> None:
        first = program.azure.add_repository_token(host, "robot")
        token = program.azure.registry(host).repository_tokens["robot"]
        token.passwords["password2"] = second = "CANARY-token-second"
        paths = {
            "password1": kept_file(program, "one", first),
            "password2": kept_file(program, "two", second),
        }
        program.settings(
            ROBOT.format(host)
            + f'password_file = "{paths["password1"]}"\npassword2_file = "{paths["password2"]}"\n'
        )
        rotation = Rotation(program, host)
        rotation.pulls()
        for turn in range(4):
            served = rotation.served[-1]
            (other,) = (slot for slot, value in token.passwords.items() if value != served)
            new = f"CANARY-token-renewed-{turn}"
            program.secrets.add(new)
            token.passwords[other] = new
            token.refusals[new] = turn  # it is not known everywhere at once
            rotation.pull()
            kept_file(program, os.path.basename(paths[other]), new)
            rotation.pulls()
            for _ in range(turn):
                end(program, host)
                rotation.pull()
        assert rotation.served[1:] == [f"CANARY-token-renewed-{turn}" for turn in range(4)]
        assert program.azure.count("arm") == 0


class TestAnonymous:
    @pytest.fixture
    def open_to_all(self, program: Program, host: str) -> Program:
        program.settings(f'[registries."{host}"]\nmethod = "anonymous"\n')
        program.azure.registry(host).anonymous_pull = True
        return program

    def test_clients_are_told_that_there_is_nothing(self, open_to_all: Program, host: str) -> None:
        """Exactly so, as of a foreign host: then they go on without."""
        for _ in range(2):
            assert open_to_all.get(host) == (1, NOT_FOUND, b"")
        assert open_to_all.azure.requests == []

    def test_it_leaves_neither_an_answer_nor_the_note_of_a_failure(
        self, open_to_all: Program, host: str
    ) -> None:
        """What it leaves says that nobody is to wait for an answer."""
        open_to_all.get(host)
        (path,) = open_to_all.entries(host)
        with open(path, "rb") as file:
            assert times_of(data := file.read()) == [0, 0, 0, 0]
        assert b"Username" not in data
        assert not any(name.endswith(".failed") for name in open_to_all.files())

    def test_it_is_not_listed(self, open_to_all: Program, host: str) -> None:
        """Who asks only for what is listed need not ask."""
        config = os.path.join(open_to_all.home, ".docker", "config.json")
        os.makedirs(os.path.dirname(config))
        other = new_host()
        with open(config, "w", encoding="utf-8") as file:
            json.dump({"credHelpers": {host: "acr", other: "acr"}}, file)
        open_to_all.get(host)
        assert open_to_all.hosts() == {other: NULL_GUID}
