"""The tree that packages and images install: every path, who may change it, and nothing else.

Each version has a folder of its own, and the program on PATH is a link into it: in an upgrade the link
is what changes, in one step, and no helper ever sees half of two versions.
"""

import gzip
import os
import shutil

from shipping import archives, documents
from shipping.places import BUILD, FOLDER, LICENSES, NAME, ROOT, BuildError, epoch, files, version

STAGE = os.path.join(BUILD, "stage")
PREFIX = f"usr/lib/{NAME}"
DOC = f"usr/share/doc/{NAME}"
KUBELET = f"{PREFIX}/kubelet"  # what a kubelet's --image-credential-provider-bin-dir is given
_COMPLETIONS = {
    "bash": "usr/share/bash-completion/completions/{}",
    "zsh": "usr/share/zsh/site-functions/_{}",
    "fish": "usr/share/fish/vendor_completions.d/{}.fish",
}
_TEXTS = ("README.md", "CHANGELOG.md", "SECURITY.md")


def made(number: str | None = None) -> str:
    """Lay out the frozen program as version *number* (its own, if none is named); the folder."""
    if not os.path.isdir(FOLDER):
        raise BuildError("build the frozen program first: packaging/build frozen")
    number = number or version()
    shutil.rmtree(STAGE, ignore_errors=True)
    inside = os.path.join(STAGE, PREFIX, number)
    shutil.copytree(FOLDER, inside, symlinks=True)
    _link(f"usr/bin/{NAME}", f"../lib/{NAME}/{number}/{NAME}")
    _link(f"{KUBELET}/acr-credential-provider", f"../{number}/{NAME}")
    os.makedirs(os.path.join(STAGE, DOC))
    os.replace(os.path.join(inside, LICENSES), os.path.join(STAGE, DOC, LICENSES))
    os.replace(os.path.join(inside, "LICENSE"), os.path.join(STAGE, DOC, "copyright"))
    for name in _TEXTS:
        shutil.copy(os.path.join(ROOT, name), os.path.join(STAGE, DOC))
    _documents(os.path.join(inside, documents.FOLDER))
    _settle()
    return STAGE


def shells() -> list[str]:
    """Return the folders of completions: not every system has them, and none minds who makes them."""
    found = set()
    for path in _COMPLETIONS.values():
        folder = os.path.dirname(path)
        while folder != "usr/share":
            found.add(folder)
            folder = os.path.dirname(folder)
    return sorted(found)


def _link(path: str, target: str) -> None:
    link = os.path.join(STAGE, path)
    os.makedirs(os.path.dirname(link), exist_ok=True)
    os.symlink(target, link)


def _documents(folder: str) -> None:
    """Move ``man/NAME.SECTION`` and ``completions/NAME.SHELL`` from *folder* to their places."""
    for page in sorted(os.listdir(os.path.join(folder, "man"))):
        section = page.rpartition(".")[2]
        place = os.path.join(STAGE, "usr/share/man", f"man{section}")
        os.makedirs(place, exist_ok=True)
        with (
            open(os.path.join(folder, "man", page), "rb") as source,
            open(os.path.join(place, page + ".gz"), "wb") as file,
            gzip.GzipFile("", "wb", 9, file, mtime=0) as packed,
        ):
            shutil.copyfileobj(source, packed)
    for script in sorted(os.listdir(os.path.join(folder, "completions"))):
        name, _, shell = script.rpartition(".")
        if shell in _COMPLETIONS:
            target = os.path.join(STAGE, _COMPLETIONS[shell].format(name))
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy(os.path.join(folder, "completions", script), target)
    shutil.rmtree(folder)


def _settle() -> None:
    """Give every file the mode that it is installed with, and every one the same time."""
    for root, _, _ in os.walk(STAGE):
        os.chmod(root, 0o755)
    for name in files(STAGE):
        path = os.path.join(STAGE, name)
        if not os.path.islink(path):
            os.chmod(path, archives.mode(path))
        os.utime(path, (epoch(), epoch()), follow_symlinks=False)
    for root, _, _ in os.walk(STAGE, topdown=False):
        os.utime(root, (epoch(), epoch()))
