"""Which files docker and podman read here, and why they may not ask this program for a registry."""

import os
from collections.abc import Iterator, Mapping

from docker_credential_acr.docker_config import (
    HELPER,
    ConfigFile,
    docker_file,
    helper_of,
    podman_file,
    read,
    stored_login,
)
from docker_credential_acr.errors import SettingsError

_OURS = (HELPER, HELPER + ".exe")


def in_force(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield which files clients of this user and environment read."""
    path = docker_file(environ)
    named = ", which DOCKER_CONFIG names" if environ.get("DOCKER_CONFIG") else ""
    absent = "" if os.path.exists(path) else "; there is none yet"
    yield f"docker reads {path}{named}{absent}"
    if environ.get("SUDO_USER"):
        yield f"with sudo it is another user's docker: {environ['SUDO_USER']} has a file of their own"
    read_by_podman = list(filter(os.path.exists, _podman_files(environ)))
    if read_by_podman:
        yield f"podman, buildah and skopeo read {', then '.join(read_by_podman)}"


def _podman_files(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield what podman reads, in its order; that of the session, which podman login writes, first."""
    session = environ.get("XDG_RUNTIME_DIR")
    if session and not environ.get("REGISTRY_AUTH_FILE"):
        yield os.path.join(session, "containers", "auth.json")
    yield podman_file(environ)


def overridden(host: str | None, environ: Mapping[str, str]) -> str | None:
    """Return why docker may take a login from its variable in place of any helper's, or None.

    Docker 28.3 and later asks helpers only for hosts that are not in it. Its text is a secret.
    """
    text = environ.get("DOCKER_AUTH_CONFIG")
    if not text:
        return None
    try:
        holds = host is None or stored_login(ConfigFile("", "", text, None), host)
    except (ValueError, RecursionError, AttributeError):
        return "DOCKER_AUTH_CONFIG is set and is no JSON object"
    what = host or "some registries"
    return (
        f"DOCKER_AUTH_CONFIG holds a login for {what} and wins over every helper" if holds else None
    )


def concerns(host: str, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield why clients may not come here for *host*, each with the next step."""
    configure = f"run: docker-credential-acr configure {host}"
    try:
        config = read(docker_file(environ))
        podman = read(podman_file(environ))
    except SettingsError as error:
        yield error.what, error.hint
        return
    named = helper_of(config, host) or config.content.get("credsStore")
    if named is None and helper_of(podman, host) not in _OURS:
        yield "no client asks this program for it", configure
    elif named is not None and named not in _OURS:
        yield f"docker asks docker-credential-{named} for it", configure
    if stored_login(config, host):
        yield f"{config.path} holds a login for it", f"{configure} --replace"
