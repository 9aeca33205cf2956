"""One thread per object that hashes and writes, fed by a queue.

``run_in_executor`` for each chunk would be simpler, but costs one thread round trip per chunk, like
aiofiles. Speed-conscious users write the queue.
"""

from __future__ import annotations

import asyncio
import hashlib
import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from uuid import uuid4

from blake3 import blake3

from benches.peers.contract import Stored
from benches.scale import MIB

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
    from pathlib import Path
    from typing import Protocol

    class Hash(Protocol):
        """A hasher like hashlib's."""

        def update(self, data: bytes, /) -> object:
            """Hash more bytes."""
            ...

        def hexdigest(self) -> str:
            """Return the hash so far."""
            ...


QUEUED = 64
"""Capacity of a queue, in chunks."""

STREAMS = 32
"""Threads, and so concurrent streams."""

_Queue = queue.Queue[bytes | None]


class WorkerThread:
    """Objects in one directory, named by SHA-256."""

    algorithm = "sha256"

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        # A pool of its own: its threads block on the queues.
        self._threads = ThreadPoolExecutor(STREAMS)

    async def write_stream(self, source: AsyncIterable[bytes]) -> Stored:
        """Queue the chunks for a thread that writes, hashes and renames."""
        chunks: _Queue = queue.Queue(QUEUED)
        loop = asyncio.get_running_loop()
        thread = loop.run_in_executor(self._threads, self._store, _taken_from(chunks))
        async for chunk in source:
            await _put(chunks, chunk)
        await _put(chunks, None)
        return await thread

    async def read_stream(self, stored: Stored, chunk_size: int) -> AsyncIterator[bytes]:
        """Read ahead in a thread, into a queue of the loop."""
        chunks: asyncio.Queue[bytes] = asyncio.Queue()
        loop, room = asyncio.get_running_loop(), threading.Semaphore(QUEUED)

        def read() -> None:
            with stored.path.open("rb", buffering=0) as file:
                while True:
                    chunk = file.read(chunk_size)
                    room.acquire()
                    loop.call_soon_threadsafe(chunks.put_nowait, chunk)
                    if not chunk:
                        return

        thread = asyncio.create_task(asyncio.to_thread(read))
        while chunk := await chunks.get():
            room.release()
            yield chunk
        await thread

    async def write_data(self, data: bytes) -> Stored:
        """Write and hash in a thread."""
        return await asyncio.to_thread(self._store, (data,))

    async def read_data(self, stored: Stored) -> bytes:
        """Read in a thread."""
        return await asyncio.to_thread(stored.path.read_bytes)

    async def import_file(self, path: Path) -> Stored:
        """Copy and hash in a thread."""
        return await asyncio.to_thread(self._store, _chunks_of(path))

    def _store(self, chunks: Iterable[bytes]) -> Stored:
        hasher: Hash | None = None
        temporary = self._directory / uuid4().hex
        with temporary.open("wb", buffering=0) as file:
            for chunk in chunks:
                if hasher is None:
                    hasher = self._hasher(len(chunk))
                hasher.update(chunk)
                file.write(chunk)
            size = file.tell()
        content_hash = (hasher or self._hasher(0)).hexdigest()
        path = temporary.rename(self._directory / content_hash)
        return Stored(path, size, self.algorithm, content_hash)

    def _hasher(self, _chunk_size: int) -> Hash:
        return hashlib.sha256()


class Blake3Thread(WorkerThread):
    """The same with the PyPI package blake3.

    The package hashes a chunk on several threads if asked. That is a gain from about 1 MiB on, and
    halves the speed at 64 KiB.
    """

    algorithm = "blake3"

    def _hasher(self, chunk_size: int) -> Hash:
        return blake3(max_threads=blake3.AUTO if chunk_size >= MIB else 1)


def _taken_from(chunks: _Queue) -> Iterator[bytes]:
    while (chunk := chunks.get()) is not None:
        yield chunk


async def _put(chunks: _Queue, chunk: bytes | None) -> None:
    try:
        chunks.put_nowait(chunk)
    except queue.Full:
        await asyncio.to_thread(chunks.put, chunk)


def _chunks_of(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(MIB):
            yield chunk
