"""JSON Web Tokens, signed so that a real registry server believes them.

CNCF Distribution 2.8 verifies RS256 tokens through the certificate chain in the `x5c` header,
against the roots of `auth.token.rootcertbundle`; `kid` is libtrust's fingerprint of the key
(`acr.md` 1.7, `e2e.md` 1).
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import trustme
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

Claims = dict[str, Any]

PADDINGS: Mapping[str, padding.AsymmetricPadding] = {
    "RS256": padding.PKCS1v15(),
    "PS256": padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO),
}


class BadToken(Exception):
    """Not a token, or not signed by the expected key."""


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unbase64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def peek(token: str) -> tuple[dict[str, Any], Claims]:
    """Header and claims of a token nobody has verified yet."""
    try:
        header, claims, _ = token.split(".")
        return json.loads(unbase64url(header)), json.loads(unbase64url(claims))
    except ValueError as error:
        raise BadToken("not a JSON Web Token") from error


def verify(token: str, key: rsa.RSAPublicKey) -> Claims:
    header, claims = peek(token)
    signed, _, signature = token.rpartition(".")
    try:
        scheme = PADDINGS[header["alg"]]
        key.verify(unbase64url(signature), signed.encode(), scheme, hashes.SHA256())
    except (KeyError, ValueError, InvalidSignature) as error:
        raise BadToken("the signature does not match") from error
    return claims


def libtrust_id(key: rsa.RSAPublicKey) -> str:
    """First 240 bits of the SHA-256 of the public key, base32, in twelve groups of four."""
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    text = base64.b32encode(hashlib.sha256(der).digest()[:30]).decode()
    return ":".join(text[start : start + 4] for start in range(0, len(text), 4))


class Signer:
    """One RSA key, with a certificate of the CA, for Entra, registries and the job's issuer."""

    def __init__(self, ca: trustme.CA) -> None:
        leaf = ca.issue_cert("tokens.fake-azure.example", key_type=trustme.KeyType.RSA)
        key = load_pem_private_key(leaf.private_key_pem.bytes(), password=None)
        assert isinstance(key, rsa.RSAPrivateKey)
        self._key = key
        certificate = x509.load_pem_x509_certificate(leaf.cert_chain_pems[0].bytes())
        self._chain = [base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()]
        self._id = libtrust_id(key.public_key())

    def sign(self, claims: Claims, *, chain: bool = False) -> str:
        header = {"alg": "RS256", "typ": "JWT", "kid": self._id}
        extra = {"x5c": self._chain} if chain else {}
        parts = (json.dumps(part, separators=(",", ":")) for part in (header | extra, claims))
        signed = ".".join(base64url(part.encode()) for part in parts)
        signature = self._key.sign(signed.encode(), PADDINGS["RS256"], hashes.SHA256())
        return f"{signed}.{base64url(signature)}"

    def read(self, token: str) -> Claims:
        """Claims of a token that this signer has signed."""
        return verify(token, self._key.public_key())
