"""Content, and the streams that deliver it.

All content repeats one pool of random bytes, as in the reference program.
"""

from __future__ import annotations

import hashlib
import math
import random
from dataclasses import dataclass
from functools import cache
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any

from benches.scale import KIB, MIB

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence

    Pause = Callable[[], Awaitable[None]]

POOL_SIZE = 16 * MIB

_MAX_PERIOD = 128 * MIB


@cache
def pool() -> bytes:
    """Return the pool, equal in every run."""
    return random.Random(2).randbytes(POOL_SIZE)


def shifts(streams: int) -> list[int]:
    """Return the offset in the pool at which each of several streams starts.

    The offsets are as far apart as possible: neighbours would read bytes that another stream has
    just brought into the processor's cache, and all together would be faster than one.
    """
    return [POOL_SIZE // streams * index for index in range(streams)]


def pieces(size: int, shift: int = 0) -> Iterable[memoryview]:
    """Yield content of `size` bytes that starts `shift` bytes into the pool."""
    view = memoryview(pool())
    while size > 0:
        piece = view[shift : shift + size]
        yield piece
        size, shift = size - len(piece), 0


@cache
def whole(size: int) -> bytes:
    """Return content of `size` bytes as one value."""
    return b"".join(pieces(size))


def numbered(size: int, index: int) -> bytes:
    """Return content unique to `index`, as the reference program makes it."""
    return index.to_bytes(8, "little")[:size] + whole(size)[8:]


def numbered_pieces(size: int, index: int) -> Iterable[memoryview]:
    """Yield the content of `numbered` in pieces."""
    yield memoryview(index.to_bytes(8, "little")[:size])
    view = memoryview(whole(size))
    for start in range(8, size, POOL_SIZE):
        yield view[start : start + POOL_SIZE]


def independent_hasher(algorithm: str) -> Any:
    """Return a hasher that shares no code with laboxide."""
    if algorithm == "sha256":
        return hashlib.sha256()
    from blake3 import blake3  # noqa: PLC0415 - absent from the demo's environment

    return blake3()


def independent_hash(algorithm: str, content: Iterable[bytes | memoryview]) -> str:
    """Hash the pieces of `content` without laboxide."""
    hasher = independent_hasher(algorithm)
    for piece in content:
        hasher.update(piece)
    found: str = hasher.hexdigest()
    return found


@cache
def hash_of(algorithm: str, size: int, shift: int = 0) -> str:
    """Hash the content of `pieces`."""
    return independent_hash(algorithm, pieces(size, shift))


@cache
def hash_of_number(algorithm: str, size: int, index: int) -> str:
    """Hash the content of `numbered`."""
    return independent_hash(algorithm, numbered_pieces(size, index))


@dataclass(frozen=True)
class Chunking:
    """A way to cut a stream into chunks."""

    label: str
    size: int
    """Average bytes per chunk."""

    def chunks(self, size: int, shift: int = 0) -> list[bytes]:
        """Return content of `size` bytes in chunks; `shift` is rounded down to whole chunks."""
        return _up_to(size, islice(cycle(self._cut()), shift // self.size, None))

    def _cut(self) -> Sequence[bytes]:
        return _mixed() if self.label == MIXED else _even(self.size)


MIXED = "mixed 1-100 KiB"
CHUNKINGS = {
    chunking.label: chunking
    for chunking in (
        Chunking("1 000 B", 1000),
        Chunking("1 KiB", KIB),
        Chunking("4 KiB", 4 * KIB),
        Chunking("8 KiB", 8 * KIB),
        Chunking("10 000 B", 10_000),
        Chunking("60 000 B", 60_000),
        Chunking("64 KiB", 64 * KIB),
        Chunking("1 MiB", MIB),
        Chunking("5 MiB", 5 * MIB),
        Chunking(MIXED, 50 * KIB),
    )
}


@cache
def _even(size: int) -> tuple[bytes, ...]:
    """Cut the pool, repeated until the chunks come out even."""
    period = math.lcm(size, POOL_SIZE)
    content = whole(period if period <= _MAX_PERIOD else POOL_SIZE)
    return tuple(content[start : start + size] for start in range(0, len(content), size))


@cache
def _mixed() -> tuple[bytes, ...]:
    sizes = random.Random(3)
    chunks, start = [], 0
    while start < POOL_SIZE:
        end = start + sizes.randint(KIB, 100 * KIB)
        chunks.append(pool()[start:end])
        start = end
    return tuple(chunks)


def _up_to(size: int, chunks: Iterable[bytes]) -> list[bytes]:
    taken: list[bytes] = []
    for chunk in chunks:
        if len(chunk) >= size:
            return [*taken, chunk[:size]]
        taken.append(chunk)
        size -= len(chunk)
    return taken


async def steady(chunks: Sequence[bytes], _pause: Pause) -> AsyncIterator[bytes]:
    """Yield chunks without ever suspending, like a source in memory."""
    for chunk in chunks:
        yield chunk


async def suspending(chunks: Sequence[bytes], pause: Pause) -> AsyncIterator[bytes]:
    """Yield chunks and suspend before each, like a source that waits for data."""
    for chunk in chunks:
        await pause()
        yield chunk


async def fresh(chunks: Sequence[bytes], _pause: Pause) -> AsyncIterator[bytes]:
    """Yield newly allocated chunks, like a source that receives or computes them."""
    for chunk in chunks:
        yield bytes(memoryview(chunk))


SOURCES = {"never suspends": steady, "suspends": suspending, "fresh bytes": fresh}
