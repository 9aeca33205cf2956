"""The content of Labox's records moved to another storage, whatever comes in between."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import laboxide
import laboxide.labox
import pytest
from labox.builtin import FileStorage as LaboxFileStorage
from labox.builtin import MemoryStorage as LaboxMemoryStorage
from labox.builtin import StorableStream, StorableValue, database_storage
from labox.core import ContentRecord, load_one, new_saver, save_one
from labox_world import (
    all_parts,
    check_all,
    contents,
    manifests,
    opened,
    parts,
    registry_of,
    sqlite_url,
)
from laboxide import CorruptDataError, DigestMismatchError, NoStorageData
from laboxide.labox import adopt
from sqlalchemy import delete, update

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio
HERE = Path(__file__).parent
VALUES, STREAMS = 6, 6


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio: SQLAlchemy knows no other loop."""
    return "asyncio"


@pytest.fixture
def source(tmp_path: Path) -> Any:
    return LaboxFileStorage(tmp_path / "source", mkdir=True)


@pytest.fixture
def target(tmp_path: Path) -> Any:
    return laboxide.FileStorage(tmp_path / "target", mkdir=True)


async def fill(session: Any, storage: Any, streams: int = STREAMS) -> None:
    """Save values and streams; two of each have the same content."""
    async with new_saver(registry_of(storage), session) as saver:
        for index in range(VALUES):
            saver.save_soon(StorableValue(all_parts(1 + index // 2)), tags={"kind": "value"})
        for index in range(streams):
            saver.save_soon(StorableStream(parts(40 + index // 2)), tags={"kind": "stream"})


def objects(root: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


async def columns(session: Any) -> list[Any]:
    names = [c.key for c in ContentRecord.__table__.columns if not c.key.startswith("storage_")]
    return sorted([str(getattr(r, name)) for name in names] for r in await contents(session))


# Moved whole


@pytest.mark.parametrize("batch_size", [1, 5, 100])
async def test_all_records_lead_to_the_target_and_the_source_stays(
    source: Any, target: Any, database: str, batch_size: int
) -> None:
    async with opened(database) as sessions:
        async with sessions() as session:
            await fill(session, source)
            before = objects(source.path), await columns(session)
        async with sessions() as session:
            loaded = await contents(session)
            adoption = await adopt(session, source=source, target=target, batch_size=batch_size)
            assert {record.storage_name for record in loaded} == {target.name}
        size = sum(record.content_size for record in loaded)
        assert (adoption.adopted, adoption.content_size, adoption.failures) == (12, size, ())
        shutil.move(source.path, source.path.with_name("away"))
        async with sessions() as session:
            assert await check_all(registry_of(target), session) == VALUES + STREAMS
            assert await columns(session) == before[1]
        shutil.move(source.path.with_name("away"), source.path)
        assert objects(source.path) == before[0]


STORAGES: dict[str, Callable[[Path], Any]] = {
    "labox": lambda path: LaboxFileStorage(path, mkdir=True),
    "labox in memory": lambda _path: LaboxMemoryStorage(),
    "drop-in": lambda path: laboxide.labox.FileStorage(path, mkdir=True),
    "laboxide": lambda path: laboxide.FileStorage(path, mkdir=True),
    "laboxide in memory": lambda _path: laboxide.MemoryStorage(),
}


@pytest.mark.parametrize("to", list(STORAGES))
@pytest.mark.parametrize("origin", list(STORAGES))
async def test_from_any_storage_to_any_other(tmp_path: Path, origin: str, to: str) -> None:
    source, target = STORAGES[origin](tmp_path / "source"), STORAGES[to](tmp_path / "target")
    async with opened(sqlite_url(tmp_path / "db")) as sessions, sessions() as session:
        # Streams of Labox's own reader fail at random.
        await fill(session, source)
        if source.name == target.name:
            with pytest.raises(ValueError, match="both named"):
                await adopt(session, source=source, target=target)
            return
        adoption = await adopt(session, source=source, target=target)
        assert adoption.failures == ()
        assert adoption.adopted == VALUES + STREAMS
        if to == "labox":  # its own reader fails at random
            target = laboxide.labox.FileStorage(target.path)
        assert await check_all(registry_of(target), session) == VALUES + STREAMS
        assert {record.storage_name for record in await contents(session)} == {target.name}


async def test_values_come_out_of_the_database(tmp_path: Path, target: Any) -> None:
    async with opened(sqlite_url(tmp_path / "db")) as sessions, sessions() as session:
        registry = registry_of(database_storage)
        await save_one(StorableValue({"a": "ü"}), registry=registry, session=session)
        adoption = await adopt(session, source=database_storage, target=target)
        assert (adoption.adopted, adoption.failures) == (1, ())
        assert await check_all_json(session, target) == {"a": "ü"}


async def check_all_json(session: Any, target: Any) -> Any:

    [manifest] = await manifests(session)
    loaded: Any = await load_one(
        manifest, StorableValue, registry=registry_of(target), session=session
    )
    return loaded.value


@pytest.mark.parametrize("origin", ["drop-in", "labox", "laboxide"])
async def test_labox_reads_what_the_drop_in_has_adopted(tmp_path: Path, origin: str) -> None:
    source = STORAGES["laboxide"](tmp_path / "source")
    target = laboxide.labox.FileStorage(tmp_path / "target", mkdir=True)
    async with opened(sqlite_url(tmp_path / "db")) as sessions, sessions() as session:
        await fill(session, source, streams=0)
        await adopt(session, source=source, target=target)
        theirs = LaboxFileStorage(target.path)
        assert await check_all(registry_of(theirs), session) == VALUES


class Reversing(laboxide.FileStorage):
    """Files that are not the content."""

    name = "tests.reversing@v1"

    async def write_data(self, data: bytes, digest: Any, tags: Any, /) -> Any:
        stored = laboxide.digest_data(data[::-1], content_type="a/b", algorithm="sha256")
        return await super().write_data(data[::-1], stored, tags)

    async def read_data(self, config: Any, /) -> bytes:
        return (await super().read_data(config))[::-1]


@pytest.mark.parametrize("reverse", ["source", "target"])
async def test_files_that_are_not_the_content_are_not_taken_for_it(
    tmp_path: Path, reverse: str
) -> None:
    storages: list[Any] = [
        Reversing(tmp_path / "reversing", mkdir=True),
        laboxide.labox.FileStorage(tmp_path / "plain", mkdir=True),
    ]
    source, target = storages if reverse == "source" else reversed(storages)
    async with opened(sqlite_url(tmp_path / "db")) as sessions, sessions() as session:
        await fill(session, source, streams=0)
        adoption = await adopt(session, source=source, target=target)
        assert (adoption.adopted, adoption.failures) == (VALUES, ())
        assert await check_all(registry_of(target), session) == VALUES


@pytest.mark.parametrize("origin", ["labox", "labox in memory"])
@pytest.mark.parametrize("to", ["laboxide", "drop-in"])
async def test_damage_that_the_target_has_already_is_not_taken_for_content(
    tmp_path: Path, origin: str, to: str
) -> None:
    if (origin, to) == ("labox", "drop-in"):
        origin = "laboxide"  # the names must differ
    source, target = STORAGES[origin](tmp_path / "source"), STORAGES[to](tmp_path / "target")
    async with opened(sqlite_url(tmp_path / "db")) as sessions:
        async with sessions() as session:
            await fill(session, target)  # the same content, which is damaged then
        for path in objects(target.path):
            path.chmod(0o644)
            path.write_bytes(bytes(path.stat().st_size))
        async with sessions() as session:
            await session.execute(delete(ContentRecord))
            await session.commit()
            await fill(session, source)
            adoption = await adopt(session, source=source, target=target)
            assert (adoption.adopted, adoption.failures) == (VALUES + STREAMS, ())
            assert await check_all(registry_of(target), session) == VALUES + STREAMS
    assert not target.files.verify_writes if to == "drop-in" else not target.verify_writes


# How files get there


@pytest.mark.parametrize(("link", "names"), [("auto", {2}), ("hardlink", {2}), ("copy", {1})])
async def test_files_are_linked_where_that_works(
    tmp_path: Path, source: Any, target: Any, link: str, names: set[int]
) -> None:
    async with opened(sqlite_url(tmp_path / "db")) as sessions, sessions() as session:
        await fill(session, source)
        await adopt(session, source=source, target=target, link=link)
    if link == "auto" and reflinks(tmp_path):
        names = {1}
    assert {path.stat().st_nlink for path in objects(source.path)} == names
    assert {path.stat().st_nlink for path in objects(target.path)} == names


def reflinks(directory: Path) -> bool:
    """Tell whether files here can share their blocks, by the ioctl itself."""
    with (directory / "a").open("wb") as a, (directory / "b").open("wb") as b:
        a.write(bytes(4096))
        a.flush()
        try:
            fcntl.ioctl(b, 0x40049409, a.fileno())
        except OSError:
            return False
        return True


async def test_a_reflink_that_cannot_be_is_an_error_if_nothing_else_is_allowed(
    tmp_path: Path, source: Any, target: Any
) -> None:
    async with opened(sqlite_url(tmp_path / "db")) as sessions, sessions() as session:
        await fill(session, source)
        if reflinks(tmp_path):
            assert (await adopt(session, source=source, target=target, link="reflink")).adopted
            return
        with pytest.raises(OSError) as caught:
            await adopt(session, source=source, target=target, link="reflink")
        assert caught.value.errno in (errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL)
        assert await check_all(registry_of(source), session) == VALUES + STREAMS


async def test_files_are_copied_to_another_file_system(tmp_path: Path, source: Any) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        assert Path(directory).stat().st_dev != tmp_path.stat().st_dev
        target: Any = laboxide.FileStorage(directory)
        async with opened(sqlite_url(tmp_path / "db")) as sessions, sessions() as session:
            await fill(session, source)
            assert (await adopt(session, source=source, target=target)).adopted == 12
            assert await check_all(registry_of(target), session) == VALUES + STREAMS


async def test_the_router_of_the_target_sees_the_tags(tmp_path: Path, source: Any) -> None:
    router: Any = lambda digest, tags, *, temp: {  # noqa: E731
        "key": f"{tags['kind']}/{digest['content_hash']}"
    }
    target: Any = laboxide.FileStorage(tmp_path / "target", mkdir=True, router=router)
    async with opened(sqlite_url(tmp_path / "db")) as sessions, sessions() as session:
        await fill(session, source)
        await adopt(session, source=source, target=target)
        assert {path.parent.name for path in objects(target.path)} == {"value", "stream"}
        assert await check_all(registry_of(target), session) == VALUES + STREAMS


# Dry


async def test_a_dry_run_says_what_would_be_and_changes_nothing(
    tmp_path: Path, source: Any, target: Any
) -> None:
    async with opened(sqlite_url(tmp_path / "db")) as sessions, sessions() as session:
        await fill(session, source)
        damaged = min(objects(source.path))
        damaged.write_bytes(b"damaged")
        before = objects(tmp_path / "source"), (tmp_path / "db").read_bytes()
        dry = await adopt(session, source=source, target=target, dry_run=True)
        assert (objects(tmp_path / "source"), (tmp_path / "db").read_bytes()) == before
        assert objects(target.path) == {}
        real = await adopt(session, source=source, target=target)
        assert (dry.adopted, dry.content_size) == (real.adopted, real.content_size)
        assert {f.content_id for f in dry.failures} == {f.content_id for f in real.failures}
        assert len(dry.failures) == 2


# What cannot be moved


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(bytes([data[0] ^ 1]) + data[1:])


def replace_by_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


FAULTS: dict[str, tuple[Callable[[Path], None], type[Exception]]] = {
    "missing": (Path.unlink, NoStorageData),
    "truncated": (truncate, DigestMismatchError),
    "emptied": (empty, DigestMismatchError),
    "flipped": (flip, DigestMismatchError),
    "directory": (replace_by_directory, CorruptDataError),
}


@pytest.mark.parametrize("link", ["auto", "copy"])
@pytest.mark.parametrize("fault", list(FAULTS))
async def test_damaged_content_stays_where_it_is(
    tmp_path: Path, source: Any, target: Any, fault: str, link: str
) -> None:
    damage, error = FAULTS[fault]
    async with opened(sqlite_url(tmp_path / "db")) as sessions, sessions() as session:
        await fill(session, source)
        kept = objects(source.path)
        damaged = sorted(kept)[3]
        damage(damaged)
        adoption = await adopt(session, source=source, target=target, link=link)
        left = [r for r in await contents(session) if r.storage_name == source.name]
        assert {f.content_id for f in adoption.failures} == {record.id for record in left}
        assert {damaged.stem} == {record.content_hash for record in left}
        assert all(isinstance(failure.error, error) for failure in adoption.failures)
        assert len(objects(target.path)) == len(kept) - 1
        # Repaired, they are adopted as well.
        shutil.rmtree(damaged) if damaged.is_dir() else damaged.unlink(missing_ok=True)
        damaged.write_bytes(kept[damaged])
        again = await adopt(session, source=source, target=target, link=link)
        assert (again.adopted, again.failures) == (len(left), ())
        assert await check_all(registry_of(target), session) == VALUES + STREAMS


@pytest.mark.parametrize("keep", ["drop", "change"])
async def test_damaged_content_of_other_storages_stays_where_it_is(
    tmp_path: Path, target: Any, keep: str
) -> None:
    source: Any = LaboxMemoryStorage()
    async with opened(sqlite_url(tmp_path / "db")) as sessions, sessions() as session:
        await fill(session, source)
        for key in list(source.store)[::2]:
            if keep == "drop":
                del source.store[key]
            else:
                source.store[key] = b"changed" + source.store[key][7:]
        adoption = await adopt(session, source=source, target=target)
        assert adoption.adopted == 6
        error = KeyError if keep == "drop" else DigestMismatchError
        assert all(isinstance(failure.error, error) for failure in adoption.failures)
        assert len(adoption.failures) == 6
        assert len(objects(target.path)) == 3


async def test_records_that_make_no_sense_stay_as_they_are(
    tmp_path: Path, source: Any, target: Any
) -> None:
    nonsense = ['"/etc/hostname"', "null", '{"key": 1}', '"file://host/x"']
    async with opened(sqlite_url(tmp_path / "db")) as sessions, sessions() as session:
        await fill(session, source)
        records = (await contents(session))[: len(nonsense)]
        for record, config in zip(records, nonsense, strict=True):
            change = {"storage_config": config}
            await session.execute(
                update(ContentRecord).where(ContentRecord.id == record.id).values(**change)
            )
        last = (await contents(session))[-1]
        last.content_hash_algorithm = "md5"
        await session.commit()
        adoption = await adopt(session, source=source, target=target)
        assert {f.content_id for f in adoption.failures} == {r.id for r in [*records, last]}
        assert adoption.adopted == VALUES + STREAMS - len(nonsense) - 1
        assert "/etc" not in "".join(map(str, objects(target.path)))


@pytest.mark.parametrize(
    ("argument", "value", "error"),
    [
        ("batch_size", 0, ValueError),
        ("concurrency", 0, ValueError),
        ("link", "symlink", ValueError),
        ("dry_run", "yes", TypeError),
        ("source", "a path", TypeError),
        ("target", None, TypeError),
    ],
)
async def test_bad_arguments_are_refused(  # noqa: PLR0917 - fixtures and parameters
    tmp_path: Path, source: Any, target: Any, argument: str, value: Any, error: type[Exception]
) -> None:
    async with opened(sqlite_url(tmp_path / "db")) as sessions, sessions() as session:
        arguments = {"source": source, "target": target, argument: value}
        with pytest.raises(error, match=argument):
            await adopt(session, **arguments)


# Stopped


class Failing(laboxide.FileStorage):
    """Fails, or is cancelled, with one file or another."""

    left = 5
    fail: Callable[[], None]

    async def import_file(self, *args: Any, **options: Any) -> Any:
        self.left -= 1
        if self.left == 0:
            self.fail()
        return await super().import_file(*args, **options)


async def test_an_error_of_the_target_is_raised_and_what_was_done_is_kept(
    tmp_path: Path, source: Any
) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "somewhere")

    target: Any = Failing(tmp_path / "target", mkdir=True)
    target.fail = full
    async with opened(sqlite_url(tmp_path / "db")) as sessions, sessions() as session:
        await fill(session, source)
        options: Any = {"batch_size": 2, "concurrency": 1, "link": "copy"}
        with pytest.raises(OSError, match="space left") as caught:
            await adopt(session, source=source, target=target, **options)
        assert caught.value.errno == errno.ENOSPC
        assert await moved(session, target) == 4
        target.left = 0  # all goes well from here on
        assert (await adopt(session, source=source, target=target, **options)).adopted == 8
        assert await check_all(registry_of(target), session) == VALUES + STREAMS


async def test_no_transaction_is_open_while_content_is_moved(tmp_path: Path, source: Any) -> None:
    target: Any = Failing(tmp_path / "target", mkdir=True)
    async with opened(sqlite_url(tmp_path / "db")) as sessions, sessions() as session:
        await fill(session, source)
        seen = []
        target.fail = lambda: seen.append(session.in_transaction())
        await adopt(session, source=source, target=target)
        assert seen == [False]


async def moved(session: Any, target: Any) -> int:
    return sum(record.storage_name == target.name for record in await contents(session))


async def test_it_can_be_cancelled_and_resumed(tmp_path: Path, source: Any, database: str) -> None:
    target: Any = Failing(tmp_path / "target", mkdir=True)
    async with opened(database) as sessions:
        async with sessions() as session:
            await fill(session, source)
        async with sessions() as session:
            with anyio.CancelScope() as scope:
                target.fail = scope.cancel
                await adopt(session, source=source, target=target, batch_size=3, link="copy")
            assert scope.cancelled_caught
        async with sessions() as session:
            assert await moved(session, target) == 3
            assert await check_all(registry_of(source, target), session) == VALUES + STREAMS
            assert (await adopt(session, source=source, target=target)).adopted == 9
            assert await check_all(registry_of(target), session) == VALUES + STREAMS
            assert (await adopt(session, source=source, target=target)).adopted == 0


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
sys.path.insert(0, {here!r})
import laboxide
from labox.builtin import FileStorage as LaboxFileStorage
from laboxide.labox import adopt
from labox_world import opened

class Killed(laboxide.FileStorage):
    left = {left}
    async def import_file(self, *args, **options):
        type(self).left -= 1
        if self.left == 0:
            asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGKILL)
        return await super().import_file(*args, **options)

async def main():
    root = Path({root!r})
    async with opened({database!r}) as sessions, sessions() as session:
        source, target = LaboxFileStorage(root / "source"), Killed(root / "target", mkdir=True)
        await adopt(session, source=source, target=target, batch_size=4, link={link!r})

asyncio.run(main())
"""


@pytest.mark.parametrize(("left", "link"), [(1, "copy"), (6, "auto"), (12, "copy")])
async def test_it_can_be_killed_and_resumed(
    tmp_path: Path, source: Any, target: Any, left: int, link: str
) -> None:
    database = sqlite_url(tmp_path / "db")
    async with opened(database) as sessions, sessions() as session:
        await fill(session, source)
        kept = objects(source.path)
    program = KILLED.format(
        here=str(HERE), root=str(tmp_path), database=database, left=left, link=link
    )
    process = await anyio.run_process([sys.executable, "-W", "error", "-c", program], check=False)
    assert (process.returncode, process.stderr) == (-signal.SIGKILL, b"")
    async with opened(database) as sessions, sessions() as session:
        assert await check_all(registry_of(source, target), session) == VALUES + STREAMS
        assert await moved(session, target) < VALUES + STREAMS
        await adopt(session, source=source, target=target)
        assert await check_all(registry_of(target), session) == VALUES + STREAMS
    assert objects(source.path) == kept


async def test_several_may_run_at_once(
    tmp_path: Path, source: Any, target: Any, database: str
) -> None:
    async with opened(database) as sessions:
        async with sessions() as session:
            await fill(session, source)

        async def work() -> None:
            async with sessions() as session:
                await adopt(session, source=source, target=target, batch_size=2)

        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(work)
        async with sessions() as session:
            assert await moved(session, target) == VALUES + STREAMS
            assert await check_all(registry_of(target), session) == VALUES + STREAMS


async def test_what_another_adoption_has_moved_is_left_there(tmp_path: Path, source: Any) -> None:
    """The record changes between the look at it and the change."""
    target: Any = laboxide.FileStorage(tmp_path / "target", mkdir=True)
    elsewhere: Any = laboxide.MemoryStorage()

    class Overtaken(laboxide.labox.FileStorage):
        name = "tests.overtaken@v1"

        async def read_data(self, config: str, /) -> bytes:
            async with sessions() as other:
                slow: Any = laboxide.labox.FileStorage(self.path)
                await adopt(other, source=slow, target=target)
            return await super().read_data(config)

    async with opened(sqlite_url(tmp_path / "db")) as sessions, sessions() as session:
        await fill(session, source, streams=0)
        overtaken = Overtaken(source.path)
        type(overtaken).name = source.name
        await adopt(session, source=overtaken, target=elsewhere)
        assert {record.storage_name for record in await contents(session)} == {target.name}
        assert await check_all(registry_of(target), session) == VALUES
