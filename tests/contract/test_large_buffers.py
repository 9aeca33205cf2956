"""Large values other than `bytes`: copied block by block, because callers may change them."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from laboxide import DigestMismatchError, FileStorage, digest_data

from tests.support.storing import MIB, put

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator

pytestmark = pytest.mark.anyio

SIZE = 24 * MIB
"""Three times the memory limit of a stream."""


class BytesSubclass(bytes):
    """A subclass of bytes, which does not get the path for plain bytes."""


BUFFERS: dict[str, Any] = {
    "bytearray": bytearray,
    "memoryview": lambda data: memoryview(bytearray(data)),
    "sliced memoryview": lambda data: memoryview(b"x" + data + b"x")[1:-1],
    "two-dimensional memoryview": lambda data: memoryview(data).cast("B", (2, len(data) // 2)),
    "array": lambda data: array("I", data),
    "subclass of bytes": BytesSubclass,
}


@pytest.fixture
def data() -> bytes:
    return bytes(range(256)) * (SIZE // 256)


class Suspended:
    """A coroutine that counts its suspensions."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self.coroutine = coroutine
        self.times = 0

    def __await__(self) -> Generator[Any, Any, Any]:
        steps, answer = self.coroutine.__await__(), None
        while True:
            try:
                asked = steps.send(answer)
            except StopIteration as end:
                return end.value
            self.times += 1
            answer = yield asked


@pytest.mark.parametrize("kind", BUFFERS)
@pytest.mark.parametrize("size", [MIB - 4, MIB, MIB + 4, SIZE])
async def test_buffer_of_any_type_is_stored(
    storage: FileStorage, data: bytes, kind: str, size: int
) -> None:
    pointer = await put(storage, BUFFERS[kind](data[:size]))
    assert pointer == await put(storage, data[:size])
    assert await storage.read_data(pointer) == data[:size]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_event_loop_runs_while_a_large_buffer_is_copied(
    storage: FileStorage, data: bytes
) -> None:
    writing = Suspended(put(storage, bytearray(data)))
    pointer = await writing
    # Two suspensions are for the last block and for publishing.
    assert writing.times >= 3
    assert pointer["size"] == SIZE


async def test_buffer_changed_during_the_write_is_refused(
    storage: FileStorage, data: bytes
) -> None:
    buffer = bytearray(data)

    async def change() -> None:
        buffer[-1] ^= 1

    async with anyio.create_task_group() as group:
        group.start_soon(change)
        with pytest.raises(DigestMismatchError):
            await put(storage, buffer)
    assert [pointer async for pointer in storage.list_pointers()] == []


async def test_buffer_that_differs_from_its_digest_is_refused(
    storage: FileStorage, data: bytes
) -> None:
    digest = digest_data(data, content_type="a/b")
    with pytest.raises(DigestMismatchError):
        await storage.write_data(bytearray(data[::-1]), digest, {})
    with pytest.raises(DigestMismatchError):
        await storage.write_data(bytearray(data[1:]), digest, {})
    assert [pointer async for pointer in storage.list_pointers()] == []
