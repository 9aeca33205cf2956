"""Base class of the streams of chunks that storages return."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

from laboxide._runtime.progress import Meter
from laboxide._validation import shown

if TYPE_CHECKING:
    from laboxide.types import Progress


class ChunkStream(AsyncGenerator[bytes, None]):
    """An `AsyncGenerator` of chunks that is not a generator function.

    It can be abandoned at any point without `aclose`: no code is suspended inside it.

    Args:
        progress: Receives the number of bytes since its last call.
    """

    def __init__(self, progress: Progress | None = None) -> None:
        self._meter = None if progress is None else Meter(progress)
        self._closed = False
        self._running = False

    @abstractmethod
    async def _next(self) -> bytes:
        """Return the next chunk, or raise `StopAsyncIteration`."""

    @abstractmethod
    def _release(self) -> None:
        """Release the resources of the stream."""

    async def __anext__(self) -> bytes:
        if self._closed:
            raise StopAsyncIteration
        self._check_idle()
        self._running = True
        try:
            if self._meter is None:
                return await self._next()
            return await self._next_metered(self._meter)
        except BaseException:
            self._close()
            raise
        finally:
            self._running = False

    async def _next_metered(self, meter: Meter) -> bytes:
        try:
            chunk = await self._next()
        except StopAsyncIteration:
            meter.flush()
            raise
        meter.add(len(chunk))
        return chunk

    def _check_idle(self) -> None:
        # A stream closed during a read would end there like a complete one.
        if self._running:
            raise RuntimeError("another task is waiting for the next chunk of this stream")

    def _close(self) -> None:
        self._closed = True
        self._release()

    async def aclose(self) -> None:
        """Stop reading and end the stream. Idempotent.

        Raises:
            RuntimeError: Another task is waiting for the next chunk.
        """
        self._check_idle()
        self._close()

    async def asend(self, value: None, /) -> bytes:
        """Return the next chunk. Only None can be sent."""
        if value is not None:
            raise TypeError(f"value must be None, not {shown(value)}")
        return await self.__anext__()

    async def athrow(self, typ: Any, val: Any = None, tb: Any = None, /) -> bytes:
        """Close the stream and raise the exception."""
        self._check_idle()
        self._close()
        return await super().athrow(typ, val, tb)
