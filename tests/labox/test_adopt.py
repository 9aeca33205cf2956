"""Adoption moves the content of Labox's records to another storage."""

from __future__ import annotations

import errno
import fcntl
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import laboxide
import laboxide.labox
import pytest
from labox.builtin import FileStorage as LaboxFileStorage
from labox.builtin import MemoryStorage as LaboxMemoryStorage
from labox.builtin import StorableValue, database_storage
from labox.core import ContentRecord, load_one, save_one
from laboxide.labox import adopt
from sqlalchemy import delete

from tests.support.adopting import STREAMS, VALUES, fill, objects
from tests.support.labox_world import (
    check_all,
    contents,
    manifests,
    opened,
    registry_of,
    sqlite_url,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from laboxide import ImportLink

pytestmark = pytest.mark.anyio


async def columns(session: Any) -> list[Any]:
    """Return every record without the columns that name its storage."""
    names = [c.key for c in ContentRecord.__table__.columns if not c.key.startswith("storage_")]
    return sorted([str(getattr(r, name)) for name in names] for r in await contents(session))


# Complete adoptions


@pytest.mark.parametrize("batch_size", [1, 5, 100])
async def test_records_point_to_target_and_source_is_unchanged(
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
async def test_adopts_between_any_two_storages(
    tmp_path: Path, origin: str, to: str, session: Any
) -> None:
    source, target = STORAGES[origin](tmp_path / "source"), STORAGES[to](tmp_path / "target")
    await fill(session, source)
    if source.name == target.name:
        with pytest.raises(ValueError, match="both named"):
            await adopt(session, source=source, target=target)
        return
    adoption = await adopt(session, source=source, target=target)
    assert adoption.failures == ()
    assert adoption.adopted == VALUES + STREAMS
    if to == "labox":  # streams of Labox's own reader fail at random
        target = laboxide.labox.FileStorage(target.path)
    assert await check_all(registry_of(target), session) == VALUES + STREAMS
    assert {record.storage_name for record in await contents(session)} == {target.name}


async def test_adopts_values_from_database_storage(target: Any, session: Any) -> None:
    registry = registry_of(database_storage)
    await save_one(StorableValue({"a": "ü"}), registry=registry, session=session)
    adoption = await adopt(session, source=database_storage, target=target)
    assert (adoption.adopted, adoption.failures) == (1, ())
    assert await load_json(session, target) == {"a": "ü"}


async def load_json(session: Any, target: Any) -> Any:
    [manifest] = await manifests(session)
    loaded: Any = await load_one(
        manifest, StorableValue, registry=registry_of(target), session=session
    )
    return loaded.value


async def test_labox_reads_objects_adopted_by_drop_in(tmp_path: Path, session: Any) -> None:
    source = STORAGES["laboxide"](tmp_path / "source")
    target = laboxide.labox.FileStorage(tmp_path / "target", mkdir=True)
    await fill(session, source, streams=0)
    await adopt(session, source=source, target=target)
    theirs = LaboxFileStorage(target.path)
    assert await check_all(registry_of(theirs), session) == VALUES


class Reversing(laboxide.FileStorage):
    """A storage whose files contain the reversed content."""

    name = "tests.reversing@v1"

    async def write_data(self, data: Any, digest: Any, tags: Any, /) -> Any:
        stored = laboxide.digest_data(data[::-1], content_type="a/b", algorithm="sha256")
        return await super().write_data(data[::-1], stored, tags)

    async def read_data(self, config: Any, /) -> bytes:
        return (await super().read_data(config))[::-1]


@pytest.mark.parametrize("reverse", ["source", "target"])
async def test_transforming_storage_is_adopted_through_its_methods(
    tmp_path: Path, reverse: str, session: Any
) -> None:
    storages: list[Any] = [
        Reversing(tmp_path / "reversing", mkdir=True),
        laboxide.labox.FileStorage(tmp_path / "plain", mkdir=True),
    ]
    source, target = storages if reverse == "source" else reversed(storages)
    await fill(session, source, streams=0)
    adoption = await adopt(session, source=source, target=target)
    assert (adoption.adopted, adoption.failures) == (VALUES, ())
    assert await check_all(registry_of(target), session) == VALUES


@pytest.mark.parametrize("origin", ["labox", "labox in memory"])
@pytest.mark.parametrize("to", ["laboxide", "drop-in"])
async def test_corrupt_objects_in_target_are_replaced(tmp_path: Path, origin: str, to: str) -> None:
    if (origin, to) == ("labox", "drop-in"):
        origin = "laboxide"  # the names must differ
    source, target = STORAGES[origin](tmp_path / "source"), STORAGES[to](tmp_path / "target")
    async with opened(sqlite_url(tmp_path / "db")) as sessions:
        async with sessions() as session:
            await fill(session, target)  # the same content, damaged below
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


# Links and copies


@pytest.mark.parametrize(("link", "names"), [("auto", {2}), ("hardlink", {2}), ("copy", {1})])
async def test_link_mode_sets_link_count(  # noqa: PLR0917 - fixtures and parameters
    tmp_path: Path, source: Any, target: Any, link: ImportLink, names: set[int], session: Any
) -> None:
    await fill(session, source)
    await adopt(session, source=source, target=target, link=link)
    if link == "auto" and supports_reflinks(tmp_path):
        names = {1}
    assert {path.stat().st_nlink for path in objects(source.path)} == names
    assert {path.stat().st_nlink for path in objects(target.path)} == names


def supports_reflinks(directory: Path) -> bool:
    """Tell whether `FICLONE` works in a directory."""
    with (directory / "a").open("wb") as a, (directory / "b").open("wb") as b:
        a.write(bytes(4096))
        a.flush()
        try:
            fcntl.ioctl(b, 0x40049409, a.fileno())
        except OSError:
            return False
        return True


async def test_unsupported_reflink_raises(
    tmp_path: Path, source: Any, target: Any, session: Any
) -> None:
    await fill(session, source)
    if supports_reflinks(tmp_path):
        assert (await adopt(session, source=source, target=target, link="reflink")).adopted
        return
    with pytest.raises(OSError) as caught:
        await adopt(session, source=source, target=target, link="reflink")
    assert caught.value.errno in (errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL)
    assert await check_all(registry_of(source), session) == VALUES + STREAMS


async def test_files_are_copied_across_file_systems(tmp_path: Path, source: Any) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        assert Path(directory).stat().st_dev != tmp_path.stat().st_dev
        target: Any = laboxide.FileStorage(directory)
        async with opened(sqlite_url(tmp_path / "db")) as sessions, sessions() as session:
            await fill(session, source)
            assert (await adopt(session, source=source, target=target)).adopted == 12
            assert await check_all(registry_of(target), session) == VALUES + STREAMS


async def test_target_router_receives_tags(tmp_path: Path, source: Any, session: Any) -> None:
    router: Any = lambda digest, tags, *, temp: {  # noqa: E731
        "key": f"{tags['kind']}/{digest['content_hash']}"
    }
    target: Any = laboxide.FileStorage(tmp_path / "target", mkdir=True, router=router)
    await fill(session, source)
    await adopt(session, source=source, target=target)
    assert {path.parent.name for path in objects(target.path)} == {"value", "stream"}
    assert await check_all(registry_of(target), session) == VALUES + STREAMS


# Dry runs


async def test_dry_run_reports_outcome_and_changes_nothing(
    tmp_path: Path, source: Any, target: Any, session: Any
) -> None:
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
