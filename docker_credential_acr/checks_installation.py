"""Checks of this machine: the program, its clients, the ways to sign in, the kubelet. Nobody is asked."""

import os
import stat
import sys
from collections.abc import Iterator

import docker_credential_acr
from docker_credential_acr import client_files, docker_config, installed
from docker_credential_acr.checks import FAILED, OK, SKIPPED, WARNING, Check, Finding, Patient
from docker_credential_acr.errors import MethodUnavailable, NotSetUp
from docker_credential_acr.installed import PROGRAM
from docker_credential_acr.methods import ENTRA_METHODS

_SLOW_SCRIPT = b"\nimport re\n"
_KUBELET_CONFIG = b"--image-credential-provider-config"
_KUBELET_FOLDER = b"--image-credential-provider-bin-dir"
_KUBELET_NAMES = ("acr-credential-provider", "docker-credential-acr-kubelet", PROGRAM)


def program(_: Patient) -> Iterator[Finding]:
    kind = "frozen" if getattr(sys, "frozen", False) else "wheel"
    python = ".".join(map(str, sys.version_info[:3]))
    version = docker_credential_acr.__version__
    yield Finding(OK, f"{PROGRAM} {version}, {kind}, Python {python}, {sys.platform}")
    try:
        with open(sys.argv[0], "rb") as file:
            script = file.read(4096)
    except OSError:
        script = b""
    if script.startswith(b"#!") and _SLOW_SCRIPT in script:
        fix = "install it again with pip 25.2 or later, or with uv"
        yield Finding(
            WARNING, "an older pip wrote its script: it takes half as long again to start", fix
        )


def on_path(patient: Patient) -> Iterator[Finding]:
    programs = installed.programs(patient.environ)
    if not programs:
        fix = "add its folder to PATH, also for services and CI"
        yield Finding(
            FAILED, f"{PROGRAM} is not on PATH, where clients look", fix, "program-missing"
        )
        return
    if not installed.is_ours(programs[0], patient.environ):
        fix = "remove it, or put this one in front of it on PATH"
        yield Finding(FAILED, f"{programs[0]} is another project's", fix, "program-foreign")
    else:
        yield Finding(OK, f"clients find it at {programs[0]}")
    for other in programs[1:]:
        fix = "remove it, so that nobody takes one for the other"
        yield Finding(WARNING, f"another one is on PATH: {other}", fix, "program-foreign")


def clients(patient: Patient) -> Iterator[Finding]:
    for text in client_files.in_force(patient.environ):
        yield Finding(OK, text)
    overriding = client_files.overridden(patient.host, patient.environ)
    if overriding:
        fix = "unset DOCKER_AUTH_CONFIG where this program is to answer"
        yield Finding(WARNING, overriding, fix, "docker-config")
    if patient.host is None:
        hosts = docker_config.helped_hosts(patient.environ)
        yield Finding(OK, f"docker asks it for {', '.join(hosts) or 'no registry yet'}")
        return
    concerns = list(client_files.concerns(patient.host, patient.environ))
    for text, fix in concerns:
        yield Finding(WARNING, text, fix, "docker-config")
    if not concerns:
        yield Finding(OK, f"a client asks it for {patient.host}")


def search_path(patient: Patient) -> Iterator[Finding]:
    """Look at where programs such as az are looked for: by us, and by whoever starts this program."""
    for folder in dict.fromkeys(patient.environ.get("PATH", "").split(os.pathsep)):
        if not os.path.isabs(folder):
            text = f"PATH has {folder!a}, which is wherever somebody works; it is passed over here"
            yield Finding(WARNING, text, "take it off PATH", "path-unsafe")
        elif _open_to_all(folder):
            fix = f"run: chmod o-w {folder}, or take it off PATH"
            yield Finding(
                WARNING, f"everybody can put programs into {folder}, on PATH", fix, "path-unsafe"
            )


def _open_to_all(folder: str) -> bool:
    try:
        mode = os.stat(folder).st_mode
    except (OSError, ValueError):
        return False
    return os.name != "nt" and stat.S_ISDIR(mode) and bool(mode & stat.S_IWOTH)


def ways(patient: Patient) -> Iterator[Finding]:
    absent = []
    for name, method in ENTRA_METHODS.items():
        if name == "automatic":  # it is these, one after the other
            continue
        try:
            method.detect(patient.environ)
        except NotSetUp:
            absent.append(name)
        except MethodUnavailable as reason:
            yield Finding(SKIPPED, f"{name}: {reason.what}", reason.hint)
        else:
            yield Finding(OK, f"{name}: has something to try")
    if absent:
        yield Finding(SKIPPED, f"not set up: {', '.join(absent)}")


def kubelet(_: Patient) -> Iterator[Finding]:
    """Look at the kubelet that runs here, if one does and its command line can be read (Linux)."""
    arguments = _kubelet_arguments()
    if arguments is None:
        return
    config, folder = (_value(arguments, name) for name in (_KUBELET_CONFIG, _KUBELET_FOLDER))
    if not config or not folder:
        fix = "give it both --image-credential-provider-config and --image-credential-provider-bin-dir"
        yield Finding(WARNING, "the kubelet here asks no credential provider", fix, "kubelet-setup")
        return
    try:
        with open(config, encoding="utf-8", errors="replace") as file:
            text = file.read(1024 * 1024)
    except OSError as error:
        fix = "run doctor as root"
        yield Finding(SKIPPED, f"{config}: {(error.strerror or '').lower()}", fix, "kubelet-setup")
        return
    for name in _KUBELET_NAMES:
        if f"name: {name}" in text or f'"name": "{name}"' in text:
            path = os.path.join(folder, name)
            there = os.access(path, os.X_OK)
            fix = (
                "" if there else f"put the program at {path}: the kubelet does not start without it"
            )
            yield Finding(OK if there else FAILED, f"the kubelet asks {path}", fix, "kubelet-setup")
            return
    fix = f"add a provider to {config}: see docs/kubernetes.md"
    yield Finding(
        WARNING, "the kubelet's providers have none for these registries", fix, "kubelet-setup"
    )


def _kubelet_arguments() -> list[bytes] | None:
    try:
        numbers = [name for name in os.listdir("/proc") if name.isdecimal()]
    except OSError:
        return None
    for number in numbers:
        try:
            with open(f"/proc/{number}/cmdline", "rb") as file:
                arguments = file.read(64 * 1024).split(b"\0")
        except OSError:
            continue
        if os.path.basename(arguments[0]) == b"kubelet":
            return arguments
    return None


def _value(arguments: list[bytes], name: bytes) -> str | None:
    for place, argument in enumerate(arguments):
        if argument.startswith(name + b"="):
            return os.fsdecode(argument.partition(b"=")[2])
        if argument == name and place + 1 < len(arguments):
            return os.fsdecode(arguments[place + 1])
    return None


CHECKS = (
    Check("Installation", "program", program),
    Check("Installation", "on PATH", on_path),
    Check("Installation", "PATH", search_path),
    Check("Installation", "clients", clients),
)
WAYS = (Check("Ways to sign in", "methods", ways),)
KUBELET = (Check("Kubelet", "provider", kubelet),)
