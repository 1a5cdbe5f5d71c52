"""The kubelet's own way to the cache; whatever is not there is left to the verb of the same name.

It costs a cached ``get`` and the reading of the request: neither settings nor an SDK, neither ``json``
nor ``dataclasses`` are loaded. Standard output gets one whole answer or nothing; its reader is strict.
"""

import _signal
import os
from time import time

from docker_credential_acr import entry, kubelet_arguments, kubelet_request, paths, registry
from docker_credential_acr.errors import Failure
from docker_credential_acr.kubelet_request import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from docker_credential_acr.paths import Lookup
    from docker_credential_acr.watchdog import Watchdog

    Read = Callable[[int], bytes]
    Write = Callable[[int, bytes], bool]

VERB = "kubelet"
LONGEST = 3600  # seconds that the kubelet may keep an answer
_BEGIN = (
    '{"kind":"CredentialProviderResponse","apiVersion":"' + VERSION + '","cacheKeyType":"Registry"'
).encode()
NOT_OURS = _BEGIN + b',"cacheDuration":"0s","auth":{}}\n'
_STDIN_SECONDS = 5
_TOTAL_SECONDS = 27  # as on the fast staircase
_NO_INPUT = (
    b"no request came on standard input within 5 s; "
    b"the kubelet writes a CredentialProviderRequest there [no-input]\n"
)


def run(arguments: "list[str]", read_input: "Read", write: "Write") -> int:
    """Answer the request on standard input and return the exit code; a success ends the process."""
    watchdog = _bound_reading(write)
    given = read_input(kubelet_request.LIMIT)
    if watchdog is None:
        _signal.signal(_signal.SIGALRM, _signal.SIG_DFL)
        _signal.alarm(_TOTAL_SECONDS)
    reply = cached(given, arguments, paths.variable)
    if reply is not None:
        os._exit(0 if write(1, reply) else 1)
    from docker_credential_acr import cli  # noqa: PLC0415  everything slow starts here

    return cli.run([VERB, *arguments], given, watchdog, read_input, write)


def _bound_reading(write: "Write") -> "Watchdog | None":
    """Bound the wait for the request: by an alarm where there is one, else by a thread."""
    if os.name == "nt":
        from docker_credential_acr.watchdog import Watchdog  # noqa: PLC0415

        watchdog = Watchdog(_STDIN_SECONDS, lambda: _NO_INPUT, write)
        watchdog.out_is_for_answers = True
        return watchdog

    def say(*_: object) -> None:
        write(2, _NO_INPUT)
        os._exit(1)

    _signal.signal(_signal.SIGALRM, say)
    _signal.alarm(_STDIN_SECONDS)
    return None


def cached(given: bytes, arguments: "list[str]", get: "Lookup") -> "bytes | None":
    """Return the response to the request *given* from the cache, or None: the slow path must decide."""
    if get("ACR_CRED_DEBUG"):
        return None
    try:
        options = kubelet_arguments.arguments(arguments)
        image, token, annotations = kubelet_request.request(given)
        host, keys = kubelet_request.place(image, kubelet_arguments.mirrors(options))
        folder = paths.cache_folder(get)
        settings = entry.settings_stamp(get)
        gate = _gate(folder, settings)
        if gate is None:
            return None
        suffixes, watched, named = gate
        # With a cloud of its own an entry says that its host passed the gate when it was saved.
        own_cloud = get("AZURE_ENVIRONMENT_FILEPATH")
        if host is None or not (own_cloud or registry.is_ours(host, suffixes, named)):
            return NOT_OURS
        identity = kubelet_request.pod(options, keys, token, annotations)
        who = kubelet_request.asks(options, token, identity)
    except Failure:
        return None
    if folder is None or who is None:
        return None
    return found(folder, host, keys, entry.stamp(get, settings, watched) + who)


def _gate(
    folder: "str | None", settings: "tuple[object, ...] | None"
) -> "tuple[tuple[str, ...], tuple[bytes, ...], bytes] | None":
    """Return suffixes, watched files and hosts that the settings name; None: not written down yet."""
    if settings is None:
        return (), (), b""
    gate = entry.read_gate(folder, settings) if folder else None
    return gate and (gate[0], gate[1], gate[3])


def found(folder: str, host: str, keys: "tuple[str, ...]", stamped: bytes) -> "bytes | None":
    """Return the response from the entry of *host* in *folder* for the asker *stamped*, if there is one."""
    data = entry.read_private(f"{folder}/{entry.file_name(host, stamped)}")
    now = time()
    kept = entry.parse(data, entry.head(host, stamped), now)
    if kept is None or now >= kept[0][2]:
        return None
    return answer(keys, kept[1], kept[0][2] - now)


def answer(keys: "tuple[str, ...]", login: bytes, seconds: float) -> bytes:
    """Return the response: for each of *keys* the *login* of an entry, to be kept for *seconds*."""
    told = login.replace(b'"Username":', b'{"username":', 1).replace(
        b',"Secret":', b',"password":', 1
    )
    auth = b",".join(b'"' + key.encode() + b'":' + told for key in dict.fromkeys(keys))
    kept = duration(min(LONGEST, max(0, int(seconds))))
    return _BEGIN + b',"cacheDuration":"' + kept.encode() + b'","auth":{' + auth + b"}}\n"


def duration(seconds: int) -> str:
    """Return *seconds* as Go writes a duration."""
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{seconds}s"
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"
