"""What the frozen program is made of: the packages and libraries that really are in its folder."""

import os
import pyexpat
import ssl
import sys
import sysconfig
import zlib
from dataclasses import dataclass
from importlib import metadata

from shipping.places import ROOT, BuildError, files

_TEXTS = os.path.join(ROOT, "packaging", "licenses")


@dataclass(frozen=True)
class Component:
    """One part: *licence* is its SPDX expression, *texts* are the files that have the words."""

    name: str
    version: str
    licence: str
    texts: tuple[str, ...]
    purl: str = ""


# How a library's file name begins -> what it is of. Of those with a version of "", nobody tells it.
_LIBRARIES = {
    "libcrypto": Component("OpenSSL", ssl.OPENSSL_VERSION.split()[1], "Apache-2.0", ("openssl",)),
    "libssl": Component("OpenSSL", ssl.OPENSSL_VERSION.split()[1], "Apache-2.0", ("openssl",)),
    "libz": Component("zlib", zlib.ZLIB_RUNTIME_VERSION, "Zlib", ("zlib",)),
    "zlib": Component("zlib", zlib.ZLIB_RUNTIME_VERSION, "Zlib", ("zlib",)),
    "libexpat": Component("Expat", pyexpat.EXPAT_VERSION.partition("_")[2], "MIT", ("expat",)),
    "libffi": Component("libffi", "", "MIT", ("libffi",)),
    "libgcc_s": Component("libgcc", "", "GPL-3.0-or-later WITH GCC-exception-3.1", ("gcc",)),
}
_BUILT_IN = (
    "libcrypto",
    "libz",
    "libexpat",
)  # inside Python's own library where they are not beside it
_PYTHONS = ("libpython", "python3", "Python")
_OF_THE_SYSTEM = (
    "VCRUNTIME",
    "vcruntime",
    "ucrtbase",
    "api-ms-win",
)  # Microsoft lets them be passed on


def all_of(folder: str) -> list[Component]:
    """Return what is in the frozen program's *folder*, sorted by name.

    Raises BuildError for a library that nobody has put into the table, or a package without a licence.
    """
    inside = os.path.join(folder, "_internal")
    found = {_python(), _bootloader(), *(_LIBRARIES[name] for name in _BUILT_IN)}
    found |= {_library(name) for name in os.listdir(inside) if _is_library(name)}
    names = {_module(name) for name in files(inside)} - {""}
    for distribution in metadata.distributions():
        modules = (_module(f"later/{path}") for path in distribution.files or ())
        if any(module in names for module in modules):
            found.add(_distribution(distribution))
    return sorted(found, key=lambda component: component.name.lower())


def _is_library(name: str) -> bool:
    known = name.startswith((*_PYTHONS, *_OF_THE_SYSTEM))
    return (
        not known and (".so" in name or name.endswith((".dll", ".dylib"))) and "cpython" not in name
    )


def _library(name: str) -> Component:
    for start, component in _LIBRARIES.items():
        if name.startswith(start):
            return component
    raise BuildError(f"{name} is new in the frozen program: name it in shipping/components.py")


def _module(path: object) -> str:
    """Return *path* of a module without its ending, or nothing for other files."""
    text = str(path).replace(os.sep, "/")
    stem, _, ending = text.rpartition(".")
    return (
        stem.partition(".cpython-")[0].removesuffix(".abi3")
        if ending in {"py", "pyc", "so", "pyd"}
        else ""
    )


def _python() -> Component:
    version = ".".join(map(str, sys.version_info[:3]))
    standard = sysconfig.get_path("stdlib")
    places = (os.path.join(standard, "LICENSE.txt"), os.path.join(sys.base_prefix, "LICENSE.txt"))
    texts = tuple(path for path in places if os.path.exists(path))[:1]
    return Component("Python", version, "PSF-2.0", texts, f"pkg:generic/python@{version}")


def _bootloader() -> Component:
    found = _distribution(metadata.distribution("pyinstaller"))
    licence = "GPL-2.0-or-later WITH Bootloader-exception"
    return Component("PyInstaller bootloader", found.version, licence, found.texts, found.purl)


def _distribution(distribution: metadata.Distribution) -> Component:
    head = distribution.metadata
    name, version = head["Name"], distribution.version
    texts = tuple(
        sorted(
            str(distribution.locate_file(path))
            for path in distribution.files or ()
            if ".dist-info" in path.parts[0]
            and path.name.upper().startswith(("LICEN", "COPYING", "NOTICE", "AUTHORS"))
        )
    )
    if not texts:
        raise BuildError(f"{name} has no licence in it; see shipping/components.py")
    licence = head["License-Expression"] or _classified(head.get_all("Classifier") or [])
    return Component(name, version, licence, texts, f"pkg:pypi/{name.lower()}@{version}")


_CLASSIFIED = {
    "MIT License": "MIT",
    "BSD License": "BSD-3-Clause",
    "Apache Software License": "Apache-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
}


def _classified(classifiers: list[str]) -> str:
    names = [row.rpartition(" :: ")[2] for row in classifiers if row.startswith("License ::")]
    return " AND ".join(sorted({_CLASSIFIED[name] for name in names if name in _CLASSIFIED}))


def words(component: Component) -> str:
    """Return the texts of *component*'s licences, one after the other."""
    found = []
    for name in component.texts:
        path = name if os.path.isabs(name) else os.path.join(_TEXTS, name + ".txt")
        with open(path, encoding="utf-8", errors="replace") as file:
            found.append(file.read().strip())
    return "\n\n".join(found)
