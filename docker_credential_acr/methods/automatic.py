"""`automatic`: the first method that has something to try, by cheap local signals only.

It never opens a browser, never takes the admin user, and never waits for a metadata address that
nothing announced. A method that was tried and refused ends the search: a wrong secret must not turn
silently into somebody else's sign-in. What worked goes first the next time that the same asker signs in.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from docker_credential_acr.errors import (
    LONGEST,
    AudienceUnknown,
    MethodUnavailable,
    NotSetUp,
    SignInRefused,
)
from docker_credential_acr.log import log
from docker_credential_acr.methods import (
    aks_node,
    azure_cli,
    azure_developer_cli,
    azure_pipelines,
    azure_powershell,
    client_certificate,
    client_secret,
    github_actions,
    managed_identity,
    workload_identity,
)
from docker_credential_acr.methods.contract import EntraMethod, EntraToken, SignIn

INPUTS: tuple[str, ...] = ()
SECRET_INPUTS: tuple[str, ...] = ()

ORDER: Mapping[str, EntraMethod] = {
    "client-secret": client_secret,
    "client-certificate": client_certificate,
    "workload-identity": workload_identity,
    "github-actions": github_actions,
    "azure-pipelines": azure_pipelines,
    "managed-identity": managed_identity,
    "aks-node": aks_node,
    "azure-cli": azure_cli,
    "azure-powershell": azure_powershell,
    "azure-developer-cli": azure_developer_cli,
}
WORKED = "automatic"  # the name under which the method that worked is remembered
_REMEMBERED_SECONDS = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Options:
    pass


def detect(environ: Mapping[str, str]) -> Options:  # noqa: ARG001  the contract
    raise MethodUnavailable("automatic is not tried by itself", "name a method", "no-method")


def entra_token(options: Options, sign_in: SignIn, audience: str) -> EntraToken:  # noqa: ARG001  the contract
    reasons: dict[str, MethodUnavailable] = {}
    worked = sign_in.memory.recall(WORKED)
    for name in sorted(ORDER, key=lambda name: name != worked):  # it first, the others as they are
        method = ORDER[name]
        try:
            token = method.entra_token(method.detect(sign_in.environ), sign_in, audience)
        except MethodUnavailable as reason:
            log.debug("%s: %s", name, reason.what)
            reasons[name] = reason
            continue
        except AudienceUnknown:
            _remember(name, worked, sign_in)  # another audience is next, with this method
            raise
        except SignInRefused as refusal:
            refusal.what = f"{name}: {refusal.what}"  # nobody has named it
            raise
        log.debug("%s: signed in", name)
        _remember(name, worked, sign_in)
        return token
    raise _nothing_found({name: reasons[name] for name in ORDER}, sign_in.host)


def _remember(name: str, worked: str | None, sign_in: SignIn) -> None:
    if name != worked:
        sign_in.memory.remember(WORKED, name, _REMEMBERED_SECONDS)


def _nothing_found(reasons: Mapping[str, MethodUnavailable], host: str) -> MethodUnavailable:
    """Return every attempt with its reason, told as long as there is room for in a sentence."""
    tried = [reason for reason in reasons.values() if not isinstance(reason, NotSetUp)]
    hint = f"{tried[-1].hint if tried else 'run az login'}, or set a method"
    forms = [f"no way to sign in ({told})" for told in _told(reasons)]
    room = LONGEST - len(f"{host}: ; {hint} [no-method]")
    what = next((form for form in forms if len(form) <= room), forms[-1])
    return MethodUnavailable(what, hint, "no-method")


def _told(reasons: Mapping[str, MethodUnavailable]) -> Iterator[str]:
    """Yield all reasons, the longest form first; what is not set up at all stands last and together."""
    absent = [name for name, reason in reasons.items() if isinstance(reason, NotSetUp)]
    tried = {name: reason for name, reason in reasons.items() if name not in absent}
    words = [f"{name}: {reason.what}" for name, reason in tried.items()]
    pages = [f"{name}: {reason.reference}" for name, reason in tried.items()]  # of `help`
    names = [f"not set up: {', '.join(absent)}"] if absent else []
    count = [f"{len(absent)} others are not set up"] if absent else []
    for form in (words + names, words + count, pages + count, pages):
        yield "; ".join(form)
