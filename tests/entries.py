"""Cache entries by hand: what stands in one, and one with other times that is whole all the same."""


def doubled(times: bytes, answer: bytes) -> bytes:
    """What follows an entry's head, with notes that say nothing."""
    half = times + b"\n" + answer + b"\n"
    return half + half + b"{}\n"


def times_of(data: bytes) -> list[int]:
    """When the entry *data* was issued, ages, may no longer be served and expires."""
    return [int(word) for word in data.split(b"\n", 4)[3].split()]


def with_times(data: bytes, times: list[int]) -> bytes:
    """The entry *data* with other times."""
    lines = data.split(b"\n")
    lines[3] = lines[5] = " ".join(map(str, times)).encode()
    return b"\n".join(lines)
