"""anyio's files and hashlib: one thread call per operation, hashing on the event loop."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import anyio

from benches.peers.contract import Stored
from benches.scale import MIB

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator


class Anyio:
    """Objects in one directory, named by SHA-256."""

    def __init__(self, directory: Path) -> None:
        self._directory = anyio.Path(directory)

    async def write_stream(self, source: AsyncIterable[bytes]) -> Stored:
        """Write and hash each chunk, then rename."""
        hasher, size = hashlib.sha256(), 0
        temporary = self._directory / uuid4().hex
        async with await temporary.open("wb") as file:
            async for chunk in source:
                hasher.update(chunk)
                size += len(chunk)
                await file.write(chunk)
        return await self._publish(temporary, size, hasher.hexdigest())

    async def read_stream(self, stored: Stored, chunk_size: int) -> AsyncIterator[bytes]:
        """Read chunk by chunk."""
        async with await anyio.open_file(stored.path, "rb") as file:
            while chunk := await file.read(chunk_size):
                yield chunk

    async def write_data(self, data: bytes) -> Stored:
        """Write under a temporary name, then rename."""
        temporary = self._directory / uuid4().hex
        await temporary.write_bytes(data)
        return await self._publish(temporary, len(data), hashlib.sha256(data).hexdigest())

    async def read_data(self, stored: Stored) -> bytes:
        """Read the file."""
        return await anyio.Path(stored.path).read_bytes()

    async def import_file(self, path: Path) -> Stored:
        """Copy as a stream."""
        size = path.stat().st_size
        return await self.write_stream(self.read_stream(Stored(path, size, None, None), MIB))

    async def _publish(self, temporary: anyio.Path, size: int, content_hash: str) -> Stored:
        path = await temporary.rename(self._directory / content_hash)
        return Stored(Path(path), size, "sha256", content_hash)
