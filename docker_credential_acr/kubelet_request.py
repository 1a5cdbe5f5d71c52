"""What the kubelet asks, and who is asking with it: the node, or a pod by its service account.

It lies on the way to a cached answer, so nothing is imported that is not built into the interpreter:
``import json`` loads ``re`` and costs more than all the rest; the scanner underneath it does not.

Sources: kubernetes/kubelet ``pkg/apis/credentialprovider/v1/types.go``; the annotations are those of
cloud-provider-azure ``pkg/credentialprovider``.
"""

from binascii import a2b_base64

from docker_credential_acr import entry, registry
from docker_credential_acr.errors import InputError, MethodUnavailable
from docker_credential_acr.kubelet_arguments import (
    API_SERVER,
    DEFAULT_CLIENT,
    DEFAULT_TENANT,
    FILE,
    HOST,
    NODE,
    SNI,
    UNANNOTATED,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LIMIT = 1024 * 1024  # bytes of standard input; a token has 2 KiB, annotations have 256 KiB at most
_MEMBERS = ("image", "serviceAccountToken", "serviceAccountAnnotations")
CLIENT_ID = "kubernetes.azure.com/acr-client-id"
TENANT_ID = "kubernetes.azure.com/acr-tenant-id"

VERSION = "credentialprovider.kubelet.k8s.io/v1"
_KIND = "CredentialProviderRequest"
_LONGEST_ID = 255
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")


def request(data: bytes) -> "tuple[str, str, dict[str, str]]":
    """Return image, service-account token and annotations of the request *data*.

    Members that are not known are passed over: newer kubelets may send more. Raises InputError.
    """
    if len(data) > LIMIT:
        raise _unreadable("is larger than 1 MiB")
    try:
        found = _json(data.strip().decode())
    except (ValueError, RecursionError, StopIteration):
        found = None
    if not isinstance(found, dict):
        raise _unreadable("is not a JSON object")
    for name, wanted in (("apiVersion", VERSION), ("kind", _KIND)):
        if found.get(name) != wanted:
            raise _unreadable(f"has another {name} than {wanted}")
    image, token, annotations = map(found.get, _MEMBERS)
    token, annotations = "" if token is None else token, {} if annotations is None else annotations
    if not isinstance(image, str) or not image.strip():
        raise _unreadable("names no image")
    if not isinstance(token, str) or not isinstance(annotations, dict):
        raise _unreadable("has a service account in another form than the protocol says")
    return image, token.strip(), {k: v for k, v in annotations.items() if isinstance(v, str)}


def _unreadable(what: str) -> InputError:
    hint = f"the kubelet writes a {_KIND} to standard input: configure it with apiVersion {VERSION}"
    return InputError(f"the request on standard input {what}", hint, "kubelet-request")


class _Rules:
    """What the scanner asks of a decoder: strict JSON, no hooks."""

    strict = True
    object_hook = object_pairs_hook = array_hook = None
    parse_float, parse_int = float, int
    memo: "dict[str, str]" = {}  # noqa: RUF012  the scanner's own

    @staticmethod
    def parse_constant(text: str) -> None:
        raise ValueError(text)  # NaN is not JSON


def _json(text: str) -> "Any":
    """Return the one value that *text* is. Raises ValueError, StopIteration, RecursionError."""
    rules: Any = _Rules()
    try:
        from _json import make_scanner  # noqa: PLC0415  what the interpreter's own json uses

        value, end = make_scanner(rules)(text, 0)
    except (ImportError, AttributeError, TypeError, SystemError):
        # Another interpreter's; or a mistake in the text, for which it wants json's own exception.
        from json import loads  # noqa: PLC0415

        return loads(text, parse_constant=_Rules.parse_constant)
    if end != len(text):
        raise ValueError(end)
    return value


def place(image: str, mirrored: "dict[str, str]") -> "tuple[str | None, tuple[str, ...]]":
    """Return the registry host that *image* is pulled from, and the keys of the answer.

    The keys are what stands before the first slash, to the letter: the kubelet compares it with the
    image, port and all. Of a mirrored image they are its own host and the mirror's.
    """
    written = image.strip().partition("/")[0]
    target = mirrored.get(written.lower())
    host = registry.host_in((target or written).encode("ascii", "backslashreplace"))
    return host, (target, written) if target else (written,)


def pod(
    options: "dict[str, str]", keys: "tuple[str, ...]", token: str, annotations: "dict[str, str]"
) -> "tuple[str, str | None] | None":
    """Return client id and tenant id of the pod that asks; None: it is the node that signs in.

    The node signs in for mirrored images, which have more *keys* than one, as the peer has it. The
    tenant is None where neither annotation nor flag names it. Raises MethodUnavailable where nothing
    says who the pod is, unless ``--unannotated=node`` lets the node stand in for it.
    """
    bound = bool(options.get(SNI))
    if len(keys) > 1 or (not token and not bound):
        return None
    client_id = annotations.get(CLIENT_ID, "").strip() or options.get(DEFAULT_CLIENT, "")
    if not token or not client_id:
        if options.get(UNANNOTATED) == NODE:
            return None
        raise _nobody(token)
    tenant_id = annotations.get(TENANT_ID, "").strip() or options.get(DEFAULT_TENANT, "")
    for name, value in ((CLIENT_ID, client_id), (TENANT_ID, tenant_id)):
        if len(value) > _LONGEST_ID or not HOST.issuperset(value):
            raise MethodUnavailable(
                f"the annotation {name} is no id",
                "correct it on the service account",
                "pod-annotation",
            )
    return client_id, tenant_id or None


def _nobody(token: str) -> MethodUnavailable:
    if not token:
        return MethodUnavailable(
            f"{SNI} is given, and the request has no service-account token",
            "give the provider tokenAttributes in the kubelet's CredentialProviderConfig",
            "pod-annotation",
        )
    return MethodUnavailable(
        f"the pod's service account has no annotation {CLIENT_ID}",
        f"annotate it, or let the node sign in with {UNANNOTATED}={NODE}",
        "pod-annotation",
    )


def caller(token: str) -> "tuple[object, ...] | None":
    """Return issuer, subject, service-account uid and audience of *token*, or None if it has none.

    A token is renewed all the time; these say whose it is. Entra verifies it, we only tell askers apart.
    """
    try:
        payload = token.split(".")[1].encode().translate(_TO_STANDARD)
        claims = _json(a2b_base64(payload + b"=" * (-len(payload) % 4)).decode())
        issuer, subject, audience = claims["iss"], claims["sub"], claims.get("aud")
        uid = ((claims.get("kubernetes.io") or {}).get("serviceaccount") or {}).get("uid")
    except (
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        StopIteration,
        RecursionError,
    ):
        return None
    if not (isinstance(issuer, str) and issuer and isinstance(subject, str) and subject):
        return None
    return issuer, subject, uid, audience


def asks(
    options: "dict[str, str]", token: str, identity: "tuple[str, str | None] | None"
) -> "bytes | None":
    """Return what the stamp of this asker ends with; None: nothing may be kept for it.

    *identity* is what ``pod`` returned.
    """
    if identity is None:
        file = options.get(FILE)
        return ascii(("kubelet", "node", file, entry.version(file))).encode()
    who = caller(token)
    if who is None:
        return None
    place = options.get(SNI), options.get(API_SERVER)
    return ascii(("kubelet", "pod", who, identity, place)).encode()
