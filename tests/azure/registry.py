"""Azure Container Registry: challenge, exchange, access tokens, and a registry behind them."""

import base64
import re
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.azure.backend import Backend
from tests.azure.directory import (
    ACR_AUDIENCE,
    PULL,
    PULL_AND_PUSH,
    Directory,
    Roles,
    ServicePrincipal,
    allowed,
    guid,
)
from tests.azure.tokens import BadToken, Claims
from tests.azure.wire import Call, Reply, json_reply

SUFFIXES = (  # design.md 3
    ".azurecr.io",
    ".azurecr.cn",
    ".azurecr.us",
    ".azurecr.sovcloud-azure.fr",
    ".azurecr.sovcloud-azure.de",
    ".azurecr.eaglex.ic.gov",
    ".azurecr.microsoft.scloud",
)
NULL_GUID = "00000000-0000-0000-0000-000000000000"
ISSUER = "Azure Container Registry"

NEEDS_SIGN_IN = (
    "authentication required, visit https://aka.ms/acr/authorization for more information."
)
FIREWALL = (
    "client with IP '{address}' is not allowed access."
    " Refer https://aka.ms/acr/firewall to grant access."
)
NOT_REGISTERED = "Application not registered with AAD."
NOT_A_GUID = "aad access token with sp failed client id must be guid"


@dataclass
class RepositoryToken:
    """A non-Entra token of acr.md 1.5: name, two passwords, and what its scope map allows."""

    passwords: dict[str, str]  # password1, password2
    roles: Roles = field(default_factory=lambda: dict(PULL))
    expiry: dict[str, str] = field(default_factory=dict)  # RFC 3339; none: no end
    made: dict[str, str] = field(default_factory=dict)  # RFC 3339
    enabled: bool = True
    refusals: dict[str, int] = field(default_factory=dict)  # a new password is not known at once

    def __post_init__(self) -> None:
        self.made = {slot: now() for slot in self.passwords} | self.made

    def accepts(self, password: str) -> bool:
        if self.refusals.get(password):
            self.refusals[password] -= 1
            return False
        return self.enabled and any(
            password == value and now() < (self.expiry.get(slot) or "9999")
            for slot, value in self.passwords.items()
        )


def now() -> str:
    """RFC 3339; such texts sort by time."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


@dataclass
class Registry:
    """The settings of one registry; tests change them at any time."""

    host: str
    tenant: str
    token_life: int = 11_700  # exp - iat of a published refresh token: 3 h 15 min (acr.md 1.6)
    access_token_life: int = 4_500
    arm_tokens_allowed: bool = True  # azureADAuthenticationAsArmPolicy (acr.md 1.8)
    password_grant_for_guid: int = 401  # 401, 400 or 200: nobody knows for certain (clients.md 4.3)
    firewall: bool = False
    client_address: str = "127.0.0.1"  # who is asking, as it sees it
    connected: bool = False  # a connected registry: it knows no exchange
    missing: bool = False  # no such name: the proxy answers 502, a direct call 404
    throttled: int | None = None  # seconds for Retry-After
    anonymous_pull: bool = False
    abac: bool = False  # rights for each repository: tokens carry aad_identity (acr.md 1.7)
    admin_enabled: bool = False
    admin_passwords: list[str] = field(default_factory=list)
    repository_tokens: dict[str, RepositoryToken] = field(default_factory=dict)
    revoked: set[str] = field(default_factory=set)  # refresh tokens that it takes no more
    repositories: dict[str, list[str]] = field(default_factory=lambda: {"hello": ["latest"]})
    token_audience: str = ""  # for a backend whose auth.token.service is not the host

    @property
    def name(self) -> str:
        return self.host.partition(".")[0]


class Refused(Exception):
    """An answer in the error format of the distribution API."""

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers or {}

    def reply(self) -> Reply:
        content = {"errors": [{"code": self.code, "message": str(self)}]}
        return json_reply(self.status, content, self.headers)


def unauthorized(message: str = NEEDS_SIGN_IN) -> Refused:
    return Refused(401, "UNAUTHORIZED", message)


@dataclass(frozen=True)
class Caller:
    """Who asks for an access token; `refresh_token` when that is how they proved it."""

    subject: str
    roles: Roles
    refresh_token: str = ""


class Registries:
    """Every registry there is; a registry exists as soon as somebody asks for it."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._registries: dict[str, Registry] = {}
        self.backend = Backend()
        self._routes: Mapping[tuple[str, str], Callable[[Registry, Call], Reply]] = {
            ("POST", "/oauth2/exchange"): self._exchange,
            ("GET", "/oauth2/token"): self._basic,
            ("POST", "/oauth2/token"): self._grant,
        }
        self._grants: Mapping[str, Callable[[Registry, Mapping[str, str]], Caller]] = {
            "refresh_token": self._by_refresh_token,
            "password": self._by_password,
        }

    def knows(self, host: str) -> bool:
        return host in self._registries or host.endswith(SUFFIXES)

    def registry(self, host: str) -> Registry:
        """The settings of a registry; asking makes any host one."""
        new = Registry(host, self._directory.tenant)
        return self._registries.setdefault(host, new)

    def all(self) -> list[Registry]:
        return list(self._registries.values())

    def add_admin(self, host: str) -> tuple[str, str]:
        """Switches the admin user on; user name and first password."""
        registry = self.registry(host)
        registry.admin_enabled = True
        return registry.name, self.admin_passwords(registry)[0]

    def admin_passwords(self, registry: Registry) -> list[str]:
        if not registry.admin_passwords:
            registry.admin_passwords += [self.new_password("admin") for _ in range(2)]
        return registry.admin_passwords

    def add_repository_token(self, host: str, name: str, roles: Roles | None = None) -> str:
        """Makes a repository token; its password."""
        password = self.new_password("token")
        token = RepositoryToken({"password1": password}, dict(PULL if roles is None else roles))
        self.registry(host).repository_tokens[name] = token
        return password

    def new_password(self, what: str) -> str:
        return self._directory.keep(f"CANARY-{what}-{uuid.uuid4().hex}")

    def answer(self, call: Call) -> Reply:
        registry = self.registry(call.host)
        try:
            self._check_access(registry)
            room = self._routes.get((call.method, call.path))
            reply = room(registry, call) if room else self._content(registry, call)
        except Refused as refused:
            reply = refused.reply()
        reply.headers.setdefault("x-ms-correlation-request-id", str(uuid.uuid4()))
        return reply

    def _check_access(self, registry: Registry) -> None:
        if registry.missing:
            raise Refused(404, "NOT_FOUND", "registry not found")
        if registry.firewall:
            raise Refused(403, "DENIED", FIREWALL.format(address=registry.client_address))
        if registry.throttled is not None:
            wait = {"Retry-After": str(registry.throttled)}
            raise Refused(429, "TOOMANYREQUESTS", "too many requests", wait)

    def _exchange(self, registry: Registry, call: Call) -> Reply:
        """acr.md 1.2; the 200 body holds the refresh token and nothing else."""
        form = call.form
        if registry.connected:
            raise Refused(404, "NOT_FOUND", "page not found")
        if form.get("grant_type") != "access_token":
            raise Refused(400, "UNSUPPORTED", f"grant type {form.get('grant_type')} not supported")
        if form.get("service") != registry.host:
            raise unauthorized("service does not match the registry")
        if form.get("tenant", registry.tenant) != registry.tenant:
            raise unauthorized()
        try:
            identity, claims = self._directory.read(form.get("access_token", ""))
        except BadToken as error:
            raise unauthorized() from error
        for_arm = self._directory.arm_audiences if registry.arm_tokens_allowed else set()
        audiences = {ACR_AUDIENCE} | for_arm
        if str(claims["aud"]).rstrip("/") not in audiences or claims["tid"] != registry.tenant:
            raise unauthorized()
        if not identity.roles:
            raise unauthorized()
        return json_reply(200, {"refresh_token": self._refresh_token(registry, claims)})

    def _refresh_token(self, registry: Registry, entra: Claims) -> str:
        claims = self._envelope(registry, "refresh_token", str(entra["oid"]), registry.token_life)
        claims |= {
            "aud": registry.host,
            "appid": entra["appid"],
            "tenant": entra["tid"],
            "permissions": {"Actions": ["read", "write"], "NotActions": None},
            "roles": [],
        }
        if registry.abac:
            claims["aad_identity"] = {"oid": entra["oid"]}
        return self._directory.keep(self._directory.signer.sign(claims))

    def _envelope(self, registry: Registry, grant: str, subject: str, life: int) -> Claims:
        """The claims both tokens share (acr.md 1.7)."""
        now = int(time.time())
        return {
            "jti": str(uuid.uuid4()),
            "sub": subject,
            "nbf": now,
            "exp": now + life,
            "iat": now,
            "iss": ISSUER,
            "aud": registry.token_audience or registry.host,
            "version": "1.0",
            "rid": uuid.uuid5(uuid.NAMESPACE_DNS, registry.host).hex,
            "grant_type": grant,
        }

    def _basic(self, registry: Registry, call: Call) -> Reply:
        """GET with Basic (acr.md 1.4); without it, the anonymous reader."""
        form = dict(call.query)
        scheme, _, value = call.headers.get("authorization", "").partition(" ")
        if not scheme:
            return self._issue(registry, form, anonymous(registry))
        if scheme.lower() != "basic":
            raise unauthorized()
        try:
            user, _, password = base64.b64decode(value).decode().partition(":")
        except ValueError as error:
            raise unauthorized() from error
        return self._issue(registry, form, self._by_name(registry, user, password))

    def _grant(self, registry: Registry, call: Call) -> Reply:
        form = call.form
        find = self._grants.get(form.get("grant_type", ""))
        if find is None:
            raise Refused(400, "UNSUPPORTED", "grant_type not supported")
        if form.get("service") != registry.host:
            raise Refused(400, "INVALID", "service does not match the registry")
        return self._issue(registry, form, find(registry, form))

    def _by_refresh_token(self, registry: Registry, form: Mapping[str, str]) -> Caller:
        return self._by_name(registry, NULL_GUID, form.get("refresh_token", ""))

    def _by_password(self, registry: Registry, form: Mapping[str, str]) -> Caller:
        user, password = form.get("username", ""), form.get("password", "")
        if not user and not password:  # how SDKs ask for an anonymous token (acr.md 1.3)
            return anonymous(registry)
        if user == NULL_GUID and registry.password_grant_for_guid != 200:
            raise Refused(registry.password_grant_for_guid, "UNAUTHORIZED", NEEDS_SIGN_IN)
        return self._by_name(registry, user, password)

    def _by_name(self, registry: Registry, user: str, password: str) -> Caller:
        if user == NULL_GUID:
            return self._by_token(registry, password)
        if registry.admin_enabled and user == registry.name:
            if password in registry.admin_passwords:
                return Caller(user, PULL_AND_PUSH)
            raise unauthorized()
        token = registry.repository_tokens.get(user)
        if token:
            if token.accepts(password):
                return Caller(user, token.roles)
            raise unauthorized()
        if "@" in user:
            raise unauthorized(NOT_REGISTERED)
        if not guid(user):
            raise unauthorized(NOT_A_GUID)
        return by_secret(self._directory.service_principal(user), password)

    def _by_token(self, registry: Registry, token: str) -> Caller:
        try:
            claims = self._directory.signer.read(token)
        except BadToken as error:
            raise unauthorized() from error
        expected = (ISSUER, "refresh_token", registry.host)
        if (claims.get("iss"), claims.get("grant_type"), claims.get("aud")) != expected:
            raise unauthorized()
        identity = self._directory.identity(claims["sub"])
        if identity is None or claims["exp"] <= time.time() or token in registry.revoked:
            raise unauthorized()
        if registry.abac and "aad_identity" not in claims:  # given before it was switched
            raise unauthorized()
        return Caller(identity.object_id, identity.roles, token)

    def _issue(self, registry: Registry, form: Mapping[str, str], caller: Caller) -> Reply:
        """An access token for the part of the scopes the caller may have: 200 even for none."""
        access = [granted(registry, caller.roles, scope) for scope in form.get("scope", "").split()]
        claims = self._envelope(
            registry, "access_token", caller.subject, registry.access_token_life
        )
        claims["access"] = [entry for entry in access if entry["actions"]]
        token = self._directory.keep(self._directory.signer.sign(claims, chain=True))
        content = {"access_token": token}
        offline = form.get("offline_token") == "true" or form.get("access_type") == "offline"
        if offline and caller.refresh_token:  # what makes `docker login` store an identity token
            content["refresh_token"] = caller.refresh_token
        return json_reply(200, content)

    def _content(self, registry: Registry, call: Call) -> Reply:
        if not call.path.startswith("/v2"):
            raise Refused(404, "NOT_FOUND", "no such page")
        if self.backend.address:
            return self.backend.answer(call)
        self._check_bearer(registry, call)
        return catalogue(registry, call)

    def _check_bearer(self, registry: Registry, call: Call) -> None:
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        scope = scope_of(call)
        try:
            claims = self._directory.signer.read(token)
            if scheme.lower() == "bearer" and sufficient(registry, claims, scope):
                return
        except BadToken:
            pass
        header = f'Bearer realm="https://{registry.host}/oauth2/token",service="{registry.host}"'
        header += f',scope="{scope}"' if scope else ""
        raise Refused(
            401,
            "UNAUTHORIZED",
            NEEDS_SIGN_IN,
            {"Www-Authenticate": header, "Docker-Distribution-Api-Version": "registry/2.0"},
        )


def by_secret(application: ServicePrincipal | None, secret: str) -> Caller:
    """A service principal's own id and secret, without Entra in between (acr.md 1.5)."""
    if application and application.secrets.get(secret, 0) > time.time():
        return Caller(application.object_id, application.roles)
    raise unauthorized()


def anonymous(registry: Registry) -> Caller:
    if not registry.anonymous_pull:
        raise unauthorized()
    return Caller("anonymous", PULL)


def granted(registry: Registry, roles: Roles, scope: str) -> Claims:
    """One entry of `access`: the truth about permissions (acr.md 1.7)."""
    kind, _, rest = scope.partition(":")
    name, _, actions = rest.rpartition(":")
    may = allowed(roles, f"{registry.host}/{name}")
    if kind == "registry":
        may = frozenset("*") if may else frozenset()
    asked = actions.split(",")
    return {"type": kind, "name": name, "actions": [action for action in asked if action in may]}


def scope_of(call: Call) -> str:
    """The scope a request needs, as the challenge names it."""
    if call.path == "/v2/_catalog":
        return "registry:catalog:*"
    found = re.fullmatch(r"/v2/(.+)/(manifests|blobs|tags|referrers)/.*", call.path)
    if not found:
        return ""
    action = "pull" if call.method in ("GET", "HEAD") else "pull,push"
    return f"repository:{found[1]}:{action}"


def sufficient(registry: Registry, claims: Claims, scope: str) -> bool:
    mine = claims.get("grant_type") == "access_token" and claims["exp"] > time.time()
    if not mine or claims.get("aud") != (registry.token_audience or registry.host):
        return False
    kind, _, rest = scope.partition(":")
    name, _, actions = rest.rpartition(":")
    return not scope or any(
        (entry["type"], entry["name"]) == (kind, name)
        and set(actions.split(",")) <= set(entry["actions"])
        for entry in claims["access"]
    )


def catalogue(registry: Registry, call: Call) -> Reply:
    """As much of a registry as shows that a token works."""
    if call.path in ("/v2", "/v2/"):
        return json_reply(200, {})
    if call.path == "/v2/_catalog":
        return json_reply(200, {"repositories": sorted(registry.repositories)})
    found = re.fullmatch(r"/v2/(.+)/tags/list", call.path)
    if found and found[1] in registry.repositories:
        return json_reply(200, {"name": found[1], "tags": registry.repositories[found[1]]})
    raise Refused(404, "NAME_UNKNOWN", "repository name not known to registry")
