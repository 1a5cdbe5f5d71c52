"""Two versions of the program in one cache folder: neither breaks the other."""

import os

from tests.stories.program import Program, new_host


def reformatted(path: str, number: bytes) -> tuple[str, bytes]:
    """Put a file of another format beside an entry, under a name of that version's making."""
    with open(path, "rb") as file:
        first, _, rest = file.read().partition(b"\n")
    data = first.rpartition(b" ")[0] + b" " + number + b"\n" + rest
    other = path.rpartition("@")[0] + "@" + number.hex()
    write(other, data)
    return other, data


def write(path: str, data: bytes) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)


def read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def test_f79_formats_live_side_by_side(program: Program, host: str) -> None:
    """Files of an older and a newer format stay as they are while this one reads and writes its own."""
    first = program.get(host)
    (mine,) = program.entries(host)
    others = [reformatted(mine, number) for number in (b"0", b"2", b"999")]
    strange = os.path.join(program.folder, "index.sqlite")
    write(strange, b"SQLite format 3\0")

    assert program.get(host) == first
    os.remove(mine)
    second = program.get(host)
    assert second.secret != first.secret
    assert program.get(new_host()).login
    assert program.hosts()[host]

    assert {path: read(path) for path, _ in others} == dict(others)
    assert read(strange) == b"SQLite format 3\0"


def test_f79_the_same_name_in_turn(program: Program, host: str) -> None:
    """Where two formats share one name each replaces the other's whole: a miss and never a mixture."""
    program.get(host)
    (mine,) = program.entries(host)
    for number in (b"0", b"2"):
        other, data = reformatted(mine, number)
        os.replace(other, mine)
        answer = program.get(host)
        assert answer.login
        assert read(mine) != data
        assert program.get(host) == answer


def test_f79_erase_takes_all_formats(program: Program, host: str) -> None:
    """Who erases wants no token of that registry left, whichever version has written it."""
    program.get(host)
    (mine,) = program.entries(host)
    others = [reformatted(mine, number)[0] for number in (b"0", b"2")]
    assert program.erase(host).code == 0
    assert not any(os.path.exists(path) for path in (mine, *others))


def test_f79_the_gate_of_another_format(program: Program, host: str) -> None:
    """What another version wrote down about the settings is written anew, and not misread."""
    program.settings('[registries."*.azurecr.io"]\nmethod = "client-secret"\n')
    program.get(host)
    gates = [name for name in os.listdir(program.folder) if name.startswith("gate@")]
    assert gates
    for name in gates:
        reformatted_gate, _ = reformatted(os.path.join(program.folder, name), b"2")
        os.replace(reformatted_gate, os.path.join(program.folder, name))
    assert program.get(host).login
    assert program.get("quay.io").out.startswith(b"credentials not found")
