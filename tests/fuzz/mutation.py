"""Bytes with accidents: what disks, networks and people do to something that was right."""

import random
from collections.abc import Sequence

STRANGE = [
    *(bytes([number]) for number in range(256)),
    *(
        character.encode()
        for character in "\u0131\u0130\u017f\u212a\uff41\uff0e\u3002\u2024\u200b\u202e"
    ),
    b"\r\n",
    b"://",
    b".azurecr.io",
    b"%2e",
    b"..",
    b"\xef\xbb\xbf",
    b"9" * 25,
    b"1e999",
    b"null",
    b"[" * 200,
    b'{"aud":',
    b"\xed\xa0\x80",
]


def mutated(numbers: random.Random, samples: Sequence[bytes]) -> bytes:
    """One of *samples* after one to four accidents."""
    data = bytearray(numbers.choice(samples))
    for _ in range(numbers.randint(1, 4)):
        at = numbers.randint(0, len(data))
        to = min(len(data), at + numbers.choice((0, 1, 1, 2, 8, 64)))
        kind = numbers.randrange(6)
        if kind == 0:
            data[at:to] = numbers.choice(STRANGE)
        elif kind == 1:
            data[at:at] = numbers.choice(STRANGE)
        elif kind == 2:
            del data[at:to]
        elif kind == 3 and at < len(data):
            data[at] ^= 1 << numbers.randrange(8)
        elif kind == 4:
            data[at:at] = data[at:to]
        else:
            other = numbers.choice(samples)
            data[at:] = other[numbers.randint(0, len(other)) :]
    return bytes(data)
