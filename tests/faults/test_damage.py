"""Damaged and missing objects are never served as content."""

from __future__ import annotations

import errno
import os
import shutil

import anyio
import pytest
from laboxide import CorruptDataError, DigestMismatchError, FileStorage, Hasher, ObjectNotFoundError
from laboxide.testing._sources import content_of

from tests.support.damage import (
    CHECKS,
    CONTENT_FAULTS,
    FAULTS,
    KIND_FAULTS,
    KINDS,
    READS,
    SIZE_FAULTS,
    USES,
    WRITES,
    export,
    flip,
    put,
)
from tests.support.storing import KIB, MIB, files, path_of, until

pytestmark = [pytest.mark.anyio, pytest.mark.one_loop]

SIZES = pytest.mark.parametrize("size", [10, 100 * KIB, 3 * MIB])


# Reading


@SIZES
@pytest.mark.parametrize("algorithm", ["blake3", "sha256"])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("read", [*READS, *CHECKS])
async def test_damaged_object_is_corrupt(
    storage: FileStorage, read: str, fault: str, size: int, algorithm: str
) -> None:
    pointer = await put(storage, content_of(size), algorithm)
    path = path_of(storage, pointer)
    FAULTS[fault](path)
    with anyio.fail_after(10), pytest.raises(CorruptDataError) as caught:
        await (READS | CHECKS)[read](storage, pointer)
    assert caught.value.path == str(path)
    assert str(path) in str(caught.value)
    assert not isinstance(caught.value, DigestMismatchError)
    if fault in KINDS:
        expected = "a regular file", KINDS[fault]
    elif fault in SIZE_FAULTS:
        expected = f"{size} bytes", f"{path.stat().st_size} bytes"
    else:
        actual = Hasher(algorithm, path.read_bytes()).hexdigest()
        expected = f"{algorithm} {pointer['hash']}", f"{algorithm} {actual}"
    assert (caught.value.expected, caught.value.actual) == expected


@SIZES
@pytest.mark.parametrize("fault", FAULTS)
async def test_damaged_object_is_not_exported(storage: FileStorage, fault: str, size: int) -> None:
    pointer = await put(storage, content_of(size))
    FAULTS[fault](path_of(storage, pointer))
    with anyio.fail_after(10), pytest.raises(CorruptDataError):
        await export(storage, pointer)
    await until(lambda: files(storage.path.with_name("exports")) == [])


@pytest.mark.parametrize("index", [0, 511, 512, 1000, 50_000, 99_999])
@pytest.mark.parametrize("bit", [0, 7])
@pytest.mark.parametrize("read", [*READS, *CHECKS])
async def test_any_flipped_bit_is_found(
    storage: FileStorage, read: str, index: int, bit: int
) -> None:
    pointer = await put(storage, content_of(100_000))
    flip(path_of(storage, pointer), index, bit)
    with pytest.raises(CorruptDataError):
        await (READS | CHECKS)[read](storage, pointer)


@pytest.mark.parametrize("chunk_size", [1000, 64 * KIB, MIB, 8 * MIB])
async def test_last_chunk_of_damaged_object_is_not_yielded(
    storage: FileStorage, chunk_size: int
) -> None:
    data = content_of(3 * MIB)
    pointer = await put(storage, data)
    flip(path_of(storage, pointer), 0)
    reader = FileStorage(storage.path, chunk_size=chunk_size)
    stream = reader.read_data_stream(pointer)
    received = 0
    try:
        async for chunk in stream:
            received += len(chunk)
    except CorruptDataError:
        assert received < len(data)
    else:
        pytest.fail("the stream of a damaged object ended without an error")
    assert [chunk async for chunk in stream] == []


@SIZES
@pytest.mark.parametrize("fault", SIZE_FAULTS | KIND_FAULTS)
@pytest.mark.parametrize("read", READS)
async def test_size_only_reads_check_size_and_file_type(
    storage: FileStorage, read: str, fault: str, size: int
) -> None:
    pointer = await put(storage, content_of(size))
    FAULTS[fault](path_of(storage, pointer))
    reader = FileStorage(storage.path, verify_reads="size")
    with anyio.fail_after(10), pytest.raises(CorruptDataError) as caught:
        await READS[read](reader, pointer)
    assert caught.value.path == str(path_of(storage, pointer))


@SIZES
@pytest.mark.parametrize("fault", CONTENT_FAULTS)
@pytest.mark.parametrize("read", READS)
async def test_size_only_reads_do_not_check_content(
    storage: FileStorage, read: str, fault: str, size: int
) -> None:
    pointer = await put(storage, content_of(size))
    FAULTS[fault](path_of(storage, pointer))
    reader = FileStorage(storage.path, verify_reads="size")
    assert await READS[read](reader, pointer) == path_of(storage, pointer).read_bytes()


@SIZES
@pytest.mark.parametrize("fault", CONTENT_FAULTS)
@pytest.mark.parametrize("check", CHECKS)
async def test_verify_and_export_always_check_hash(
    storage: FileStorage, check: str, fault: str, size: int
) -> None:
    pointer = await put(storage, content_of(size))
    FAULTS[fault](path_of(storage, pointer))
    with pytest.raises(CorruptDataError):
        await CHECKS[check](FileStorage(storage.path, verify_reads="size"), pointer)


@pytest.mark.parametrize("fault", KIND_FAULTS)
@pytest.mark.parametrize("operation", ["exists", "stat", "delete"])
async def test_object_of_wrong_file_type_is_corrupt_and_stays(
    storage: FileStorage, operation: str, fault: str
) -> None:
    pointer = await put(storage, b"content")
    path = path_of(storage, pointer)
    FAULTS[fault](path)
    with anyio.fail_after(10), pytest.raises(CorruptDataError) as caught:
        await getattr(storage, operation)(pointer)
    assert (caught.value.path, caught.value.actual) == (str(path), KINDS[fault])
    assert os.path.lexists(path)


@pytest.mark.parametrize("fault", SIZE_FAULTS | CONTENT_FAULTS)
async def test_damaged_object_can_be_deleted(storage: FileStorage, fault: str) -> None:
    pointer = await put(storage, b"content")
    FAULTS[fault](path_of(storage, pointer))
    await storage.delete(pointer)
    assert files(storage.path) == []


@pytest.mark.parametrize("fault", SIZE_FAULTS)
async def test_object_of_wrong_size_does_not_exist(storage: FileStorage, fault: str) -> None:
    pointer = await put(storage, b"content")
    FAULTS[fault](path_of(storage, pointer))
    assert not await storage.exists(pointer)


# Missing


@pytest.mark.parametrize("missing", ["object", "shard", "algorithm", "root"])
@pytest.mark.parametrize("read", USES)
async def test_missing_object_raises_object_not_found(
    storage: FileStorage, read: str, missing: str
) -> None:
    pointer = await put(storage, b"content")
    path = path_of(storage, pointer)
    if missing == "object":
        path.unlink()
    else:
        shutil.rmtree(path.parents[["shard", "algorithm", "root"].index(missing)])
    with pytest.raises(ObjectNotFoundError) as caught:
        await USES[read](storage, pointer)
    assert isinstance(caught.value, FileNotFoundError)
    assert caught.value.errno == errno.ENOENT
    assert caught.value.filename == str(storage.path if missing == "root" else path)
    assert caught.value.filename in str(caught.value)


@pytest.mark.parametrize("read", [*READS, *CHECKS])
async def test_file_in_place_of_shard_raises_object_not_found(
    storage: FileStorage, read: str
) -> None:
    pointer = await put(storage, b"content")
    shard = path_of(storage, pointer).parent
    shutil.rmtree(shard)
    shard.write_bytes(b"in the way")
    with pytest.raises(ObjectNotFoundError):
        await (READS | CHECKS)[read](storage, pointer)
    assert not await storage.exists(pointer)


@pytest.mark.parametrize("write", WRITES)
async def test_file_in_place_of_shard_is_not_overwritten(storage: FileStorage, write: str) -> None:
    pointer = await put(storage, b"content", "sha256")
    shard = path_of(storage, pointer).parent
    shutil.rmtree(shard)
    shard.write_bytes(b"in the way")
    with pytest.raises(NotADirectoryError) as caught:
        await WRITES[write](storage, b"content", "sha256")
    assert caught.value.filename == str(shard)
    assert shard.read_bytes() == b"in the way"
    await until(lambda: files(storage.path) == [shard])
