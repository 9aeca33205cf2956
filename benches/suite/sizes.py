"""The sizes of objects read and written as one value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benches.scale import GIB, KIB, MIB

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from benches.scale import Scale

LARGE = 16 * MIB
"""From here on, bytes and not files dominate the time."""

FLYING_BYTES = 1 * GIB
"""Bytes in flight: 32 times 256 MiB exceeds the memory of many machines."""


@dataclass(frozen=True)
class Objects:
    """Objects of one size, with their concurrency."""

    variant: str
    size: int
    flying: int
    is_large: bool


def objects_of(scale: Scale, quick: Collection[str]) -> Iterator[Objects]:
    """Return the sizes of a scale, sequential and in flight.

    Args:
        scale: The amount of work.
        quick: The sizes of quick runs.
    """
    for name, size in SIZES.items():
        flying = min(32, FLYING_BYTES // size)
        if scale.whole or name in quick:
            is_large = size >= LARGE
            actual = min(size, scale.stream_size)
            yield Objects(f"{name}, sequential", actual, 1, is_large)
            if scale.whole or not is_large:
                yield Objects(f"{name}, {flying} in flight", actual, flying, is_large)


SIZES = {"1 KiB": KIB, "4 KiB": 4 * KIB, "64 KiB": 64 * KIB, "1 MiB": MIB, "256 MiB": 256 * MIB}
