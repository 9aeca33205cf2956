"""Adoption reports records that it cannot adopt, and leaves them unchanged."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest
from labox.builtin import MemoryStorage as LaboxMemoryStorage
from labox.core import ContentRecord
from laboxide import CorruptDataError, DigestMismatchError, ObjectNotFoundError
from laboxide.labox import adopt
from sqlalchemy import update

from tests.support.adopting import STREAMS, VALUES, fill, objects
from tests.support.damage import SIZE_FAULTS, flip, replace_by_directory
from tests.support.labox_world import check_all, contents, registry_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from laboxide import ImportLink

pytestmark = pytest.mark.anyio


FAULTS: dict[str, tuple[Callable[[Path], None], type[Exception]]] = {
    "missing": (lambda path: path.unlink(), ObjectNotFoundError),
    **{fault: (damage, DigestMismatchError) for fault, damage in SIZE_FAULTS.items()},
    "flipped": (lambda path: flip(path, 0), DigestMismatchError),
    "directory": (replace_by_directory, CorruptDataError),
}


@pytest.mark.parametrize("link", ["auto", "copy"])
@pytest.mark.parametrize("fault", list(FAULTS))
async def test_corrupt_content_is_not_adopted_until_repaired(
    source: Any, target: Any, fault: str, link: ImportLink, session: Any
) -> None:
    damage, error = FAULTS[fault]
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
    # Once repaired, they are adopted.
    shutil.rmtree(damaged) if damaged.is_dir() else damaged.unlink(missing_ok=True)
    damaged.write_bytes(kept[damaged])
    again = await adopt(session, source=source, target=target, link=link)
    assert (again.adopted, again.failures) == (len(left), ())
    assert await check_all(registry_of(target), session) == VALUES + STREAMS


@pytest.mark.parametrize("fault", ["missing", "changed"])
async def test_corrupt_content_in_memory_is_not_adopted(
    target: Any, fault: str, session: Any
) -> None:
    source: Any = LaboxMemoryStorage()
    await fill(session, source)
    for key in list(source.store)[::2]:
        if fault == "missing":
            del source.store[key]
        else:
            source.store[key] = b"changed" + source.store[key][7:]
    adoption = await adopt(session, source=source, target=target)
    assert adoption.adopted == 6
    error = KeyError if fault == "missing" else DigestMismatchError
    assert all(isinstance(failure.error, error) for failure in adoption.failures)
    assert len(adoption.failures) == 6
    assert len(objects(target.path)) == 3


async def test_invalid_records_are_reported_and_unchanged(
    source: Any, target: Any, session: Any
) -> None:
    invalid = ['"/etc/hostname"', "null", '{"key": 1}', '"file://host/x"']
    await fill(session, source)
    records = (await contents(session))[: len(invalid)]
    for record, config in zip(records, invalid, strict=True):
        is_record = ContentRecord.id == record.id
        await session.execute(update(ContentRecord).where(is_record).values(storage_config=config))
    last = (await contents(session))[-1]
    last.content_hash_algorithm = "md5"
    await session.commit()
    adoption = await adopt(session, source=source, target=target)
    assert {f.content_id for f in adoption.failures} == {r.id for r in [*records, last]}
    assert adoption.adopted == VALUES + STREAMS - len(invalid) - 1
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
async def test_invalid_arguments_raise(  # noqa: PLR0917 - fixtures and parameters
    source: Any, target: Any, argument: str, value: Any, error: type[Exception], session: Any
) -> None:
    arguments = {"source": source, "target": target, argument: value}
    with pytest.raises(error, match=argument):
        await adopt(session, **arguments)
