"""A fake Azure on loopback: Entra ID, registries, managed identity, and a proxy that leads there.

with FakeAzure(folder) as azure:
    subprocess.run([...], env=os.environ | azure.environ())
    assert azure.count("exchange") == 1
"""

import hashlib
import os
import ssl
import uuid
from collections.abc import Callable, Collection, Iterable
from socket import socket
from types import TracebackType
from typing import Self

import trustme
from cryptography import x509

from tests.azure.arm import Arm
from tests.azure.bindings import NAME, Bindings, Cluster
from tests.azure.clouds import Clouds
from tests.azure.directory import (
    ACR_AUDIENCE,
    ARM_AUDIENCES,
    EXCHANGE_AUDIENCE,
    PULL,
    PULL_AND_PUSH,
    Directory,
    FederatedCredential,
    Identity,
    ManagedIdentity,
    Roles,
    ServicePrincipal,
)
from tests.azure.entra import Entra
from tests.azure.faults import (
    Cut,
    Delay,
    Endless,
    Expired,
    Fault,
    Faults,
    Garbage,
    Hang,
    NotYetValid,
    Raw,
    Redirect,
    Refusal,
    Reset,
    SelfSigned,
    Slow,
    Status,
    WrongName,
)
from tests.azure.log import Log, Request
from tests.azure.metadata import Metadata
from tests.azure.oidc import ISSUER, SUBJECT, Oidc
from tests.azure.people import People
from tests.azure.registry import NULL_GUID, Registries, Registry
from tests.azure.server import (
    TLS,
    Certificates,
    Connections,
    Desk,
    Listener,
    ProxyHandler,
    Site,
    SiteHandler,
)
from tests.azure.tokens import Signer
from tests.azure.wire import Call, Reply, json_reply

__all__ = [
    "ACR_AUDIENCE",
    "ARM_AUDIENCES",
    "NULL_GUID",
    "PULL",
    "PULL_AND_PUSH",
    "Cut",
    "Delay",
    "Endless",
    "Expired",
    "FakeAzure",
    "FederatedCredential",
    "Garbage",
    "Hang",
    "Identity",
    "ManagedIdentity",
    "NotYetValid",
    "Raw",
    "Redirect",
    "Refusal",
    "Registry",
    "Request",
    "Reset",
    "SelfSigned",
    "ServicePrincipal",
    "Slow",
    "Status",
    "WrongName",
]

FOREVER = float("inf")


class FakeAzure:
    """All of it, from construction to `close`."""

    def __init__(  # noqa: PLR0913 - addresses
        self,
        folder: str | os.PathLike[str],
        *,
        address: str = "127.0.0.1",
        port: int = 0,
        metadata_address: str = "127.0.0.1",
        metadata_port: int = 0,
        backend: str | None = None,
    ) -> None:
        os.makedirs(folder, exist_ok=True)
        ca = trustme.CA(organization_name="Fake Azure")
        self.ca_file = os.path.join(os.path.abspath(folder), "fake-azure-ca.pem")
        ca.cert_pem.write_to_path(self.ca_file)
        self.root_cert_file = self.ca_file
        """The same CA issues the certificate in the tokens' `x5c`."""

        self._directory = Directory(Signer(ca))
        self.user = self._directory.add(Identity(str(uuid.uuid4())))
        """The person who signs in with a device code, and has signed in to the fake `az`."""
        self.people = People(self._directory, self.user)
        self._entra = Entra(self._directory, self.people)
        self._registries = Registries(self._directory)
        self.arm = Arm(self._directory, self._registries)
        self.clouds = Clouds(self.arm.answer)
        self._oidc = Oidc(self._directory)
        self._registries.backend.address = backend or ""
        self.metadata = Metadata(self._directory)
        self._sites: tuple[tuple[Collection[str], Site], ...] = (
            (self._entra.hosts, Site("entra", self._entra.answer)),
            (self.clouds.described, Site("arm", self.clouds.answer)),
            (self._oidc.hosts, Site("oidc", self._oidc.answer)),
        )
        self._faults = Faults()
        self.log = Log()
        self.sign_in_delay = 0.0
        self.exchange_delay = 0.0

        self._connections = Connections()
        self._listeners: list[Listener] = []
        self._desk = Desk(self.log, self._faults, self._delay)
        self._certificates = Certificates(ca)
        self._listen(self._certificates, address, port)
        self.metadata_url = self.listen_metadata(metadata_address, metadata_port)
        self._populate()

    def _listen(self, certificates: Certificates, address: str, port: int) -> None:
        site_handler = type("_Sites", (SiteHandler,), {"desk": self._desk, "route": self._route})
        self._tls = TLS(certificates, self._connections, site_handler, address)
        proxy_handler = type(
            "_Proxy",
            (ProxyHandler,),
            {
                "desk": self._desk,
                "tls": self._tls,
                "missing": staticmethod(self._missing),
                "known": staticmethod(self._registries.knows),
            },
        )
        self._front = self._open(address, port, self._tls.serve)
        self._proxy = self._open(
            "127.0.0.1", 0, lambda client: proxy_handler(client, ("", 0), None)
        )

    def _open(self, address: str, port: int, serve: Callable[[socket], object]) -> Listener:
        listener = Listener(address, port, self._connections, serve)
        self._listeners.append(listener)
        return listener

    def listen_metadata(self, address: str, port: int) -> str:
        """The metadata service on one more address, such as 169.254.169.254:80; its URL."""
        handler = self._metadata_handler()
        listener = self._open(
            address,
            port,
            lambda client: handler(client, ("", 0), None),  # type: ignore[arg-type]
        )
        return f"http://{listener.address}:{listener.port}"

    def _metadata_handler(self) -> type[SiteHandler]:
        site = Site("metadata", self.metadata.answer)
        route = staticmethod(lambda _host: site)
        return type("_Metadata", (SiteHandler,), {"desk": self._desk, "route": route})

    def listen_bindings(self) -> Cluster:
        """One more cluster with a token proxy of its own, which no proxy of the environment leads to."""
        ca = trustme.CA(organization_name="Fake cluster")
        ca_file = os.path.join(os.path.dirname(self.ca_file), f"cluster-{uuid.uuid4().hex}.pem")
        ca.cert_pem.write_to_path(ca_file)
        site = Site("bindings", Bindings(self._entra, self.tenant).answer)
        handler = type(
            "_Bindings",
            (SiteHandler,),
            {"desk": self._desk, "route": staticmethod(lambda _host: site)},
        )
        tls = TLS(Certificates(ca), self._connections, handler, NAME)
        listener = self._open("127.0.0.1", 0, tls.serve)
        return Cluster(f"127.0.0.1:{listener.port}", ca_file)

    def _listen_fabric(self) -> dict[str, str]:
        """The metadata service behind TLS, as Service Fabric has it; a client's variables."""
        tls = TLS(self._certificates, self._connections, self._metadata_handler(), "127.0.0.1")
        listener = self._open("127.0.0.1", 0, tls.serve)
        pem = ssl.get_server_certificate((listener.address, listener.port))
        thumbprint = hashlib.sha1(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()  # noqa: S324, RUF100
        url = f"https://{listener.address}:{listener.port}"
        return dict(self.metadata.fabric_environ(url, thumbprint.upper()))

    def _populate(self) -> None:
        self.client_secret = f"CANARY-secret-{uuid.uuid4().hex}"
        principal = self.add_service_principal(secret=self.client_secret)
        self.client_id = principal.client_id
        self.add_federated_credential(self.client_id)
        self.system_identity = self._directory.add(
            ManagedIdentity(str(uuid.uuid4()), system_assigned=True)
        )

    def _route(self, host: str) -> Site:
        if self._registries.knows(host):
            return Site("registry", self._registries.answer)
        for hosts, site in self._sites:
            if host in hosts:
                return site
        return Site("other", nobody)

    def _missing(self, host: str) -> bool:
        return self._registries.knows(host) and self.registry(host).missing

    def _delay(self, kind: str) -> float:
        return {"sign-in": self.sign_in_delay, "exchange": self.exchange_delay}.get(kind, 0.0)

    # -- where it is

    @property
    def port(self) -> int:
        return self._front.port

    @property
    def proxy_url(self) -> str:
        return f"http://127.0.0.1:{self._proxy.port}"

    def environ(self) -> dict[str, str]:
        """What a child needs to take this for Azure."""
        return {
            "HTTPS_PROXY": self.proxy_url,
            "https_proxy": self.proxy_url,
            "NO_PROXY": "169.254.169.254,127.0.0.1,localhost",
            "SSL_CERT_FILE": self.ca_file,
            "AZURE_POD_IDENTITY_AUTHORITY_HOST": self.metadata_url,
        }

    def service_principal_environ(self) -> dict[str, str]:
        """The ready-made service principal, as azure-identity's environment credential wants it."""
        return {
            "AZURE_TENANT_ID": self.tenant,
            "AZURE_CLIENT_ID": self.client_id,
            "AZURE_CLIENT_SECRET": self.client_secret,
        }

    def metadata_environ(self, place: str) -> dict[str, str]:
        """Managed identity in "vm", "app-service", "machine-learning", "arc", "cloud-shell" ..."""
        if place == "service-fabric":
            return self._listen_fabric()
        return dict(self.metadata.environ(self.metadata_url)[place])

    def job_environ(self, place: str) -> dict[str, str]:
        """A job's own identity in "github-actions" or "azure-pipelines"; `client_id` trusts it."""
        return dict(self._oidc.environ()[place])

    @property
    def backend(self) -> str:
        """Address of the real registry server behind the registries, "" for none."""
        return self._registries.backend.address

    @backend.setter
    def backend(self, address: str) -> None:
        self._registries.backend.address = address

    # -- who and what there is

    @property
    def tenant(self) -> str:
        return self._directory.tenant

    @property
    def audiences(self) -> set[str]:
        return self._directory.audiences

    @property
    def arm_audiences(self) -> set[str]:
        """What a token for a Resource Manager may be for, without a slash at its end."""
        return self._directory.arm_audiences

    @property
    def domain(self) -> str:
        """The tenant's name, which is as good as its id."""
        return self._directory.domain

    @property
    def authorities(self) -> set[str]:
        """Host names that answer as Entra ID; add those of a private cloud."""
        return self._entra.hosts

    @property
    def secrets(self) -> set[str]:
        """Every secret given or issued so far (a copy)."""
        return self._directory.secrets

    def add_service_principal(
        self,
        *,
        client_id: str | None = None,
        secret: str | None = None,
        secret_expires: float = FOREVER,
        certificates: Iterable[x509.Certificate] = (),
        roles: Roles | None = None,
    ) -> ServicePrincipal:
        principal = ServicePrincipal(client_id or str(uuid.uuid4()))
        principal.certificates += certificates
        if secret:
            principal.secrets[self._directory.keep(secret)] = secret_expires
        if roles is not None:
            principal.roles = roles
        return self._directory.add(principal)

    def add_federated_credential(
        self,
        client_id: str,
        *,
        subject: str = SUBJECT,
        issuer: str = ISSUER,
        audience: str = EXCHANGE_AUDIENCE,
    ) -> None:
        principal = self._directory.service_principal(client_id)
        assert principal, f"no service principal {client_id}"
        principal.federated.append(FederatedCredential(issuer, subject, audience))

    def federated_assertion(
        self,
        *,
        subject: str = SUBJECT,
        issuer: str = ISSUER,
        audience: str = EXCHANGE_AUDIENCE,
        lifetime: int = 3600,
        uid: str | None = None,
    ) -> str:
        """The token a cluster or pipeline gives its job; expired when `lifetime` is negative.

        `uid` is that of a Kubernetes service account.
        """
        claims = {"kubernetes.io": {"serviceaccount": {"uid": uid}}} if uid else {}
        return self._oidc.assertion(issuer, subject, audience, lifetime, **claims)

    def add_managed_identity(
        self,
        *,
        client_id: str | None = None,
        object_id: str | None = None,
        resource_id: str = "",
        roles: Roles | None = None,
    ) -> ManagedIdentity:
        identity = ManagedIdentity(
            client_id or str(uuid.uuid4()), object_id or str(uuid.uuid4()), resource_id=resource_id
        )
        if roles is not None:
            identity.roles = roles
        return self._directory.add(identity)

    def remove_identity(self, identity: Identity) -> None:
        """Such as the system-assigned one, for a machine without any."""
        self._directory.remove(identity)

    def access_token(
        self,
        audience: str = ACR_AUDIENCE,
        identity: Identity | None = None,
        life: int | None = None,
    ) -> str:
        """An Entra access token, by default of the person at the keyboard."""
        return self._directory.access_token(identity or self.user, audience, life)

    def registry(self, host: str) -> Registry:
        """The settings of a registry; any host asked for here becomes one."""
        return self._registries.registry(host)

    def add_admin(self, host: str) -> tuple[str, str]:
        """Switches a registry's admin user on; user name and first password."""
        return self._registries.add_admin(host)

    def add_repository_token(self, host: str, name: str, roles: Roles | None = None) -> str:
        """Makes a repository token (pull everything by default); its password."""
        return self._registries.add_repository_token(host, name, roles)

    # -- what happened

    @property
    def requests(self) -> list[Request]:
        return self.log.all()

    def count(self, kind: str) -> int:
        return sum(request.kind == kind for request in self.requests)

    def forget(self) -> None:
        self.log.forget()

    # -- what shall go wrong

    def fault(
        self, kind: str, answer: Fault, times: int | None = None, host: str | None = None
    ) -> None:
        """The next `times` requests of a kind (all, when None) get this answer."""
        self._faults.add(kind, answer, times, host)

    def clear_faults(self) -> None:
        self._faults.clear()

    # -- its end

    def close(self) -> None:
        self._faults.closing.set()
        for listener in self._listeners:
            listener.stop()
        self._connections.end()
        for listener in self._listeners:
            listener.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def nobody(call: Call) -> Reply:
    return json_reply(421, {"error": f"{call.host} is no host of the fake Azure"})
