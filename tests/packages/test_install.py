"""Every package is installed into a clean Debian without a network, works there, and leaves no trace."""

import json
import os
import shutil
import stat
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.bench.environment import REPOSITORY
from tests.packages.conftest import missing
from tests.packages.roots import Root

NAME = "docker-credential-acr"
PREFIX = f"usr/lib/{NAME}"
CONFLICTS = ("acr-docker-credential-helper", "docker-credential-helper-acr")
SECRETS = {"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c", "AZURE_CLIENT_SECRET": "CANARY-s"}
UNCACHED = {"ACR_CRED_NO_CACHE": "1"}
OURS = (
    PREFIX,
    f"usr/share/doc/{NAME}",
    f"usr/bin/{NAME}",
    *("usr/share/man", "usr/share/bash-completion", "usr/share/zsh", "usr/share/fish"),
)
Find = Callable[[str], str]


def tried(root: Root, program: str = NAME) -> None:
    """Answer what can be answered without a network: all that a sign-in takes is loaded, then it fails."""
    assert root.run(program, "version").stdout.startswith(f"{NAME} (docker_credential_acr) ")
    assert root.run(program, "list").stdout == "{}\n"
    foreign = root.run(program, "get", given="registry.example.com", check=False)
    assert (foreign.returncode, foreign.stderr) == (1, "")
    assert foreign.stdout == "credentials not found in native keychain\n"
    ours = root.run(program, "get", given="team.azurecr.io", check=False, variables=SECRETS)
    assert ours.returncode == 1
    assert ours.stdout.startswith("team.azurecr.io: ")
    assert ours.stdout.endswith("[name-not-found]\n")


def added(before: dict[str, tuple[object, ...]], root: Root) -> dict[str, tuple[object, ...]]:
    """What is there now and was not; everything else is as it was."""
    now = root.files()
    assert {path: state for path, state in now.items() if path in before} == before
    return {path: state for path, state in now.items() if path not in before}


def orderly(new: dict[str, tuple[object, ...]]) -> None:
    """Everything is root's, nobody else may change it, and all that is ours is where it belongs."""
    for path, (mode, user, group, _) in new.items():
        assert (user, group) == (0, 0), path
        bits = int(str(mode), 8)
        kind = stat.S_IFMT(bits)
        allowed = {stat.S_IFDIR: {0o755}, stat.S_IFREG: {0o644, 0o755}, stat.S_IFLNK: {0o777}}
        assert stat.S_IMODE(bits) in allowed[kind], path
    ours = (
        PREFIX,
        f"usr/share/doc/{NAME}",
        f"usr/bin/{NAME}",
        "usr/share/man",
        "usr/share/bash-",
        "usr/share/zsh",
        "usr/share/fish",
    )
    assert not [path for path in new if not path.startswith(ours)]
    assert {
        f"usr/share/doc/{NAME}/copyright",
        f"usr/share/doc/{NAME}/THIRD-PARTY-LICENSES.txt",
        f"usr/share/man/man1/{NAME}.1.gz",
        f"usr/share/man/man5/{NAME}-config.5.gz",
        f"usr/share/bash-completion/completions/{NAME}",
        f"usr/share/zsh/site-functions/_{NAME}",
        f"usr/share/fish/vendor_completions.d/{NAME}.fish",
    } <= set(new)


def used(root: Root) -> None:
    """Take away what a user's own calls left: the cache's folder."""
    shutil.rmtree(os.path.join(root.folder, "root", ".cache"), ignore_errors=True)


def test_deb(root: Root, package: Find) -> None:
    deb = root.take(package("*.deb"))
    before = root.files()
    root.run("dpkg", "--install", deb)
    orderly(added(before, root))
    tried(root)
    kubelet = f"/{PREFIX}/kubelet/acr-credential-provider"
    assert "CredentialProvider" in root.run(kubelet, given="{}", check=False).stderr
    assert root.run("dpkg", "--verify", NAME).stdout == ""
    root.run("dpkg", "--purge", NAME)
    used(root)
    assert added(before, root) == {}
    assert root.files() == before


@pytest.mark.parametrize("other", CONFLICTS)
def test_deb_beside_a_namesake(root: Root, package: Find, tmp_path: Path, other: str) -> None:
    """Two programs of one name would answer in turns: dpkg refuses."""
    control = tmp_path / "other" / "DEBIAN" / "control"
    control.parent.mkdir(parents=True)
    lines = (
        f"Package: {other}\nVersion: 1\nArchitecture: all\nMaintainer: x <x@y>\nDescription: x\n"
    )
    control.write_text(lines, encoding="utf-8")
    made = str(tmp_path / "other.deb")
    subprocess.run(["dpkg-deb", "--build", str(control.parent.parent), made], check=True)
    root.run("dpkg", "--install", root.take(made))
    refused = root.run("dpkg", "--install", root.take(package("*.deb")), check=False)
    assert refused.returncode != 0
    assert "conflict" in refused.stderr


LOOP = """
answer() { # answer HOST WORDS: one call, and whether it ended as it should
    said=$(echo "$1" | docker-credential-acr get 2>&1)
    case $said in *"$2"*) echo ok ;; *) echo "BAD $said" ;; esac
}
for n in $(seq 50); do
    (
        while [ ! -e /tmp/stop ]; do
            if [ $n -le 10 ]; then
                answer t$n.azurecr.io '[name-not-found]' # all that a sign-in loads
            else
                answer registry.example.com 'credentials not found'
                sleep 0.1
            fi
        done >/tmp/out.$n
    ) &
done
until [ "$(cat /tmp/out.* 2>/dev/null | wc -l)" -ge 100 ]; do sleep 0.1; done
nice -n -19 dpkg --force-unsafe-io --install "$1"
before=$(cat /tmp/out.* | wc -l)
until [ "$(cat /tmp/out.* | wc -l)" -ge $((before + 50)) ]; do sleep 0.1; done
: >/tmp/stop
wait
cat /tmp/out.*
"""


def test_f95_deb_upgraded_while_fifty_run(root: Root, package: Find, tmp_path: Path) -> None:
    """All that run while dpkg changes the version load what they still need; none sees half of it."""
    deb = package("*.deb")
    root.run("dpkg", "--install", root.take(deb))
    environ = os.environ | {"ACR_PACKAGE_VERSION": "999.0.0", "ACR_PACKAGE_FOLDER": str(tmp_path)}
    build = os.path.join(REPOSITORY, "packaging", "build")
    done = subprocess.run([build, "deb"], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
    path = root.take(done.stdout.split()[-1])
    root.put("/tmp/loop", f"#!/bin/sh\n{LOOP}")
    loop = ("nice", "-n", "19", "/bin/sh", "/tmp/loop", path)
    told = root.run(*loop, variables=SECRETS | UNCACHED).stdout
    answers = [line for line in told.splitlines() if line == "ok" or line.startswith("BAD")]
    assert len(answers) > 100
    assert [line for line in answers if line != "ok"] == []
    versions = [name for name in os.listdir(f"{root.folder}/{PREFIX}") if name != "kubelet"]
    assert versions == ["999.0.0"]
    tried(root)


def test_rpm(root: Root, package: Find) -> None:
    """The root is Debian's, so what rpm would ask for is looked at, not asked for."""
    if shutil.which("rpm") is None:
        missing("rpm is not installed")
    rpm = package("*.rpm")
    tell = ["rpm", "--query", "--package", rpm]
    asked = subprocess.run([*tell, "--requires"], capture_output=True, text=True, check=True).stdout
    assert "glibc >= 2." in asked
    against = subprocess.run([*tell, "--conflicts"], capture_output=True, text=True, check=True)
    assert set(CONFLICTS) <= set(against.stdout.split())
    before = root.files()
    place = ["rpm", "--root", root.folder, "--nodeps"]
    subprocess.run([*place, "--ignorearch", "--install", rpm], check=True)
    orderly(added(before, root))
    tried(root)
    subprocess.run([*place, "--erase", NAME], check=True)
    used(root)
    assert root.files() == before


def test_apk(package: Find) -> None:
    """Its form only: there is no apk here, and no musl to run it."""
    with tarfile.open(package("*.apk"), "r:gz", ignore_zeros=True) as archive:
        rows = {row.name: row for row in archive.getmembers()}
        info = archive.extractfile(".PKGINFO")
        assert info is not None
        told = info.read().decode()
    assert f"pkgname = {NAME}\n" in told
    assert "depend = musl\n" in told
    assert rows[f"usr/bin/{NAME}"].issym()
    ours = [row for row in rows.values() if row.name[0] != "."]
    assert {(row.uid, row.gid) for row in ours} == {(0, 0)}


def test_archive(root: Root, package: Find) -> None:
    """Unpacked anywhere, with a link on PATH."""
    path = root.take(package("*-linux-*.tar.gz"))
    root_name = os.path.basename(path).removesuffix(".tar.gz")
    before = root.files()
    root.run("tar", "-xzf", path, "-C", "/opt")
    root.run("ln", "-s", f"/opt/{root_name}/{NAME}", "/usr/local/bin/")
    tried(root, f"/usr/local/bin/{NAME}")
    used(root)
    root.run("rm", "-r", f"/opt/{root_name}", f"/usr/local/bin/{NAME}")
    assert root.files() == before


def unpacked(archive: str | Path, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    subprocess.run(["tar", "-xpf", str(archive), "-C", str(folder)], check=True)


@pytest.fixture
def image(package: Find, tmp_path: Path) -> tuple[Root, dict[str, Any]]:
    """The image unpacked, and its settings."""
    folder = tmp_path / "oci"
    unpacked(package("*.oci.tar"), folder)

    def blob(row: dict[str, str]) -> Path:
        return folder / "blobs" / row["digest"].replace(":", "/")

    index = json.loads((folder / "index.json").read_text())
    manifest = json.loads(blob(index["manifests"][0]).read_text())
    settings: dict[str, Any] = json.loads(blob(manifest["config"]).read_text())["config"]
    place = tmp_path / "image"
    for layer in manifest["layers"]:
        unpacked(blob(layer), place)
    for name in ("proc", "root", "tmp"):
        (place / name).mkdir()
    return Root(str(place)), settings


def test_image_answers_by_itself(image: tuple[Root, dict[str, Any]]) -> None:
    """As the user that it names, with nothing in it but the helper, libc, certificates and cp."""
    place, settings = image
    assert settings["User"] == "65532:65532"
    (program,) = settings["Entrypoint"]
    assert settings["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"
    tried(place, program)
    found = place.files()
    tops = {path.partition("/")[0] for path in found}
    assert tops <= {"install", "lib", "lib64", "usr", "etc", "bin", "proc", "root", "tmp"}
    assert [path for path in found if path.startswith("bin/")] == ["bin/cp"]


def test_image_as_a_source_of_files(image: tuple[Root, dict[str, Any]], root: Root) -> None:
    """``COPY --from=IMAGE /install/ /`` in another image."""
    place, _ = image
    shutil.copytree(f"{place.folder}/install", root.folder, symlinks=True, dirs_exist_ok=True)
    tried(root)


def test_image_as_an_init_container(image: tuple[Root, dict[str, Any]]) -> None:
    """``cp -a /install/usr/. /shared/``, and the helper runs from the volume."""
    place, _ = image
    os.mkdir(f"{place.folder}/shared")
    place.run("/bin/cp", "-a", "/install/usr/.", "/shared/")
    tried(place, f"/shared/bin/{NAME}")


def test_image_beside_musl(image: tuple[Root, dict[str, Any]], tmp_path: Path) -> None:
    """BuildKit's image is Alpine's: what the job copies and mounts there is all that the helper needs."""
    place, _ = image
    with open(f"{REPOSITORY}/packaging/kubernetes/builds/buildkit.yaml", encoding="utf-8") as file:
        pod = yaml.safe_load(file)["spec"]["template"]["spec"]
    (helper,), (build,) = pod["initContainers"], pod["containers"]
    os.mkdir(f"{place.folder}/helper")
    place.run(*helper["command"])
    alpine = Root(str(tmp_path / "alpine"))  # as the helper sees it: without a libc
    for name in ("proc", "root", "tmp"):
        os.makedirs(f"{alpine.folder}/{name}")
    for mount in build["volumeMounts"]:
        if mount["name"] == "helper":
            source = f"{place.folder}/helper/{mount.get('subPath', '')}"
            shutil.copytree(source, alpine.folder + mount["mountPath"], symlinks=True)
    tried(alpine, f"/helper/usr/bin/{NAME}")
    shutil.rmtree(f"{alpine.folder}/lib64")
    assert alpine.run(f"/helper/usr/bin/{NAME}", "version", check=False).returncode == 127
