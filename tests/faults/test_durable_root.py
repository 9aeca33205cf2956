"""The first durable write syncs the name of its root, no matter which process created it."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest
from laboxide import FileStorage

from tests.support.images import NEEDS_FUSE, mounted_fuse
from tests.support.scripts import assert_clean, run_script
from tests.support.storing import put

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.anyio, pytest.mark.one_loop]


def fsyncs_of_parent(log: Path) -> int:
    return log.read_text().splitlines().count("/")


@NEEDS_FUSE
@pytest.mark.parametrize("error", [0, errno.EINVAL, errno.EACCES], ids=["done", "EINVAL", "EACCES"])
async def test_name_of_existing_root_is_fsynced_once(tmp_path: Path, error: int) -> None:
    log = tmp_path / "log"
    log.touch()
    with mounted_fuse("flushing_disk", tmp_path, str(log), str(error)) as mount:
        await put(FileStorage(mount / "store", mkdir=True), b"by a storage without durable")
        assert fsyncs_of_parent(log) == 0
        storage = FileStorage(mount / "store", durable=True)
        await put(storage, b"first")
        assert fsyncs_of_parent(log) == 1
        for data in (b"second", b"third", b"first"):
            await put(storage, data)
        assert fsyncs_of_parent(log) == 1


@NEEDS_FUSE
async def test_failed_fsync_of_root_name_fails_durable_write(tmp_path: Path) -> None:
    with mounted_fuse("flushing_disk", tmp_path, str(tmp_path / "log"), str(errno.EIO)) as mount:
        (mount / "store").mkdir()
        with pytest.raises(OSError, match=os.strerror(errno.EIO)) as caught:
            await put(FileStorage(mount / "store", durable=True), b"content")
        assert caught.value.filename == str(mount)


def test_durable_root_in_unreadable_directory_is_written(tmp_path: Path) -> None:
    script = """
    (root / "closed/store").mkdir(parents=True)
    (root / "closed").chmod(0o300)
    storage = FileStorage(root / "closed/store", durable=True)

    async def work():
        pointer = await store(storage, 3)
        assert len(await load(storage, pointer)) == 3 << 16

    try:
        os.listdir(root / "closed")
    except PermissionError:
        asyncio.run(work())
    else:
        raise AssertionError("the directory is readable")
    finally:
        (root / "closed").chmod(0o700)
    """
    assert_clean(run_script(script, tmp_path, may_read_all=False))
