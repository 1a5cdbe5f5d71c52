"""``kubelet``: the credential provider of a node, where its cache has no answer (``kubelet``).

The node signs in as the settings say, or as the azure.json that is named says; a pod by its own
service-account token. Nothing is shared between the two, nor between pods of different accounts. A
service principal's secret is exchanged and never handed on; kept logins and commands are not used.
"""

from dataclasses import replace
from time import time

from docker_credential_acr import credentials, kubelet_arguments, kubelet_request, registry
from docker_credential_acr import kubelet as fast
from docker_credential_acr.asker import Asker, asking_for
from docker_credential_acr.commands.bounds import bounds, log_failure
from docker_credential_acr.commands.reply import Reply
from docker_credential_acr.errors import (
    Failure,
    MethodUnavailable,
    NoCredential,
    SettingsError,
    sentence,
)
from docker_credential_acr.kubelet_arguments import API_SERVER, FILE, SNI
from docker_credential_acr.kubelet_request import TENANT_ID
from docker_credential_acr.secret import Secret
from docker_credential_acr.watchdog import Watchdog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from docker_credential_acr.settings import RegistrySettings

    Adjust = Callable[[RegistrySettings], RegistrySettings]

_MIN_TTL = 900  # seconds; where no entry says how long an answer may be served
_GUID = "00000000-0000-0000-0000-000000000000"  # every runtime takes it; the other form not


def answer(
    given: bytes, arguments: list[str], environ: "Mapping[str, str]", watchdog: Watchdog
) -> Reply:
    """Return the response to the request *given*, or a sentence for the kubelet's log and exit code 1."""
    host: str | None = ""
    try:
        options = kubelet_arguments.arguments(arguments)
        image, token, annotations = kubelet_request.request(given)
        host, keys = kubelet_request.place(image, kubelet_arguments.mirrors(options))
        who = asking_for(host, environ) if host else None
        if host is None or who is None or not registry.is_ours(host, who.suffixes, who.named):
            return Reply(fast.NOT_OURS)
        pod = kubelet_request.pod(options, keys, token, annotations)
        who = _asks(who, options, token, pod)
        old = credentials.still_good(host, who)
        last = old and fast.answer(keys, old, 0)
        waiting, prepare = bounds(host, who, watchdog, last)
        login = credentials.obtain(host, who, waiting, prepare)
        return Reply(_response(host, keys, who, login))
    except NoCredential:
        return Reply(fast.NOT_OURS)
    except Failure as failure:
        log_failure(environ, failure)
        return Reply(err=sentence(failure, host or "").encode() + b"\n", code=1)


def _asks(
    who: Asker, options: dict[str, str], token: str, pod: tuple[str, str | None] | None
) -> Asker:
    ends = kubelet_request.asks(options, token, pod)
    told = replace(
        who,
        stamped=who.stamped + (ends or b""),
        folder=None if ends is None else who.folder,
        adjust=_as_node(options) if pod is None else _as_pod(options, pod, who.environ),
        logins=False,
    )
    return told if pod is None else replace(told, proof=Secret(token))


def _as_node(options: dict[str, str]) -> "Adjust":
    """Return what makes settings those of the node: azure.json answers where they name no method."""

    def adjust(chosen: "RegistrySettings") -> "RegistrySettings":
        if chosen.method == "automatic" and options.get(FILE):
            from docker_credential_acr.methods import aks_node  # noqa: PLC0415  this process signs in

            node = aks_node.Options(file=options[FILE])
            chosen = replace(chosen, method="aks-node", options=node)
        _refuse_commands(chosen)
        return replace(chosen, username=_GUID, refresh="inline")

    return adjust


def _refuse_commands(chosen: "RegistrySettings") -> None:
    for kind in (chosen.options, chosen.sign_in[1]):
        for key in dir(kind):
            if key.endswith("_command") and getattr(kind, key):
                raise SettingsError(
                    f"{key} in the settings is not run for the kubelet",
                    f"give {key.replace('_command', '_file')}, or another method",
                    "kubelet-command",
                )


def _as_pod(
    options: dict[str, str], pod: tuple[str, str | None], environ: "Mapping[str, str]"
) -> "Adjust":
    """Return what makes settings those of the pod: its token, and its annotations above all else."""
    client_id, tenant_id = pod

    def adjust(chosen: "RegistrySettings") -> "RegistrySettings":
        if chosen.method == "anonymous":
            return chosen
        from docker_credential_acr.methods import (  # noqa: PLC0415  this process signs in
            identity_bindings,
            workload_identity,
        )

        tenant = tenant_id or chosen.tenant_id
        if not tenant:
            raise MethodUnavailable(
                f"the pod's service account has no annotation {TENANT_ID}",
                "annotate it, or set AZURE_TENANT_ID for the provider",
                "pod-annotation",
            )
        name, address = (options.get(key) for key in (SNI, API_SERVER))
        where = identity_bindings.node_place(name, address or "", environ) if name else None
        own = workload_identity.Options(client_id=client_id, bindings=where)
        return replace(
            chosen,
            method="workload-identity",
            options=own,
            tenant_id=tenant,
            username=_GUID,
            refresh="inline",
        )

    return adjust


def _response(host: str, keys: tuple[str, ...], who: Asker, login: bytes) -> bytes:
    """Return the response with *login*, to be kept while it may be served."""
    kept = fast.found(who.folder.path, host, keys, who.stamped) if who.folder else None
    if kept is not None:
        return kept
    import json  # noqa: PLC0415  no cache, or an old token that nobody could renew

    from docker_credential_acr.exchange import jwt_claims  # noqa: PLC0415

    claims = jwt_claims(json.loads(b"{" + login)["Secret"]) or {}
    expires = claims.get("exp")
    left = expires - time() - _MIN_TTL if type(expires) is int else 0
    return fast.answer(keys, login, left)
