"""``pull-secret HOST...``: Secrets for Kubernetes' imagePullSecrets, on standard output or in a file.

Each holds a registry token for every host, fresh from the registry: one of three hours is of little use
to a cluster when half of it is over. Logins that docker gave us to keep are not handed to a cluster.
"""

import argparse
import json
import os
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from docker_credential_acr import private_files
from docker_credential_acr.asker import Asker
from docker_credential_acr.commands.proof import Proof, ours, prove
from docker_credential_acr.errors import InputError
from docker_credential_acr.exchange import jwt_claims
from docker_credential_acr.private_files import Folder
from docker_credential_acr.settings import RegistrySettings
from docker_credential_acr.settings_keys import USER_NAMES
from docker_credential_acr.terminal import Terminal

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")  # RFC 1123
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_LONGEST = 253  # characters of a name
_FRESH = 9000  # seconds that a token from the cache must have left: 2.5 h of the usual 3
_OWNER = b"pull-secret"  # ends the stamp: what is cached for docker is not for clusters
_MARK = "docker-credential-acr"  # before the slash of an annotation


def arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("hosts", nargs="+", metavar="HOST", help="a registry, such as NAME.azurecr.io")
    add("--name", default="acr-pull", type=_name, help="the Secret's name, acr-pull unless given")
    add(
        "--namespace",
        action="append",
        type=_namespace,
        help="its namespace; left out, kubectl's own; given again, one Secret for each",
    )
    add(
        "--format",
        choices=("yaml", "json", "docker"),
        default="yaml",
        help="yaml unless given; docker: what is in it, for programs that read Docker's config",
    )
    add(
        "--output", metavar="FILE", help="write it there, for nobody else to read; - is this output"
    )


def _name(text: str) -> str:
    if len(text) > _LONGEST or not _NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!a} is no name that Kubernetes takes")
    return text


def _namespace(text: str) -> str:
    if not _LABEL.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!a} is no namespace that Kubernetes takes")
    return text


def run(given: argparse.Namespace, environ: Mapping[str, str], terminal: Terminal) -> int:
    """Print the Secret when every host has answered, and nothing otherwise. Raises Failure."""
    found: dict[str, Proof] = {}
    for server in given.hosts:
        host, who = ours(server, environ)
        found[host] = prove(host, _for_clusters(who))
    names = dict.fromkeys(given.namespace or [None])
    secrets = [_secret(found, given.name, namespace) for namespace in names]
    text = {
        "yaml": "---\n".join(map(_yaml, secrets)),
        "json": _json(secrets),
        "docker": _config(found) + "\n",
    }[given.format]
    if given.output not in (None, "-"):
        _write(given.output, text)
    else:
        terminal.out.write(text)  # not by tell: this secret is what was asked for
    return 0


def _write(path: str, text: str) -> None:
    """Write *text* to the file *path*, replaced whole; a pipe or a device stays what it is."""
    if os.path.exists(path) and not os.path.isfile(path):
        try:
            with open(path, "w", encoding="utf-8") as there:
                there.write(text)
        except OSError as error:
            raise _not_written(path) from error
        return
    folder, name = os.path.split(os.path.realpath(path))
    if not private_files.save(Folder(folder, None), name, text.encode()):
        raise _not_written(path)


def _not_written(path: str) -> InputError:
    return InputError(
        f"{path} cannot be written", "check its folder and who may write there", "output-file"
    )


def _for_clusters(who: Asker) -> Asker:
    def adjust(chosen: RegistrySettings) -> RegistrySettings:
        least = max(chosen.min_ttl, _FRESH)
        return replace(chosen, username=USER_NAMES["guid"], refresh="inline", min_ttl=least)

    return replace(who, stamped=who.stamped + _OWNER, adjust=adjust, logins=False)


def _config(found: Mapping[str, Proof]) -> str:
    auths = {}
    for host, proof in found.items():
        password = proof.secret.reveal()
        both = b64encode(f"{proof.username}:{password}".encode()).decode()
        auths[host] = {"username": proof.username, "password": password, "auth": both}
    return json.dumps({"auths": auths}, separators=(",", ":"))


def _secret(found: Mapping[str, Proof], name: str, namespace: str | None) -> dict[str, Any]:
    metadata = {
        "name": name,
        **({"namespace": namespace} if namespace else {}),
        "labels": {"app.kubernetes.io/managed-by": _MARK},
        "annotations": _times(found),
    }
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {key: value for key, value in metadata.items() if value},
        "type": "kubernetes.io/dockerconfigjson",
        "data": {".dockerconfigjson": b64encode(_config(found).encode()).decode()},
    }


def _times(found: Mapping[str, Proof]) -> dict[str, str]:
    """Return when the first of the tokens expires, and when half of its life is over.

    A password of an admin user or a repository token says nothing of its life.
    """
    lives = []
    for proof in found.values():
        claims = jwt_claims(proof.secret.reveal()) or {}
        issued, expires = claims.get("iat"), claims.get("exp")
        if type(issued) is int and type(expires) is int:
            lives.append((expires, issued))
    if not lives:
        return {}
    expires, issued = min(lives)
    return {
        f"{_MARK}/expires-at": _clock(expires),
        f"{_MARK}/renew-at": _clock((issued + expires) // 2),
    }


def _clock(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _json(secrets: Sequence[Mapping[str, Any]]) -> str:
    """Return one object: the one Secret, or a list of several."""
    several = {"apiVersion": "v1", "kind": "List", "items": secrets}
    return json.dumps(several if len(secrets) > 1 else secrets[0], indent=2) + "\n"


def _yaml(value: Mapping[str, Any], indent: str = "") -> str:
    """Return *value*, maps of texts only, as YAML; a text in JSON's quotes is one of YAML's."""
    lines = ""
    for key, item in value.items():
        if isinstance(item, dict):
            lines += f"{indent}{key}:\n{_yaml(item, indent + '  ')}"
        else:
            lines += f"{indent}{key}: {json.dumps(item)}\n"
    return lines
