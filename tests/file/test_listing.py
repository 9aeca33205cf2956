"""FileStorage.list_pointers: its order, errors, cancellation and links."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING

import anyio
import pytest
from laboxide import FileStorage
from laboxide._native import Listing
from laboxide._runtime import hub
from laboxide.testing._sources import content_of

from tests.support.scripts import assert_clean, run_script
from tests.support.storing import DATA, MIB, path_of, put, tag_router

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from laboxide import FilePointer
    from laboxide._native import Store

pytestmark = pytest.mark.anyio


async def test_listing_of_empty_store_is_empty(storage: FileStorage) -> None:
    assert [pointer async for pointer in storage.list_pointers()] == []


async def test_listing_yields_every_written_object(storage: FileStorage) -> None:
    written = [
        await put(storage, content_of(size), algorithm=algorithm)
        for size in (0, 1, 5000)
        for algorithm in ("blake3", "sha256")
    ]
    found = [pointer async for pointer in storage.list_pointers()]
    assert sorted(found, key=str) == sorted(written, key=str)


async def test_listing_hashes_objects_of_custom_router(tmp_path: Path) -> None:
    storage = FileStorage(tmp_path, router=tag_router)
    contents = {b"one", b"two", content_of(3 * MIB)}
    written = [await put(storage, data, {"kind": str(len(data))}) for data in contents]
    found = [pointer async for pointer in storage.list_pointers()]
    assert sorted(found, key=str) == sorted(written, key=str)
    assert {await storage.read_data(pointer) for pointer in found} == contents


async def test_listing_yields_more_than_one_batch(storage: FileStorage) -> None:
    keys = {f"blake3/{index % 3:02x}/{index % 3:02x}{index:062x}" for index in range(1300)}
    for shard in range(3):
        (storage.path / f"blake3/{shard:02x}").mkdir(parents=True)
    for key in keys:
        (storage.path / key).touch()
    found = [pointer["key"] async for pointer in storage.list_pointers()]
    assert len(found) == len(keys)
    assert set(found) == keys


async def test_listing_skips_everything_but_objects(storage: FileStorage) -> None:
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


@pytest.mark.every_loop
async def test_listing_may_be_abandoned(storage: FileStorage) -> None:
    for index in range(5):
        await put(storage, bytes([index]))
    async for _pointer in storage.list_pointers():
        break
    assert len([pointer async for pointer in storage.list_pointers()]) == 5


async def fill_by_tags(root: Path) -> tuple[FileStorage, list[FilePointer]]:
    """Write objects that a listing must hash, since their keys are not those of the default."""
    storage = FileStorage(root, router=tag_router)
    written = [await put(storage, bytes([index]), {"kind": f"{index:02}"}) for index in range(20)]
    return storage, written


@pytest.mark.every_loop
async def test_cancelled_listing_resumes_at_same_object(tmp_path: Path) -> None:
    storage, written = await fill_by_tags(tmp_path)
    listing = storage.list_pointers()
    found: list[FilePointer] = []
    for step in count():
        with anyio.CancelScope() as scope:
            if step % 2:
                scope.cancel()
            if (pointer := await anext(listing, None)) is None:
                break
            found.append(pointer)
    assert found == written


async def test_listing_continues_after_unreadable_object(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, written = await fill_by_tags(tmp_path)
    run = hub.run

    async def fail_one_hash(start: Callable[..., object], *args: object) -> object:
        if start.__name__ == "hash" and args[0] == written[3]["key"]:
            raise OSError(errno.EIO, "injected", args[0])
        return await run(start, *args)

    monkeypatch.setattr("laboxide._runtime.hub.run", fail_one_hash)
    listing = storage.list_pointers()
    before = [await anext(listing) for _ in range(3)]
    with pytest.raises(OSError, match="injected"):
        await anext(listing)
    assert before + [pointer async for pointer in listing] == written[:3] + written[4:]


@pytest.mark.parametrize("level", ["object", "directory"])
async def test_listing_hashes_nothing_behind_link(tmp_path: Path, level: str) -> None:
    storage = FileStorage(tmp_path / "root", mkdir=True)
    for name in ("a/x", "b/x", "c/x"):
        (storage.path / name).parent.mkdir()
        (storage.path / name).write_bytes(name.encode())
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/x").write_bytes(b"foreign")
    listing = storage.list_pointers()
    found = [(await anext(listing))["key"]]
    # Swap a file that has been listed, but not yet hashed, for a link.
    swapped = storage.path / ("b/x" if level == "object" else "b")
    swapped.rename(tmp_path / "moved")
    target = "elsewhere/x" if level == "object" else "elsewhere"
    swapped.symlink_to(tmp_path / target)
    pointer: FilePointer | None
    while True:
        with suppress(OSError):  # raised for the link
            if (pointer := await anext(listing, None)) is None:
                break
            found.append(pointer["key"])
    assert found == ["a/x", "c/x"]


async def test_listing_walks_store_once_despite_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, _ = await fill_by_tags(tmp_path)
    listings: list[Listing] = []

    run = hub.run

    async def fail_every_hash(start: Callable[..., object], *args: object) -> object:
        if start.__name__ == "hash":
            raise OSError(errno.EIO, "injected", args[0])
        return await run(start, *args)

    def start(store: Store, after: str | None = None) -> Listing:
        listings.append(Listing(store, after))
        return listings[-1]

    monkeypatch.setattr("laboxide._runtime.hub.run", fail_every_hash)
    monkeypatch.setattr("laboxide.file.listing.Listing", start)
    listing = storage.list_pointers()
    for _ in range(20):
        with pytest.raises(OSError, match="injected"):
            await anext(listing)
    assert await anext(listing, None) is None
    assert len(listings) == 1


async def test_listing_refuses_second_reader(tmp_path: Path) -> None:
    storage, written = await fill_by_tags(tmp_path)
    listing = storage.list_pointers()
    found: list[FilePointer] = []
    refused: list[RuntimeError] = []

    async def read(listing: AsyncIterator[FilePointer]) -> None:
        try:
            async for pointer in listing:
                found.append(pointer)  # noqa: PERF401 - kept if the next step raises
        except RuntimeError as error:
            refused.append(error)

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(read, listing)
    assert found == written
    assert [str(error)[:12] for error in refused] == ["another task"] * 2


async def test_path_too_long_for_key_is_not_listed(storage: FileStorage) -> None:
    pointer = await put(storage, DATA)
    directory = storage.path
    for _ in range(5):
        directory /= "d" * 250
        directory.mkdir()
    (directory / "file").touch()
    assert [found async for found in storage.list_pointers()] == [pointer]
    audit = storage.audit()
    [finding] = [finding async for finding in audit]
    assert (finding.path, finding.problem) == (directory, "foreign name")
    assert audit.cursor is None


def test_listing_raises_for_unreadable_directory_and_continues(tmp_path: Path) -> None:
    script = """
    async def work():
        storage = FileStorage(root / "store", mkdir=True)
        pointers = []
        for data in (b"one", b"two", b"three"):
            digest = digest_data(data, content_type="a/b")
            pointers.append(await storage.write_data(data, digest, {}))
        pointers.sort(key=lambda pointer: pointer["key"])
        shut = (storage.path / pointers[1]["key"]).parent
        shut.chmod(0)
        listing, found = storage.list_pointers(), []
        while True:
            try:
                found.append((await anext(listing))["key"])
            except PermissionError as error:
                print(error.filename == str(shut))
            except StopAsyncIteration:
                break
        shut.chmod(0o755)
        print(found == [pointers[0]["key"], pointers[2]["key"]])

    asyncio.run(work())
    """
    assert_clean(run_script(script, tmp_path, may_read_all=False), "True\nTrue")


FIVE = """
    async def put_five(storage):
        pointers = []
        for index in range(5):
            data = b"%d" % index
            digest = digest_data(data, content_type="a/b")
            pointers.append(await storage.write_data(data, digest, {}))
        return sorted(pointers, key=lambda pointer: pointer["key"])

    async def resume_all(listing, on_error):
        found = []
        for _ in range(20):
            try:
                found.append(await anext(listing))
            except StopAsyncIteration:
                return found
            except Exception as error:
                on_error(error)
"""
"""Write five objects, and collect a listing that is resumed after each error."""


def test_resumed_listing_raises_for_directory_that_became_unreadable(tmp_path: Path) -> None:
    script = f"""
    {FIVE}
    async def work():
        from laboxide.file import listing
        listing.BATCH = 4  # two directories, an object, and a directory
        storage = FileStorage(root / "store", mkdir=True)
        pointers, refused = await put_five(storage), []
        listing = storage.list_pointers()
        found = [await anext(listing)]
        interrupted = asyncio.ensure_future(anext(listing))
        await asyncio.sleep(0)
        interrupted.cancel()
        await asyncio.wait([interrupted])
        (storage.path / "blake3").chmod(0)
        found += await resume_all(listing, refused.append)
        (storage.path / "blake3").chmod(0o755)
        print(found == pointers[:1], [Path(error.filename).name for error in refused])

    asyncio.run(work())
    """
    assert_clean(run_script(script, tmp_path, may_read_all=False), "True ['blake3']")


def test_invalid_keys_are_skipped_even_if_unreadable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Only the portable path lists a directory without search permission.
    monkeypatch.setenv("LABOXIDE_PORTABLE", "1")
    script = f"""
    {FIVE}
    async def work():
        storage = FileStorage(root / "store", mkdir=True)
        pointers, refused = await put_five(storage), []
        deep = storage.path.joinpath("a", *["d" * 250] * 4)
        for directory, name in [(storage.path / "b", b"\\xff"), (deep, b"e" * 250)]:
            directory.mkdir(parents=True)
            (directory / os.fsdecode(name)).touch()
            directory.chmod(0o444)
        print(await resume_all(storage.list_pointers(), refused.append) == pointers, refused)
        audit = storage.audit()
        findings = await resume_all(audit, refused.append)
        print([finding.problem for finding in findings], refused, audit.cursor)
        for directory in (storage.path / "b", deep):
            directory.chmod(0o755)

    asyncio.run(work())
    """
    expected = "True []\n['foreign name', 'foreign name'] [] None"
    assert_clean(run_script(script, tmp_path, may_read_all=False), expected)


def test_listing_resumes_after_too_many_open_files(tmp_path: Path) -> None:
    script = f"""
    {FIVE}
    import errno, resource
    opened, errors = [], []

    def open_all_but(count):
        with contextlib.suppress(OSError):
            while True:
                opened.append(os.open("/", os.O_RDONLY))
        close(count)

    def close(count):
        for _ in range(count):
            os.close(opened.pop())

    def on_error(error):
        errors.append(getattr(error, "errno", error))
        if len(errors) % 2 == 0:  # the retry failed too
            close(len(opened))

    async def work():
        storage = FileStorage(root / "store", mkdir=True)
        pointers = await put_five(storage)
        resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
        for count in range(8):
            open_all_but(count)
            print(await resume_all(storage.list_pointers(), on_error) == pointers)
            close(len(opened))
        print(set(errors) == {{errno.EMFILE}})

    asyncio.run(work())
    """
    assert_clean(run_script(script, tmp_path), "\n".join(["True"] * 9))
