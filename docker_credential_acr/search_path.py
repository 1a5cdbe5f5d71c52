"""The search path: where modules may come from once the slow door opens.

Imports nothing that is not there already, so that nothing is taken from where it must not be.
"""

import os
import sys


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
    trusted = {here, os.path.dirname(os.__file__)}
    sys.path[:] = [path for path in sys.path if path in trusted or path not in foreign]
