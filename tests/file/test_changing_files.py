"""Files that change during a read or import, and files whose stat size is wrong."""

from __future__ import annotations

import hashlib
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from laboxide import CorruptDataError, FileStorage, content_router, digest_file
from laboxide.testing._sources import content_of

from tests.support.storing import MIB, WRITES, files, path_of, put

if TYPE_CHECKING:
    from collections.abc import Callable

    from laboxide import Digest, FileKey, FilePointer, ImportLink, TagMap, VerifyReads

pytestmark = pytest.mark.anyio

SIZE = 40 * MIB


async def put_writable(storage: FileStorage, data: bytes) -> tuple[FilePointer, Path]:
    pointer = await put(storage, data)
    path_of(storage, pointer).chmod(0o644)
    return pointer, path_of(storage, pointer)


# Objects, changed beyond the read-ahead of a stream


@pytest.mark.parametrize("verify_reads", ["hash", "size"])
async def test_object_truncated_during_read_is_corrupt(
    storage: FileStorage, verify_reads: VerifyReads
) -> None:
    pointer, path = await put_writable(storage, content_of(SIZE))
    reader = FileStorage(storage.path, verify_reads=verify_reads)
    stream = reader.read_data_stream(pointer)
    await anext(stream)
    os.truncate(path, SIZE // 2)
    with pytest.raises(CorruptDataError) as caught:
        [chunk async for chunk in stream]
    assert caught.value.path == str(path)


async def test_object_modified_during_read_is_corrupt(storage: FileStorage) -> None:
    data = content_of(SIZE)
    pointer, path = await put_writable(storage, data)
    stream = storage.read_data_stream(pointer)
    received = len(await anext(stream))
    with path.open("r+b") as file:
        file.seek(SIZE - 10 * MIB)
        file.write(b"changed")
    with pytest.raises(CorruptDataError):  # noqa: PT012 - counts the bytes before the error
        async for chunk in stream:
            received += len(chunk)
    assert received < SIZE


@pytest.mark.parametrize("verify_reads", ["hash", "size"])
async def test_object_deleted_during_read_is_read_completely(
    storage: FileStorage, verify_reads: VerifyReads
) -> None:
    data = content_of(SIZE)
    pointer = await put(storage, data)
    stream = FileStorage(storage.path, verify_reads=verify_reads).read_data_stream(pointer)
    received = [await anext(stream)]
    await storage.delete(pointer)
    received += [chunk async for chunk in stream]
    assert b"".join(received) == data


# Sources of imports


def shrink(path: Path) -> None:
    os.truncate(path, MIB)


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


async def import_while(
    storage: FileStorage, change: Callable[[Path], None], source: Path
) -> FilePointer | Exception:
    """Import `source`, and apply `change` to it at an arbitrary moment."""
    outcome: list[FilePointer | Exception] = []

    async def work() -> None:
        try:
            outcome.append(await storage.import_file(source, link="copy"))
        except Exception as error:  # noqa: BLE001 - the caller checks it
            outcome.append(error)

    async with anyio.create_task_group() as group:
        group.start_soon(work)
        await anyio.sleep(0.003)
        change(source)
    return outcome[0]


@pytest.mark.parametrize("change", [shrink, grow])
async def test_source_resized_during_import_is_stored_whole_or_refused(
    storage: FileStorage, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    data = content_of(SIZE)
    source = tmp_path / "source"
    source.write_bytes(data)
    outcome = await import_while(storage, change, source)
    if isinstance(outcome, Exception):
        assert isinstance(outcome, ValueError)
        assert str(source) in str(outcome)
        assert files(storage.path) == []
    else:
        assert await storage.read_data(outcome) in {data, source.read_bytes()}


# Staged files, between the last write and publishing


def written_file(root: Path) -> int:
    """Return the file descriptor of the only open file below `root`."""
    found = []
    for link in list(Path("/proc/self/fd").iterdir()):
        with suppress(OSError):  # the listing closes its own descriptor
            if root in link.readlink().parents and link.is_file():
                found.append(int(link.name))
    [descriptor] = found
    return descriptor


@pytest.mark.skipif(sys.platform != "linux", reason="only /proc lists the open files")
@pytest.mark.parametrize("write", ["write_data_stream", "import_file"])
async def test_file_truncated_before_publish_is_not_published(tmp_path: Path, write: str) -> None:
    root = tmp_path / "root"

    def truncating_router(digest: Digest, tags: TagMap, /, *, temp: bool = False) -> FileKey:
        os.ftruncate(written_file(root), MIB)
        return content_router(digest, tags, temp=temp)

    storage = FileStorage(root, router=truncating_router, mkdir=True)
    with pytest.raises(CorruptDataError):
        await WRITES[write](storage, content_of(3 * MIB), {})
    assert files(root) == []


# Files of /proc have a stat size of 0, and files of /sys of one page

WRONG_SIZES = [
    path
    for path in map(Path, ("/proc/version", "/sys/kernel/mm/transparent_hugepage/enabled"))
    if path.exists()
]


@pytest.mark.parametrize("path", WRONG_SIZES, ids=str)
async def test_file_with_wrong_stat_size_is_hashed_or_refused(path: Path) -> None:
    try:
        digest = await digest_file(path, algorithm="sha256")
    except ValueError as error:
        assert str(path) in str(error)  # noqa: PT017 - either outcome is right
        return
    assert digest["content_hash"] == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("path", WRONG_SIZES, ids=str)
@pytest.mark.parametrize("link", ["auto", "copy"])
async def test_file_with_wrong_stat_size_is_imported_or_refused(
    storage: FileStorage, path: Path, link: ImportLink
) -> None:
    try:
        pointer = await storage.import_file(path, link=link)
    except ValueError as error:
        assert str(path) in str(error)  # noqa: PT017 - either outcome is right
        assert files(storage.path) == []
        return
    assert await storage.read_data(pointer) == path.read_bytes()
