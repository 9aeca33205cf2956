"""Labox's FileStorage, called like Labox's saver and loader call it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from labox.builtin import FileStorage

from benches.peers.contract import Stored
from benches.scale import MIB

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator
    from pathlib import Path

    from labox.core.storage import Digest, StreamDigest

CONTENT_TYPE = "application/octet-stream"


class Labox:
    """Hashes and writes on the event loop; reads streams in a thread."""

    def __init__(self, directory: Path) -> None:
        self._storage = FileStorage(directory, mkdir=True)
        self._directory = directory

    async def write_stream(self, source: AsyncIterable[bytes]) -> Stored:
        """Store a stream, wrapped like Labox's saver does."""
        hasher, size, is_complete = hashlib.sha256(), 0, False

        async def hashed() -> AsyncIterator[bytes]:
            nonlocal size, is_complete
            async for chunk in source:
                hasher.update(chunk)
                size += len(chunk)
                yield chunk
            is_complete = True

        def get_digest(*, allow_incomplete: bool = False) -> StreamDigest:
            if not (is_complete or allow_incomplete):
                raise ValueError("stream not read to its end")
            return {**_digest(hasher.hexdigest(), size), "is_complete": is_complete}

        location = await self._storage.write_data_stream(hashed(), get_digest, {})
        return self._stored(location, size, hasher.hexdigest())

    def read_stream(self, stored: Stored, chunk_size: int) -> AsyncIterator[bytes]:
        """Read an object in chunks; fails if a chunk arrives before the loop awaits it."""
        storage = FileStorage(self._directory, chunk_size=chunk_size)
        return storage.read_data_stream(str(stored.path))

    async def write_data(self, data: bytes) -> Stored:
        """Digest an object and store it."""
        digest = _digest(hashlib.sha256(data).hexdigest(), len(data))
        location = await self._storage.write_data(data, digest, {})
        return self._stored(location, len(data), digest["content_hash"])

    async def read_data(self, stored: Stored) -> bytes:
        """Read an object as one value."""
        return await self._storage.read_data(str(stored.path))

    async def import_file(self, path: Path) -> Stored:
        """Store a file as a stream: Labox has no import."""
        return await self.write_stream(_chunks_of(path))

    def _stored(self, location: str, size: int, content_hash: str) -> Stored:
        return Stored(
            f"{self._directory}/{location.rpartition('/')[2]}", size, "sha256", content_hash
        )


async def _chunks_of(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(MIB):
            yield chunk


def _digest(content_hash: str, size: int) -> Digest:
    return {
        "content_encoding": None,
        "content_type": CONTENT_TYPE,
        "content_hash_algorithm": "sha256",
        "content_hash": content_hash,
        "content_size": size,
    }
