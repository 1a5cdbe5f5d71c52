"""What a process leaves for the next one of the same asker: nothing secret, and lost at any time."""

from dataclasses import dataclass
from time import time

from docker_credential_acr import cache, entry
from docker_credential_acr.private_files import Folder

_DIGITS = 16  # of a time, at most


@dataclass(frozen=True, slots=True)
class Remembered:
    """The memory of one asker; *owner* is one line of ASCII that says who that is."""

    folder: Folder | None
    owner: bytes

    def recall(self, name: str) -> str | None:
        """Return what was remembered as *name*, or None if there is nothing or its time is up."""
        if self.folder is None:
            return None
        begins = entry.head(cache.MEMORY, self._stamp(name))
        data = entry.read_private(f"{self.folder.path}/{self._file(name)}")
        if data is None or not data.startswith(begins):
            return None
        until, _, text = data[len(begins) :].decode("utf-8", "replace").partition("\n")
        a_time = until.isdecimal() and len(until) < _DIGITS  # a crash may leave anything
        return text if a_time and time() < int(until) else None

    def remember(self, name: str, text: str, seconds: float) -> None:
        """Keep *text* as *name* for *seconds*; a folder that cannot be written to keeps nothing."""
        begins = entry.head(cache.MEMORY, self._stamp(name))
        data = begins + f"{int(time() + seconds)}\n{text}".encode()
        cache.save(self.folder, self._file(name), data)

    def _stamp(self, name: str) -> bytes:
        return self.owner + ascii(name).encode()

    def _file(self, name: str) -> str:
        return entry.file_name(cache.MEMORY, self._stamp(name))
