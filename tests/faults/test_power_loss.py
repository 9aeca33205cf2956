"""Objects that kept their size but lost their bytes in a power cut or disk failure."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from laboxide import CorruptDataError, FileStorage

from tests.support.images import NEEDS_XFS
from tests.support.storing import KIB, path_of, put

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.anyio, pytest.mark.one_loop, NEEDS_XFS]

SIZE = 300 * KIB
DURABLE = pytest.mark.parametrize("durable", [False, True], ids=["not durable", "durable"])


def replace_by_unwritten_extents(path: Path, start: int = 0) -> None:
    """Replace the bytes of a file from `start` on by allocated, unwritten extents."""
    kept = path.read_bytes()[:start]
    path.unlink()
    with path.open("wb") as file:
        file.write(kept)
        os.posix_fallocate(file.fileno(), 0, SIZE)
        os.fsync(file.fileno())


@DURABLE
@pytest.mark.parametrize("start", [0, 200 * KIB])
async def test_rewrite_heals_object_with_unwritten_extents(
    xfs: Path, durable: bool, start: int
) -> None:
    storage = FileStorage(xfs / "root", mkdir=True, durable=durable)
    data = os.urandom(SIZE)
    pointer = await put(storage, data)
    replace_by_unwritten_extents(path_of(storage, pointer), start)
    # From now on zeros are in the page cache, indistinguishable from written ones.
    with pytest.raises(CorruptDataError):
        await storage.read_data(pointer)
    assert await put(storage, data) == pointer
    assert await storage.read_data(pointer) == data


@DURABLE
async def test_rewrite_heals_object_without_blocks(xfs: Path, durable: bool) -> None:
    storage = FileStorage(xfs / "root", mkdir=True, durable=durable)
    data = os.urandom(SIZE)
    pointer = await put(storage, data)
    path = path_of(storage, pointer)
    path.chmod(0o644)
    os.truncate(path, 0)
    os.truncate(path, SIZE)
    await put(storage, data)
    assert await storage.read_data(pointer) == data


@DURABLE
async def test_object_with_holes_is_not_rewritten(xfs: Path, durable: bool) -> None:
    storage = FileStorage(xfs / "root", mkdir=True, durable=durable)
    source = xfs / "source"
    with source.open("wb") as file:
        for index in range(100):  # more extents than one query returns
            os.pwrite(file.fileno(), b"some", index * 128 * KIB)
    pointer = await storage.import_file(source)
    path = path_of(storage, pointer)
    assert path.stat().st_blocks * 512 < pointer["size"] // 2
    before = path.stat().st_ino
    assert await storage.import_file(source) == pointer
    assert path.stat().st_ino == before


@DURABLE
async def test_object_in_page_cache_is_not_rewritten(xfs: Path, durable: bool) -> None:
    storage = FileStorage(xfs / "root", mkdir=True, durable=durable)
    data = os.urandom(SIZE)
    pointer = await put(FileStorage(xfs / "root"), data)
    before = path_of(storage, pointer).stat().st_ino
    await put(storage, data)
    assert path_of(storage, pointer).stat().st_ino == before
