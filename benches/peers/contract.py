"""The interface of every contestant."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator


class Stored(NamedTuple):
    """A stored object."""

    location: str | Path
    """The path as the contestant returns it: building a Path takes a tenth of a small write."""
    size: int
    algorithm: str | None
    """The algorithm of `hash`, None for a contestant without one."""
    hash: str | None

    @property
    def path(self) -> Path:
        """The path of the object."""
        return Path(self.location)


class Importer(Protocol):
    """Stores files."""

    async def import_file(self, path: Path) -> Stored:
        """Store a copy of the file."""
        ...


class Peer(Importer, Protocol):
    """Stores content below a directory, under its hash, and reads it back."""

    async def write_stream(self, source: AsyncIterable[bytes]) -> Stored:
        """Store a stream."""
        ...

    def read_stream(self, stored: Stored, chunk_size: int) -> AsyncIterator[bytes]:
        """Read an object in chunks."""
        ...

    async def write_data(self, data: bytes) -> Stored:
        """Store one value."""
        ...

    async def read_data(self, stored: Stored) -> bytes:
        """Read an object as one value."""
        ...
