"""Writing the content of a damaged object again heals the object."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from laboxide import FileStorage
from laboxide.testing._sources import content_of

from tests.support.damage import (
    CONTENT_FAULTS,
    FAULTS,
    LINKS,
    READS,
    SIZE_FAULTS,
    WRITES,
    overwrite,
    put,
    put_stream,
    replace_by_directory,
    replace_by_link,
)
from tests.support.scripts import run_script
from tests.support.storing import KIB, MIB, files, path_of, until

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.anyio, pytest.mark.one_loop]

SIZES = pytest.mark.parametrize("size", [10, 100 * KIB, 3 * MIB])
LOGGER = "laboxide.file"


@SIZES
@pytest.mark.parametrize("fault", [*SIZE_FAULTS, *LINKS, "fifo"])
@pytest.mark.parametrize("write", WRITES)
async def test_rewrite_heals_torn_object(
    storage: FileStorage, write: str, fault: str, size: int, caplog: pytest.LogCaptureFixture
) -> None:
    await heal(storage, write, fault, size, caplog)


@SIZES
@pytest.mark.parametrize("fault", CONTENT_FAULTS)
@pytest.mark.parametrize("write", WRITES)
async def test_verified_rewrite_heals_flipped_bits(
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
async def test_healing_link_leaves_its_target(storage: FileStorage, write: str) -> None:
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
async def test_object_of_right_size_is_not_rewritten(
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
async def test_directory_in_place_of_object_is_displaced(
    storage: FileStorage, write: str, verify_writes: bool, size: int
) -> None:
    data = content_of(size)
    pointer = await put(storage, data, "sha256")
    path = path_of(storage, pointer)
    replace_by_directory(path)
    writer = FileStorage(storage.path, verify_writes=verify_writes)
    assert await WRITES[write](writer, data, "sha256") == pointer
    assert await storage.read_data(pointer) == data
    [displaced] = path.parent.glob(f"{path.name[:40]}.displaced-*")
    assert (displaced / "kept").read_bytes() == b"kept"
    await until(lambda: sorted(files(storage.path)) == sorted([path, displaced / "kept"]))


async def test_directory_at_key_without_hash_stays(tmp_path: Path) -> None:
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
            raise AssertionError("the object is readable")
        assert await heal() == pointer
        assert await storage.read_data(pointer) == data

async def parts(data):
    for start in range(0, len(data), 1 << 16):
        yield data[start:start + (1 << 16)]

asyncio.run(work())
"""


@pytest.mark.parametrize("count", [1, 500_000])
def test_rewrite_heals_unreadable_object(tmp_path: Path, count: int) -> None:
    process = run_script(UNREADABLE, tmp_path, arguments=(str(count),), may_read_all=False)
    assert (process.returncode, process.stderr.count("replaced corrupt object")) == (0, 2)


async def test_concurrent_healing_writers_all_succeed(storage: FileStorage) -> None:
    data = content_of(100 * KIB)
    pointer = await put(storage, data)
    overwrite(path_of(storage, pointer), b"torn")
    async with anyio.create_task_group() as group:
        for index in range(20):
            group.start_soon((put, put_stream)[index % 2], storage, data)
    assert await storage.read_data(pointer) == data
    await until(lambda: files(storage.path) == [path_of(storage, pointer)])
