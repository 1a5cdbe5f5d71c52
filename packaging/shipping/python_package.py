"""Wheel and sdist: the same bytes whoever builds them, and no other files than they should have."""

import os
import shutil
import sys
import tarfile
import zipfile

from shipping.places import BUILD, DIST, NAME, ROOT, BuildError, run, version

_MODULE = NAME.replace("-", "_")
_WHEEL = ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")
_SDIST = ("PKG-INFO", "README.md", "LICENSE", "CHANGELOG.md", "pyproject.toml", ".gitignore")
_SHIPPED = (".py", ".typed", ".schema.json")


def build() -> list[str]:
    """Build both into dist/ and check what is in them; their paths."""
    scratch = os.path.join(BUILD, "python")
    shutil.rmtree(scratch, ignore_errors=True)
    run(sys.executable, "-m", "hatchling", "build", "--directory", scratch)
    os.makedirs(DIST, exist_ok=True)
    made = []
    for name in sorted(os.listdir(scratch)):
        check(os.path.join(scratch, name))
        made.append(os.path.join(DIST, name))
        os.replace(os.path.join(scratch, name), made[-1])
    return made


def check(path: str) -> None:
    """Raise BuildError unless *path* holds the package's files, its description, and nothing else."""
    if path.endswith(".whl"):
        with zipfile.ZipFile(path) as wheel:
            found = set(wheel.namelist())
        info = f"{_MODULE}-{version()}.dist-info"
        wanted = modules() | {f"{info}/{name}" for name in _WHEEL}
    else:
        with tarfile.open(path) as archive:
            rows = archive.getmembers()
        stem = f"{_MODULE}-{version()}"
        found = {row.name.removeprefix(stem + "/") for row in rows if row.isfile()}
        wanted = modules() | set(_SDIST)
    if found != wanted:
        odd = ", ".join(sorted(found ^ wanted))
        raise BuildError(f"{os.path.basename(path)} has too many or too few files: {odd}")


def modules() -> set[str]:
    """Return the files of the package: modules, the mark of types, the settings' schema."""
    base = os.path.join(ROOT, _MODULE)
    return {
        os.path.relpath(os.path.join(root, name), ROOT).replace(os.sep, "/")
        for root, _, names in os.walk(base)
        for name in names
        if name.endswith(_SHIPPED) and "__pycache__" not in root
    }
