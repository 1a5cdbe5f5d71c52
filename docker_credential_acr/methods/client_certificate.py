"""`client-certificate`: a service principal with a certificate and its private key, PEM or PKCS#12."""

from collections.abc import Mapping
from dataclasses import dataclass

from docker_credential_acr.errors import MethodUnavailable, NotSetUp, SettingsError
from docker_credential_acr.methods import entra, sources
from docker_credential_acr.methods.client_secret import needed
from docker_credential_acr.methods.contract import EntraToken, SignIn
from docker_credential_acr.secret import Secret

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cryptography.x509 import Certificate

INPUTS: tuple[str, ...] = (
    "AZURE_TENANT_ID",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_CERTIFICATE_PATH",
)
SECRET_INPUTS: tuple[str, ...] = ()  # a password opens the file and says nothing of who signs in

_PASSWORD = "AZURE_CLIENT_CERTIFICATE_PASSWORD"  # noqa: S105  its name
_CHAIN = "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN"


@dataclass(frozen=True, slots=True)
class Options:
    client_id: str | None = None
    certificate_file: str | None = None
    password_env: str | None = None
    password_file: str | None = None
    send_chain: bool = False


def detect(environ: Mapping[str, str]) -> Options:
    missing = [name for name in INPUTS if not environ.get(name)]
    if missing:
        # The file is the sign of this method; the other two have their uses without it.
        kind = NotSetUp if INPUTS[-1] in missing else MethodUnavailable
        raise kind(f"no {' and '.join(missing)}", f"set {' and '.join(missing)}", "inputs-missing")
    return Options()


def entra_token(options: Options, sign_in: SignIn, audience: str) -> EntraToken:
    client_id = needed(options.client_id, "client_id", "AZURE_CLIENT_ID", sign_in)
    tenant = needed(sign_in.tenant_id, "tenant_id", "AZURE_TENANT_ID", sign_in)
    path = needed(
        options.certificate_file, "certificate_file", "AZURE_CLIENT_CERTIFICATE_PATH", sign_in
    )
    chain = options.send_chain or sign_in.environ.get(_CHAIN, "").lower() in ("1", "true")
    loaded = credential(path, _password(options, sign_in), chain=chain)
    return entra.client_token(client_id, tenant, loaded, sign_in, audience)


def _password(options: Options, sign_in: SignIn) -> Secret | None:
    if options.password_file:
        return sources.from_file(options.password_file, "certificate's password")
    meaning = "certificate's password"
    if options.password_env:
        return sources.from_variable(options.password_env, sign_in, meaning, "password_env")
    return (
        sources.from_variable(_PASSWORD, sign_in, meaning)
        if sign_in.environ.get(_PASSWORD)
        else None
    )


def credential(path: str, password: Secret | None, *, chain: bool) -> "dict[str, Any]":
    """Return the certificate in *path* as msal wants it: key and thumbprint, and with *chain* all of them.

    Raises MethodUnavailable if the file cannot be read, SettingsError if it cannot be used.
    """
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415  it is heavy
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415

    data = sources.bytes_from_file(path, "certificate")
    try:
        key, found = _loaded(data, password.reveal().encode() if password else None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _unusable(
            f"the certificate file {path} cannot be opened"
            + (" with this password" if password else " without a password"),
            "check that it has the private key with the certificate, and its password",
        ) from error
    if not isinstance(key, RSAPrivateKey):
        raise _unusable(
            f"the private key in {path} is not an RSA key", "give a certificate with an RSA key"
        )
    own = [each for each in found if each.public_key() == key.public_key()]
    if not own:
        raise _unusable(
            f"no certificate in {path} belongs to its private key",
            "give the file with the certificate and its own key",
        )
    # SHA-1 names the certificate here and proves nothing; AD FS knows no other name.
    made: dict[str, Any] = {
        "private_key": key,
        "thumbprint": own[0].fingerprint(hashes.SHA1()).hex(),  # noqa: S303
    }
    if chain:
        sent = [own[0], *(each for each in found if each != own[0])]
        form = serialization.Encoding.PEM
        made["public_certificate"] = "".join(each.public_bytes(form).decode() for each in sent)
    return made


def _loaded(data: bytes, password: bytes | None) -> "tuple[Any, list[Certificate]]":
    """Return private key and certificates. Raises ValueError, TypeError, UnsupportedAlgorithm."""
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        load_pem_private_key,
        pkcs12,
    )

    if b"-----BEGIN" in data:
        return load_pem_private_key(data, password), x509.load_pem_x509_certificates(data)
    key, own, others = pkcs12.load_key_and_certificates(data, password)
    return key, [*([own] if own else []), *others]


def _unusable(what: str, hint: str) -> SettingsError:
    return SettingsError(what, hint, "certificate-unusable")
