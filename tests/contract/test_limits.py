"""`max_object_size`: larger content is refused as early as possible and leaves no file."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from laboxide import (
    DigestMismatchError,
    FileStorage,
    ObjectTooLargeError,
    digest_data,
    digest_stream,
)
from laboxide.testing._sources import PAIRS, content_of, cut, stream_of

from tests.support.storing import KIB, MIB, files, put, put_file, until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from laboxide import FilePointer

    Write = Callable[[FileStorage, bytes], Awaitable[FilePointer]]

pytestmark = pytest.mark.anyio

LIMITS = pytest.mark.parametrize("limit", [0, 10, 3 * MIB])


def limited(path: Path, limit: int, **arguments: Any) -> FileStorage:
    return FileStorage(path / "root", mkdir=True, max_object_size=limit, **arguments)


async def assert_no_files(storage: FileStorage) -> None:
    """Assert that no file is left; workers remove temporary files shortly after a failed write."""
    await until(lambda: not files(storage.path), timeout=30)


async def write(storage: FileStorage, source: AsyncGenerator[bytes], pair: str) -> FilePointer:
    stream: Any
    stream, get_digest = PAIRS[pair](source)
    async with aclosing(source), aclosing(stream):  # trio warns about generators left open
        return await storage.write_data_stream(stream, get_digest, {})


async def put_stream(storage: FileStorage, data: bytes) -> FilePointer:
    return await write(storage, stream_of(cut(data, [64 * KIB])), "digest_stream")


async def put_hashlib_stream(storage: FileStorage, data: bytes) -> FilePointer:
    return await write(storage, stream_of(cut(data, [64 * KIB])), "hashlib")


async def put_hardlink(storage: FileStorage, data: bytes) -> FilePointer:
    path = storage.path.with_name("source")
    path.write_bytes(data)
    return await storage.import_file(path, link="hardlink")


WRITES: dict[str, Write] = {
    "write_data": put,
    "write_data_stream": put_stream,
    "write_data_stream by hashlib": put_hashlib_stream,
    "import_file": put_file,
    "import_file as hardlink": put_hardlink,
}
every_write = pytest.mark.parametrize("write", WRITES)


@LIMITS
@every_write
async def test_object_of_the_maximum_size_is_stored(tmp_path: Path, write: str, limit: int) -> None:
    storage, data = limited(tmp_path, limit), content_of(limit)
    assert await storage.read_data(await WRITES[write](storage, data)) == data


@LIMITS
@every_write
async def test_object_one_byte_too_large_is_refused_and_leaves_no_file(
    tmp_path: Path, write: str, limit: int
) -> None:
    storage = limited(tmp_path, limit)
    with pytest.raises(ObjectTooLargeError) as caught:
        await WRITES[write](storage, content_of(limit + 1))
    assert (caught.value.limit, caught.value.size) == (limit, limit + 1)
    await assert_no_files(storage)
    assert await storage.read_data(await put(storage, b"")) == b""


async def test_import_that_is_too_large_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(ObjectTooLargeError) as caught:
        await put_file(limited(tmp_path, 2), b"abc")
    assert caught.value.path == str(tmp_path / "source")


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("size", [1, 1000, 64 * KIB, 2 * MIB])
async def test_stream_is_read_only_up_to_the_chunk_that_exceeds_the_limit(
    tmp_path: Path, pair: str, size: int
) -> None:
    limit, read = 3 * MIB + 5, 0

    async def endless() -> AsyncGenerator[bytes]:
        nonlocal read
        while True:
            read += size
            yield bytes(size)

    storage = limited(tmp_path, limit if size > 1 else 5)
    with pytest.raises(ObjectTooLargeError) as caught:
        await write(storage, endless(), pair)
    assert storage.max_object_size is not None
    assert read == (storage.max_object_size // size + 1) * size == caught.value.size
    await assert_no_files(storage)


@pytest.mark.parametrize("pair", PAIRS)
async def test_single_chunk_above_the_limit_is_refused(tmp_path: Path, pair: str) -> None:
    chunks: list[Any] = [bytes(11), bytearray(11), memoryview(bytes(12)).cast("I")]
    for chunk in chunks:
        with pytest.raises(ObjectTooLargeError):
            await write(limited(tmp_path, 10), stream_of([b"", chunk]), pair)


@pytest.mark.every_loop
async def test_source_of_a_stream_above_the_limit_is_closed(tmp_path: Path) -> None:
    closed = False

    async def source() -> AsyncIterator[bytes]:
        nonlocal closed
        try:
            while True:
                yield bytes(MIB)
        finally:
            closed = True

    with pytest.raises(ObjectTooLargeError):
        await limited(tmp_path, MIB).write_data_stream(
            *digest_stream(source(), content_type="a/b"), {}
        )
    assert closed


@pytest.mark.parametrize("verify", [False, True])
async def test_stream_with_a_digest_above_the_limit_is_not_read(
    tmp_path: Path, verify: bool
) -> None:
    data = content_of(20)
    digest: Any = {**digest_data(data, content_type="a/b"), "is_complete": True}

    async def untouched() -> AsyncIterator[bytes]:
        raise AssertionError
        yield b""  # type: ignore[unreachable]

    storage = limited(tmp_path, 19, verify_writes=verify)
    with pytest.raises(ObjectTooLargeError) as caught:
        await storage.write_data_stream(untouched(), lambda **_: digest, {})
    assert caught.value.size == 20
    await assert_no_files(storage)


async def test_import_with_a_digest_above_the_limit_is_not_read(tmp_path: Path) -> None:
    digest = digest_data(b"abc", content_type="a/b")
    with pytest.raises(ObjectTooLargeError) as caught:
        await limited(tmp_path, 2).import_file(tmp_path / "missing", digest=digest)
    assert caught.value.path == str(tmp_path / "missing")


async def test_data_larger_than_its_digest_is_a_mismatch(tmp_path: Path) -> None:
    storage = limited(tmp_path, 10)
    with pytest.raises(DigestMismatchError):
        await storage.write_data(bytes(100), digest_data(bytes(10), content_type="a/b"), {})
    await assert_no_files(storage)


async def test_router_is_not_called_for_an_object_above_the_limit(tmp_path: Path) -> None:
    def router(*_: Any, temp: bool) -> Any:
        raise AssertionError

    with pytest.raises(ObjectTooLargeError):
        await put(limited(tmp_path, 2, router=router), b"abc")


async def test_object_above_the_limit_can_be_read(tmp_path: Path) -> None:
    storage = FileStorage(tmp_path / "root", mkdir=True)
    pointer = await put(storage, bytes(100))
    assert await limited(tmp_path, 2).read_data(pointer) == bytes(100)


@pytest.mark.every_loop
async def test_limited_stream_lets_other_tasks_run(tmp_path: Path) -> None:
    """A source that never suspends must not block other tasks."""
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(tick)
        await put_stream(limited(tmp_path, 64 * MIB), bytes(64 * MIB))
        tasks.cancel_scope.cancel()
    assert ticks > 5
