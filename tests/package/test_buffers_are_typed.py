"""Buffers other than bytes are accepted at run time and by mypy, which checks this module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from laboxide import DigestedStream, FileStorage, MemoryStorage, digest_data, digest_stream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from laboxide import Storage

pytestmark = pytest.mark.anyio

DATA = b"some content"


async def arrays() -> AsyncIterator[bytearray]:
    yield bytearray(DATA)


async def views() -> AsyncIterator[memoryview]:
    yield memoryview(DATA)


async def chunks() -> AsyncIterator[bytes]:
    yield DATA


@pytest.mark.parametrize("kind", ["files", "memory"])
async def test_values_and_chunks_may_be_any_buffer(tmp_path: Path, kind: str) -> None:
    storage: FileStorage | MemoryStorage
    storage = FileStorage(tmp_path / "root", mkdir=True) if kind == "files" else MemoryStorage()
    digest = digest_data(DATA, content_type="a/b")
    pointers: list[object] = [
        await storage.write_data(bytearray(DATA), digest, {}),
        await storage.write_data(memoryview(DATA), digest, {}),
        await storage.write_data_stream(*digest_stream(arrays(), content_type="a/b"), {}),
        await storage.write_data_stream(*digest_stream(views(), content_type="a/b"), {}),
    ]
    assert pointers == [pointers[0]] * 4


async def write_to_any_storage(_storage: Storage[Any], stream: DigestedStream) -> bytes:
    return b"".join([chunk async for chunk in stream])


async def test_stream_of_bytes_is_typed_for_any_storage() -> None:
    stream, _ = digest_stream(chunks(), content_type="a/b")
    assert await write_to_any_storage(MemoryStorage(), stream) == DATA


async def test_stream_has_the_chunk_type_of_its_source() -> None:
    stream, _ = digest_stream(arrays(), content_type="a/b")
    received: list[bytearray] = [chunk async for chunk in stream]
    assert received == [bytearray(DATA)]
