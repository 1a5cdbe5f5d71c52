"""What package managers read, made from the checksums of a release: Homebrew, Scoop, winget."""

import json
import os

from shipping import archives, documents
from shipping.places import DIST, NAME, BuildError, version

_SUMMARY = "Docker credential helper for Azure Container Registry"
_SCRIPT = f"{documents.FOLDER}/completions/{NAME}"
_PUBLISHER = f"The {NAME} authors"
# Homebrew's blocks -> the archive's target.
_BREW = (
    ("on_macos", "on_arm", "macos-arm64"),
    ("on_macos", "on_intel", "macos-x86_64"),
    ("on_linux", "on_arm", "linux-arm64"),
    ("on_linux", "on_intel", "linux-x86_64"),
)
_SCOOP = {"64bit": "windows-x86_64", "arm64": "windows-arm64"}
_WINGET = {"x64": "windows-x86_64", "arm64": "windows-arm64"}
_WINGET_VERSION = "1.9.0"


def write() -> list[str]:
    """Write SHA256SUMS, and a manifest for each manager whose archives are all there; their paths.

    ``ACR_REPOSITORY`` is the GitHub repository, OWNER/NAME, that the release is of.
    """
    sums = archives.checksums()
    repository = os.environ.get("ACR_REPOSITORY", "")
    if repository.count("/") != 1:
        raise BuildError("say whose release it is: ACR_REPOSITORY=OWNER/NAME")
    found: dict[str, str] = {}
    targets = {
        name: digest
        for target in _targets()
        if (name := _archive(target)) in sums
        for digest in [sums[name]]
    }
    if any("macos" in name or "linux" in name for name in targets):
        found["homebrew/docker-credential-acr.rb"] = formula(repository, targets)
    if any("windows" in name for name in targets):
        found[f"scoop/{NAME}.json"] = scoop(repository, targets)
        for name, text in winget(repository, targets).items():
            found[f"winget/{name}"] = text
    made = []
    for name, text in found.items():
        path = os.path.join(DIST, "manifests", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        made.append(path)
    return made


def _targets() -> list[str]:
    return [target for _, _, target in _BREW] + list(_SCOOP.values())


def _archive(target: str) -> str:
    return f"{NAME}-{version()}-{target}" + (".zip" if target.startswith("windows") else ".tar.gz")


def _url(repository: str, name: str) -> str:
    return f"https://github.com/{repository}/releases/download/v{version()}/{name}"


def formula(repository: str, sums: dict[str, str]) -> str:
    """Return Homebrew's formula for the archives in *sums* (SHA-256 by file name)."""
    blocks: dict[str, list[str]] = {}
    for system, processor, target in _BREW:
        name = _archive(target)
        if name in sums:
            lines = [f"    {processor} do", f'      url "{_url(repository, name)}"']
            lines += [f'      sha256 "{sums[name]}"', "    end"]
            blocks.setdefault(system, []).extend(lines)
    body = [
        line for system, lines in blocks.items() for line in (f"  {system} do", *lines, "  end", "")
    ]
    head = [
        "class DockerCredentialAcr < Formula",
        f'  desc "{_SUMMARY}"',
        f'  homepage "https://github.com/{repository}"',
        f'  version "{version()}"',
        '  license "Apache-2.0"',
        "",
    ]
    tail = [
        "  def install",
        f'    man1.install Dir["{documents.FOLDER}/man/*.1"]',
        f'    man5.install Dir["{documents.FOLDER}/man/*.5"]',
        f'    bash_completion.install "{_SCRIPT}.bash" => "{NAME}"',
        f'    zsh_completion.install "{_SCRIPT}.zsh" => "_{NAME}"',
        f'    fish_completion.install "{_SCRIPT}.fish"',
        '    libexec.install Dir["*"]',
        f'    bin.install_symlink libexec/"{NAME}"',
        "  end",
        "",
        "  test do",
        f'    assert_match version.to_s, shell_output("#{{bin}}/{NAME} version")',
        f'    assert_equal "{{}}", shell_output("#{{bin}}/{NAME} list").strip',
        "  end",
        "end",
        "",
    ]
    return "\n".join([*head, *body, *tail])


def scoop(repository: str, sums: dict[str, str]) -> str:
    """Return Scoop's manifest; Scoop links the folder, so no file of it may care where it is."""
    known = {kind: _archive(target) for kind, target in _SCOOP.items() if _archive(target) in sums}
    each = f"https://github.com/{repository}/releases/download/v$version"
    manifest = {
        "version": version(),
        "description": _SUMMARY,
        "homepage": f"https://github.com/{repository}",
        "license": "Apache-2.0",
        "architecture": {
            kind: {
                "url": _url(repository, name),
                "hash": sums[name],
                "extract_dir": name.removesuffix(".zip"),
            }
            for kind, name in known.items()
        },
        "bin": f"{NAME}.exe",
        "checkver": "github",
        "autoupdate": {
            "architecture": {
                kind: {
                    "url": f"{each}/{name.replace(version(), '$version')}",
                    "extract_dir": name.removesuffix(".zip").replace(version(), "$version"),
                }
                for kind, name in known.items()
            },
            "hash": {"url": f"{each}/SHA256SUMS"},
        },
    }
    return json.dumps(manifest, indent=4) + "\n"


def winget(repository: str, sums: dict[str, str]) -> dict[str, str]:
    """Return winget's three files by name: what it is, where it is from, how it is told."""
    owner = repository.partition("/")[0]
    identifier = f"{owner}.{NAME}"
    shared = {"PackageIdentifier": identifier, "PackageVersion": version()}
    installers = [
        {
            "Architecture": processor,
            "InstallerUrl": _url(repository, name),
            "InstallerSha256": sums[name].upper(),
            "NestedInstallerFiles": [
                {
                    "RelativeFilePath": f"{name.removesuffix('.zip')}\\{NAME}.exe",
                    "PortableCommandAlias": NAME,
                }
            ],
        }
        for processor, target in _WINGET.items()
        if (name := _archive(target)) in sums
    ]
    files: dict[str, dict[str, object]] = {
        f"{identifier}.yaml": {**shared, "DefaultLocale": "en-US", **_kind("version")},
        f"{identifier}.installer.yaml": {
            **shared,
            "InstallerType": "zip",
            "NestedInstallerType": "portable",
            "ArchiveBinariesDependOnPath": True,  # a link to the program alone would miss its folder
            "Commands": [NAME],
            "Installers": installers,
            **_kind("installer"),
        },
        f"{identifier}.locale.en-US.yaml": {
            **shared,
            "PackageLocale": "en-US",
            "Publisher": _PUBLISHER,
            "PackageName": NAME,
            "PackageUrl": f"https://github.com/{repository}",
            "License": "Apache-2.0",
            "ShortDescription": _SUMMARY,
            **_kind("defaultLocale"),
        },
    }
    # A JSON document is a YAML document, too, and is written without a library.
    return {name: json.dumps(content, indent=2) + "\n" for name, content in files.items()}


def _kind(name: str) -> dict[str, str]:
    return {"ManifestType": name, "ManifestVersion": _WINGET_VERSION}
