"""Whatever lies in the cache's place, the answer is right: the cache only ever makes it quicker."""

import contextlib
import json
import os
import shutil
import socket
import stat
from collections.abc import Callable

import pytest

from tests.azure import Garbage
from tests.stories.program import NOT_FOUND, Program
from tests.systems import linux, modes, needs_root

pytestmark = modes

NOBODY = 65534


def mode_0644(path: str) -> None:
    os.chmod(path, 0o644)


def mode_0660(path: str) -> None:
    os.chmod(path, 0o660)


def mode_0000(path: str) -> None:
    os.chmod(path, 0o000)


def foreign_owner(path: str) -> None:
    os.chown(path, NOBODY, NOBODY)


def foreign_owner_open(path: str) -> None:
    os.chown(path, NOBODY, NOBODY)
    os.chmod(path, 0o666)


def symlink(path: str) -> None:
    os.rename(path, path + ".victim")
    os.symlink(path + ".victim", path)


def dangling_symlink(path: str) -> None:
    os.remove(path)
    os.symlink(path + ".nowhere", path)


def hard_link(path: str) -> None:
    os.link(path, path + ".link")


def fifo(path: str) -> None:
    os.remove(path)
    os.mkfifo(path, 0o600)


def unix_socket(path: str) -> None:
    os.remove(path)
    folder = os.open(os.path.dirname(path), os.O_RDONLY)
    try:  # such names are short: 108 bytes
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(f"/proc/self/fd/{folder}/s")
        os.rename(os.path.join(os.path.dirname(path), "s"), path)
    finally:
        os.close(folder)
    os.chmod(path, 0o600)


def device(path: str) -> None:
    os.remove(path)
    try:
        os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 5))  # /dev/zero: it never ends
    except OSError as error:
        pytest.skip(f"optional: devices may not be made here: {error.strerror}")


def directory(path: str) -> None:
    os.remove(path)
    os.mkdir(path, 0o700)


def full_directory(path: str) -> None:
    directory(path)
    os.mkdir(os.path.join(path, "more"))


def filled_with(data: bytes) -> Callable[[str], None]:
    def fill(path: str) -> None:
        with open(path, "wb") as file:
            file.write(data)

    return fill


def cut_to_half(path: str) -> None:
    os.truncate(path, os.path.getsize(path) // 2)


def one_byte_less(path: str) -> None:
    os.truncate(path, os.path.getsize(path) - 1)


def in_utf_16(path: str) -> None:
    with open(path, "r+b") as file:
        text = file.read().decode()
        file.seek(0)
        file.write(text.encode("utf-16"))


def with_more_behind(path: str) -> None:
    with open(path, "ab") as file:
        file.write(b"x" * 140_000)


ENTRIES: list[tuple[str, Callable[[str], None], bool]] = [
    ("F21-0644", mode_0644, False),
    ("F21-0660", mode_0660, False),
    ("F23-symlink", symlink, False),
    ("F23-dangling", dangling_symlink, False),
    ("F24-fifo", fifo, False),
    ("F24-directory", directory, False),
    ("F24-full-directory", full_directory, False),
    ("F25-hard-link", hard_link, False),
    ("F30-empty", filled_with(b""), False),
    ("F30-zeros", filled_with(b"\0" * 2000), False),
    ("F30-random", filled_with(os.urandom(2000)), False),
    ("F30-gzip", filled_with(b"\x1f\x8b\x08" + b"\0" * 500), False),
    ("F30-half", cut_to_half, False),
    ("F30-byte", one_byte_less, True),
    ("F30-utf-16", in_utf_16, False),
    ("F38-140KB", with_more_behind, False),
]


@pytest.mark.parametrize(
    ("make", "may_serve"),
    [
        *(pytest.param(make, may, id=name) for name, make, may in ENTRIES),
        pytest.param(device, False, id="F24-device", marks=needs_root),
        pytest.param(unix_socket, False, id="F24-socket", marks=linux),
        pytest.param(foreign_owner, False, id="F22-owner", marks=needs_root),
        pytest.param(foreign_owner_open, False, id="F22-owner-open", marks=needs_root),
    ],
)
def test_entry(
    program: Program, host: str, make: Callable[[str], None], *, may_serve: bool
) -> None:
    """An entry that is not a private file of ours, or is damaged, is no entry."""
    first = program.get(host).secret
    (entry,) = program.entries()
    make(entry)
    program.own |= {entry + ".victim", entry + ".link"}
    before = contents(entry + ".victim")
    second = program.get(host).secret
    assert may_serve or second != first
    assert contents(entry + ".victim") == before, "what a link leads to stays as it was"
    assert program.get(host).login
    assert program.unfinished() == []
    if not os.path.isdir(entry):
        status = os.lstat(entry)
        assert stat.S_ISREG(status.st_mode)
        assert stat.S_IMODE(status.st_mode) == 0o600
        assert program.get(host).secret == second, "the next one is quick again"


def contents(path: str) -> bytes:
    with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
        return file.read()
    return b""


def test_f31_entry_of_another_host(program: Program, host: str) -> None:
    """The entry of one registry under the name of another is never answered for it."""
    other = f"other-{host}"
    first = program.get(host).secret
    second = program.get(other).secret
    (source,), (target,) = program.entries(host), program.entries(other)
    shutil.copyfile(source, target)
    assert program.get(other).secret not in (first, second)
    assert program.get(host).secret == first


def test_f31_entry_of_another_identity(program: Program, host: str) -> None:
    """The entry of one identity under the name of another's is never answered to it."""
    second = program.azure.add_service_principal(secret="CANARY-second-identity-0123456789")
    other = {
        "AZURE_CLIENT_ID": second.client_id,
        "AZURE_CLIENT_SECRET": "CANARY-second-identity-0123456789",
    }
    first = program.get(host).secret
    (source,) = program.entries()
    program.get(host, **other)
    (target,) = set(program.entries()) - {source}
    shutil.copyfile(source, target)
    assert program.get(host, **other).secret != first
    assert program.get(host).secret == first


def version_999(data: bytes) -> bytes:
    line, _, rest = data.partition(b"\n")
    return line.rpartition(b" ")[0] + b" 999\n" + rest


def version_with_more_digits(data: bytes) -> bytes:
    return data.replace(b"\n", b"99\n", 1)


def one_more_line_in_the_head(data: bytes) -> bytes:
    return data.replace(b"\n", b"\nregion: west\n", 1)


def one_more_time(data: bytes) -> bytes:
    lines = data.split(b"\n")
    lines[3] = lines[5] = lines[3] + b" 4102444800"
    return b"\n".join(lines)


def as_json(data: bytes) -> bytes:
    return json.dumps({"version": 1, "entry": data.decode("latin-1")}).encode()


OTHERS = [version_999, version_with_more_digits, one_more_line_in_the_head, one_more_time, as_json]


@pytest.mark.parametrize("change", OTHERS)
def test_f31_other_format(program: Program, host: str, change: Callable[[bytes], bytes]) -> None:
    """An entry of another version of the format is passed over."""
    first = program.get(host).secret
    (path,) = program.entries()
    filled_with(change(contents(path)))(path)
    assert program.get(host).secret != first


def test_f31_unknown_notes(program: Program, host: str) -> None:
    """Notes that a later version adds are no reason to sign in anew."""
    first = program.get(host)
    (path,) = program.entries()
    begins, _, _ = contents(path)[:-1].rpartition(b"\n")
    filled_with(begins + b'\n{"method": "client-secret", "later": [1, {"x": null}]}\n')(path)
    assert program.get(host) == first
    assert program.run("status", host).code == 0
    assert program.exchanges(host) == 1


def folder_0777(folder: str) -> None:
    os.chmod(folder, 0o777)


def folder_0500(folder: str) -> None:
    os.chmod(folder, 0o500)


def folder_is_file(folder: str) -> None:
    os.rename(folder, folder + ".old")
    filled_with(b"mine")(folder)


def folder_is_symlink(folder: str) -> None:
    os.rename(folder, folder + ".old")
    os.symlink(folder + ".old", folder)


def folder_is_dangling(folder: str) -> None:
    os.rename(folder, folder + ".old")
    os.symlink("/proc/nonexistent", folder)


def folder_is_foreign(folder: str) -> None:
    os.chown(folder, NOBODY, NOBODY)


def folder_has_gone(folder: str) -> None:
    shutil.rmtree(os.path.dirname(folder))


@pytest.mark.parametrize(
    "make",
    [
        folder_0777,
        folder_0500,
        folder_is_file,
        folder_is_symlink,
        folder_is_dangling,
        pytest.param(folder_is_foreign, marks=needs_root),
        folder_has_gone,
    ],
)
def test_folder(program: Program, host: str, make: Callable[[str], None]) -> None:
    """A cache folder that is open, lent, replaced or gone costs a sign-in at worst."""
    program.get(host)
    make(program.folder)
    old = program.folder + ".old"
    program.own |= {os.path.join(old, name) for name in listed(old)}
    before = listed(old)
    assert program.get(host).login
    assert program.get(f"other-{host}").login
    assert listed(old) == before, "a link is not followed"
    if make in (folder_0777, folder_0500, folder_has_gone):
        assert stat.S_IMODE(os.stat(program.folder).st_mode) == 0o700


def listed(folder: str) -> list[str]:
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


def lock_directory(path: str) -> None:
    os.mkdir(path)


def lock_fifo(path: str) -> None:
    os.mkfifo(path)


def lock_symlink(path: str) -> None:
    filled_with(b"untouched")(path + ".victim")
    os.symlink(path + ".victim", path)


def lock_read_only(path: str) -> None:
    filled_with(b"garbage 4711")(path)
    os.chmod(path, 0o400)


def lock_foreign(path: str) -> None:
    filled_with(b"")(path)
    os.chown(path, NOBODY, NOBODY)
    os.chmod(path, 0o600)


@pytest.mark.parametrize(
    "make",
    [
        lock_directory,
        lock_fifo,
        lock_symlink,
        lock_read_only,
        pytest.param(lock_foreign, marks=needs_root),
    ],
)
def test_f26_lock(program: Program, host: str, make: Callable[[str], None]) -> None:
    """A lock that cannot be had is done without."""
    program.get(host)
    locks = [name for name in os.listdir(program.folder) if name.endswith(".lock")]
    assert locks
    for name in os.listdir(program.folder):
        os.remove(os.path.join(program.folder, name))
    for name in locks:
        make(os.path.join(program.folder, name))
    first = program.get(host)
    assert first.login
    assert program.get(host) == first
    for name in locks:
        victim = os.path.join(program.folder, name + ".victim")
        assert contents(victim) in (b"", b"untouched")


def test_f38_crowded_folder(program: Program, host: str) -> None:
    """A crowded folder is not searched: a hit reads its own entry."""
    first = program.get(host)
    for number in range(1_000):
        os.close(os.open(f"{program.folder}/r{number}.azurecr.io@{number:x}", os.O_CREAT, 0o600))
    assert program.get(host) == first
    assert program.get("quay.io").out == NOT_FOUND


def test_v19_answer_too_long(program: Program, host: str) -> None:
    """A registry's token that would not fit into one pipe is no usable answer."""
    token = program.token(host, padding="x" * 50_000)
    body = f'{{"refresh_token": "{token}"}}'
    program.azure.fault("exchange", Garbage(body, "application/json"), host=host)
    assert program.get(host).reference == "token-unusable"
    assert program.entries() == []
