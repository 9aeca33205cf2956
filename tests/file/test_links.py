"""Links in place of directories of a store are not followed."""

from __future__ import annotations

import hashlib
import shutil
from typing import TYPE_CHECKING

import pytest
from laboxide import CorruptDataError, FileStorage
from laboxide.testing._sources import content_of

from tests.support.damage import USES, WRITES, overwrite, put
from tests.support.storing import MIB, files, path_of, until

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.anyio, pytest.mark.one_loop]


def replace_by_link(path: Path, tmp_path: Path) -> Path:
    """Move the directory `path` out of the store, link to it, and return its new path."""
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    return tmp_path / "elsewhere"


@pytest.mark.parametrize("level", ["shard", "algorithm"])
@pytest.mark.parametrize("size", [10, 3 * MIB])
@pytest.mark.parametrize("read", USES)
async def test_read_does_not_follow_linked_directory(
    storage: FileStorage, tmp_path: Path, read: str, size: int, level: str
) -> None:
    pointer = await put(storage, content_of(size))
    path = path_of(storage, pointer)
    moved = replace_by_link(path.parents[["shard", "algorithm"].index(level)], tmp_path)
    with pytest.raises((OSError, CorruptDataError)):
        await USES[read](storage, pointer)
    assert [hashlib.sha256(found.read_bytes()).digest() for found in files(moved)] == [
        hashlib.sha256(content_of(size)).digest()
    ]


@pytest.mark.parametrize("level", ["shard", "algorithm"])
@pytest.mark.parametrize("size", [10, 3 * MIB])
@pytest.mark.parametrize("write", WRITES)
async def test_write_does_not_follow_linked_directory(
    storage: FileStorage, tmp_path: Path, write: str, size: int, level: str
) -> None:
    data = content_of(size)
    pointer = await put(storage, data, "sha256")
    path = path_of(storage, pointer)
    path.unlink()
    linked = path.parents[["shard", "algorithm"].index(level)]
    moved = replace_by_link(linked, tmp_path)
    with pytest.raises(OSError, match=linked.name):
        await WRITES[write](storage, data, "sha256")
    await until(lambda: files(moved) == files(storage.path) == [])
    assert linked.is_symlink()


@pytest.mark.parametrize("write", WRITES)
async def test_write_does_not_follow_linked_staging_directory(
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
    # The first write of a storage cleans the staging directory.
    with pytest.raises(OSError, match="laboxide-staging"):
        await WRITES[write](FileStorage(storage.path), data, "sha256")
    assert files(tmp_path / "elsewhere") == [tmp_path / "elsewhere/mine.laboxide-tmp"]
