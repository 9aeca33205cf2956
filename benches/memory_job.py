"""Stream in this process, and print the peak of its memory as JSON.

Usage: python -m benches.memory_job write|read CONTESTANT SIZE STREAMS DIRECTORY
"""

from __future__ import annotations

import asyncio
import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from laboxide import Hasher

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


async def write(peer: Peer, size: int, streams: int) -> int:
    """Store streams at once, and tell how many bytes went in."""
    stored = await write_streams(peer, [zeros(size) for _ in range(streams)])
    return sum(one.size for one in stored)


async def main(job: str, name: str, size: int, streams: int, directory: Path) -> None:
    """Do the job once small, then as asked for, and print what the latter took."""
    contestants = {"laboxide": LABOXIDE["blake3"], **{peer.name: peer for peer in PEERS}}
    make = contestants[name].make
    work = partial(write, make(directory), size, streams)
    if job == "read":
        stored = sparse(directory, size)
        work = partial(read_stream, make(directory), stored, MIB)
    # What a process starts once, with content too small for any buffer.
    warm = directory / "warm"
    warm.mkdir()
    await make(warm).write_data(b"ten bytes.")
    before = start_peak()
    moved, cost = await timed(work)
    memory = max(0, peak() - before)
    took = {"seconds": cost.seconds, "cpu_seconds": cost.cpu_seconds}
    print(json.dumps({"moved": moved, "memory": memory, **took}))


def sparse(directory: Path, size: int) -> Stored:
    """Make an object of zeros that takes no space."""
    hasher, piece = Hasher("blake3"), bytes(MIB)
    for _ in range(size // MIB):
        hasher.update(piece)
    content_hash = hasher.hexdigest()
    path = directory / "blake3" / content_hash[:2] / content_hash
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        file.truncate(size)
    return Stored(path, size, "blake3", content_hash)


if __name__ == "__main__":
    job, name, size, streams, directory = sys.argv[1:]
    asyncio.run(main(job, name, int(size), int(streams), Path(directory)))
