"""Damaged objects are never served as content, and writing the content again heals them."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import shutil
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from laboxide import (
    CorruptDataError,
    DigestMismatchError,
    FileStorage,
    Hasher,
    NoStorageData,
    digest_data,
    digest_stream,
)
from laboxide.testing._sources import content_of, cut, plain_pair, stream_of
from storing import files, path_of, until

from scripts import run_script

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable
    from pathlib import Path

    from laboxide import FilePointer

pytestmark = pytest.mark.anyio

KIB, MIB = 1 << 10, 1 << 20
SIZES = pytest.mark.parametrize("size", [10, 100 * KIB, 3 * MIB])
LOGGER = "laboxide.file"


@pytest.fixture
def anyio_backend() -> str:
    """Run on one event loop: damage is found by the engine, which knows of none."""
    return "asyncio"


@pytest.fixture
def storage(tmp_path: Path) -> FileStorage:
    return FileStorage(tmp_path / "root", mkdir=True)


# Ways to damage an object


def overwrite(path: Path, data: bytes | bytearray) -> None:
    path.chmod(0o644)
    path.write_bytes(data)
    path.chmod(0o444)


def flip(path: Path, index: int, bit: int = 0) -> None:
    data = bytearray(path.read_bytes())
    data[index] ^= 1 << bit
    overwrite(path, data)


def replace_by_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "kept").write_bytes(b"kept")


def replace_by_link(path: Path) -> None:
    copy = path.parents[3] / "good copy"
    path.rename(copy)
    path.symlink_to(copy)


def replace_by_dangling_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def replace_by_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


SIZE_FAULTS: dict[str, Callable[[Path], None]] = {
    "emptied": lambda path: overwrite(path, b""),
    "truncated by one": lambda path: overwrite(path, path.read_bytes()[:-1]),
    "extended by one": lambda path: overwrite(path, path.read_bytes() + b"\0"),
}

CONTENT_FAULTS: dict[str, Callable[[Path], None]] = {
    "first bit": lambda path: flip(path, 0),
    "bit in the middle": lambda path: flip(path, path.stat().st_size // 2, bit=3),
    "last bit": lambda path: flip(path, -1, bit=7),
    "other content": lambda path: overwrite(path, content_of(path.stat().st_size, seed=9)),
    "zeroes": lambda path: overwrite(path, bytes(path.stat().st_size)),
}

LINKS: dict[str, Callable[[Path], None]] = {
    "link to a good copy": replace_by_link,
    "dangling link": replace_by_dangling_link,
}

KIND_FAULTS: dict[str, Callable[[Path], None]] = {
    "directory": replace_by_directory,
    **LINKS,
    "fifo": replace_by_fifo,
}

FAULTS = SIZE_FAULTS | CONTENT_FAULTS | KIND_FAULTS

KINDS = {
    "directory": "a directory",
    "link to a good copy": "a symbolic link",
    "dangling link": "a symbolic link",
    "fifo": "a special file",
}


# Ways to read and to write


async def collect(stream: AsyncIterable[bytes]) -> bytes:
    return b"".join([chunk async for chunk in stream])


async def export(storage: FileStorage, pointer: FilePointer) -> bytes:
    target = storage.path.with_name("exports") / "out"
    target.parent.mkdir(exist_ok=True)
    await storage.export_file(pointer, target)
    return target.read_bytes()


READS: dict[str, Callable[[FileStorage, FilePointer], Awaitable[Any]]] = {
    "read_data": lambda s, pointer: s.read_data(pointer),
    "read_data_stream": lambda s, pointer: collect(s.read_data_stream(pointer)),
}

LOOKS: dict[str, Callable[[FileStorage, FilePointer], Awaitable[Any]]] = {
    "verify": lambda s, pointer: s.verify(pointer),
    "export_file": export,
}


async def put(storage: FileStorage, data: bytes, algorithm: str = "blake3") -> FilePointer:
    digest = digest_data(data, content_type="a/b", algorithm=algorithm)
    return await storage.write_data(data, digest, {})


async def put_stream(storage: FileStorage, data: bytes, algorithm: str = "blake3") -> FilePointer:
    source = stream_of(cut(data, [64 * KIB]))
    pair = digest_stream(source, content_type="a/b", algorithm=algorithm)
    return await storage.write_data_stream(*pair, {})


async def put_other_stream(storage: FileStorage, data: bytes, algorithm: str) -> FilePointer:
    """Write a stream that was not hashed by laboxide, which needs SHA-256."""
    assert algorithm == "sha256"
    return await storage.write_data_stream(*plain_pair(stream_of(cut(data, [64 * KIB]))), {})


async def put_file(
    storage: FileStorage, data: bytes, algorithm: str = "blake3", link: str = "auto"
) -> FilePointer:
    source = storage.path.with_name("source")
    source.write_bytes(data)
    return await storage.import_file(source, algorithm=algorithm, link=link)


async def put_hardlink(storage: FileStorage, data: bytes, algorithm: str) -> FilePointer:
    return await put_file(storage, data, algorithm, "hardlink")


WRITES: dict[str, Callable[[FileStorage, bytes, str], Awaitable[FilePointer]]] = {
    "write_data": put,
    "write_data_stream": put_stream,
    "write_data_stream of others": put_other_stream,
    "import_file": put_file,
    "import_file as hardlink": put_hardlink,
}


# Reading


@SIZES
@pytest.mark.parametrize("algorithm", ["blake3", "sha256"])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("read", [*READS, *LOOKS])
async def test_a_damaged_object_is_corrupt(
    storage: FileStorage, read: str, fault: str, size: int, algorithm: str
) -> None:
    pointer = await put(storage, content_of(size), algorithm)
    path = path_of(storage, pointer)
    FAULTS[fault](path)
    with anyio.fail_after(10), pytest.raises(CorruptDataError) as caught:
        await (READS | LOOKS)[read](storage, pointer)
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
async def test_a_damaged_object_is_not_exported(
    storage: FileStorage, fault: str, size: int
) -> None:
    pointer = await put(storage, content_of(size))
    FAULTS[fault](path_of(storage, pointer))
    with anyio.fail_after(10), pytest.raises(CorruptDataError):
        await export(storage, pointer)
    await until(lambda: files(storage.path.with_name("exports")) == [])


@pytest.mark.parametrize("index", [0, 511, 512, 1000, 50_000, 99_999])
@pytest.mark.parametrize("bit", [0, 7])
@pytest.mark.parametrize("read", [*READS, *LOOKS])
async def test_any_flipped_bit_is_found(
    storage: FileStorage, read: str, index: int, bit: int
) -> None:
    pointer = await put(storage, content_of(100_000))
    flip(path_of(storage, pointer), index, bit)
    with pytest.raises(CorruptDataError):
        await (READS | LOOKS)[read](storage, pointer)


@pytest.mark.parametrize("chunk_size", [1000, 64 * KIB, MIB, 8 * MIB])
async def test_the_last_chunk_of_a_damaged_object_is_not_yielded(
    storage: FileStorage, chunk_size: int
) -> None:
    data = content_of(3 * MIB)
    pointer = await put(storage, data)
    flip(path_of(storage, pointer), 0)
    reader = FileStorage(storage.path, chunk_size=chunk_size)
    stream = reader.read_data_stream(pointer)
    seen = 0
    try:
        async for chunk in stream:
            seen += len(chunk)
    except CorruptDataError:
        assert seen < len(data)
    else:
        pytest.fail("the stream ended as if nothing had happened")
    assert [chunk async for chunk in stream] == []


@SIZES
@pytest.mark.parametrize("fault", SIZE_FAULTS | KIND_FAULTS)
@pytest.mark.parametrize("read", READS)
async def test_by_size_alone_sizes_and_kinds_are_checked(
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
async def test_by_size_alone_content_is_not_looked_at(
    storage: FileStorage, read: str, fault: str, size: int
) -> None:
    pointer = await put(storage, content_of(size))
    FAULTS[fault](path_of(storage, pointer))
    reader = FileStorage(storage.path, verify_reads="size")
    assert await READS[read](reader, pointer) == path_of(storage, pointer).read_bytes()


@SIZES
@pytest.mark.parametrize("fault", CONTENT_FAULTS)
@pytest.mark.parametrize("look", LOOKS)
async def test_verify_and_export_hash_whatever_reads_do(
    storage: FileStorage, look: str, fault: str, size: int
) -> None:
    pointer = await put(storage, content_of(size))
    FAULTS[fault](path_of(storage, pointer))
    with pytest.raises(CorruptDataError):
        await LOOKS[look](FileStorage(storage.path, verify_reads="size"), pointer)


@pytest.mark.parametrize("fault", KIND_FAULTS)
@pytest.mark.parametrize("operation", ["exists", "stat", "delete"])
async def test_what_is_no_file_is_corrupt_and_stays(
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
async def test_a_damaged_object_can_be_deleted(storage: FileStorage, fault: str) -> None:
    pointer = await put(storage, b"content")
    FAULTS[fault](path_of(storage, pointer))
    await storage.delete(pointer)
    assert files(storage.path) == []


@pytest.mark.parametrize("fault", SIZE_FAULTS)
async def test_an_object_of_another_size_does_not_exist(storage: FileStorage, fault: str) -> None:
    pointer = await put(storage, b"content")
    FAULTS[fault](path_of(storage, pointer))
    assert not await storage.exists(pointer)


# Healing


@SIZES
@pytest.mark.parametrize("fault", [*SIZE_FAULTS, *LINKS, "fifo"])
@pytest.mark.parametrize("write", WRITES)
async def test_writing_again_heals_a_torn_object(
    storage: FileStorage, write: str, fault: str, size: int, caplog: pytest.LogCaptureFixture
) -> None:
    await heal(storage, write, fault, size, caplog)


@SIZES
@pytest.mark.parametrize("fault", CONTENT_FAULTS)
@pytest.mark.parametrize("write", WRITES)
async def test_writing_again_verified_heals_flipped_bits(
    storage: FileStorage, write: str, fault: str, size: int, caplog: pytest.LogCaptureFixture
) -> None:
    await heal(FileStorage(storage.path, verify_writes=True), write, fault, size, caplog)


async def heal(
    storage: FileStorage, write: str, fault: str, size: int, caplog: pytest.LogCaptureFixture
) -> None:
    data = content_of(size)
    pointer = await put(storage, data, "sha256")
    path = path_of(storage, pointer)
    FAULTS[fault](path)
    with caplog.at_level(logging.DEBUG, LOGGER), anyio.fail_after(10):
        assert await WRITES[write](storage, data, "sha256") == pointer
    [record] = [record for record in caplog.records if record.name == LOGGER]
    assert record.levelno == logging.WARNING
    assert str(path) in record.getMessage()
    assert path.is_file()
    assert not path.is_symlink()
    await storage.verify(pointer)
    for read in READS.values():
        assert await read(storage, pointer) == data
    await until(lambda: files(storage.path) == [path])


@pytest.mark.parametrize("write", WRITES)
async def test_healing_a_link_leaves_its_target(storage: FileStorage, write: str) -> None:
    data = b"content"
    pointer = await put(storage, data, "sha256")
    replace_by_link(path_of(storage, pointer))
    target = path_of(storage, pointer).readlink()
    overwrite(target, b"mine")
    await WRITES[write](storage, data, "sha256")
    assert target.read_bytes() == b"mine"
    assert await storage.read_data(pointer) == data


@pytest.mark.parametrize("fault", [None, *CONTENT_FAULTS])
@pytest.mark.parametrize("write", WRITES)
async def test_an_object_of_the_right_size_is_not_written_again(
    storage: FileStorage, write: str, fault: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    pointer = await put(storage, b"content", "sha256")
    if fault is not None:
        FAULTS[fault](path_of(storage, pointer))
    before = path_of(storage, pointer).read_bytes(), path_of(storage, pointer).stat().st_ino
    assert await WRITES[write](storage, b"content", "sha256") == pointer
    assert caplog.records == []
    path = path_of(storage, pointer)
    assert (path.read_bytes(), path.stat().st_ino) == before


@SIZES
@pytest.mark.parametrize("verify_writes", [False, True])
@pytest.mark.parametrize("write", WRITES)
async def test_a_directory_in_the_place_of_an_object_is_moved_aside(
    storage: FileStorage, write: str, verify_writes: bool, size: int
) -> None:
    data = content_of(size)
    pointer = await put(storage, data, "sha256")
    path = path_of(storage, pointer)
    replace_by_directory(path)
    writer = FileStorage(storage.path, verify_writes=verify_writes)
    assert await WRITES[write](writer, data, "sha256") == pointer
    assert await storage.read_data(pointer) == data
    [aside] = path.parent.glob(f"{path.name[:40]}.displaced-*")
    assert (aside / "kept").read_bytes() == b"kept"
    await until(lambda: sorted(files(storage.path)) == sorted([path, aside / "kept"]))


async def test_a_directory_where_a_key_does_not_tell_the_content_stays(tmp_path: Path) -> None:
    router: Any = lambda *_args, temp: {"key": "latest"}  # noqa: E731
    storage = FileStorage(tmp_path, router=router)
    (tmp_path / "latest").mkdir()
    with pytest.raises(FileExistsError) as caught:
        await put(storage, b"content")
    assert caught.value.filename == str(tmp_path / "latest")
    assert (tmp_path / "latest").is_dir()
    assert list(tmp_path.glob("*displaced*")) == []


UNREADABLE = """
async def work():
    storage = FileStorage(root)
    data = b"content" * int(sys.argv[2])
    digest = digest_data(data, content_type="a/b", algorithm="sha256")
    pointer = await storage.write_data(data, digest, {})
    path = root / pointer["key"]
    for heal in (
        lambda: storage.write_data(data, digest, {}),
        lambda: storage.write_data_stream(
            *digest_stream(parts(data), content_type="a/b", algorithm="sha256"), {}
        ),
    ):
        path.chmod(0)
        try:
            await storage.read_data(pointer)
        except PermissionError as error:
            assert error.filename == str(path)
        else:
            raise AssertionError("was read")
        assert await heal() == pointer
        assert await storage.read_data(pointer) == data

async def parts(data):
    for start in range(0, len(data), 1 << 16):
        yield data[start:start + (1 << 16)]

asyncio.run(work())
"""


@pytest.mark.parametrize("count", [1, 500_000])
def test_writing_again_heals_an_unreadable_object(tmp_path: Path, count: int) -> None:
    process = run_script(UNREADABLE, tmp_path, arguments=(str(count),), may_read_all=False)
    assert (process.returncode, process.stderr.count("did not hold its content")) == (0, 2)


async def test_writers_that_heal_at_once_all_succeed(storage: FileStorage) -> None:
    data = content_of(100 * KIB)
    pointer = await put(storage, data)
    overwrite(path_of(storage, pointer), b"torn")
    async with anyio.create_task_group() as group:
        for index in range(20):
            group.start_soon((put, put_stream)[index % 2], storage, data)
    assert await storage.read_data(pointer) == data
    await until(lambda: files(storage.path) == [path_of(storage, pointer)])


# Missing


@pytest.mark.parametrize("gone", ["object", "shard", "algorithm", "root"])
@pytest.mark.parametrize("read", [*READS, *LOOKS, "stat", "delete"])
async def test_a_missing_object_is_no_storage_data(
    storage: FileStorage, read: str, gone: str
) -> None:
    pointer = await put(storage, b"content")
    path = path_of(storage, pointer)
    if gone == "object":
        path.unlink()
    else:
        shutil.rmtree(path.parents[["shard", "algorithm", "root"].index(gone)])
    operation = getattr(storage, read) if read in ("stat", "delete") else None
    with pytest.raises(NoStorageData) as caught:
        await (operation(pointer) if operation else (READS | LOOKS)[read](storage, pointer))
    assert isinstance(caught.value, FileNotFoundError)
    assert caught.value.errno == errno.ENOENT
    assert caught.value.filename == str(storage.path if gone == "root" else path)
    assert caught.value.filename in str(caught.value)


@pytest.mark.parametrize("read", [*READS, *LOOKS])
async def test_a_file_in_the_place_of_a_shard_is_no_storage_data(
    storage: FileStorage, read: str
) -> None:
    pointer = await put(storage, b"content")
    shard = path_of(storage, pointer).parent
    shutil.rmtree(shard)
    shard.write_bytes(b"in the way")
    with pytest.raises(NoStorageData):
        await (READS | LOOKS)[read](storage, pointer)
    assert not await storage.exists(pointer)


@pytest.mark.parametrize("write", WRITES)
async def test_a_file_in_the_place_of_a_shard_is_not_written_over(
    storage: FileStorage, write: str
) -> None:
    pointer = await put(storage, b"content", "sha256")
    shard = path_of(storage, pointer).parent
    shutil.rmtree(shard)
    shard.write_bytes(b"in the way")
    with pytest.raises(NotADirectoryError) as caught:
        await WRITES[write](storage, b"content", "sha256")
    assert caught.value.filename == str(shard)
    assert shard.read_bytes() == b"in the way"
    await until(lambda: files(storage.path) == [shard])


# Links in the place of directories


def link_away(path: Path, tmp_path: Path) -> Path:
    """Move the directory `path` out of the store and leave a link; return its new place."""
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    return tmp_path / "elsewhere"


@pytest.mark.parametrize("level", ["shard", "algorithm"])
@pytest.mark.parametrize("size", [10, 3 * MIB])
@pytest.mark.parametrize("read", [*READS, *LOOKS, "stat", "delete"])
async def test_a_linked_directory_is_not_followed_to_read(
    storage: FileStorage, tmp_path: Path, read: str, size: int, level: str
) -> None:
    pointer = await put(storage, content_of(size))
    path = path_of(storage, pointer)
    away = link_away(path.parents[["shard", "algorithm"].index(level)], tmp_path)
    operation = getattr(storage, read) if read in ("stat", "delete") else None
    with pytest.raises((OSError, CorruptDataError)):
        await (operation(pointer) if operation else (READS | LOOKS)[read](storage, pointer))
    assert [hashlib.sha256(found.read_bytes()).digest() for found in files(away)] == [
        hashlib.sha256(content_of(size)).digest()
    ]


@pytest.mark.parametrize("level", ["shard", "algorithm"])
@pytest.mark.parametrize("size", [10, 3 * MIB])
@pytest.mark.parametrize("write", WRITES)
async def test_a_linked_directory_is_not_followed_to_write(
    storage: FileStorage, tmp_path: Path, write: str, size: int, level: str
) -> None:
    data = content_of(size)
    pointer = await put(storage, data, "sha256")
    path = path_of(storage, pointer)
    path.unlink()
    linked = path.parents[["shard", "algorithm"].index(level)]
    away = link_away(linked, tmp_path)
    with pytest.raises(OSError, match=linked.name):
        await WRITES[write](storage, data, "sha256")
    await until(lambda: files(away) == files(storage.path) == [])
    assert linked.is_symlink()


@pytest.mark.parametrize("write", WRITES)
async def test_a_linked_staging_directory_is_not_followed(
    storage: FileStorage, tmp_path: Path, write: str
) -> None:
    data = b"content"
    pointer = await put(storage, data, "sha256")
    overwrite(path_of(storage, pointer), b"torn")
    staging = storage.path / ".laboxide-staging"
    shutil.rmtree(staging, ignore_errors=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/mine.laboxide-tmp").write_bytes(b"mine")
    staging.symlink_to(tmp_path / "elsewhere")
    # A new storage sweeps when it first writes.
    with pytest.raises(OSError, match="laboxide-staging"):
        await WRITES[write](FileStorage(storage.path), data, "sha256")
    assert files(tmp_path / "elsewhere") == [tmp_path / "elsewhere/mine.laboxide-tmp"]
