"""obstore's LocalStore, which does not hash: the user chooses the names."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from obstore.store import LocalStore

from benches.peers.contract import Stored

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator
    from pathlib import Path


class Obstore:
    """Objects in one directory, under random names."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._store = LocalStore(directory)

    async def write_stream(self, source: AsyncIterable[bytes]) -> Stored:
        """Put a stream."""
        name = uuid4().hex
        await self._store.put_async(name, source)
        path = self._directory / name
        return Stored(path, path.stat().st_size, None, None)

    async def read_stream(self, stored: Stored, chunk_size: int) -> AsyncIterator[bytes]:
        """Get a stream."""
        result = await self._store.get_async(self._name_of(stored))
        async for chunk in result.stream(min_chunk_size=chunk_size):
            yield chunk

    async def write_data(self, data: bytes) -> Stored:
        """Put an object."""
        name = uuid4().hex
        await self._store.put_async(name, data)
        return Stored(self._directory / name, len(data), None, None)

    async def read_data(self, stored: Stored) -> bytes:
        """Get an object as bytes."""
        result = await self._store.get_async(self._name_of(stored))
        return (await result.bytes_async()).to_bytes()

    async def import_file(self, path: Path) -> Stored:
        """Put a file."""
        name = uuid4().hex
        await self._store.put_async(name, path)
        return Stored(self._directory / name, path.stat().st_size, None, None)

    def _name_of(self, stored: Stored) -> str:
        return stored.path.relative_to(self._directory).as_posix()
