"""The stream of chunks of one object."""

from __future__ import annotations

from typing import TYPE_CHECKING

from laboxide._runtime import hub
from laboxide._runtime.chunks import ChunkStream
from laboxide.errors import NoStorageData
from laboxide.file.foreign import not_told

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from laboxide._native import Reader


class ObjectStream(ChunkStream):
    """Yields the chunks of an object, read ahead by the engine.

    Nothing but the native reader is held between two chunks.

    Args:
        open_reader: Makes the reader when the first chunk is asked for.
        elsewhere: Finds another reader if there is no object where the first one looked.
    """

    def __init__(
        self, open_reader: Callable[[], Reader], elsewhere: Callable[[], Awaitable[Reader | None]]
    ) -> None:
        super().__init__()
        self._open_reader = open_reader
        self._elsewhere = elsewhere
        self._reader: Reader | None = None
        self._is_elsewhere = False

    async def _next(self) -> bytes:
        if self._reader is None:
            self._reader = self._open_reader()
            try:
                return await _next_of(self._reader)
            except NoStorageData:
                # What looks elsewhere may need the descriptor that this one has a right to.
                self._reader.close()
                reader = await self._elsewhere()
                if reader is None:
                    raise
                self._reader, self._is_elsewhere = reader, True
        if self._is_elsewhere:
            with not_told():
                return await _next_of(self._reader)
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
