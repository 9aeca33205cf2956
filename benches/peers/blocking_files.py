"""open() and hashlib on the event loop, blocking it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING
from uuid import uuid4

from benches.peers.contract import Stored
from benches.scale import MIB

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator
    from pathlib import Path


class Blocking:
    """Objects in one directory, named by SHA-256."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def write_stream(self, source: AsyncIterable[bytes]) -> Stored:
        """Write and hash each chunk, then rename."""
        hasher = hashlib.sha256()
        temporary = self._directory / uuid4().hex
        with temporary.open("wb") as file:
            async for chunk in source:
                hasher.update(chunk)
                file.write(chunk)
            size = file.tell()
        path = temporary.rename(self._directory / hasher.hexdigest())
        return Stored(path, size, "sha256", path.name)

    async def read_stream(self, stored: Stored, chunk_size: int) -> AsyncIterator[bytes]:
        """Read chunk by chunk, unbuffered."""
        with stored.path.open("rb", buffering=0) as file:
            while chunk := file.read(chunk_size):
                yield chunk

    async def write_data(self, data: bytes) -> Stored:
        """Write under a temporary name, then rename."""
        temporary = self._directory / uuid4().hex
        with open(temporary, "wb", buffering=0) as file:  # noqa: PTH123 - pathlib takes longer
            file.write(data)
        path = temporary.rename(self._directory / hashlib.sha256(data).hexdigest())
        return Stored(path, len(data), "sha256", path.name)

    async def read_data(self, stored: Stored) -> bytes:
        """Read the file."""
        with open(stored.path, "rb") as file:  # noqa: PTH123 - pathlib takes longer
            return file.read()

    async def import_file(self, path: Path) -> Stored:
        """Copy as a stream."""
        size = path.stat().st_size
        return await self.write_stream(self.read_stream(Stored(path, size, None, None), MIB))
