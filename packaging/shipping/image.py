"""A container image with the helper and what it needs, and nothing else: made from scratch by buildah.

``COPY --from=IMAGE /install/ /`` puts the helper into another image; as an init container it copies itself
to a shared volume with the one other program in it, ``cp``; and run by itself it answers, as user 65532.
"""

import os
import shutil
import subprocess

from shipping import archives, stage
from shipping.places import BUILD, DIST, NAME, PROGRAM, BuildError, run, target, tool, version

INSTALL = "/install"  # the tree of packages, for COPY --from
PATH = f"{INSTALL}/usr/bin"
USER = "65532:65532"
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
_BUSYBOX = "/bin/busybox"  # Debian's busybox-static


def build() -> str:
    """Build the image from the staged tree and write it as an OCI archive; the archive's path."""
    buildah = tool("buildah", "apt-get install buildah")
    root = _laid_out(stage.made())
    name = f"localhost/{NAME}:{version()}"
    storage = _storage()
    container = run(buildah, *storage, "from", "scratch").split()[-1]
    try:
        run(buildah, *storage, "copy", "--chown", "0:0", container, root, "/")
        run(buildah, *storage, "config", *_settings(), container)
        run(
            buildah,
            *storage,
            "commit",
            "--timestamp",
            os.environ["SOURCE_DATE_EPOCH"],
            container,
            name,
        )
    finally:
        run(buildah, *storage, "rm", container)
    os.makedirs(DIST, exist_ok=True)
    path = os.path.join(DIST, f"{archives.stem()}.oci.tar")
    if os.path.exists(path):
        os.remove(path)
    run(buildah, *storage, "push", name, f"oci-archive:{path}:{version()}")
    run(buildah, *storage, "rmi", name)
    return path


def _storage() -> tuple[str, ...]:
    """Return where buildah keeps its layers: with us, and by plain copies, which work everywhere."""
    base = os.path.join(BUILD, "buildah")
    places = ("--root", os.path.join(base, "root"), "--runroot", os.path.join(base, "run"))
    return (*places, "--storage-driver", "vfs")


def _settings() -> list[str]:
    labels = {
        "org.opencontainers.image.title": NAME,
        "org.opencontainers.image.version": version(),
        "org.opencontainers.image.licenses": "Apache-2.0",
    }
    repository = os.environ.get("ACR_REPOSITORY")
    if repository:
        labels["org.opencontainers.image.source"] = f"https://github.com/{repository}"
    found = ["--user", USER, "--env", f"PATH={PATH}:/bin", "--workingdir", "/"]
    found += ["--entrypoint", f'["{PATH}/{NAME}"]', "--os", "linux"]
    processor = {"x86_64": "amd64", "arm64": "arm64"}[target().rpartition("-")[2]]
    found += ["--arch", processor]
    for key, value in labels.items():
        found += ["--label", f"{key}={value}"]
    return found


def _laid_out(tree: str) -> str:
    """Return a folder with the image's root: the tree, libc, certificates, ``cp``."""
    root = os.path.join(BUILD, "image")
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(tree, root + INSTALL, symlinks=True)
    for library in libc():
        _put(root, library, library)
    for source, place in ((_CERTIFICATES, _CERTIFICATES), (_BUSYBOX, "/bin/cp")):
        if not os.path.exists(source):
            raise BuildError(f"{source} is needed: apt-get install ca-certificates busybox-static")
        _put(root, source, place)
    _refuse_dynamic(root + "/bin/cp")
    words = "/usr/share/doc/{}/copyright"
    for package in ("libc6", "busybox-static"):
        _put(root, words.format(package), words.format(package))
    return root


def _put(root: str, source: str, place: str) -> None:
    os.makedirs(os.path.dirname(root + place), exist_ok=True)
    shutil.copy(source, root + place)
    os.chmod(root + place, archives.mode(source))


def _refuse_dynamic(path: str) -> None:
    if "INTERP" in run(tool("readelf", "apt-get install binutils"), "--program-headers", path):
        raise BuildError(f"{_BUSYBOX} is not static: apt-get install busybox-static")


def libc() -> list[str]:
    """Return the files of libc that the program loads from the system, by the names it asks for."""
    done = subprocess.run(
        [PROGRAM, "version"],
        env={"LD_DEBUG": "libs", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    lines = done.stderr.splitlines()
    loaded = {line.split()[-1] for line in lines if "calling init:" in line}
    folder = os.path.realpath(os.path.dirname(PROGRAM))
    interpreter = run(tool("readelf", "binutils"), "--program-headers", PROGRAM)
    loader = interpreter.partition("interpreter: ")[2].partition("]")[0]
    outside = {path for path in loaded if not path.startswith(folder)} | {loader}
    # What resolves names and is loaded by libc itself, when somebody asks.
    beside = os.path.dirname(next(path for path in outside if "/libc.so." in path))
    outside |= {
        f"{beside}/{name}" for name in ("libresolv.so.2", "libnss_dns.so.2", "libnss_files.so.2")
    }
    return sorted(path for path in outside if os.path.exists(path))
