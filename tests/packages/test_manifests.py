"""What Homebrew, Scoop and winget are told: every archive of the release with its checksum."""

import json
import re
import shutil
import subprocess

import pytest
from shipping import manifests
from shipping.places import version

ALL = (
    "linux-arm64",
    "linux-x86_64",
    "macos-arm64",
    "macos-x86_64",
    "windows-arm64",
    "windows-x86_64",
)
SUMS = {
    f"docker-credential-acr-{version()}-{target}{'.zip' if 'win' in target else '.tar.gz'}": digit
    * 64
    for digit, target in zip("012345", ALL, strict=True)
}
BASE = f"https://github.com/owner/name/releases/download/v{version()}/"


def test_homebrew() -> None:
    text = manifests.formula("owner/name", SUMS)
    found = dict(re.findall(r'url "([^"]+)"\s+sha256 "([^"]+)"', text))
    assert found == {BASE + name: digest for name, digest in SUMS.items() if "windows" not in name}
    words = re.findall(r"^\s*(?:class|def|on_\w+ do|test do|end)\b", text, re.MULTILINE)
    opened = [word for word in words if word.strip() != "end"]
    assert len(words) == 2 * len(opened)


def test_homebrew_reads_as_ruby() -> None:
    ruby = shutil.which("ruby")
    if ruby is None:
        pytest.skip("optional: ruby is not installed")
    text = manifests.formula("owner/name", SUMS)
    done = subprocess.run([ruby, "-c"], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_scoop() -> None:
    found = json.loads(manifests.scoop("owner/name", SUMS))
    assert found["bin"] == "docker-credential-acr.exe"
    urls = {row["url"]: row["hash"] for row in found["architecture"].values()}
    assert urls == {BASE + name: digest for name, digest in SUMS.items() if "windows" in name}
    for row in found["architecture"].values():
        assert row["url"].endswith(row["extract_dir"] + ".zip")
    assert "$version" in found["autoupdate"]["architecture"]["64bit"]["url"]


def test_winget() -> None:
    files = manifests.winget("owner/name", SUMS)
    assert sorted(files) == [
        "owner.docker-credential-acr.installer.yaml",
        "owner.docker-credential-acr.locale.en-US.yaml",
        "owner.docker-credential-acr.yaml",
    ]
    every = {name: json.loads(text) for name, text in files.items()}
    assert {(row["PackageIdentifier"], row["PackageVersion"]) for row in every.values()} == {
        ("owner.docker-credential-acr", version())
    }
    installers = every["owner.docker-credential-acr.installer.yaml"]["Installers"]
    assert {row["InstallerUrl"]: row["InstallerSha256"] for row in installers} == {
        BASE + name: digest.upper() for name, digest in SUMS.items() if "windows" in name
    }


def test_only_what_was_released() -> None:
    one = {name: digest for name, digest in SUMS.items() if "macos-arm64" in name}
    text = manifests.formula("owner/name", one)
    assert "on_linux" not in text
    assert text.count("sha256") == 1
