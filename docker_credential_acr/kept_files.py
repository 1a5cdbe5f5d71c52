"""The names of files about a host in the data folder: what ``docker login`` gave us to keep.

Apart from ``markers``, which reads them, because who waits for another process asks for no more than this.
"""

import os

from docker_credential_acr.paths import data_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_acr.paths import Lookup

LOGIN = "@login"  # behind the host, in which there is no '@'


def name(host: str, ending: str = LOGIN) -> str:
    """Return the name of the file about *host* with *ending*, in the data folder."""
    return host.replace(":", "+") + ending  # Windows knows no ':' in names


def has_login(get: "Lookup", host: str) -> bool:
    """Tell whether a login is kept for *host*, by a look at one file."""
    folder = data_folder(get)
    return folder is not None and os.path.lexists(f"{folder}/{name(host)}")
