"""The objects that are read and written in one piece."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benches.scale import GIB, KIB, MIB

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from benches.scale import Scale

LARGE = 16 * MIB
"""From here on it is bytes that take the time, and not files."""

FLYING_BYTES = 1 * GIB
"""As much as may be in flight: 32 times 256 MiB is more memory than many machines have."""


@dataclass(frozen=True)
class Objects:
    """Objects of one size, so many of them at a time."""

    variant: str
    size: int
    flying: int
    is_large: bool


def objects_of(scale: Scale, quick: Collection[str]) -> Iterator[Objects]:
    """Return the sizes of a scale, in sequence and in flight.

    Args:
        scale: How much is to be measured.
        quick: The sizes that are measured even when little is.
    """
    for name, size in SIZES.items():
        flying = min(32, FLYING_BYTES // size)
        if scale.whole or name in quick:
            is_large = size >= LARGE
            actual = min(size, scale.stream_size)
            yield Objects(f"{name}, in sequence", actual, 1, is_large)
            if scale.whole or not is_large:
                yield Objects(f"{name}, {flying} in flight", actual, flying, is_large)


SIZES = {"1 KiB": KIB, "4 KiB": 4 * KIB, "64 KiB": 64 * KIB, "1 MiB": MIB, "256 MiB": 256 * MIB}
