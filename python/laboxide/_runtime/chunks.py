"""The stream of chunks of one object."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

from laboxide._arguments import shown
from laboxide._elsewhere import not_told
from laboxide._runtime import hub
from laboxide.errors import NoStorageData

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from laboxide._native import Reader


class ChunkStream(AsyncGenerator[bytes, None]):
    """An async generator of chunks that is no generator function.

    So it can be left at any point, closed or not, without a task or scope that would notice.
    """

    def __init__(self) -> None:
        self._closed = False
        self._running = False

    @abstractmethod
    async def _next(self) -> bytes:
        """Return the next chunk, or raise `StopAsyncIteration`."""

    @abstractmethod
    def _release(self) -> None:
        """Let go of what the stream reads from."""

    async def __anext__(self) -> bytes:
        if self._closed:
            raise StopAsyncIteration
        self._check_idle()
        self._running = True
        try:
            return await self._next()
        except BaseException:
            self._close()
            raise
        finally:
            self._running = False

    def _check_idle(self) -> None:
        # Closed beneath whoever waits, it would end there as one that is complete.
        if self._running:
            raise RuntimeError("another task is waiting for the next chunk of this stream")

    def _close(self) -> None:
        self._closed = True
        self._release()

    async def aclose(self) -> None:
        """Stop reading. The stream has ended then, wherever it was.

        Raises:
            RuntimeError: Another task is waiting for the next chunk.
        """
        self._check_idle()
        self._close()

    async def asend(self, value: None, /) -> bytes:
        """Return the next chunk; there is nothing that could be sent."""
        if value is not None:
            raise TypeError(f"nothing can be sent to a stream of bytes, not {shown(value)}")
        return await self.__anext__()

    async def athrow(self, typ: Any, val: Any = None, tb: Any = None, /) -> bytes:
        """Close the stream and raise the exception in its place."""
        self._check_idle()
        self._close()
        return await super().athrow(typ, val, tb)


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
