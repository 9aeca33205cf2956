"""What is written, and the streams that bring it.

All content is a pool of random bytes, over and over, as the reference program has it, too.
"""

from __future__ import annotations

import hashlib
import math
import random
from dataclasses import dataclass
from functools import cache
from itertools import cycle, islice
from typing import TYPE_CHECKING

import blake3

from benches.scale import KIB, MIB

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence

    Pause = Callable[[], Awaitable[None]]

POOL_SIZE = 16 * MIB

_CUT_AT_MOST = 128 * MIB


@cache
def pool() -> bytes:
    """Return the bytes that all content is made of, the same in every run."""
    return random.Random(2).randbytes(POOL_SIZE)


def shifts(streams: int) -> list[int]:
    """Return where in the pool each of several streams starts.

    As far from each other as can be: side by side they would find in the processor's cache what
    another one has just read, and all together be faster than one.
    """
    return [POOL_SIZE // streams * index for index in range(streams)]


@cache
def hash_of(algorithm: str, size: int, shift: int = 0) -> str:
    """Hash content by what has nothing to do with laboxide's own code."""
    hasher = hashlib.sha256() if algorithm == "sha256" else blake3.blake3()
    for piece in pieces(size, shift):
        hasher.update(piece)
    return hasher.hexdigest()


def pieces(size: int, shift: int = 0) -> Iterable[memoryview]:
    """Yield content of `size` bytes that starts `shift` bytes into the pool, for comparing."""
    view = memoryview(pool())
    while size > 0:
        piece = view[shift : shift + size]
        yield piece
        size, shift = size - len(piece), 0


@cache
def whole(size: int) -> bytes:
    """Return content of `size` bytes in one piece."""
    return b"".join(pieces(size))


def numbered(size: int, index: int) -> bytes:
    """Return content that no other number has, as the reference program makes it."""
    return index.to_bytes(8, "little")[:size] + whole(size)[8:]


def numbered_pieces(size: int, index: int) -> Iterable[memoryview]:
    """Yield the content of that number, for comparing."""
    yield memoryview(index.to_bytes(8, "little")[:size])
    view = memoryview(whole(size))
    for start in range(8, size, POOL_SIZE):
        yield view[start : start + POOL_SIZE]


@cache
def hash_of_number(algorithm: str, size: int, index: int) -> str:
    """Hash the content of that number."""
    hasher = hashlib.sha256() if algorithm == "sha256" else blake3.blake3()
    for piece in numbered_pieces(size, index):
        hasher.update(piece)
    return hasher.hexdigest()


@dataclass(frozen=True)
class Chunking:
    """How a stream is cut."""

    label: str
    size: int
    """Bytes per chunk, on average."""

    def chunks(self, size: int, shift: int = 0) -> list[bytes]:
        """Return content of `size` bytes in chunks, from `shift` on: a whole number of chunks."""
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
    """Cut the pool, or as many of it as it takes for the cuts to come out even."""
    period = math.lcm(size, POOL_SIZE)
    content = whole(period if period <= _CUT_AT_MOST else POOL_SIZE)
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
    """Yield chunks without ever suspending, as a source does that has them all."""
    for chunk in chunks:
        yield chunk


async def suspending(chunks: Sequence[bytes], pause: Pause) -> AsyncIterator[bytes]:
    """Yield chunks and suspend at each, as a source does that waits for them."""
    for chunk in chunks:
        await pause()
        yield chunk


async def fresh(chunks: Sequence[bytes], _pause: Pause) -> AsyncIterator[bytes]:
    """Yield chunks that were just made, as a source does that receives or computes them."""
    for chunk in chunks:
        yield bytes(memoryview(chunk))


SOURCES = {"never suspends": steady, "suspends": suspending, "fresh bytes": fresh}
