"""The parts of the frozen program as a CycloneDX document: who has to know whether a flaw concerns them."""

import json
import os
import time
import uuid

from shipping import archives, components
from shipping.places import DIST, FOLDER, NAME, BuildError, epoch, target, version

_NAMESPACE = uuid.UUID("6d0a6f2e-6a3c-5a0f-9f5e-3b1d2c4e5f60")  # of this document's serial numbers


def write() -> str:
    """Write the document for the frozen program and its archive in dist/; its path."""
    if not os.path.isdir(FOLDER):
        raise BuildError("build the frozen program first: packaging/build frozen")
    path = os.path.join(DIST, archives.stem() + ".cdx.json")
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        json.dump(document(), file, indent=2)
        file.write("\n")
    return path


def document() -> dict[str, object]:
    """Return the document; the same for the same build."""
    parts = [_component(part) for part in components.all_of(FOLDER)]
    reference = f"{NAME}@{version()}"
    digest = archives.digest(archives.path())
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, digest)}",
        "version": 1,
        "metadata": {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch())),
            "component": {
                "type": "application",
                "bom-ref": reference,
                "name": NAME,
                "version": version(),
                "description": f"frozen for {target()}",
                "licenses": [{"expression": "Apache-2.0"}],
                "hashes": [{"alg": "SHA-256", "content": digest}],
            },
        },
        "components": parts,
        "dependencies": [{"ref": reference, "dependsOn": [part["bom-ref"] for part in parts]}],
    }


def _component(part: components.Component) -> dict[str, object]:
    row: dict[str, object] = {
        "type": "library",
        "bom-ref": f"{part.name}@{part.version}",
        "name": part.name,
    }
    if part.version:
        row["version"] = part.version
    if part.purl:
        row["purl"] = part.purl
    if part.licence:
        row["licenses"] = [{"expression": part.licence}]
    return row
