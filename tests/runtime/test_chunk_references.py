"""Streams drop their chunks when they end, even if the stream object lives on."""

from __future__ import annotations

import sys
import tracemalloc
from typing import TYPE_CHECKING

import anyio
import pytest
from laboxide import FileStorage, digest_stream
from laboxide.testing._sources import content_of, stream_of

from tests.support.storing import KIB, MIB, put

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from laboxide import FilePointer

pytestmark = [pytest.mark.anyio, pytest.mark.every_loop]


@pytest.mark.parametrize("algorithm", ["blake3", "sha256"])
@pytest.mark.parametrize("count", [1, 40])
async def test_exhausted_digest_stream_holds_no_chunk(algorithm: str, count: int) -> None:
    chunk = content_of(256 * KIB)
    before = sys.getrefcount(chunk)
    stream, get_digest = digest_stream(
        stream_of([chunk] * count), content_type="a/b", algorithm=algorithm
    )
    sizes = [len(part) async for part in stream]
    assert get_digest()["content_size"] == sum(sizes)
    assert sys.getrefcount(chunk) == before


async def cancelled_while_waiting(
    storage: FileStorage, pointer: FilePointer
) -> AsyncGenerator[bytes]:
    """Return a stream that was cancelled while it waited for a chunk.

    The first attempt can fail: with uvloop on a loaded machine, one loop iteration can outlast the
    milliseconds of hashing, and the chunk is ready before the stream waits.
    """
    for _attempt in range(100):
        stream = storage.read_data_stream(pointer)
        with anyio.CancelScope() as scope:
            scope.cancel()
            await anext(stream)
        if scope.cancelled_caught:
            return stream
        await stream.aclose()
    raise AssertionError("the stream never waited")


async def test_cancelled_read_stream_holds_no_chunk(tmp_path: Path) -> None:
    # SHA-256 of 8 MiB takes milliseconds, so the stream waits for its chunk.
    storage = FileStorage(tmp_path, chunk_size=8 * MIB)
    pointer = await put(storage, content_of(24 * MIB), algorithm="sha256")
    tracemalloc.start()
    try:
        stream = await cancelled_while_waiting(storage, pointer)
        with anyio.fail_after(10):
            while tracemalloc.get_traced_memory()[0] > MIB:
                await storage.exists(pointer)  # memory is freed when the loop wakes
                await anyio.sleep(0.01)
        assert await anext(stream, None) is None
    finally:
        tracemalloc.stop()
