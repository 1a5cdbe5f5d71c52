"""The tenant: who exists, how they prove it, what they may do, and what they were given."""

import time
import uuid
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from tests.azure.tokens import BadToken, Claims, Signer, base64url

ACR_AUDIENCE = "https://containerregistry.azure.net"
EXCHANGE_AUDIENCE = "api://AzureADTokenExchange"
ARM_AUDIENCES = frozenset(
    (  # acr.md 1.8 and 2.1
        "https://management.azure.com",
        "https://management.core.windows.net",
        "https://management.chinacloudapi.cn",
        "https://management.core.chinacloudapi.cn",
        "https://management.usgovcloudapi.net",
        "https://management.core.usgovcloudapi.net",
        "https://management.sovcloud-api.fr",
        "https://management.sovcloud-api.de",
        "https://management.azure.eaglex.ic.gov",
        "https://management.azure.microsoft.scloud",
    )
)

AnIdentity = TypeVar("AnIdentity", bound="Identity")

Roles = dict[str, frozenset[str]]
"""Pattern of `host/repository` -> actions on what it matches."""

PULL_AND_PUSH: Roles = {"*": frozenset(("pull", "push"))}
PULL: Roles = {"*": frozenset(("pull",))}


def allowed(roles: Roles, place: str) -> frozenset[str]:
    return frozenset().union(
        *(actions for pattern, actions in roles.items() if fnmatchcase(place, pattern))
    )


@dataclass(frozen=True)
class FederatedCredential:
    """Whose tokens an application accepts in place of a secret."""

    issuer: str
    subject: str
    audience: str = EXCHANGE_AUDIENCE


@dataclass
class Identity:
    """Whoever a token can be about: a person, a service principal, a managed identity."""

    client_id: str
    object_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    roles: Roles = field(default_factory=lambda: dict(PULL_AND_PUSH))


@dataclass
class ServicePrincipal(Identity):
    """An application; `secrets` maps each secret to the time it expires."""

    secrets: dict[str, float] = field(default_factory=dict)
    certificates: list[x509.Certificate] = field(default_factory=list)
    federated: list[FederatedCredential] = field(default_factory=list)

    def certificate(self, thumbprint: str) -> x509.Certificate | None:
        """`x5t` is the SHA-1, `x5t#S256` the SHA-256 of the certificate."""
        for certificate in self.certificates:
            for algorithm in (hashes.SHA1(), hashes.SHA256()):  # noqa: S303, RUF100
                if base64url(certificate.fingerprint(algorithm)) == thumbprint.rstrip("="):
                    return certificate
        return None


@dataclass
class ManagedIdentity(Identity):
    """An identity the metadata service signs in; without a resource id it is the machine's own."""

    resource_id: str = ""
    system_assigned: bool = False


class Directory:
    """One tenant, and the issuer of its access tokens."""

    def __init__(self, signer: Signer) -> None:
        self.signer = signer
        self.tenant = str(uuid.uuid4())
        self.domain = "fake.onmicrosoft.example"  # which is as good as its id
        self.arm_audiences = set(ARM_AUDIENCES)
        self.audiences = {ACR_AUDIENCE, EXCHANGE_AUDIENCE, *ARM_AUDIENCES}
        self.token_life = 4_681  # a published expires_in (acr.md 1.6)
        self._identities: dict[str, Identity] = {}
        self._secrets: set[str] = set()

    def add(self, identity: AnIdentity) -> AnIdentity:
        self._identities[identity.object_id] = identity
        return identity

    def remove(self, identity: Identity) -> None:
        self._identities.pop(identity.object_id, None)

    def identity(self, object_id: str) -> Identity | None:
        return self._identities.get(object_id)

    def service_principal(self, client_id: str) -> ServicePrincipal | None:
        for identity in tuple(self._identities.values()):
            if isinstance(identity, ServicePrincipal) and identity.client_id == client_id.lower():
                return identity
        return None

    def managed_identities(self) -> list[ManagedIdentity]:
        known = tuple(self._identities.values())
        return [identity for identity in known if isinstance(identity, ManagedIdentity)]

    def keep(self, secret: str) -> str:
        """Notes a secret for canary searches."""
        self._secrets.add(secret)
        return secret

    @property
    def secrets(self) -> set[str]:
        return set(self._secrets)

    def knows(self, audience: str) -> bool:
        return audience.rstrip("/") in {known.rstrip("/") for known in tuple(self.audiences)}

    def access_token(self, identity: Identity, audience: str, life: int | None = None) -> str:
        """An Entra access token for an application, version 1.0."""
        now = int(time.time())
        return self.keep(
            self.signer.sign(
                {
                    "aud": audience,
                    "iss": self.issuer,
                    "iat": now,
                    "nbf": now,
                    "exp": now + (self.token_life if life is None else life),
                    "appid": identity.client_id,
                    "idp": self.issuer,
                    "idtyp": "app",
                    "oid": identity.object_id,
                    "sub": identity.object_id,
                    "tid": self.tenant,
                    "uti": uuid.uuid4().hex,
                    "ver": "1.0",
                }
            )
        )

    @property
    def issuer(self) -> str:
        return f"https://sts.windows.net/{self.tenant}/"

    def read(self, token: str) -> tuple[Identity, Claims]:
        """Whom a presented access token is about."""
        claims = self.signer.read(token)
        identity = self.identity(str(claims.get("oid")))
        if claims.get("iss") != self.issuer or identity is None:
            raise BadToken("not an access token of this tenant")
        if claims["exp"] <= time.time():
            raise BadToken("expired")
        return identity, claims


def guid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
