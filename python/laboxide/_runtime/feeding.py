"""Feeds the chunks of a stream to the engine without blocking the event loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from laboxide._native import BLOCK
from laboxide._runtime import hub
from laboxide.errors import ObjectTooLargeError

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterator

    from typing_extensions import Buffer

    from laboxide._native import Writer


async def feed_all(writer: Writer, source: AsyncIterable[Buffer], limit: int | None) -> None:
    """Feed every chunk of `source` to `writer`, waiting only while its queue is full.

    Raises:
        ObjectTooLargeError: The source has more than `limit` bytes.
    """
    if limit is None:
        await _feed_freely(writer, source)
    else:
        await _feed_up_to(limit, writer, source)


async def _feed_freely(writer: Writer, source: AsyncIterable[Buffer]) -> None:
    native_feed = writer.feed
    async for chunk in source:
        if type(chunk) is not bytes:
            await feed(writer, chunk)
        elif flow := native_feed(chunk):
            await hub.wait_for_writer(writer, flow)


async def _feed_up_to(limit: int, writer: Writer, source: AsyncIterable[Buffer]) -> None:
    size = 0
    async for chunk in source:
        content = chunk if type(chunk) is bytes else chunk_view(chunk)
        size += len(content)
        if size > limit:
            raise ObjectTooLargeError(limit, size)
        await feed(writer, content)


async def feed(writer: Writer, chunk: Buffer) -> None:
    """Feed one chunk. Mutable buffers are copied in blocks."""
    for piece in (chunk,) if type(chunk) is bytes else blocks_of(chunk):
        if flow := writer.feed(piece):
            await hub.wait_for_writer(writer, flow)


def chunk_view(chunk: Buffer) -> memoryview:
    """Return a view of the bytes of a chunk.

    Raises:
        TypeError: The chunk is not a contiguous buffer.
    """
    try:
        view = memoryview(chunk)
        return view.cast("B") if view.nbytes else memoryview(b"")  # some empty shapes cannot cast
    except TypeError as error:
        kind = type(chunk).__name__
        raise TypeError(f"a chunk must be contiguous and bytes-like, not {kind!r}") from error


def value_bytes(data: Buffer) -> bytes:
    """Return a value as immutable bytes, with the errors of the engine.

    Raises:
        BufferError: The buffer is not contiguous.
        TypeError: The value is not a buffer.
    """
    if type(data) is bytes:
        return data
    try:
        view = memoryview(data)
    except TypeError as error:
        kind = type(data).__name__
        raise TypeError(f"a bytes-like object is required, not {kind!r}") from error
    if not view.c_contiguous:
        raise BufferError("buffer must be contiguous")
    return bytes(view)


def buffer_size(data: Buffer) -> int:
    """Return the size of a buffer in bytes.

    Raises:
        BufferError: The buffer is not contiguous.
    """
    view = memoryview(data)
    if not view.c_contiguous:
        raise BufferError("buffer must be contiguous")
    return view.nbytes


def blocks_of(chunk: Buffer) -> Iterator[memoryview]:
    """Yield the bytes of a chunk in blocks of 1 MiB."""
    view = chunk_view(chunk)
    for start in range(0, view.nbytes, BLOCK):
        yield view[start : start + BLOCK]


def large_view(data: object) -> memoryview | None:
    """Return a view of a contiguous buffer larger than a block, to feed in blocks, or None."""
    try:
        view = memoryview(data)  # type: ignore[arg-type]
    except TypeError:
        return None
    return view if view.nbytes > BLOCK and view.c_contiguous else None
