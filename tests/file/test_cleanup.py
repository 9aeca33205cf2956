"""Stray files are reported; only temporary files of dead writers are removed, on request."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio
import pytest
from laboxide import FileStorage, StrayFile

from tests.support.scripts import assert_clean, run_script
from tests.support.storing import DATA, files, names, path_of, put

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from laboxide import Digest, FileKey, TagMap

pytestmark = pytest.mark.anyio

STAGING = ".laboxide-staging"
TEMPORARY = "1-2-3.laboxide-tmp"


@pytest.fixture
def staging(storage: FileStorage) -> Path:
    directory = storage.path / STAGING
    directory.mkdir()
    return directory


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of an active writer."""
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def summaries(strays: list[StrayFile]) -> list[tuple[str, str, int, bool]]:
    return [(left.path.name, left.kind, left.size, left.removed) for left in strays]


async def test_clean_store_has_no_stray_files(storage: FileStorage) -> None:
    assert await storage.clean() == []
    for data in (DATA, b"", bytes(3 << 20)):
        await put(storage, data)
    assert await storage.clean(delete=True) == []


async def test_temporary_file_of_dead_writer_is_reported_and_kept(
    storage: FileStorage, staging: Path
) -> None:
    (staging / TEMPORARY).write_bytes(DATA)
    os.utime(staging / TEMPORARY, (0, 1_000_000_000))
    [stray] = await storage.clean()
    assert stray.path == staging / TEMPORARY
    assert stray[1:3] == ("temporary", len(DATA))
    assert stray.age is not None
    assert stray.age > 1e8
    assert not stray.removed
    assert stray.path.read_bytes() == DATA


async def test_temporary_file_of_dead_writer_is_removed_with_delete(
    storage: FileStorage, staging: Path
) -> None:
    (staging / TEMPORARY).write_bytes(DATA)
    assert summaries(await storage.clean(delete=True)) == [
        (TEMPORARY, "temporary", len(DATA), True)
    ]
    assert files(storage.path) == []
    assert await storage.clean() == []


@pytest.mark.parametrize("delete", [False, True])
async def test_temporary_file_of_active_writer_is_not_stray(
    storage: FileStorage, staging: Path, delete: bool
) -> None:
    (staging / TEMPORARY).write_bytes(DATA)
    with locked(staging / TEMPORARY):
        assert await storage.clean(delete=delete) == []
    assert (staging / TEMPORARY).read_bytes() == DATA


async def test_clean_keeps_unknown_files_in_staging_directory(
    storage: FileStorage, staging: Path, tmp_path: Path
) -> None:
    (tmp_path / "outside").write_bytes(DATA)
    (staging / "notes").touch()
    (staging / f"directory{TEMPORARY}").mkdir()
    (staging / f"link{TEMPORARY}").symlink_to(tmp_path / "outside")
    os.mkfifo(staging / f"fifo{TEMPORARY}")
    (staging / os.fsdecode(b"\xff.laboxide-tmp")).touch()
    before = names(staging)
    with anyio.fail_after(30):
        strays = await storage.clean(delete=True)
    assert sorted(left.path.name for left in strays) == before
    assert {(left.kind, left.removed) for left in strays} == {("unknown", False)}
    assert names(staging) == before
    assert (tmp_path / "outside").read_bytes() == DATA


async def test_linked_staging_directory_is_not_cleaned(
    storage: FileStorage, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / TEMPORARY).write_bytes(DATA)
    (storage.path / STAGING).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match=STAGING):
        await storage.clean(delete=True)
    assert (tmp_path / "elsewhere" / TEMPORARY).read_bytes() == DATA


@pytest.mark.parametrize("delete", [False, True])
async def test_quarantined_and_displaced_files_are_reported_and_kept(
    storage: FileStorage, delete: bool
) -> None:
    displaced, corrupt = await put(storage, b"one"), await put(storage, b"two")
    path_of(storage, displaced).unlink()
    path_of(storage, displaced).mkdir()
    (path_of(storage, displaced) / "kept").write_bytes(b"kept")
    (path_of(storage, displaced) / TEMPORARY).write_bytes(b"kept, too")
    await put(storage, b"one")
    path_of(storage, corrupt).chmod(0o644)
    path_of(storage, corrupt).write_bytes(b"bad")
    [finding] = [finding async for finding in storage.audit(repair=True)]
    before = sorted(files(storage.path))
    strays = {left.kind: left for left in await storage.clean(delete=delete)}
    assert set(strays) == {"displaced", "quarantined"}
    assert strays["quarantined"].path == finding.moved_to
    assert strays["quarantined"].size == 3
    assert (strays["displaced"].path / "kept").read_bytes() == b"kept"
    assert not any(left.removed for left in strays.values())
    assert sorted(files(storage.path)) == before


async def test_temporary_names_outside_staging_directory_are_objects(
    storage: FileStorage,
) -> None:
    (storage.path / TEMPORARY).write_bytes(DATA)
    (storage.path / "a.corrupt-notes").write_bytes(DATA)
    assert await storage.clean(delete=True) == []
    assert len(files(storage.path)) == 2


async def test_key_with_quarantine_name_is_refused(tmp_path: Path) -> None:
    """Such an object would be reported as a stray file."""

    def router(digest: Digest, tags: TagMap, /, *, temp: bool) -> FileKey:
        return {"key": f"{digest['content_hash']}-{tags['name']}"}

    storage = FileStorage(tmp_path / "root", mkdir=True, router=router)
    await put(storage, DATA, {"name": "report.corrupt-notes"})
    with pytest.raises(ValueError, match=r"quarantined files: .*corrupt-7e08-18ec5611f24030c2"):
        await put(storage, DATA, {"name": "report.corrupt-7e08-18ec5611f24030c2"})
    assert len(files(storage.path)) == 1


async def test_clean_keeps_empty_directories(storage: FileStorage) -> None:
    """A writer may be about to use a directory that it has just created."""
    pointer = await put(storage, DATA)
    await storage.delete(pointer)
    assert await storage.clean(delete=True) == []
    assert path_of(storage, pointer).parent.is_dir()


async def test_read_only_storage_removes_no_stray_files(
    storage: FileStorage, staging: Path
) -> None:
    (staging / TEMPORARY).touch()
    reader = FileStorage(storage.path, router=None)
    assert len(await reader.clean()) == 1
    with pytest.raises(NotImplementedError, match="read-only"):
        await reader.clean(delete=True)
    assert (staging / TEMPORARY).exists()


@pytest.mark.parametrize("delete", [None, 1, "yes"])
async def test_clean_refuses_delete_that_is_not_bool(storage: FileStorage, delete: bool) -> None:
    with pytest.raises(TypeError, match=f"delete .* {delete!r}"):
        await storage.clean(delete=delete)


async def test_clean_raises_with_path_of_undeletable_file(
    storage: FileStorage, staging: Path
) -> None:
    script = """
    os.chmod(root, 0o555)

    async def work():
        try:
            await FileStorage(root.parent).clean(delete=True)
        except PermissionError as error:
            print(Path(error.filename).name)

    asyncio.run(work())
    os.chmod(root, 0o755)
    """
    (staging / TEMPORARY).touch()
    expected = TEMPORARY
    assert_clean(run_script(script, staging, may_read_all=False), expected)
    assert (staging / TEMPORARY).exists()


def test_clean_raises_with_path_of_unreadable_directory(tmp_path: Path) -> None:
    script = """
    async def work():
        shut = root / "shut"
        shut.mkdir()
        (shut / "a.corrupt-1-2").touch()
        shut.chmod(0)
        try:
            print(await FileStorage(root).clean())
        except PermissionError as error:
            print(error.filename == str(shut))
        shut.chmod(0o755)

    asyncio.run(work())
    """
    assert_clean(run_script(script, tmp_path, may_read_all=False), "True")


async def test_writers_during_clean_store_their_data(storage: FileStorage) -> None:
    is_done = False

    async def clean() -> None:
        while not is_done:
            await storage.clean(delete=True)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(clean)
        for index in range(200):
            data = b"%d" % index
            pointer = await put(storage, data)
            # A write replaces a truncated object through a temporary file.
            path_of(storage, pointer).chmod(0o644)
            path_of(storage, pointer).write_bytes(b"")
            assert await storage.read_data(await put(storage, data)) == data
        is_done = True
    assert await storage.clean() == []


def test_temporary_file_of_killed_writer_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABOXIDE_PORTABLE", "1")
    script = """
    import signal

    storage = FileStorage(root / "store", mkdir=True)
    if (child := os.fork()) == 0:
        asyncio.run(store(storage, 1 << 20, pause=0.001))
    # A writer locks its temporary file before it writes data.
    while not any(path.stat().st_size for path in storage.path.glob(".laboxide-staging/*")):
        time.sleep(0.01)
    print(asyncio.run(storage.clean(delete=True)))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    print([left.kind for left in asyncio.run(storage.clean())])
    print([left.removed for left in asyncio.run(storage.clean(delete=True))])
    print(asyncio.run(storage.clean()))
    """
    assert_clean(run_script(script, tmp_path), "[]\n['temporary']\n[True]\n[]")
