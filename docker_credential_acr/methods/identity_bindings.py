"""Identity bindings of AKS: a proxy beside the API server trades a pod's token where Entra would.

One managed identity then serves many clusters without a federated credential for each. The variables,
and the address that a token is asked at, are those of azure-identity 1.27
(``_internal/token_binding_transport_mixin.py``, ``_requests.py``): the path that Entra has follows the
proxy's own. The kubelet's arguments name an address and a server name instead, and the form is posted to
``https://NAME/`` (cloud-provider-azure ``pkg/credentialprovider/identity_bindings_credentials.go``).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from docker_credential_acr.errors import Failure, SettingsError
from docker_credential_acr.methods import entra, sources
from docker_credential_acr.methods.contract import EntraToken, SignIn
from docker_credential_acr.secret import Secret

INPUTS = ("AZURE_KUBERNETES_TOKEN_PROXY", "AZURE_KUBERNETES_SNI_NAME")
CA_FILE, CA_DATA = _AUTHORITIES = ("AZURE_KUBERNETES_CA_FILE", "AZURE_KUBERNETES_CA_DATA")
_PROXY, _NAME = INPUTS
_NODE_CA = "/etc/kubernetes/certs/ca.crt"  # where an AKS node has its cluster's CA
_GRANT = {
    "grant_type": "client_credentials",
    "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a token is asked for: *name* is the server name of TLS, *authority* PEM, both None: as usual.

    *host* is what the request says it is for, *tenants* whether the path names the tenant.
    """

    url: str
    name: str | None
    authority: str | None
    host: str | None = None
    tenants: bool = True


def place(environ: Mapping[str, str]) -> Place | None:
    """Return where the webhook says that tokens are asked for; None: at Entra itself.

    Raises SettingsError for variables that do not go together or cannot be used, MethodUnavailable if
    the CA file cannot be read.
    """
    url = environ.get(_PROXY, "")
    if not url:
        alone = [name for name in (_NAME, *_AUTHORITIES) if environ.get(name)]
        if alone:
            raise _wrong(f"{' and '.join(alone)} without {_PROXY}", f"set {_PROXY}, or unset both")
        return None
    try:
        parts = urlsplit(url)
        usable = parts.scheme == "https" and parts.hostname and (parts.port or 443)
    except ValueError:
        usable, parts = False, urlsplit("")
    if not usable or "@" in parts.netloc or "?" in url or "#" in url:
        raise _wrong(f"{_PROXY} is no https address", "give it as https://HOST:PORT/PATH")
    return Place(url.rstrip("/"), environ.get(_NAME) or None, _authority(environ))


def node_place(name: str, address: str, environ: Mapping[str, str]) -> Place:
    """Return where the kubelet's arguments say that tokens are asked for.

    *address* is the API server's, with a port where it is not 443; the CA is the cluster's unless
    AZURE_KUBERNETES_CA_FILE or _CA_DATA gives another. Raises as ``place``.
    """
    bare = ":" in address.partition(":")[2] and "[" not in address  # IPv6
    url = f"https://[{address}]" if bare else f"https://{address}"
    if not re.fullmatch(r"https://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?", url):
        raise _wrong("--ib-apiserver-ip is no address", "give an IP address or a name")
    if not re.fullmatch(r"[A-Za-z0-9.-]+", name):
        raise _wrong("--ib-sni-name is no host name", "give the name alone")
    given = _authority(environ)
    own = (
        sources.bytes_from_file(_NODE_CA, "cluster's CA").decode("latin-1")
        if given is None
        else given
    )
    return Place(url + "/", name, own, host=name, tenants=False)


def _authority(environ: Mapping[str, str]) -> str | None:
    path, data = (environ.get(name) for name in _AUTHORITIES)
    if path and data:
        raise _wrong(f"{CA_FILE} and {CA_DATA} are both set", "unset one of them")
    if path:
        return sources.bytes_from_file(path, "CA of the token proxy").decode("latin-1")
    return data or None


def _wrong(what: str, hint: str) -> SettingsError:
    return SettingsError(what, hint, "identity-bindings")


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks: an app, its tenant, and the pod's own token."""

    client_id: str
    tenant: str
    assertion: Secret


def entra_token(where: Place, client: Client, sign_in: SignIn, audience: str) -> EntraToken:
    """Return the token that *where* gives to *client*.

    No proxy of the environment is asked, and no CA trusted but the one given.
    Raises SignInRefused, AudienceUnknown, Unreachable, SettingsError.
    """
    from docker_credential_acr.transport import (  # noqa: PLC0415  an SDK's time to load
        PinnedSession,
        correlation,
        host_of,
        retry_after,
        unusable,
    )

    try:
        session = PinnedSession(sign_in.deadline, where.authority, where.name)
    except ValueError as error:
        raise _wrong(
            "the CA of the token proxy is no PEM certificate", "check what wrote it"
        ) from error
    form = {
        **_GRANT,
        "client_id": client.client_id,
        "client_assertion": client.assertion.reveal(),
        "scope": audience + "/.default",
    }
    url = f"{where.url}/{client.tenant}/oauth2/v2.0/token" if where.tenants else where.url
    response = session.post(url, data=form, headers={"Host": where.host} if where.host else {})
    status, asked = response.status_code, host_of(response.request)
    if status == 429 or status >= 500:  # noqa: PLR2004  HTTP
        raise entra.unavailable(asked, status, retry_after(response), correlation(response))
    try:
        token = json.loads(response.content)["access_token"]
    except (ValueError, LookupError, TypeError, RecursionError):
        token = None
    if status == 200 and isinstance(token, str) and token:  # noqa: PLR2004  HTTP
        return EntraToken(Secret(token), client.tenant)
    refused: Failure = entra.refusal(response.text, asked)
    if status == 200:  # noqa: PLR2004  HTTP
        raise unusable(response, "it holds no token")
    raise refused
