"""A dedup hit refreshes the modification time of an old object."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import subprocess
import time
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from laboxide import FileStorage, content_router, digest_data, labox
from laboxide._runtime import process
from laboxide.testing._sources import content_of

from tests.support.images import NEEDS_FUSE, NEEDS_XFS, mounted_fuse, mounted_tmpfs
from tests.support.needs import needs
from tests.support.scripts import AS_NOBODY, NOBODY, run_script
from tests.support.storing import KIB, MIB, WRITES, files, path_of, put, put_stream, until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    Write = Callable[[Any, bytes], Awaitable[Path]]

pytestmark = [pytest.mark.anyio, pytest.mark.one_loop]

OLD = 45 * 60
YOUNG = 15 * 60
"""Ages in seconds, both far from the limit of half an hour."""
LOGGER = "laboxide.file"

SIZES = pytest.mark.parametrize("size", [4 * KIB, 3 * MIB])
PATHS = pytest.mark.parametrize("write", [*WRITES, "import_file, hard link"])


@pytest.fixture(params=[False, True], ids=["native", "portable"], autouse=True)
def portable(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    portable: bool = request.param
    monkeypatch.setattr(process, "PORTABLE", portable)
    monkeypatch.setenv("LABOXIDE_PORTABLE", str(int(portable)))
    return portable


async def store(write: str, storage: FileStorage, data: bytes) -> Path:
    """Write `data` with the method `write`, and return the path of the object."""
    if write == "import_file, hard link":
        source = storage.path.with_name("linked")
        if not source.exists():
            source.write_bytes(data)
        return path_of(storage, await storage.import_file(source, link="hardlink"))
    return path_of(storage, await WRITES[write](storage, data, {}))


def make_older(path: Path, seconds: float) -> int:
    """Set the modification time of `path` back, and return it in nanoseconds."""
    modified = time.time_ns() - int(seconds * 1e9)
    os.utime(path, ns=(modified, modified))
    return modified


def is_refreshed(path: Path) -> bool:
    """Return whether the modification time was set during this test."""
    return abs(time.time() - path.stat().st_mtime) < YOUNG


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == LOGGER]


@PATHS
@SIZES
@pytest.mark.parametrize("durable", [False, True], ids=["not durable", "durable"])
async def test_dedup_hit_refreshes_old_object(
    tmp_path: Path, write: str, size: int, durable: bool, caplog: pytest.LogCaptureFixture
) -> None:
    storage = FileStorage(tmp_path / "root", mkdir=True, durable=durable, verify_writes=durable)
    path = await store(write, storage, content_of(size))
    make_older(path, OLD)
    inode = path.stat().st_ino
    assert await store(write, storage, content_of(size)) == path
    assert is_refreshed(path)
    assert path.stat().st_ino == inode
    assert warnings(caplog) == []
    await until(lambda: files(storage.path) == [path])


@PATHS
@SIZES
@pytest.mark.parametrize("age", [YOUNG, -OLD], ids=["young", "in the future"])
async def test_dedup_hit_leaves_time_of_young_object(
    tmp_path: Path, write: str, size: int, age: float
) -> None:
    storage = FileStorage(tmp_path / "root", mkdir=True)
    path = await store(write, storage, content_of(size))
    modified = make_older(path, age)
    await store(write, storage, content_of(size))
    assert path.stat().st_mtime_ns == modified


@pytest.mark.parametrize("write", [put, put_stream])
async def test_dedup_hit_refreshes_object_under_key_without_hash(
    tmp_path: Path, write: Any
) -> None:
    router: Any = lambda *_args, temp: {"key": "latest"}  # noqa: E731
    storage = FileStorage(tmp_path / "root", mkdir=True, router=router)
    path = path_of(storage, await write(storage, b"content"))
    make_older(path, OLD)
    await write(storage, b"content")
    assert is_refreshed(path)


@SIZES
@pytest.mark.parametrize("write", [put, put_stream])
async def test_labox_dedup_hit_refreshes_old_object(tmp_path: Path, size: int, write: Any) -> None:
    storage = labox.FileStorage(tmp_path / "root", mkdir=True)
    path = Path(await write(storage, content_of(size)))
    [path] = files(storage.path)
    make_older(path, OLD)
    await write(storage, content_of(size))
    assert is_refreshed(path)


async def test_healing_refreshes_modification_time(tmp_path: Path) -> None:
    storage = FileStorage(tmp_path / "root", mkdir=True)
    path = path_of(storage, await put(storage, b"content"))
    path.chmod(0o644)
    path.write_bytes(b"torn")
    make_older(path, OLD)
    await put(storage, b"content")
    assert is_refreshed(path)


# Objects removed by a garbage collector right after the refresh


@NEEDS_FUSE
@pytest.mark.parametrize("write", WRITES)
@SIZES
async def test_object_collected_after_refresh_is_published_again(
    tmp_path: Path, write: str, size: int
) -> None:
    with mounted_fuse("collecting_disk", tmp_path) as mount:
        storage = FileStorage(mount)
        data = content_of(size)
        path = await store(write, storage, data)
        make_older(tmp_path / "backing" / path.relative_to(mount), OLD)
        await store(write, storage, data)
        assert path.read_bytes() == data


# Modification times that cannot be set


WRITE_TWICE = f"""{AS_NOBODY}
    async def source(data):
        for start in range(0, len(data), 1 << 16):
            yield data[start : start + (1 << 16)]

    async def work():
        storage = FileStorage(root / "store")
        for _ in range(2):
            for name in sorted(path.name for path in root.glob("source *")):
                data = (root / name).read_bytes()
                digest = digest_data(data, content_type="a/b")
                if "value" in name:
                    await storage.write_data(data, digest, {{}})
                elif "stream" in name:
                    await storage.write_data_stream(
                        *digest_stream(source(data), content_type="a/b"), {{}}
                    )
                else:
                    await storage.import_file(root / name, link="copy")

    asyncio.run(work())
"""


def object_path(root: Path, data: bytes) -> Path:
    return root / content_router(digest_data(data, content_type="a/b"), {})["key"]


def objects_of_root(shared: Path, sizes: dict[str, int]) -> list[Path]:
    """Create old objects owned by root, in directories owned by `NOBODY`.

    `WRITE_TWICE` finds the content of each in a file "source ...".
    """
    paths = []
    for name, size in sizes.items():
        data = hashlib.shake_128(name.encode()).digest(size)
        (shared / f"source {name}").write_bytes(data)
        path = object_path(shared / "store", data)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        path.chmod(0o444)
        make_older(path, OLD)
        paths.append(path)
    for directory in (shared / "store", *(shared / "store").rglob("*/")):
        os.chown(directory, NOBODY, NOBODY)
    return paths


ALL_SIZES = {
    "value": 4 * KIB,
    "value, large": 3 * MIB,
    "stream": 4 * KIB,
    "stream, large": 3 * MIB,
    "import": 4 * KIB,
    "import, large": 3 * MIB,
}


@needs()
def test_object_of_another_user_is_published_again(shared: Path) -> None:
    paths = objects_of_root(shared, ALL_SIZES)
    done = run_script(WRITE_TWICE, shared)
    assert (done.returncode, done.stderr) == (0, "")
    for path in paths:
        assert path.stat().st_uid == NOBODY
        assert is_refreshed(path)
        assert object_path(shared / "store", path.read_bytes()) == path
    assert files(shared / "store") == sorted(paths)


@needs()
def test_object_in_directory_of_another_user_is_kept_with_one_warning(shared: Path) -> None:
    paths = objects_of_root(shared, ALL_SIZES)
    for path in paths:
        os.chown(path.parent, 0, 0)
    done = run_script(WRITE_TWICE, shared)
    assert (done.returncode, done.stderr.count("cannot refresh")) == (0, 1), done.stderr
    assert not any(map(is_refreshed, paths))
    assert files(shared / "store") == sorted(paths)


def fill(path: Path) -> None:
    """Write to `path` until the disk is full."""
    with path.open("wb", 0) as file, suppress(OSError):
        while True:
            file.write(bytes(4 * KIB))


ON_FULL_DISK = {name: size for name, size in ALL_SIZES.items() if name != "stream, large"}
"""Without the large stream: it is staged before its hash is known, and fails."""


@needs()
def test_full_disk_keeps_object_of_another_user_with_one_warning(shared: Path) -> None:
    with mounted_tmpfs(shared / "store", "16m"):
        paths = objects_of_root(shared, ON_FULL_DISK)
        fill(shared / "store/filler")
        done = run_script(WRITE_TWICE, shared)
        stderr = done.stderr
        assert (done.returncode, stderr.count("cannot refresh")) == (0, 1), stderr
        assert not any(map(is_refreshed, paths))


@needs()
@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("verify_writes", [False, True], ids=["trusting", "verifying"])
async def test_dedup_hit_on_full_disk_refreshes_old_object(
    tmp_path: Path, write: str, verify_writes: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with mounted_tmpfs(tmp_path / "root", "16m"):
        storage = FileStorage(tmp_path / "root", verify_writes=verify_writes)
        path = await store(write, storage, content_of(4 * KIB))
        make_older(path, OLD)
        fill(tmp_path / "root/filler")
        await store(write, storage, content_of(4 * KIB))
        assert is_refreshed(path)
        assert warnings(caplog) == []


@needs()
@SIZES
@pytest.mark.parametrize("write", WRITES)
async def test_damaged_object_on_full_disk_raises_enospc(
    tmp_path: Path, write: str, size: int
) -> None:
    with mounted_tmpfs(tmp_path / "root", "16m"):
        storage = FileStorage(tmp_path / "root")
        path = await store(write, storage, content_of(size))
        path.chmod(0o644)
        os.truncate(path, 1)
        fill(tmp_path / "root/filler")
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
            await store(write, storage, content_of(size))


@needs()
@SIZES
async def test_full_disk_does_not_hide_wrong_digest(tmp_path: Path, size: int) -> None:
    with mounted_tmpfs(tmp_path / "root", "16m"):
        storage = FileStorage(tmp_path / "root", verify_writes=True)
        digest = digest_data(content_of(size), content_type="a/b")
        await storage.write_data(content_of(size), digest, {})
        fill(tmp_path / "root/filler")
        for wrong in (content_of(size, seed=9), content_of(size - 1), content_of(size + 1)):
            with pytest.raises(ValueError, match="does not match its digest"):
                await storage.write_data(wrong, digest, {})
            with pytest.raises(ValueError, match="does not match its digest"):
                await FileStorage(storage.path).write_data(wrong[:-2], digest, {})


@contextmanager
def read_only(path: Path) -> Iterator[None]:
    """Mount `path` read-only inside the block."""
    subprocess.run(["mount", "--bind", path, path], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", path], check=True)
        yield
    finally:
        subprocess.run(["umount", "-l", path], check=True)


@needs()
@pytest.mark.parametrize("durable", [False, True], ids=["not durable", "durable"])
async def test_read_only_mount_keeps_object_with_one_warning(
    tmp_path: Path, durable: bool, caplog: pytest.LogCaptureFixture
) -> None:
    storage = FileStorage(tmp_path / "root", mkdir=True, durable=durable)
    writes = [
        partial(store, write, storage, content_of(size, seed=index))
        for index, (write, size) in enumerate(
            (write, size) for write in WRITES for size in (4 * KIB, 3 * MIB)
        )
        if (write, size) != ("write_data_stream", 3 * MIB)
    ]
    paths = [await write() for write in writes]
    with read_only(storage.path):
        for write in writes:
            await write()
        assert warnings(caplog) == []
    for path in paths:
        make_older(path, OLD)
    with read_only(storage.path):
        for write in writes:
            await write()
        [warning] = warnings(caplog)
        assert str(paths[0]) in warning
        with pytest.raises(OSError, match=os.strerror(errno.EROFS)):
            await put(storage, b"new content")
    assert not any(map(is_refreshed, paths))


@contextmanager
def flagged(path: Path, flag: str) -> Iterator[None]:
    subprocess.run(["chattr", f"+{flag}", path], check=True)
    try:
        yield
    finally:
        subprocess.run(["chattr", f"-{flag}", path], check=True)


@NEEDS_XFS
@needs("chattr")
@PATHS
async def test_immutable_object_is_kept_with_one_warning(
    xfs: Path, write: str, caplog: pytest.LogCaptureFixture
) -> None:
    storage = FileStorage(xfs / "root", mkdir=True)
    path = await store(write, storage, b"content")
    make_older(path, OLD)
    inode = path.stat().st_ino
    with flagged(path, "i"):
        for _ in range(3):
            assert await store(write, storage, b"content") == path
        [warning] = warnings(caplog)
    assert str(path) in warning
    assert path.stat().st_ino == inode
    await until(lambda: files(storage.path) == [path])


@NEEDS_XFS
@needs("chattr")
async def test_append_only_object_is_refreshed(xfs: Path, caplog: pytest.LogCaptureFixture) -> None:
    storage = FileStorage(xfs / "root", mkdir=True)
    path = path_of(storage, await put(storage, b"content"))
    make_older(path, OLD)
    with flagged(path, "a"):
        await put(storage, b"content")
    assert is_refreshed(path)
    assert warnings(caplog) == []


@NEEDS_XFS
@needs("chattr")
async def test_each_root_logs_one_warning(xfs: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, LOGGER)
    for name in ("first", "second"):
        storage = FileStorage(xfs / name, mkdir=True)
        path = path_of(storage, await put(storage, b"content"))
        make_older(path, OLD)
        with flagged(path, "i"):
            await put(storage, b"content")
            await put(FileStorage(storage.path), b"content")
        assert len(warnings(caplog)) == 1
        assert warnings(caplog)[0].count(name)
        caplog.clear()
