"""Archives that are the same bytes whoever makes them: sorted, root's, of one hour; and checksums."""

import gzip
import hashlib
import os
import tarfile
import time
import zipfile

from shipping.places import DIST, FOLDER, NAME, epoch, files, target, version

SUMS = os.path.join(DIST, "SHA256SUMS")
ENDINGS = (".tar.gz", ".zip", ".whl", ".deb", ".rpm", ".apk", ".cdx.json", ".oci.tar")


def stem() -> str:
    """Return what the archives of this build are called, without their ending."""
    return f"{NAME}-{version()}-{target()}"


def path() -> str:
    """Return where the frozen program's archive is: a zip on Windows, a tar.gz elsewhere."""
    return os.path.join(DIST, stem() + (".zip" if os.name == "nt" else ".tar.gz"))


def of_folder() -> str:
    """Pack the frozen program; the archive's path."""
    if os.name == "nt":
        _zip(path())
    else:
        _tar(path())
    return path()


def _tar(file_name: str) -> None:
    with (
        open(file_name, "wb") as file,
        gzip.GzipFile("", "wb", 9, file, mtime=epoch()) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name in files(FOLDER):
            source = os.path.join(FOLDER, name)
            row = archive.gettarinfo(source, f"{stem()}/{name}")
            row.uid = row.gid = 0
            row.uname = row.gname = "root"
            row.mtime = epoch()
            row.mode = mode(source)
            if row.isfile():
                with open(source, "rb") as content:
                    archive.addfile(row, content)
            else:
                archive.addfile(row)


def _zip(file_name: str) -> None:
    stamp = time.gmtime(max(epoch(), 315532800))[:6]  # zip knows no time before 1980
    with zipfile.ZipFile(file_name, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in files(FOLDER):
            source = os.path.join(FOLDER, name)
            row = zipfile.ZipInfo(f"{stem()}/{name}", stamp)
            row.external_attr = (0o100000 | mode(source)) << 16
            with open(source, "rb") as content:
                archive.writestr(row, content.read(), zipfile.ZIP_DEFLATED)


def mode(file: str) -> int:
    """Return the mode that *file* is installed with: whoever built it had a umask of their own."""
    return 0o755 if os.lstat(file).st_mode & 0o100 else 0o644


def digest(file: str) -> str:
    """Return the SHA-256 of *file* in hexadecimal."""
    with open(file, "rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def checksums() -> dict[str, str]:
    """Write SHA256SUMS for what is in dist/, as ``sha256sum --check`` reads it; by file name."""
    names = sorted(name for name in os.listdir(DIST) if name.endswith(ENDINGS))
    sums = {name: digest(os.path.join(DIST, name)) for name in names}
    with open(SUMS, "w", encoding="ascii", newline="\n") as file:
        file.writelines(f"{each}  {name}\n" for name, each in sums.items())
    return sums
