"""Packages for dpkg, rpm and apk, packed by nfpm from one description."""

import json
import os
import re
import time

from shipping import archives, stage
from shipping.places import (
    BUILD,
    DIST,
    NAME,
    ROOT,
    BuildError,
    epoch,
    files,
    run,
    target,
    tool,
    version,
)

_SUMMARY = "Docker credential helper for Azure Container Registry"
_DESCRIPTION = f"""{_SUMMARY}
Docker, BuildKit, podman, buildah, skopeo, helm, oras and the kubelet ask it for the credential of
an Azure container registry. It signs in to Entra ID, keeps the registry's token in a file that only
its user can read, and renews it before it runs out."""
# Others ship a program of this name, too; two of them on PATH would answer in turns.
CONFLICTS = ("acr-docker-credential-helper", "docker-credential-helper-acr")
_PROCESSORS = {"x86_64": "amd64", "arm64": "arm64"}
_GLIBC = re.compile(r"Name: GLIBC_(\d+)\.(\d+)")


def glibc(folder: str) -> str:
    """Return the oldest glibc that every file in *folder* is content with, or nothing if none needs it."""
    readelf = tool("readelf", "apt-get install binutils")
    paths = [os.path.join(folder, name) for name in files(folder)]
    found = [path for path in paths if _is_elf(path)]
    wanted = _GLIBC.findall(run(readelf, "--wide", "--version-info", *found))
    return ".".join(map(str, max((int(a), int(b)) for a, b in wanted))) if wanted else ""


def _is_elf(path: str) -> bool:
    if os.path.islink(path):
        return False
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"


def pack(kind: str) -> str:
    """Pack the frozen program as *kind* ("deb", "rpm" or "apk"); the package's path."""
    number = os.environ.get("ACR_PACKAGE_VERSION") or version()
    tree = stage.made(number)
    nfpm = tool("nfpm", "it comes with packaging/requirements/build.txt")
    os.makedirs(DIST, exist_ok=True)
    path = os.path.join(BUILD, "nfpm.json")  # JSON is YAML, too
    with open(path, "w", encoding="utf-8") as file:
        json.dump(description(kind, number, tree), file, indent=2)
    said = run(
        nfpm,
        "package",
        "--config",
        path,
        "--packager",
        kind,
        "--target",
        os.environ.get("ACR_PACKAGE_FOLDER", DIST),
    )
    (made,) = [word for word in said.split() if word.endswith("." + kind)]
    return made


def description(kind: str, number: str, tree: str) -> dict[str, object]:
    """Return what nfpm is told: the tree, who needs what, and the script of an upgrade."""
    libc = glibc(tree)
    if bool(libc) == (kind == "apk") and not os.environ.get("ACR_ANY_LIBC"):
        other = "musl" if libc else "glibc"
        raise BuildError(f"a .{kind} is made of a program that was built with {other}")
    needs = {"deb": f"libc6 (>= {libc})", "rpm": f"glibc >= {libc}", "apk": "musl"}[kind]
    script = os.path.join(BUILD, "wait-for-helpers.sh")
    with (
        open(
            os.path.join(ROOT, "packaging/native/wait-for-helpers.sh"), encoding="utf-8"
        ) as source,
        open(script, "w", encoding="utf-8") as file,
    ):
        file.write(source.read().replace("@FOLDER@", f"/{stage.PREFIX}/{number}"))
    moment = {"deb": "postremove", "rpm": "preremove"}.get(kind)
    repository = os.environ.get("ACR_REPOSITORY", "")
    return {
        "name": NAME,
        "arch": _PROCESSORS[target().rpartition("-")[2]],
        "platform": "linux",
        "version": number,
        "release": "1" if kind != "apk" else "r0",
        "section": "admin",
        "priority": "optional",
        "maintainer": f"The {NAME} authors <{NAME}@users.noreply.github.com>",
        "description": _DESCRIPTION,
        "homepage": f"https://github.com/{repository}" if repository else "",
        "license": "Apache-2.0",
        "mtime": _moment(),
        "depends": [needs],
        "recommends": [] if kind == "apk" else ["ca-certificates"],
        "conflicts": list(CONFLICTS),
        "contents": [*_folders(tree), *(_content(tree, name) for name in files(tree))],
        "scripts": {moment: script} if moment else {},
        "deb": {"compression": "xz"},
        "rpm": {"compression": "xz", "summary": _SUMMARY, "group": "Applications/System"},
    }


def _moment() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch()))


def _content(tree: str, name: str) -> dict[str, object]:
    path = os.path.join(tree, name)
    info = {"owner": "root", "group": "root", "mtime": _moment()}
    if os.path.islink(path):
        return {"src": os.readlink(path), "dst": f"/{name}", "type": "symlink", "file_info": info}
    return {"src": path, "dst": f"/{name}", "file_info": info | {"mode": archives.mode(path)}}


def _folders(tree: str) -> list[dict[str, object]]:
    """Return the folders that go with the package, where nobody else has anything in them."""
    ours = (stage.PREFIX, stage.DOC)
    inside = (os.walk(os.path.join(tree, each)) for each in ours)
    found = {os.path.relpath(root, tree) for walk in inside for root, _, _ in walk}
    found |= {folder for folder in stage.shells() if os.path.isdir(os.path.join(tree, folder))}
    info = {"owner": "root", "group": "root", "mode": 0o755, "mtime": _moment()}
    return [{"dst": f"/{name}", "type": "dir", "file_info": info} for name in sorted(found)]
