"""Shared work of the rows."""

from __future__ import annotations

from itertools import cycle, islice
from typing import TYPE_CHECKING, TypeVar

import anyio

from benches.checks import Comparer, WrongContentError, check_pieces, check_size, check_stored
from benches.sources import (
    hash_of,
    hash_of_number,
    numbered,
    numbered_pieces,
    pieces,
    shifts,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Sequence
    from pathlib import Path

    from benches.peers.contract import Peer, Stored

T = TypeVar("T")
R = TypeVar("R")

FIRST = 64
"""Length of the prefix that identifies a stream."""
SAMPLE = 16
"""Number of small objects to compare byte by byte; all are compared by hash."""


async def in_flight(count: int, jobs: Iterable[T], do: Callable[[T], Awaitable[R]]) -> list[R]:
    """Run `do` on all jobs, `count` at a time; return the results in any order."""
    waiting, results = iter(jobs), list[R]()

    async def take_jobs() -> None:
        for job in waiting:
            results.append(await do(job))

    if count == 1:
        await take_jobs()
        return results
    async with anyio.create_task_group() as group:
        for _ in range(count):
            group.start_soon(take_jobs)
    return results


async def write_streams(peer: Peer, sources: Sequence[AsyncIterable[bytes]]) -> list[Stored]:
    """Store all streams concurrently."""
    return await in_flight(len(sources), sources, peer.write_stream)


def check_streams(stored: Sequence[Stored], size: int) -> None:
    """Compare concurrently stored streams of `size` bytes each with their sources."""
    for shift, one in zip(shifts(len(stored)), _in_order(stored, size), strict=True):
        check_stored(one, size, shift)


def _in_order(stored: Sequence[Stored], size: int) -> list[Stored]:
    algorithm, beginnings = stored[0].algorithm, shifts(len(stored))
    found: dict[str | bytes | None, Stored]
    expected: list[str | bytes]
    if algorithm is None:  # only the first bytes identify a stream
        found = {_first_bytes(one.path): one for one in stored}
        expected = [bytes(next(iter(pieces(size, shift)))[:FIRST]) for shift in beginnings]
    else:
        found = {one.hash: one for one in stored}
        expected = [hash_of(algorithm, size, shift) for shift in beginnings]
    if set(found) != set(expected):
        raise WrongContentError("wrong content: the stored streams differ")
    return [found[each] for each in expected]


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(FIRST)


async def read_stream(peer: Peer, stored: Stored, chunk_size: int) -> int:
    """Read a stream; return its bytes."""
    size = 0
    async for chunk in peer.read_stream(stored, chunk_size):
        size += len(chunk)
    return size


async def compare_stream(peer: Peer, stored: Stored, chunk_size: int) -> None:
    """Read a stream and compare every byte with the pool."""
    comparer = Comparer(whole(stored.size))
    async for chunk in peer.read_stream(stored, chunk_size):
        comparer.take(chunk)
    comparer.end()


async def read_objects(peer: Peer, stored: Sequence[Stored], calls: int, concurrency: int) -> int:
    """Read `calls` objects in a cycle; return their bytes."""

    async def read(one: Stored) -> int:
        return len(await peer.read_data(one))

    return sum(await in_flight(concurrency, islice(cycle(stored), calls), read))


async def compare_objects(peer: Peer, stored: Sequence[Stored]) -> None:
    """Read each object once and compare every byte."""
    for index, one in enumerate(stored):
        if await peer.read_data(one) != numbered(one.size, index):
            raise WrongContentError(f"wrong content: {one}")


async def write_objects(peer: Peer, contents: Sequence[bytes], concurrency: int) -> list[Stored]:
    """Store all contents, `concurrency` at a time."""
    return await in_flight(concurrency, contents, peer.write_data)


def check_objects(stored: Sequence[Stored], size: int, calls: int) -> None:
    """Compare the hashes of all objects and the bytes of some."""
    check_size(sum(one.size for one in stored), size * calls)
    algorithm = stored[0].algorithm
    if algorithm is None:
        _check_some_by_number(stored, size)
        return
    paths = {one.hash: one.path for one in stored}
    expected = [hash_of_number(algorithm, size, index) for index in range(calls)]
    if set(expected) != set(paths):
        raise WrongContentError("wrong names: the stored objects differ")
    for index in range(0, calls, -(-calls // SAMPLE)):
        check_pieces(paths[expected[index]], numbered_pieces(size, index))


def _check_some_by_number(stored: Sequence[Stored], size: int) -> None:
    """Compare some objects, identified by their first bytes."""
    some = stored[:: -(-len(stored) // SAMPLE)]
    numbers = [int.from_bytes(one.path.read_bytes()[:8], "little") for one in some]
    check_size(len(set(numbers)), len(some))
    for one, number in zip(some, numbers, strict=True):
        check_pieces(one.path, numbered_pieces(size, number))


async def compare_whole(peer: Peer, stored: Sequence[Stored]) -> None:
    """Read one object and compare every byte with the pool."""
    if await peer.read_data(stored[0]) != whole(stored[0].size):
        raise WrongContentError(f"wrong content: {stored[0]}")
