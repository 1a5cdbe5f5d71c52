"""Search paths: where modules may come from once the slow door opens, and a child's libraries.

Imports nothing that is not there already, so that nothing is taken from where it must not be.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def drop_foreign_folders() -> None:
    """Take the working directory, the script's folder and PYTHONPATH off the search path.

    A ``json.py`` lying there is not to be run with somebody's credentials. The standard library and the
    folder that this package came from stay.
    """
    foreign = {""}
    if not sys.flags.safe_path:
        foreign.add(sys.path[0])
    for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep):
        try:
            foreign |= {entry, os.path.abspath(entry)}  # an empty one is the working directory
        except OSError:  # which may be gone; Python could not make it absolute either
            foreign.add(entry)
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    library = os.path.dirname(os.__file__)
    # Some wrappers name all folders of the library in PYTHONPATH.
    trusted = {here, library, os.path.join(library, "lib-dynload")}
    sys.path[:] = [path for path in sys.path if path in trusted or path not in foreign]


def given_libraries(environ: "Mapping[str, str]") -> dict[str, str]:
    """Return *environ* with the library path that we were given.

    A frozen program starts itself once more with a path to libraries of its own, and notes the one before
    it; any other program would load our OpenSSL instead of its own.
    """
    given = dict(environ)
    if getattr(sys, "frozen", False):
        original = given.pop("LD_LIBRARY_PATH_ORIG", None)
        given.pop("LD_LIBRARY_PATH", None)
        if original:
            given["LD_LIBRARY_PATH"] = original
    return given
