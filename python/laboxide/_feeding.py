"""How chunks of a stream get to the engine, without blocking the event loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from laboxide import _bridge
from laboxide._native import BLOCK
from laboxide.errors import ObjectTooLargeError

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterator

    from typing_extensions import Buffer

    from laboxide._native import Writer


async def feed_all(writer: Writer, source: AsyncIterable[Buffer], limit: int | None) -> None:
    """Feed every chunk of `source` to `writer`, waiting only when its queue is full.

    Raises:
        ObjectTooLargeError: It has more bytes than `limit`.
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
            await _bridge.relax(writer, flow)


async def _feed_up_to(limit: int, writer: Writer, source: AsyncIterable[Buffer]) -> None:
    size = 0
    async for chunk in source:
        size += len(chunk) if type(chunk) is bytes else memoryview(chunk).nbytes
        if size > limit:
            raise ObjectTooLargeError(limit, size)
        await feed(writer, chunk)


async def feed(writer: Writer, chunk: Buffer) -> None:
    """Feed one chunk. Buffers that may change are copied a block at a time."""
    for piece in (chunk,) if type(chunk) is bytes else _pieces(chunk):
        if flow := writer.feed(piece):
            await _bridge.relax(writer, flow)


def large_view(data: object) -> memoryview | None:
    """Return a view of a buffer that is better fed a block at a time; None of anything else."""
    try:
        view = memoryview(data)  # type: ignore[arg-type]
    except TypeError:
        return None
    return view if view.nbytes > BLOCK and view.c_contiguous else None


def _pieces(chunk: Buffer) -> Iterator[Buffer]:
    try:
        view = memoryview(chunk).cast("B")
    except TypeError as error:
        kind = type(chunk).__name__
        raise TypeError(f"a chunk must be contiguous and bytes-like, not {kind!r}") from error
    for start in range(0, view.nbytes, BLOCK):
        yield view[start : start + BLOCK]
