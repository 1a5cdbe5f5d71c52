"""The table of what can be built; ``packaging/build`` sets up the environment and calls this."""

import sys
from collections.abc import Callable
from functools import partial

from shipping import frozen, image, manifests, native, python_package, sbom
from shipping.places import BuildError

COMMANDS: dict[str, Callable[[], str | list[str] | None]] = {
    "frozen": frozen.one_folder,
    "one-file": frozen.one_file,
    "record": frozen.record,
    "sbom": sbom.write,
    "wheel": python_package.build,
    "deb": partial(native.pack, "deb"),
    "rpm": partial(native.pack, "rpm"),
    "apk": partial(native.pack, "apk"),
    "image": image.build,
    "manifests": manifests.write,
}
_ALL = ("frozen", "one-file", "sbom", "wheel", "deb", "rpm", "manifests")


def main(arguments: list[str]) -> int:
    names = list(_ALL) if arguments == ["all"] else arguments
    unknown = [name for name in names if name not in COMMANDS]
    if not names or unknown:
        print(f"packaging/build {'|'.join(COMMANDS)}|all", file=sys.stderr)
        return 2
    try:
        for name in names:
            made = COMMANDS[name]()
            for path in [made] if isinstance(made, str) else made or []:
                print(path)
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
