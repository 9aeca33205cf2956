"""Streams of zeros, written or read in a process of their own."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from itertools import repeat
from typing import TYPE_CHECKING, TypeVar

from benches.checks import check_hash, check_pieces, check_size
from benches.loops import Cost, timed
from benches.memory import peak, start_peak
from benches.peers.contract import Stored
from benches.scale import KIB, MIB
from benches.sources import independent_hash
from benches.suite.jobs import read_stream, write_streams

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
    from pathlib import Path

    from benches.peers.contract import Peer

T = TypeVar("T")

CHUNK = 64 * KIB


async def zeros(size: int) -> AsyncIterator[bytes]:
    """Yield newly allocated chunks and suspend before each."""
    for _ in range(size // CHUNK):
        await asyncio.sleep(0)
        yield bytes(CHUNK)


def pieces_of_zeros(size: int) -> Iterable[memoryview]:
    """Yield `size` zero bytes in pieces of 1 MiB."""
    return repeat(memoryview(bytes(MIB)), size // MIB)


def hash_of_zeros(algorithm: str, size: int) -> str:
    """Hash `size` zero bytes without laboxide."""
    return independent_hash(algorithm, pieces_of_zeros(size))


def check_zeros(stored: Stored, size: int) -> None:
    """Compare an object's digest and bytes with `size` zeros."""
    check_size(stored.size, size)
    if stored.algorithm is not None:
        check_hash(stored.hash, hash_of_zeros(stored.algorithm, size))
    check_pieces(stored.path, pieces_of_zeros(size))


def write_zeros(
    make: Callable[[Path], Peer],
    size: int,
    streams: int,
    directory: Path,
    cores: Sequence[int] | None = None,
) -> tuple[int, Cost]:
    """Write concurrent streams in this process, on `cores`.

    Returns:
        The bytes written and their cost, with the peak of extra memory as ``"memory"``.
    """
    if cores is not None:
        os.sched_setaffinity(0, cores)
    peer = make(directory)

    async def work() -> list[Stored]:
        return await write_streams(peer, [zeros(size) for _ in range(streams)])

    done, cost = asyncio.run(_measured(make, directory, work))
    for one in done:
        check_zeros(one, size)
    return size * streams, cost


def read_zeros(make: Callable[[Path], Peer], size: int, directory: Path) -> tuple[int, Cost]:
    """Read one sparse object in this process. Returns the same as `write_zeros`."""
    peer, stored = make(directory), _sparse(directory, size)

    async def work() -> int:
        return await read_stream(peer, stored, MIB)

    found, cost = asyncio.run(_measured(make, directory, work))
    check_size(found, size)
    check_zeros(stored, size)
    return found, cost


async def _measured(
    make: Callable[[Path], Peer], directory: Path, work: Callable[[], Awaitable[T]]
) -> tuple[T, Cost]:
    # Start the threads first, by an object too small to need a buffer.
    warm = directory / "warm"
    warm.mkdir()
    await make(warm).write_data(b"ten bytes.")
    before = start_peak()
    result, cost = await timed(work)
    return result, replace(cost, figures={"memory": max(0, peak() - before)})


def _sparse(directory: Path, size: int) -> Stored:
    """Make an object of zeros that takes no space."""
    content_hash = hash_of_zeros("blake3", size)
    path = directory / "blake3" / content_hash[:2] / content_hash
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        file.truncate(size)
    return Stored(path, size, "blake3", content_hash)
