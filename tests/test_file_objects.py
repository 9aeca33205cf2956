"""FileStorage: what can be done to an object and to all of them."""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from laboxide import (
    CorruptDataError,
    FileStorage,
    NoStorageData,
)
from laboxide.testing._sources import content_of
from storing import DATA, KIB, LOOKS, MIB, READS, WRITES, files, path_of, put, put_stream, until

if TYPE_CHECKING:
    from collections.abc import Mapping

    from laboxide import Digest, FileKey, FilePointer


pytestmark = pytest.mark.anyio


@pytest.fixture
def storage(tmp_path: Path) -> FileStorage:
    return FileStorage(tmp_path / "root", mkdir=True)


@pytest.fixture
def other(tmp_path: Path) -> FileStorage:
    return FileStorage(tmp_path / "other", mkdir=True)


def tag_router(digest: Digest, tags: Mapping[str, str], /, *, temp: bool) -> FileKey:
    return {"key": f"{tags.get('kind', 'none')}/{digest['content_hash']}"}


# Single objects


async def test_exists_tells_whether_there_is_an_object(storage: FileStorage) -> None:
    pointer = await put(storage, DATA)
    assert await storage.exists(pointer) is True
    await storage.delete(pointer)
    assert await storage.exists(pointer) is False


async def test_exists_looks_at_the_size(storage: FileStorage) -> None:
    pointer = await put(storage, DATA)
    assert await storage.exists({**pointer, "size": len(DATA) + 1}) is False


async def test_stat_tells_path_size_and_time(storage: FileStorage) -> None:
    start = time.time()
    pointer = await put(storage, DATA)
    stat = await storage.stat(pointer)
    assert (stat.path, stat.size) == (path_of(storage, pointer), len(DATA))
    assert stat.modified is not None
    assert start - 1 < stat.modified < time.time() + 1


@pytest.mark.parametrize("size", [0, 1, 100 * KIB, 3 * MIB])
@pytest.mark.parametrize("algorithm", ["blake3", "sha256"])
async def test_verify_accepts_what_was_written(
    storage: FileStorage, size: int, algorithm: str
) -> None:
    await storage.verify(await put(storage, content_of(size), algorithm=algorithm))


async def test_delete_removes_one_object(storage: FileStorage) -> None:
    pointer, kept = await put(storage, DATA), await put(storage, b"kept")
    await storage.delete(pointer)
    assert files(storage.path) == [path_of(storage, kept)]


async def test_what_was_deleted_can_be_written_again(storage: FileStorage) -> None:
    pointer = await put(storage, DATA)
    await storage.delete(pointer)
    assert await put_stream(storage, DATA) == pointer
    assert await storage.read_data(pointer) == DATA


async def test_delete_of_nothing_raises(storage: FileStorage) -> None:
    pointer = await put(storage, DATA)
    await storage.delete(pointer)
    with pytest.raises(NoStorageData) as caught:
        await storage.delete(pointer)
    assert caught.value.filename == str(path_of(storage, pointer))


async def test_delete_of_nothing_is_fine_with_missing_ok(storage: FileStorage) -> None:
    pointer = await put(storage, DATA)
    for _ in range(3):
        await storage.delete(pointer, missing_ok=True)
    assert files(storage.path) == []


@pytest.mark.parametrize("missing_ok", [False, True])
async def test_delete_removes_nothing_below_another_root(
    storage: FileStorage, other: FileStorage, missing_ok: bool
) -> None:
    pointer = await put(storage, DATA)
    with contextlib.nullcontext() if missing_ok else pytest.raises(NoStorageData):
        await other.delete(pointer, missing_ok=missing_ok)
    assert await storage.read_data(pointer) == DATA


# Listing


async def test_list_pointers_of_an_empty_store_is_empty(storage: FileStorage) -> None:
    assert [pointer async for pointer in storage.list_pointers()] == []


async def test_list_pointers_finds_what_was_written(storage: FileStorage) -> None:
    written = [
        await put(storage, content_of(size), algorithm=algorithm)
        for size in (0, 1, 5000)
        for algorithm in ("blake3", "sha256")
    ]
    found = [pointer async for pointer in storage.list_pointers()]
    assert sorted(found, key=str) == sorted(written, key=str)


async def test_list_pointers_hashes_what_another_router_named(tmp_path: Path) -> None:
    storage = FileStorage(tmp_path, router=tag_router)
    contents = {b"one", b"two", content_of(3 * MIB)}
    written = [await put(storage, data, {"kind": str(len(data))}) for data in contents]
    found = [pointer async for pointer in storage.list_pointers()]
    assert sorted(found, key=str) == sorted(written, key=str)
    assert {await storage.read_data(pointer) for pointer in found} == contents


async def test_list_pointers_finds_more_than_one_batch(storage: FileStorage) -> None:
    keys = {f"blake3/{index % 3:02x}/{index % 3:02x}{index:062x}" for index in range(1300)}
    for shard in range(3):
        (storage.path / f"blake3/{shard:02x}").mkdir(parents=True)
    for key in keys:
        (storage.path / key).touch()
    found = [pointer["key"] async for pointer in storage.list_pointers()]
    assert len(found) == len(keys)
    assert set(found) == keys


async def test_list_pointers_passes_over_what_is_no_object(storage: FileStorage) -> None:
    pointer = await put(storage, DATA)
    directory = path_of(storage, pointer).parent
    (directory / "link").symlink_to(path_of(storage, pointer))
    (storage.path / "loop").symlink_to(storage.path)
    (directory / "directory").mkdir()
    os.mkfifo(directory / "fifo")
    (storage.path / ".laboxide-staging").mkdir(exist_ok=True)
    (storage.path / ".laboxide-staging/left").touch()
    (storage.path / os.fsdecode(b"\xff")).touch()
    with anyio.fail_after(10):
        assert [found async for found in storage.list_pointers()] == [pointer]


async def test_list_pointers_can_be_left(storage: FileStorage) -> None:
    for index in range(5):
        await put(storage, bytes([index]))
    async for _pointer in storage.list_pointers():
        break
    assert len([pointer async for pointer in storage.list_pointers()]) == 5


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
async def test_all_chunks_but_the_last_are_of_the_chunk_size(
    storage: FileStorage, chunk_size: int, size: int, verify_reads: str
) -> None:
    pointer = await put(storage, content_of(size))
    reader = FileStorage(storage.path, chunk_size=chunk_size, verify_reads=verify_reads)
    chunks = [chunk async for chunk in reader.read_data_stream(pointer)]
    whole, rest = divmod(size, chunk_size)
    assert [len(chunk) for chunk in chunks] == [chunk_size] * whole + [rest] * (rest > 0)
    assert b"".join(chunks) == content_of(size)


async def test_an_ended_stream_stays_ended(storage: FileStorage) -> None:
    stream = storage.read_data_stream(await put(storage, DATA))
    assert [chunk async for chunk in stream] == [DATA]
    assert [chunk async for chunk in stream] == []


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
def test_a_pickled_storage_is_equal(tmp_path: Path, arguments: dict[str, Any]) -> None:
    storage = FileStorage(tmp_path, **arguments)
    copy = pickle.loads(pickle.dumps(storage))
    assert copy == storage
    assert hash(copy) == hash(storage)
    assert {name: getattr(copy, name) for name in arguments} == arguments


async def test_a_used_storage_is_pickled_and_used_again(storage: FileStorage) -> None:
    pointer = await put(storage, DATA)
    copy = pickle.loads(pickle.dumps(storage))
    assert await copy.read_data(pointer) == DATA
    assert await put(copy, b"more")


def test_storages_of_other_arguments_are_not_equal(tmp_path: Path) -> None:
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


def test_a_storage_is_not_equal_to_anything_else(tmp_path: Path) -> None:
    class Mine(FileStorage):
        name = "mine@v1"

    assert FileStorage(tmp_path) != str(tmp_path)
    assert FileStorage(tmp_path) != Mine(tmp_path)


def test_repr_names_the_root(tmp_path: Path) -> None:
    assert repr(FileStorage(tmp_path)) == f"FileStorage({str(tmp_path)!r})"


def test_mkdir_makes_the_root_and_what_leads_to_it(tmp_path: Path) -> None:
    for _ in range(2):
        assert FileStorage(tmp_path / "a/b/c", mkdir=True).path.is_dir()


# Descriptors


async def test_no_descriptor_stays_open_after_mixed_operations(
    storage: FileStorage, other: FileStorage, tmp_path: Path
) -> None:
    async def work(index: int) -> None:
        data = content_of((100, 100 * KIB, 2 * MIB)[index % 3], index)
        pointer = await list(WRITES.values())[index % 3](storage, data, {})
        for operation in (*READS.values(), *LOOKS.values()):
            target = tmp_path / f"out {index}"
            await operation((storage, other)[index % 2], pointer, target)
        async for _chunk in storage.read_data_stream(pointer):
            break
        assert [found async for found in storage.list_pointers()]
        bads: list[FilePointer] = [{**pointer, "key": "missing"}, {**pointer, "size": 1}]
        for bad in bads:
            with contextlib.suppress(NoStorageData, CorruptDataError):
                await storage.read_data(bad)
        if index % 2:
            await storage.delete(pointer)

    await work(0)
    gc.collect()
    await anyio.sleep(0.05)
    before = descriptors()
    for index in range(1, 21):
        await work(index)
    gc.collect()
    await until(lambda: descriptors() <= before)


def descriptors() -> int:
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))
