"""Stream in this process, and print the peak of its memory as JSON.

Usage: python -m benches.memory_job write|read CONTESTANT SIZE STREAMS DIRECTORY
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING

from blake3 import blake3

from benches.checks import check_hash, check_pieces, check_size
from benches.contestants import LABOXIDE, PEERS
from benches.loops import timed
from benches.memory import peak, start_peak
from benches.peers.contract import Stored
from benches.scale import KIB, MIB
from benches.suite.jobs import read_stream, write_streams

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from benches.peers.contract import Peer

CHUNK = 64 * KIB


async def zeros(size: int) -> AsyncIterator[bytes]:
    """Yield chunks that were just made, and suspend at each."""
    for _ in range(size // CHUNK):
        await asyncio.sleep(0)
        yield bytes(CHUNK)


async def write(peer: Peer, size: int, streams: int) -> list[Stored]:
    """Store streams at once."""
    return await write_streams(peer, [zeros(size) for _ in range(streams)])


async def read(peer: Peer, stored: Stored) -> list[Stored]:
    """Read a stream, and tell that it was as long as it should be."""
    check_size(await read_stream(peer, stored, MIB), stored.size)
    return [stored]


def check_zeros(stored: Stored, size: int) -> None:
    """Compare an object's digest and bytes with so many zeros."""
    check_size(stored.size, size)
    if stored.algorithm is not None:
        check_hash(stored.hash, hash_of_zeros(stored.algorithm, size))
    check_pieces(stored.path, repeat(memoryview(bytes(MIB)), size // MIB))


def hash_of_zeros(algorithm: str, size: int) -> str:
    """Hash so many zeros by what has nothing to do with laboxide's own code."""
    hasher = hashlib.sha256() if algorithm == "sha256" else blake3()
    for piece in repeat(bytes(MIB), size // MIB):
        hasher.update(piece)
    return hasher.hexdigest()


async def main(job: str, name: str, size: int, streams: int, directory: Path) -> None:
    """Do the job once small, then as asked for, and print what the latter took."""
    contestants = {"laboxide": LABOXIDE["blake3"], **{peer.name: peer for peer in PEERS}}
    make = contestants[name].make
    work = partial(write, make(directory), size, streams)
    if job == "read":
        stored = sparse(directory, size)
        work = partial(read, make(directory), stored)
    # What a process starts once, with content too small for any buffer.
    warm = directory / "warm"
    warm.mkdir()
    await make(warm).write_data(b"ten bytes.")
    before = start_peak()
    done, cost = await timed(work)
    memory = max(0, peak() - before)
    for one in done:
        check_zeros(one, size)
    moved = sum(one.size for one in done)
    took = {"seconds": cost.seconds, "cpu_seconds": cost.cpu_seconds}
    print(json.dumps({"moved": moved, "memory": memory, **took}))


def sparse(directory: Path, size: int) -> Stored:
    """Make an object of zeros that takes no space."""
    content_hash = hash_of_zeros("blake3", size)
    path = directory / "blake3" / content_hash[:2] / content_hash
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        file.truncate(size)
    return Stored(path, size, "blake3", content_hash)


if __name__ == "__main__":
    job, name, size, streams, directory = sys.argv[1:]
    asyncio.run(main(job, name, int(size), int(streams), Path(directory)))
