"""A store with damage in every second object, each in one of several ways."""

from __future__ import annotations

from typing import TYPE_CHECKING

from laboxide import content_router

from faults.operations import ALGORITHMS, digest_of

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

SIZES = (9, 100, 4096, 4097, 65_536)
LARGE = (2 << 20) + 7
"""The size of two objects in a hundred: more than an audit reads at once."""


def damaged_store(root: Path, random: Random, objects: int) -> dict[str, str]:
    """Fill a store, and return the damage by key.

    The objects are plain files with the right names: that is faster than a storage.
    """
    damaged = {}
    for index in range(objects):
        data = random.randbytes(LARGE if index % 100 < 2 else random.choice(SIZES))
        key = _key(data, random.choice(ALGORITHMS))
        path = root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        if index % 2:
            damaged[key], data = _damage(data, random)
        path.write_bytes(data)
    return damaged


def _key(data: bytes, algorithm: str) -> str:
    return content_router(digest_of(data, algorithm), {})["key"]


def _damage(data: bytes, random: Random) -> tuple[str, bytes]:
    at = random.randrange(len(data))
    flipped = data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1 :]
    return random.choice(
        (
            (f"a bit of byte {at} of {len(data)} flipped", flipped),
            (f"truncated to {at} of {len(data)} bytes", data[:at]),
            (f"extended by {at + 1} bytes to {len(data) + at + 1}", data + bytes(at + 1)),
            ("another's content", random.randbytes(len(data))),
        )
    )
