"""Entra ID: discovery, and the token endpoint for applications (`acr.md` 1.9, 2.1, 3.1)."""

import re
import time
import uuid
from collections.abc import Mapping
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import rsa

from tests.azure import tokens
from tests.azure.aadsts import Refused, clock
from tests.azure.directory import Directory, FederatedCredential, ServicePrincipal
from tests.azure.people import People
from tests.azure.wire import Call, Reply, json_reply

AUTHORITIES = frozenset(
    (
        "login.microsoftonline.com",
        "login.microsoft.com",
        "login.windows.net",
        "sts.windows.net",
        "login.chinacloudapi.cn",
        "login.partner.microsoftonline.cn",
        "login.microsoftonline.us",
        "login.usgovcloudapi.net",
        "login.sovcloud-identity.fr",
        "login.sovcloud-identity.de",
        "login.sovcloud-identity.sg",
    )
)
CUT_OFF = frozenset(  # for these nobody outside vouches
    ("login.microsoftonline.eaglex.ic.gov", "login.microsoftonline.microsoft.scloud")
)
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
CLOCK_SKEW = 300
ANY_TENANT = ("common", "organizations")


class Entra:
    """The authorities, all of them with the same tenant."""

    def __init__(self, directory: Directory, people: People) -> None:
        self._directory = directory
        self._people = people
        self.hosts = set(AUTHORITIES | CUT_OFF)
        self.unknown_audience_code = 500011  # some identity providers say 50001 (acr.md 1.8)
        self._routes = (
            ("GET", r"/common/discovery/instance", self._instance),
            ("GET", r"/([^/]+)/v2\.0/\.well-known/openid-configuration", self._configuration),
            ("GET", r"/([^/]+)/oauth2/v2\.0/authorize", self._authorize),
            ("POST", r"/([^/]+)/oauth2/v2\.0/devicecode", self._device_code),
            ("POST", r"/([^/]+)/oauth2/v2\.0/token", self._token),
            ("GET", r"/adfs/\.well-known/openid-configuration", self._without_tenants),
            ("POST", r"/adfs/oauth2/token", lambda call: self._token(call, directory.tenant)),
        )
        self._person_grants = {
            "urn:ietf:params:oauth:grant-type:device_code": people.by_device_code,
            "refresh_token": people.by_refresh_token,
            "authorization_code": people.browser.by_code,
        }

    def answer(self, call: Call) -> Reply:
        correlation = call.headers.get("client-request-id") or str(uuid.uuid4())
        for method, path, room in self._routes:
            found = re.fullmatch(path, call.path)
            if found and call.method == method:
                try:
                    return room(call, *found.groups())
                except Refused as refused:
                    return refused.reply(correlation)
        return json_reply(404, {"error": "not_found"})

    def _instance(self, call: Call) -> Reply:
        """Vouches for the well-known authorities only."""
        asked = urlsplit(call.query.get("authorization_endpoint", ""))
        if asked.hostname not in AUTHORITIES:
            raise Refused(50049)
        base = f"https://{asked.hostname}/{asked.path.split('/')[1]}"
        content = {
            "tenant_discovery_endpoint": f"{base}/v2.0/.well-known/openid-configuration",
            "api-version": call.query.get("api-version", "1.1"),
            "metadata": [
                {"preferred_network": host, "preferred_cache": host, "aliases": [host]}
                for host in sorted(AUTHORITIES)
            ],
        }
        return json_reply(200, content)

    def _configuration(self, call: Call, tenant: str) -> Reply:
        self._check_tenant(tenant, *ANY_TENANT)
        base = f"https://{call.host}/{tenant}"
        content = {
            "issuer": f"{base}/v2.0",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "token_endpoint_auth_methods_supported": [
                "client_secret_post",
                "private_key_jwt",
                "client_secret_basic",
            ],
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "tenant_region_scope": "EU",
            "cloud_instance_name": "microsoftonline.com",
        }
        return json_reply(200, content)

    def _without_tenants(self, call: Call) -> Reply:
        """AD FS, which Azure Stack may have in Entra's place."""
        base = f"https://{call.host}/adfs"
        content = {
            "issuer": base,
            "token_endpoint": f"{base}/oauth2/token",
            "authorization_endpoint": f"{base}/oauth2/authorize",
        }
        return json_reply(200, content)

    def _token(self, call: Call, tenant: str) -> Reply:
        form = call.form
        for secret in ("client_secret", "client_assertion"):
            if form.get(secret):
                self._directory.keep(form[secret])
        require(form, "grant_type", "client_id")
        if form["grant_type"] == "client_credentials":
            return self._application(call, tenant)
        find = self._person_grants.get(form["grant_type"])
        if find is None:
            raise Refused(70003, grant=form["grant_type"])
        self._check_tenant(tenant, *ANY_TENANT)
        scope, nonce = find(form)
        issuer = f"https://{call.host}/{self._directory.tenant}/v2.0"
        wanted = next((wanted for wanted in scope.split() if "/" in wanted), "")
        audience = self._audience(wanted, tenant)
        return json_reply(200, self._people.answer(form, audience, issuer, nonce))

    def _authorize(self, call: Call, tenant: str) -> Reply:
        self._check_tenant(tenant, *ANY_TENANT)
        return self._people.browser.page(call)

    def _device_code(self, call: Call, tenant: str) -> Reply:
        self._check_tenant(tenant, *ANY_TENANT)
        return json_reply(200, self._people.start(call.form))

    def _application(self, call: Call, tenant: str) -> Reply:
        self._check_tenant(tenant)
        form = call.form
        require(form, "scope")
        application = self._directory.service_principal(form["client_id"])
        if application is None:
            raise Refused(700016, client=form["client_id"], tenant=tenant)
        self._authenticate(application, form, f"https://{call.host}{call.path}")
        audience = self._audience(form["scope"], tenant)
        life = self._directory.token_life - 1
        content = {
            "token_type": "Bearer",
            "expires_in": life,
            "ext_expires_in": life,
            "access_token": self._directory.access_token(application, audience),
        }
        return json_reply(200, content)

    def _check_tenant(self, tenant: str, *others: str) -> None:
        if tenant.lower() not in (self._directory.tenant, self._directory.domain, *others):
            raise Refused(90002, tenant=tenant)

    def _audience(self, scope: str, tenant: str) -> str:
        audience, slash, default = scope.rpartition("/")
        if not slash or default != ".default":
            raise Refused(1002012, scope=scope)
        if not self._directory.knows(audience):
            raise Refused(self.unknown_audience_code, resource=audience, tenant=tenant)
        return audience

    def _authenticate(
        self, application: ServicePrincipal, form: Mapping[str, str], endpoint: str
    ) -> None:
        if form.get("client_assertion") and form.get("client_assertion_type") == JWT_BEARER:
            self._check_assertion(application, form["client_assertion"], endpoint)
        elif form.get("client_secret"):
            check_secret(application, form["client_secret"])
        else:
            raise Refused(7000218)

    def _check_assertion(
        self, application: ServicePrincipal, assertion: str, endpoint: str
    ) -> None:
        try:
            header, claims = tokens.peek(assertion)
        except tokens.BadToken as error:
            raise Refused(50027) from error
        check_time(claims)
        thumbprint = header.get("x5t#S256") or header.get("x5t")
        if thumbprint:
            check_certificate(application, assertion, str(thumbprint), endpoint)
            return
        check_federated(application, claims)
        try:
            self._directory.signer.read(assertion)
        except tokens.BadToken as error:
            raise Refused(50013, reason="The key was not found.") from error


def require(form: Mapping[str, str], *names: str) -> None:
    for name in names:
        if not form.get(name):
            raise Refused(900144, name=name)


def check_secret(application: ServicePrincipal, secret: str) -> None:
    if secret not in application.secrets:
        raise Refused(7000215, client=application.client_id)
    if application.secrets[secret] <= time.time():
        raise Refused(7000222, client=application.client_id)


def check_time(claims: tokens.Claims) -> None:
    now = time.time()
    start, end = claims.get("nbf") or claims.get("iat") or 0, claims.get("exp") or 0
    if not start - CLOCK_SKEW <= now < end + CLOCK_SKEW:
        raise Refused(700024, now=clock(now), start=clock(start), end=clock(end))


def check_certificate(
    application: ServicePrincipal, assertion: str, thumbprint: str, endpoint: str
) -> None:
    certificate = application.certificate(thumbprint)
    if certificate is None:
        raise Refused(700027, thumbprint=thumbprint)
    key = certificate.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    try:
        claims = tokens.verify(assertion, key)
    except tokens.BadToken as error:
        raise Refused(50013, reason="The provided signature value did not match") from error
    if (claims.get("iss"), claims.get("sub")) != (application.client_id,) * 2:
        raise Refused(50027)
    if claims.get("aud") != endpoint:
        raise Refused(700212, audience=claims.get("aud"))


def check_federated(application: ServicePrincipal, claims: tokens.Claims) -> None:
    """Each claim that no credential of the application agrees with has its own number."""
    presented = FederatedCredential(
        str(claims.get("iss")), str(claims.get("sub")), str(claims.get("aud"))
    )
    if presented in application.federated:
        return
    for name, code in (("issuer", 700211), ("subject", 700213), ("audience", 700212)):
        known = {getattr(credential, name) for credential in application.federated}
        if known and getattr(presented, name) not in known:
            raise Refused(code, **{name: getattr(presented, name)})
    raise Refused(
        70021, issuer=presented.issuer, subject=presented.subject, audience=presented.audience
    )
