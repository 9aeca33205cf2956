"""The amount of work of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


@dataclass(frozen=True)
class Scale:
    """The amounts of one kind of run."""

    name: str
    stream_size: int
    """Upper bound of the bytes of a round."""
    seconds: float
    """Target time of a round, by rough estimates for each contestant."""
    min_size: int
    """Lower bound of the bytes of a round, for slow contestants."""
    max_calls: int
    min_calls: int
    all_rows: bool
    """Whether all rows are run, or only rows with floors."""
    memory_sizes: tuple[int, ...]
    """Stream sizes of the memory rows."""
    imports: int
    """Number of times that each package is imported."""
    stall_seconds: float

    def bytes_for(self, call_seconds: float, bytes_per_second: float, chunk: int) -> int:
        """Return the bytes to stream in chunks of `chunk` bytes, a power of two."""
        per_byte = call_seconds / chunk + 1 / bytes_per_second
        wanted = max(self.min_size, min(self.stream_size, self.seconds / per_byte))
        return 1 << (int(wanted).bit_length() - 1)

    def calls_for(self, call_seconds: float, bytes_per_second: float, size: int) -> int:
        """Return the number of objects of `size` bytes to read or write."""
        wanted = int(self.seconds / (call_seconds + size / bytes_per_second))
        # A round of large objects moves no more bytes than a stream.
        return max(1, min(self.max_calls, max(wanted, self.min_calls), self.stream_size // size))


SCALES = {
    scale.name: scale
    for scale in (
        Scale(
            name="full",
            stream_size=256 * MIB,
            seconds=0.1,
            min_size=2 * MIB,
            max_calls=4096,
            min_calls=64,
            all_rows=True,
            memory_sizes=(16 * MIB, 64 * MIB, 256 * MIB, 1 * GIB, 8 * GIB),
            imports=10,
            stall_seconds=0.4,
        ),
        Scale(
            name="quick",
            stream_size=256 * MIB,
            seconds=0.07,
            min_size=2 * MIB,
            max_calls=2048,
            min_calls=32,
            all_rows=False,
            memory_sizes=(256 * MIB,),
            imports=5,
            stall_seconds=0.25,
        ),
        Scale(
            name="tiny",
            stream_size=2 * MIB,
            seconds=0.0005,
            min_size=256 * KIB,
            max_calls=8,
            min_calls=2,
            all_rows=True,
            memory_sizes=(4 * MIB,),
            imports=1,
            stall_seconds=0.01,
        ),
    )
}

SIZES = {"1 KiB": KIB, "4 KiB": 4 * KIB, "64 KiB": 64 * KIB, "1 MiB": MIB, "256 MiB": 256 * MIB}
"""Sizes of objects that are read and written as one value."""

LARGE = 16 * MIB
"""From this size on, bytes and not files dominate the time."""

MAX_IN_FLIGHT = 1 * GIB
"""Bytes in flight: 32 times 256 MiB exceeds the memory of many machines."""


@dataclass(frozen=True)
class Objects:
    """Objects of one size, read or written as one value."""

    variant: str
    size: int
    concurrency: int
    is_large: bool


def objects_of(scale: Scale, quick: Collection[str]) -> Iterator[Objects]:
    """Return the sizes of a scale, sequential and in flight.

    Args:
        scale: The amount of work.
        quick: The sizes of quick runs.
    """
    for name, size in SIZES.items():
        concurrency = min(32, MAX_IN_FLIGHT // size)
        if scale.all_rows or name in quick:
            is_large = size >= LARGE
            actual = min(size, scale.stream_size)
            yield Objects(f"{name}, sequential", actual, 1, is_large)
            if scale.all_rows or not is_large:
                yield Objects(f"{name}, {concurrency} in flight", actual, concurrency, is_large)
