"""A verified object is served from the same open file, even if its path changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from laboxide import FileStorage, digest_data
from laboxide._native import Reader, Store
from laboxide._runtime import hub, process

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("size", [1, 5000, 3 << 20])
async def test_verified_object_is_not_reopened(tmp_path: Path, size: int) -> None:
    data = b"a" * size
    storage = FileStorage(tmp_path)
    pointer = await storage.write_data(data, digest_data(data, content_type="a/b"), {})
    expected = (size, (pointer["algorithm"], pointer["hash"]))
    store = Store(str(tmp_path), portable=process.PORTABLE)
    verified = await hub.run(store.open_verified, pointer["key"], expected)
    path = tmp_path / pointer["key"]
    path.unlink()
    path.write_bytes(b"b" * size)
    reader = Reader.of(verified, (size, None), 1 << 20)
    assert await read_all(reader) == data


async def read_all(reader: Reader) -> bytes:
    content = b""
    while True:
        try:
            chunk = reader.next()
        except StopAsyncIteration:
            return content
        if chunk is None:
            await hub.run(reader.wait)
        else:
            content += chunk
