"""Azure Resource Manager, as far as registries and their passwords go (`acr.md` 4)."""

import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.azure.directory import Directory
from tests.azure.registry import Registries, Registry, RepositoryToken, now
from tests.azure.tokens import BadToken
from tests.azure.wire import Call, Json, Reply, json_reply

GROUP = "registries"
PROVIDER = "Microsoft.ContainerRegistry/registries"
PLACE = "/providers/Microsoft.ContainerRegistry/locations/westeurope"
OPERATIONS = f"{PLACE}/operation"
ONE = rf"/resourceGroups/[^/]+/providers/{PROVIDER}/(?P<registry>[^/]+)"


class Refused(Exception):
    """An error in ARM's format."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code

    def reply(self) -> Reply:
        return json_reply(self.status, {"error": {"code": self.code, "message": str(self)}})


@dataclass
class Operation:
    """Something that takes a while: how often it is still going on when asked, and its end."""

    looks: int
    result: Json


class Arm:
    """One subscription with every registry anybody has asked for, and empty ones beside it."""

    def __init__(self, directory: Directory, registries: Registries) -> None:
        self._directory = directory
        self._registries = registries
        self.subscription = str(uuid.uuid4())
        self.others: dict[str, bool] = {}  # further subscriptions: may they be looked into?
        self.denied = False  # the identity lacks listCredentials/action and the like
        self.readable = True  # the registry itself may be read
        self.tells_disabled = False  # listCredentials refuses while the admin user is disabled
        self.announces: tuple[str, ...] = ()  # headers of an operation that takes a while
        self.fails = ""  # its error's code
        self.late = 0  # how often the registry still refuses a new password of a token
        self._operations: dict[str, Operation] = {}
        self._routes: tuple[tuple[str, str, Callable[[Call, Mapping[str, str]], object]], ...] = (
            ("GET", rf"/providers/{PROVIDER}", self._list),
            ("GET", "/resources", self._list),
            ("GET", ONE, self._get),
            ("PATCH", ONE, self._change),
            ("POST", f"{ONE}/listCredentials", self._credentials),
            ("POST", f"{ONE}/regenerateCredential", self._regenerate),
            ("POST", f"{ONE}/generateCredentials", self._generate),
            ("GET", f"{ONE}/tokens/(?P<token>[^/]+)", self._token),
            ("GET", f"{OPERATIONS}(?P<kind>Results|Statuses)/(?P<operation>.+)", self._operation),
        )

    def registry_id(self, registry: Registry) -> str:
        base = f"/subscriptions/{self.subscription}/resourceGroups/{GROUP}"
        return f"{base}/providers/{PROVIDER}/{registry.name}"

    def answer(self, call: Call) -> Reply:
        try:
            self._check(call)
            found = self._find(call)
            return found if isinstance(found, Reply) else json_reply(200, found)
        except Refused as refused:
            return refused.reply()

    def _check(self, call: Call) -> None:
        try:
            _, claims = self._directory.read(call.headers.get("authorization", "")[7:])
        except BadToken as error:
            raise Refused(401, "InvalidAuthenticationToken", str(error)) from error
        if str(claims["aud"]).rstrip("/") not in self._directory.arm_audiences:
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
            every = [*self.others, self.subscription]
            return {"value": [{"subscriptionId": each, "state": "Enabled"} for each in every]}
        for other, open_to_all in self.others.items():
            if call.path.startswith(f"/subscriptions/{other}/"):
                if open_to_all:
                    return {"value": []}
                raise Refused(403, "AuthorizationFailed", "This one is not for everybody.")
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
        if not self.readable:
            raise Refused(403, "AuthorizationFailed", "It may not be read.")
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
        """200 with passwords even while the admin user is disabled (`acr.md` 1.9), or its own code."""
        registry = self._named(names)
        if self.tells_disabled and not registry.admin_enabled:
            text = "Cannot perform credential operations as admin user is disabled."
            raise Refused(400, "UnAuthorizedForCredentialOperations", text)
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

    def _generate(self, call: Call, names: Mapping[str, str]) -> Json | Reply:
        """A long-running operation; it ends at once unless it `announces` itself."""
        asked = call.json()
        registry = self._named(names)
        name = asked["tokenId"].rpartition("/")[2]
        token = self._known(registry, name)
        slots = [asked["name"]] if asked.get("name") else ["password1", "password2"]
        for slot in slots:
            token.passwords[slot] = self._registries.new_password("token")
            token.made[slot] = now()
            token.expiry[slot] = asked.get("expiry", "")
            token.refusals[token.passwords[slot]] = self.late
        passwords = [{**entry, "value": token.passwords[entry["name"]]} for entry in listed(token)]
        result = {
            "username": name,
            "passwords": [entry for entry in passwords if entry["name"] in slots],
        }
        return self._announced(call, result) if self.announces else result

    def _announced(self, call: Call, result: Json) -> Reply:
        """202 with the places to look at; only where there is a result place, the status has none."""
        number = str(uuid.uuid4())
        self._operations[number] = Operation(2, result)
        base = f"https://{call.host}/subscriptions/{self.subscription}{PLACE}/operation"
        places = {"Location": "Results", "Azure-AsyncOperation": "Statuses"}
        headers = {name: f"{base}{places[name]}/{number}" for name in self.announces}
        return json_reply(202, {}, {**headers, "Retry-After": "0"})

    def _operation(self, _call: Call, names: Mapping[str, str]) -> Json | Reply:
        operation = self._operations[names["operation"]]
        operation.looks -= 1
        going_on, wait = operation.looks > 0, {"Retry-After": "0"}
        if names["kind"] == "Results":
            return json_reply(202, {}, wait) if going_on else operation.result
        if going_on:
            return json_reply(200, {"status": "InProgress"}, wait)
        if self.fails:
            error = {"code": self.fails, "message": "CANARY of a message"}
            return {"status": "Failed", "error": error}
        more = {} if "Location" in self.announces else {"properties": operation.result}
        return {"status": "Succeeded", **more}

    def _token(self, _call: Call, names: Mapping[str, str]) -> Json:
        registry = self._named(names)
        token = self._known(registry, names["token"])
        return {
            "id": f"{self.registry_id(registry)}/tokens/{names['token']}",
            "name": names["token"],
            "properties": {
                "status": "enabled" if token.enabled else "disabled",
                "credentials": {"passwords": listed(token)},
            },
        }

    def _known(self, registry: Registry, name: str) -> RepositoryToken:
        token = registry.repository_tokens.get(name)
        if token is None:
            raise Refused(404, "ResourceNotFound", f"The token {name} was not found.")
        return token


def listed(token: RepositoryToken) -> list[dict[str, str]]:
    """Passwords without their values, which are shown once."""
    return [
        {
            "name": slot,
            "creationTime": token.made[slot],
            **({"expiry": token.expiry[slot]} if token.expiry.get(slot) else {}),
        }
        for slot in token.passwords
    ]
