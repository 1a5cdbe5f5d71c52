"""Azure Resource Manager, as far as registries and their passwords go (`acr.md` 4)."""

import re
import time
import uuid
from collections.abc import Callable, Mapping

from tests.azure.directory import ARM_AUDIENCES, Directory
from tests.azure.registry import Registries, Registry, RepositoryToken
from tests.azure.tokens import BadToken
from tests.azure.wire import Call, Json, Reply, json_reply

HOSTS = frozenset(
    (
        "management.azure.com",
        "management.chinacloudapi.cn",
        "management.usgovcloudapi.net",
        "management.sovcloud-api.fr",
    )
)
GROUP = "registries"
PROVIDER = "Microsoft.ContainerRegistry/registries"
ONE = rf"/resourceGroups/[^/]+/providers/{PROVIDER}/(?P<registry>[^/]+)"


class Refused(Exception):
    """An error in ARM's format."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code

    def reply(self) -> Reply:
        return json_reply(self.status, {"error": {"code": self.code, "message": str(self)}})


class Arm:
    """One subscription with every registry anybody has asked for."""

    def __init__(self, directory: Directory, registries: Registries) -> None:
        self._directory = directory
        self._registries = registries
        self.subscription = str(uuid.uuid4())
        self.denied = False  # the identity lacks listCredentials/action and the like
        self._routes: tuple[tuple[str, str, Callable[[Call, Mapping[str, str]], object]], ...] = (
            ("GET", rf"/providers/{PROVIDER}", self._list),
            ("GET", "/resources", self._list),
            ("GET", ONE, self._get),
            ("PATCH", ONE, self._change),
            ("POST", f"{ONE}/listCredentials", self._credentials),
            ("POST", f"{ONE}/regenerateCredential", self._regenerate),
            ("POST", f"{ONE}/generateCredentials", self._generate),
            ("GET", f"{ONE}/tokens/(?P<token>[^/]+)", self._token),
        )

    def registry_id(self, registry: Registry) -> str:
        base = f"/subscriptions/{self.subscription}/resourceGroups/{GROUP}"
        return f"{base}/providers/{PROVIDER}/{registry.name}"

    def answer(self, call: Call) -> Reply:
        try:
            self._check(call)
            return json_reply(200, self._find(call))
        except Refused as refused:
            return refused.reply()

    def _check(self, call: Call) -> None:
        try:
            _, claims = self._directory.read(call.headers.get("authorization", "")[7:])
        except BadToken as error:
            raise Refused(401, "InvalidAuthenticationToken", str(error)) from error
        if str(claims["aud"]).rstrip("/") not in ARM_AUDIENCES:
            raise Refused(401, "InvalidAuthenticationTokenAudience", "wrong audience")
        if self.denied and call.method != "GET":
            raise Refused(
                403,
                "AuthorizationFailed",
                f"The client '{claims['appid']}' with object id '{claims['oid']}' does not have"
                f" authorization to perform the action over scope '{call.path}'.",
            )

    def _find(self, call: Call) -> object:
        if call.path == "/subscriptions":
            return {"value": [{"subscriptionId": self.subscription, "state": "Enabled"}]}
        base = f"/subscriptions/{self.subscription}"
        if not call.path.lower().startswith(base):
            raise Refused(404, "SubscriptionNotFound", "The subscription could not be found.")
        for method, path, room in self._routes:  # resource ids are not case-sensitive
            found = re.fullmatch(path, call.path[len(base) :], re.IGNORECASE)
            if found and call.method == method:
                return room(call, found.groupdict())
        raise Refused(404, "ResourceNotFound", f"The resource '{call.path}' was not found.")

    def _named(self, names: Mapping[str, str]) -> Registry:
        for registry in self._registries.all():
            if registry.name == names["registry"].lower() and not registry.missing:
                return registry
        raise Refused(404, "ResourceNotFound", f"The registry {names['registry']} was not found.")

    def _list(self, _call: Call, _names: Mapping[str, str]) -> Json:
        return {"value": [self._resource(registry) for registry in self._registries.all()]}

    def _get(self, _call: Call, names: Mapping[str, str]) -> Json:
        return self._resource(self._named(names))

    def _resource(self, registry: Registry) -> Json:
        as_arm = "enabled" if registry.arm_tokens_allowed else "disabled"
        return {
            "id": self.registry_id(registry),
            "name": registry.name,
            "type": PROVIDER,
            "location": "westeurope",
            "sku": {"name": "Premium", "tier": "Premium"},
            "properties": {
                "loginServer": registry.host,
                "adminUserEnabled": registry.admin_enabled,
                "anonymousPullEnabled": registry.anonymous_pull,
                "publicNetworkAccess": "Disabled" if registry.firewall else "Enabled",
                "policies": {"azureADAuthenticationAsArmPolicy": {"status": as_arm}},
                "provisioningState": "Succeeded",
            },
        }

    def _change(self, call: Call, names: Mapping[str, str]) -> Json:
        registry = self._named(names)
        wanted = call.json().get("properties", {}).get("adminUserEnabled")
        if wanted:
            self._registries.add_admin(registry.host)
        elif wanted is False:
            registry.admin_enabled = False
        return self._resource(registry)

    def _credentials(self, _call: Call, names: Mapping[str, str]) -> Json:
        """200 with passwords even while the admin user is disabled (`acr.md` 1.9)."""
        registry = self._named(names)
        passwords = self._registries.admin_passwords(registry)
        pairs = zip(("password", "password2"), passwords, strict=True)
        return {
            "username": registry.name,
            "passwords": [{"name": name, "value": value} for name, value in pairs],
        }

    def _regenerate(self, call: Call, names: Mapping[str, str]) -> Json:
        registry = self._named(names)
        passwords = self._registries.admin_passwords(registry)
        which = ("password", "password2").index(call.json()["name"])
        passwords[which] = self._registries.new_password("admin")
        return self._credentials(call, names)

    def _generate(self, call: Call, names: Mapping[str, str]) -> Json:
        """A long-running operation in reality; here it ends at once."""
        asked = call.json()
        registry = self._named(names)
        name = asked["tokenId"].rpartition("/")[2]
        token = self._known(registry, name)
        slots = [asked["name"]] if asked.get("name") else ["password1", "password2"]
        for slot in slots:
            token.passwords[slot] = self._registries.new_password("token")
            token.expiry[slot] = asked.get("expiry", "")
        passwords = [{**entry, "value": token.passwords[entry["name"]]} for entry in listed(token)]
        return {
            "username": name,
            "passwords": [entry for entry in passwords if entry["name"] in slots],
        }

    def _token(self, _call: Call, names: Mapping[str, str]) -> Json:
        registry = self._named(names)
        token = self._known(registry, names["token"])
        return {
            "id": f"{self.registry_id(registry)}/tokens/{names['token']}",
            "name": names["token"],
            "properties": {"status": "enabled", "credentials": {"passwords": listed(token)}},
        }

    def _known(self, registry: Registry, name: str) -> RepositoryToken:
        token = registry.repository_tokens.get(name)
        if token is None:
            raise Refused(404, "ResourceNotFound", f"The token {name} was not found.")
        return token


def listed(token: RepositoryToken) -> list[dict[str, str]]:
    """Passwords without their values, which are shown once."""
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return [
        {
            "name": slot,
            "creationTime": created,
            **({"expiry": token.expiry[slot]} if token.expiry.get(slot) else {}),
        }
        for slot in token.passwords
    ]
