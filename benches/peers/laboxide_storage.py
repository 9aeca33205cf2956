"""laboxide, the measured library."""

from __future__ import annotations

from typing import TYPE_CHECKING

from laboxide import FilePointer, FileStorage, digest_data, digest_stream

from benches.api import CONTENT_TYPE, put
from benches.peers.contract import Stored

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator
    from pathlib import Path

    from laboxide import ImportLink, VerifyReads


class Laboxide:
    """A `FileStorage`.

    Args:
        directory: The root.
        algorithm: The content hash.
        verify: The check of reads: ``"hash"``, the default, or ``"size"``.
        link: The mode of imports.
        durable: Whether a write waits for fsync.
    """

    def __init__(
        self,
        directory: Path,
        *,
        algorithm: str = "blake3",
        verify: VerifyReads = "hash",
        link: ImportLink = "copy",
        durable: bool = False,
    ) -> None:
        self._directory = directory
        self._algorithm = algorithm
        self._verify = verify
        self._link = link
        self._storage = FileStorage(directory, verify_reads=verify, durable=durable)

    def make_shards(self) -> None:
        """Make all shard directories, like in a used store."""
        for index in range(256):
            (self._directory / self._algorithm / f"{index:02x}").mkdir(parents=True, exist_ok=True)

    async def write_stream(self, source: AsyncIterable[bytes]) -> Stored:
        """Hash and store a stream in the engine."""
        stream, get_digest = digest_stream(
            source, content_type=CONTENT_TYPE, algorithm=self._algorithm
        )
        return self._stored(await self._storage.write_data_stream(stream, get_digest, {}))

    def read_stream(self, stored: Stored, chunk_size: int) -> AsyncIterator[bytes]:
        """Read an object in chunks."""
        storage = FileStorage(self._directory, verify_reads=self._verify, chunk_size=chunk_size)
        return storage.read_data_stream(self._pointer(stored))

    async def write_data(self, data: bytes) -> Stored:
        """Digest an object and store it."""
        digest = digest_data(data, content_type=CONTENT_TYPE, algorithm=self._algorithm)
        return self._stored(await self._storage.write_data(data, digest, {}))

    async def put(self, data: bytes) -> Stored:
        """Store an object by one call."""
        return self._stored(await put(self._storage, data, algorithm=self._algorithm))

    async def read_data(self, stored: Stored) -> bytes:
        """Read an object as one value."""
        return await self._storage.read_data(self._pointer(stored))

    async def import_file(self, path: Path) -> Stored:
        """Store a copy of the file."""
        return self._stored(
            await self._storage.import_file(path, algorithm=self._algorithm, link=self._link)
        )

    def _stored(self, pointer: FilePointer) -> Stored:
        location = f"{pointer['root']}/{pointer['key']}"
        return Stored(location, pointer["size"], pointer["algorithm"], pointer["hash"])

    def _pointer(self, stored: Stored) -> FilePointer:
        assert stored.algorithm is not None
        assert stored.hash is not None
        return FilePointer(
            root=str(self._directory),
            key=f"{stored.algorithm}/{stored.hash[:2]}/{stored.hash}",
            algorithm=stored.algorithm,
            hash=stored.hash,
            size=stored.size,
        )
