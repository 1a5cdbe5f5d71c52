"""``token HOST``: the credential itself, for helm, oras and curl; like ``az acr login --expose-token``.

A refresh token logs in, an access token is for one scope: they are different fields here.
"""

import argparse
import json
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from docker_credential_acr.access import AccessToken, access_token
from docker_credential_acr.commands.proof import Proof, ours, prove
from docker_credential_acr.deadline import Deadline
from docker_credential_acr.errors import InputError
from docker_credential_acr.exchange import basic, user_name
from docker_credential_acr.methods.contract import Login
from docker_credential_acr.terminal import Terminal

SCHEMA_VERSION = 1
_SCOPE = re.compile(r"[a-z]\S*:\S+:[a-z_/*,]+")  # kind:name:actions, as registries take it


def arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("host", metavar="HOST", help="a registry, such as NAME.azurecr.io")
    add(
        "--scope",
        type=_scope,
        help="an access token for this scope, such as repository:team/app:pull,push",
    )
    add(
        "--format",
        choices=tuple(_FORMATS),
        default="raw",
        help="raw: the token and nothing else; header: for curl; docker-login: a command",
    )
    add(
        "--password",
        action="store_true",
        help="print it even if it is a password, which stays valid",
    )
    parser.set_defaults(refuse=parser.error)


def _scope(text: str) -> str:
    if not all(map(_SCOPE.fullmatch, text.split(" "))):
        form = "repository:team/app:pull,push"
        raise argparse.ArgumentTypeError(f"{text[:80]!a} is no scope, such as {form}")
    return text


def run(given: argparse.Namespace, environ: Mapping[str, str], terminal: Terminal) -> int:
    if given.scope and given.format == "docker-login":
        given.refuse("docker login takes no access token: leave --scope or --format out")
    host, who = ours(given.host, environ)
    proof = prove(host, who)
    if not given.scope and not given.password and proof.is_password:
        raise InputError(
            f"the credential of {host} is a password, which stays valid until it is renewed",
            "give --scope for a short-lived token, or --password if it is the password that you want",
            "token-is-a-password",
        )
    found = _found(host, proof, given.scope)
    terminal.out.write(_FORMATS[given.format](found))
    if found.access and not any(found.access.allows.values()):
        terminal.note("warning: this token allows nothing of the scope")
        terminal.note(f"  next: docker-credential-acr doctor {host} --repository NAME")
    if terminal.out.isatty():
        terminal.note("this is a secret: whoever has it can use the registry until it expires")
    return 0


@dataclass(frozen=True, slots=True)
class _Found:
    """What is printed: a login, and the access token if a scope was asked for."""

    host: str
    login: Login
    expires: int
    is_password: bool
    access: AccessToken | None


def _found(host: str, proof: Proof, scope: str | None) -> _Found:
    login, access = Login(proof.username, proof.secret), None
    if scope:
        deadline = Deadline.after(proof.chosen.timeout)
        access = access_token(proof.chosen.login_server, login, scope, deadline)
    return _Found(host, login, proof.expires, proof.is_password, access)


def _raw(found: _Found) -> str:
    return (found.access.secret if found.access else found.login.secret).reveal() + "\n"


def _json(found: _Found) -> str:
    secret = found.login.secret.reveal()
    answer: dict[str, object] = {"schema_version": SCHEMA_VERSION, "host": found.host}
    if found.access:
        answer["access_token"] = found.access.secret.reveal()
        answer["access_token_expires"] = _time(found.access.expires)
        answer["access"] = {name: sorted(what) for name, what in found.access.allows.items()}
    else:
        answer["username"] = found.login.username
        answer["password" if found.is_password else "refresh_token"] = secret
        answer["expires"] = None if found.is_password else _time(found.expires)
    return json.dumps(answer, indent=2) + "\n"


def _header(found: _Found) -> str:
    if found.access:
        return f"Authorization: Bearer {found.access.secret.reveal()}\n"
    return f"Authorization: {basic(found.login)}\n"


def _docker_login(found: _Found) -> str:
    """Return a line of shell; the secret is in a here document, not among a process's arguments."""
    name = shlex.quote(user_name(found.login))
    login = f"docker login {shlex.quote(found.host)} --username {name}"
    return f"{login} --password-stdin <<'EOF'\n{found.login.secret.reveal()}\nEOF\n"


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


_FORMATS: Mapping[str, Callable[[_Found], str]] = {
    "raw": _raw,
    "json": _json,
    "header": _header,
    "docker-login": _docker_login,
}
