"""What every contestant can do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator


class Stored(NamedTuple):
    """An object that was stored."""

    location: str | Path
    """Where it is, as the contestant tells it: making paths takes a tenth of a small write."""
    size: int
    algorithm: str | None
    """What it is named by, or None for a contestant that does not hash."""
    hash: str | None

    @property
    def path(self) -> Path:
        """Where it is."""
        return Path(self.location)


class Importer(Protocol):
    """Stores files."""

    async def import_file(self, path: Path) -> Stored:
        """Store a copy of the file."""
        ...


class Peer(Importer, Protocol):
    """Stores content below a directory, named by its hash, and reads it back."""

    async def write_stream(self, source: AsyncIterable[bytes]) -> Stored:
        """Store a stream."""
        ...

    def read_stream(self, stored: Stored, chunk_size: int) -> AsyncIterator[bytes]:
        """Read an object in chunks."""
        ...

    async def write_data(self, data: bytes) -> Stored:
        """Store an object."""
        ...

    async def read_data(self, stored: Stored) -> bytes:
        """Read an object whole."""
        ...
