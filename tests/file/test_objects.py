"""FileStorage: operations on single objects, chunks of streams, and instances."""

from __future__ import annotations

import contextlib
import gc
import pickle
import time
import typing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from laboxide import CorruptDataError, FileStorage, ObjectNotFoundError
from laboxide._runtime.chunks import ChunkStream
from laboxide.testing._sources import content_of

from tests.support.storing import (
    CHECKS,
    DATA,
    KIB,
    MIB,
    READS,
    WRITES,
    files,
    path_of,
    put,
    put_stream,
    tag_router,
    until,
)

if TYPE_CHECKING:
    from laboxide import FilePointer, VerifyReads


pytestmark = pytest.mark.anyio


# Single objects


async def test_exists_is_true_until_delete(storage: FileStorage) -> None:
    pointer = await put(storage, DATA)
    assert await storage.exists(pointer) is True
    await storage.delete(pointer)
    assert await storage.exists(pointer) is False


async def test_exists_compares_size(storage: FileStorage) -> None:
    pointer = await put(storage, DATA)
    assert await storage.exists({**pointer, "size": len(DATA) + 1}) is False


async def test_stat_returns_path_size_and_time(storage: FileStorage) -> None:
    start = time.time()
    pointer = await put(storage, DATA)
    stat = await storage.stat(pointer)
    assert (stat.path, stat.size) == (path_of(storage, pointer), len(DATA))
    assert stat.modified is not None
    assert start - 1 < stat.modified < time.time() + 1


@pytest.mark.parametrize("size", [0, 1, 100 * KIB, 3 * MIB])
@pytest.mark.parametrize("algorithm", ["blake3", "sha256"])
async def test_verify_accepts_written_object(
    storage: FileStorage, size: int, algorithm: str
) -> None:
    await storage.verify(await put(storage, content_of(size), algorithm=algorithm))


async def test_delete_removes_one_object(storage: FileStorage) -> None:
    pointer, kept = await put(storage, DATA), await put(storage, b"kept")
    await storage.delete(pointer)
    assert files(storage.path) == [path_of(storage, kept)]


async def test_deleted_content_can_be_written_again(storage: FileStorage) -> None:
    pointer = await put(storage, DATA)
    await storage.delete(pointer)
    assert await put_stream(storage, DATA) == pointer
    assert await storage.read_data(pointer) == DATA


async def test_delete_of_missing_object_raises(storage: FileStorage) -> None:
    pointer = await put(storage, DATA)
    await storage.delete(pointer)
    with pytest.raises(ObjectNotFoundError) as caught:
        await storage.delete(pointer)
    assert caught.value.filename == str(path_of(storage, pointer))


async def test_missing_ok_allows_delete_of_missing_object(storage: FileStorage) -> None:
    pointer = await put(storage, DATA)
    for _ in range(3):
        await storage.delete(pointer, missing_ok=True)
    assert files(storage.path) == []


@pytest.mark.parametrize("missing_ok", [False, True])
async def test_delete_removes_nothing_below_foreign_root(
    storage: FileStorage, other: FileStorage, missing_ok: bool
) -> None:
    pointer = await put(storage, DATA)
    with contextlib.nullcontext() if missing_ok else pytest.raises(ObjectNotFoundError):
        await other.delete(pointer, missing_ok=missing_ok)
    assert await storage.read_data(pointer) == DATA


# Streams


@pytest.mark.parametrize("verify_reads", ["hash", "size"])
@pytest.mark.parametrize(
    ("chunk_size", "size"),
    [
        (1, 0),
        (1, 500),
        (1000, 999),
        (1000, 1000),
        (1000, 1001),
        (1000, 100_000),
        (4096, 3 * MIB + 1),
        (64 * KIB, 3 * MIB),
        (100_000, 3 * MIB),
        (MIB, 3 * MIB),
        (MIB, 3 * MIB + 1),
        (5 * MIB, 11 * MIB),
        (1 << 30, 3 * MIB),
    ],
)
async def test_all_chunks_but_last_have_chunk_size(
    storage: FileStorage, chunk_size: int, size: int, verify_reads: VerifyReads
) -> None:
    pointer = await put(storage, content_of(size))
    reader = FileStorage(storage.path, chunk_size=chunk_size, verify_reads=verify_reads)
    chunks = [chunk async for chunk in reader.read_data_stream(pointer)]
    whole, rest = divmod(size, chunk_size)
    assert [len(chunk) for chunk in chunks] == [chunk_size] * whole + [rest] * (rest > 0)
    assert b"".join(chunks) == content_of(size)


async def test_ended_stream_stays_ended(storage: FileStorage) -> None:
    stream = storage.read_data_stream(await put(storage, DATA))
    assert [chunk async for chunk in stream] == [DATA]
    assert [chunk async for chunk in stream] == []


class LateStream(ChunkStream):
    """A stream that yields its only chunk after `may_come` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.is_awaited, self.may_come = anyio.Event(), anyio.Event()

    async def _next(self) -> bytes:
        self.is_awaited.set()
        await self.may_come.wait()
        return DATA

    def _release(self) -> None:
        pass


@pytest.mark.every_loop
async def test_stream_cannot_be_closed_while_another_task_waits() -> None:
    stream, chunks = LateStream(), []

    async def read() -> None:
        chunks.append(await anext(stream))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        await stream.is_awaited.wait()
        with pytest.raises(RuntimeError, match="another task is waiting"):
            await stream.aclose()
        with pytest.raises(RuntimeError, match="another task is waiting"):
            await stream.athrow(ValueError)
        stream.may_come.set()
    assert chunks == [DATA]
    await stream.aclose()
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_flag_must_be_bool(storage: FileStorage, tmp_path: Path) -> None:
    pointer, target, no = await put(storage, DATA), tmp_path / "target", typing.cast("bool", "no")
    target.write_bytes(b"precious")
    with pytest.raises(TypeError, match="overwrite must be True or False, not 'no'"):
        await storage.export_file(pointer, target, overwrite=no)
    assert target.read_bytes() == b"precious"
    with pytest.raises(TypeError, match="missing_ok must be True or False, not 'no'"):
        await storage.delete(pointer, missing_ok=no)
    assert await storage.exists(pointer)


# Instances


VARIANTS: list[dict[str, Any]] = [
    {},
    {"router": None},
    {"router": tag_router},
    {"chunk_size": 5},
    {"durable": True},
    {"verify_reads": "size"},
    {"verify_writes": True},
    {"max_object_size": 5},
    {"allowed_roots": ()},
    {"allowed_roots": (Path("/a"), Path("/b"))},
]


@pytest.mark.parametrize("arguments", VARIANTS, ids=lambda variant: " ".join(variant) or "defaults")
def test_pickled_storage_is_equal(tmp_path: Path, arguments: dict[str, Any]) -> None:
    storage = FileStorage(tmp_path, **arguments)
    copy = pickle.loads(pickle.dumps(storage))
    assert copy == storage
    assert hash(copy) == hash(storage)
    assert {name: getattr(copy, name) for name in arguments} == arguments


class Named(FileStorage):
    """A storage with its own constructor."""

    name = FileStorage.name

    def __init__(self, parent: Path, name: str) -> None:
        super().__init__(parent / name, mkdir=True)


def test_storage_with_own_constructor_is_pickled(tmp_path: Path) -> None:
    storage = Named(tmp_path, "store")
    assert pickle.loads(pickle.dumps(storage)) == storage


async def test_used_storage_is_pickled_and_used_again(storage: FileStorage) -> None:
    pointer = await put(storage, DATA)
    copy = pickle.loads(pickle.dumps(storage))
    assert await copy.read_data(pointer) == DATA
    assert await put(copy, b"more")


def test_storages_with_different_arguments_differ(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    storages = [FileStorage(tmp_path, **arguments) for arguments in VARIANTS]
    storages.append(FileStorage(tmp_path / "root"))
    for index, storage in enumerate(storages):
        assert [storage == other for other in storages].index(True) == index
    assert len(set(storages)) == len(storages)


def test_storages_are_equal_by_absolute_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert FileStorage(".") == FileStorage(tmp_path) == FileStorage(f"{tmp_path}/x/..")
    assert len({FileStorage("."), FileStorage(tmp_path), FileStorage(str(tmp_path))}) == 1


def test_storage_differs_from_string_and_subclass(tmp_path: Path) -> None:
    class Mine(FileStorage):
        name = "mine@v1"

    assert FileStorage(tmp_path) != str(tmp_path)
    assert FileStorage(tmp_path) != Mine(tmp_path)


def test_repr_names_root(tmp_path: Path) -> None:
    assert repr(FileStorage(tmp_path)) == f"FileStorage({str(tmp_path)!r})"


def test_mkdir_creates_root_and_its_parents(tmp_path: Path) -> None:
    for _ in range(2):
        assert FileStorage(tmp_path / "a/b/c", mkdir=True).path.is_dir()


# File descriptors


async def test_mixed_operations_leak_no_file_descriptor(
    storage: FileStorage, other: FileStorage, tmp_path: Path
) -> None:
    async def work(index: int) -> None:
        data = content_of((100, 100 * KIB, 2 * MIB)[index % 3], index)
        pointer = await list(WRITES.values())[index % 3](storage, data, {})
        for operation in (*READS.values(), *CHECKS.values()):
            target = tmp_path / f"out {index}"
            await operation((storage, other)[index % 2], pointer, target)
        async for _chunk in storage.read_data_stream(pointer):
            break
        assert [found async for found in storage.list_pointers()]
        bads: list[FilePointer] = [{**pointer, "key": "missing"}, {**pointer, "size": 1}]
        for bad in bads:
            with contextlib.suppress(ObjectNotFoundError, CorruptDataError):
                await storage.read_data(bad)
        if index % 2:
            await storage.delete(pointer)

    await work(0)
    await anyio.sleep(0.05)
    before = descriptors()
    for index in range(1, 21):
        await work(index)
    await until(lambda: descriptors() <= before)


def descriptors() -> int:
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))
