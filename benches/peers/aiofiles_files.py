"""aiofiles and hashlib: one thread call per file operation, hashing on the event loop."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING
from uuid import uuid4

import aiofiles
import aiofiles.os

from benches.peers.contract import Stored
from benches.scale import MIB

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator
    from pathlib import Path


class Aiofiles:
    """Objects in one directory, named by SHA-256."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def write_stream(self, source: AsyncIterable[bytes]) -> Stored:
        """Write and hash each chunk, then rename."""
        hasher, size = hashlib.sha256(), 0
        temporary = self._directory / uuid4().hex
        async with aiofiles.open(temporary, "wb") as file:
            async for chunk in source:
                hasher.update(chunk)
                size += len(chunk)
                await file.write(chunk)
        path = self._directory / hasher.hexdigest()
        await aiofiles.os.rename(temporary, path)
        return Stored(path, size, "sha256", path.name)

    async def read_stream(self, stored: Stored, chunk_size: int) -> AsyncIterator[bytes]:
        """Read chunk by chunk."""
        async with aiofiles.open(stored.path, "rb") as file:
            while chunk := await file.read(chunk_size):
                yield chunk

    async def write_data(self, data: bytes) -> Stored:
        """Write under a temporary name, then rename."""
        temporary = self._directory / uuid4().hex
        path = self._directory / hashlib.sha256(data).hexdigest()
        async with aiofiles.open(temporary, "wb") as file:
            await file.write(data)
        await aiofiles.os.rename(temporary, path)
        return Stored(path, len(data), "sha256", path.name)

    async def read_data(self, stored: Stored) -> bytes:
        """Read the file."""
        async with aiofiles.open(stored.path, "rb") as file:
            data: bytes = await file.read()
        return data

    async def import_file(self, path: Path) -> Stored:
        """Copy as a stream."""
        size = path.stat().st_size
        return await self.write_stream(self.read_stream(Stored(path, size, None, None), MIB))
