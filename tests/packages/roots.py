"""A clean Debian to install into: made once by debootstrap, copied for each test, without a network."""

import hashlib
import os
import shutil
import stat
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from filelock import FileLock

from tests.bench.environment import REPOSITORY

DIST = os.path.join(REPOSITORY, "dist")
SUITE = "bookworm"
_KEPT = os.path.join(REPOSITORY, "build", "roots", f"{SUITE}.tar")
_ENVIRON = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8"}
# What dpkg, rpm and ldconfig write about themselves.
BOOKS = (
    "var/lib/dpkg/",
    "var/lib/rpm/",
    "var/log/",
    "var/cache/",
    "etc/ld.so.cache",
    "dev/",
    "root/.rpmdb",
)


class Missing(Exception):
    """Why packages cannot be tried here."""


def made(folder: str) -> "Root":
    """Return a clean root in *folder*. Raises Missing where there is no debootstrap or no mirror."""
    if os.geteuid() != 0:
        raise Missing("needs root")
    for name in ("debootstrap", "unshare", "chroot", "tar"):
        if shutil.which(name) is None:
            raise Missing(f"{name} is not installed")
    os.makedirs(os.path.dirname(_KEPT), exist_ok=True)
    with FileLock(f"{_KEPT}.lock"):  # several workers want it at once
        if not os.path.exists(_KEPT):
            _bootstrap()
    os.makedirs(folder)
    subprocess.run(["tar", "-xpf", _KEPT, "-C", folder], check=True)
    return Root(folder)


def _bootstrap() -> None:
    base = _KEPT.removesuffix(".tar")
    shutil.rmtree(base, ignore_errors=True)
    command = ["debootstrap", "--variant=minbase", "--include=zstd", SUITE, base]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=_ENVIRON | _proxies()
    )
    if done.returncode:
        raise Missing(f"debootstrap failed: {done.stdout[-300:]}{done.stderr[-300:]}")
    for name in ("var/cache/apt", "var/lib/apt/lists"):
        shutil.rmtree(os.path.join(base, name), ignore_errors=True)
    subprocess.run(["tar", "-cpf", f"{_KEPT}.new", "-C", base, "."], check=True)
    os.replace(f"{_KEPT}.new", _KEPT)
    shutil.rmtree(base)


def _proxies() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}


@dataclass(frozen=True)
class Root:
    """One root; what runs inside has no network and sees no process but its own."""

    folder: str

    def command(self, *arguments: str) -> list[str]:
        inside = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'
        spaces = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child"]
        return [*spaces, "/bin/sh", "-c", inside, self.folder, *arguments]

    def run(
        self,
        *arguments: str,
        given: str = "",
        check: bool = True,
        variables: Mapping[str, str] = MappingProxyType({}),
    ) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            self.command(*arguments),
            input=given,
            capture_output=True,
            text=True,
            env={**_ENVIRON, **variables},
            check=False,
            timeout=120,
        )
        assert not check or done.returncode == 0, done
        return done

    def take(self, path: str) -> str:
        """Copy *path* into the root; its path there."""
        shutil.copy(path, os.path.join(self.folder, "tmp"))
        return f"/tmp/{os.path.basename(path)}"

    def put(self, name: str, content: str) -> str:
        path = os.path.join(self.folder, name.lstrip("/"))
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)
        os.chmod(path, 0o755)
        return name

    def files(self) -> dict[str, tuple[object, ...]]:
        """Return kind, mode, owner and content of every path, but for the packers' own books."""
        found: dict[str, tuple[object, ...]] = {}
        for root, folders, names in os.walk(self.folder):
            for name in folders + names:
                path = os.path.join(root, name)
                short = os.path.relpath(path, self.folder)
                if not f"{short}/".startswith(BOOKS) and short != "tmp":
                    found[short] = _state(path)
        return found


def _state(path: str) -> tuple[object, ...]:
    status = os.lstat(path)
    content = ""
    if stat.S_ISLNK(status.st_mode):
        content = os.readlink(path)
    elif stat.S_ISREG(status.st_mode):
        with open(path, "rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
    return oct(status.st_mode), status.st_uid, status.st_gid, content
