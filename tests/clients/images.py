"""Images of a few bytes, written by hand as OCI layouts: no network, no builder."""

import gzip
import hashlib
import io
import json
import os
import tarfile


def layout(folder: str, files: dict[str, bytes]) -> str:
    """Write an image of one layer that holds *files*; answer what skopeo calls it."""
    unpacked = archive(files)
    layer = _blob(folder, gzip.compress(unpacked, mtime=0))
    config = _blob(
        folder,
        json.dumps(
            {
                "architecture": "amd64",
                "os": "linux",
                "config": {},
                "rootfs": {"type": "layers", "diff_ids": [_digest(unpacked)]},
                "history": [{"created": "2026-01-01T00:00:00Z", "created_by": "tests"}],
            }
        ).encode(),
    )
    kind = "application/vnd.oci.image"
    manifest = _blob(
        folder,
        json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": f"{kind}.manifest.v1+json",
                "config": {"mediaType": f"{kind}.config.v1+json", **config},
                "layers": [{"mediaType": f"{kind}.layer.v1.tar+gzip", **layer}],
            }
        ).encode(),
    )
    index = {
        "schemaVersion": 2,
        "manifests": [
            {
                "mediaType": f"{kind}.manifest.v1+json",
                "annotations": {"org.opencontainers.image.ref.name": "latest"},
                **manifest,
            }
        ],
    }
    for name, value in (("index.json", index), ("oci-layout", {"imageLayoutVersion": "1.0.0"})):
        with open(os.path.join(folder, name), "w") as file:
            json.dump(value, file)
    return f"oci:{folder}:latest"


def archive(files: dict[str, bytes]) -> bytes:
    """Pack files; what `docker import` takes."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def _blob(folder: str, content: bytes) -> dict[str, object]:
    digest = _digest(content)
    kind, name = digest.split(":")
    os.makedirs(os.path.join(folder, "blobs", kind), exist_ok=True)
    with open(os.path.join(folder, "blobs", kind, name), "wb") as file:
        file.write(content)
    return {"digest": digest, "size": len(content)}


def _digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()
