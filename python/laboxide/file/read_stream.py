"""The stream of chunks of one object."""

from __future__ import annotations

from typing import TYPE_CHECKING

from laboxide._native import Reader
from laboxide._runtime import hub
from laboxide._runtime.chunks import ChunkStream
from laboxide.errors import ObjectNotFoundError
from laboxide.file.foreign import redact_actual
from laboxide.file.pointer import expected_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from laboxide._native import Store
    from laboxide.file.foreign import Operation
    from laboxide.file.pointer import Expected, FilePointer
    from laboxide.types import Progress

CHUNK_SIZE = 1 << 20
"""The default size of the chunks of a `FileStorage` in bytes."""


class ObjectStream(ChunkStream):
    """Yields the chunks of an object, read ahead by the engine.

    Args:
        find: Runs the first operation below the storage's root, or the second below a foreign one.
        pointer: The pointer to the object.
        expected: The expected size and hash of an object below the storage's root.
        chunk_size: The size of a chunk in bytes.
        progress: Receives the number of bytes since its last call.
    """

    def __init__(
        self,
        find: Callable[[Operation[bytes], Operation[bytes]], Awaitable[bytes]],
        pointer: FilePointer,
        expected: Expected,
        chunk_size: int,
        progress: Progress | None,
    ) -> None:
        super().__init__(progress)
        self._find = find
        self._pointer = pointer
        self._expected = expected
        self._chunk_size = chunk_size
        self._reader: Reader | None = None
        self._is_foreign = False

    async def _next(self) -> bytes:
        if self._reader is None:
            return await self._find(self._first, self._first_of_foreign)
        if self._is_foreign:
            with redact_actual():
                return await _next_of(self._reader)
        return await _next_of(self._reader)

    async def _first(self, store: Store) -> bytes:
        self._reader = Reader(store, self._pointer["key"], self._expected, self._chunk_size)
        try:
            return await _next_of(self._reader)
        except ObjectNotFoundError:
            # Release the permit of this reader: the foreign object may need it.
            self._reader.close()
            raise

    async def _first_of_foreign(self, store: Store) -> bytes:
        # Content of a foreign root is returned only after all of it is verified.
        expected = expected_of(self._pointer)
        # Not in a local variable: the traceback of a cancellation would keep the file open.
        self._reader = Reader.of(
            await hub.run(store.open_verified, self._pointer["key"], expected),
            expected,
            self._chunk_size,
        )
        self._is_foreign = True
        return await _next_of(self._reader)

    def _release(self) -> None:
        if self._reader is not None:
            self._reader.close()


async def _next_of(reader: Reader) -> bytes:
    while (chunk := reader.next()) is None:
        await hub.run(reader.wait)
    if reader.pause_due():
        await hub.current_hub().checkpoint()
    return chunk
