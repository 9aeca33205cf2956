"""What cannot be adopted stays where it is, and is listed."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import laboxide
import pytest
from labox.builtin import FileStorage as LaboxFileStorage
from labox.builtin import MemoryStorage as LaboxMemoryStorage
from labox.core import ContentRecord
from laboxide import CorruptDataError, DigestMismatchError, ObjectNotFoundError
from laboxide.labox import adopt
from sqlalchemy import update

from tests.support.adopting import STREAMS, VALUES, fill, objects
from tests.support.damage import SIZE_FAULTS, flip, replace_by_directory
from tests.support.labox_world import check_all, contents, opened, registry_of, sqlite_url

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from laboxide import ImportLink

pytestmark = pytest.mark.anyio


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


FAULTS: dict[str, tuple[Callable[[Path], None], type[Exception]]] = {
    "missing": (lambda path: path.unlink(), ObjectNotFoundError),
    **{fault: (damage, DigestMismatchError) for fault, damage in SIZE_FAULTS.items()},
    "flipped": (lambda path: flip(path, 0), DigestMismatchError),
    "directory": (replace_by_directory, CorruptDataError),
}


@pytest.mark.parametrize("link", ["auto", "copy"])
@pytest.mark.parametrize("fault", list(FAULTS))
async def test_damaged_content_stays_where_it_is(
    tmp_path: Path, source: Any, target: Any, fault: str, link: ImportLink
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
