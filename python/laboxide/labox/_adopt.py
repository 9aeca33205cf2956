"""The content of Labox's records, moved to another storage."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import anyio
from labox.core.database import ContentRecord, ManifestRecord
from labox.core.storage import Storage as LaboxStorage
from sqlalchemy import select, update

from laboxide._validation import check_flag, check_integer
from laboxide.labox._transfer import Transfer, UnmovableError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from sqlalchemy import Select
    from sqlalchemy.ext.asyncio import AsyncSession

    from laboxide.file import ImportLink

_MOST = 1_000_000
"""Records, or contents, at once."""

_LOG = logging.getLogger("laboxide.labox")


@dataclass(frozen=True)
class AdoptionFailure:
    """A record that was left as it is."""

    content_id: UUID
    """The ID of the content record."""
    error: Exception
    """What is wrong with it or its content."""


@dataclass(frozen=True)
class Adoption:
    """What `adopt` has done or, in a dry run, would have done."""

    adopted: int = 0
    """The number of content records that lead to the target now."""
    content_size: int = 0
    """The bytes of their content. Content that several records share is counted for each."""
    failures: tuple[AdoptionFailure, ...] = field(default=())
    """The records that were left as they are, and why."""


async def adopt(
    session: AsyncSession,
    *,
    source: Any,
    target: Any,
    batch_size: int = 100,
    concurrency: int = 4,
    link: ImportLink = "auto",
    dry_run: bool = False,
) -> Adoption:
    """Move the content of all of Labox's records in one storage to another storage.

    Content is compared with the hash and size in its record before the record is changed. Records
    are changed in batches, each committed by itself, after the content of all of it is in the
    target. So it can be stopped at any moment, by cancelling it or killing the process, and called
    again: it goes on with the records that still lead to the source. Several may run at once.
    Nothing is deleted from the source.

    Records that cannot be understood, and those whose content the source does not give or gives
    damaged, are left as they are and listed in the result. What goes wrong with the target or the
    database is raised.

    Args:
        session: A session of the database. It is committed after each batch, so it should have
            nothing pending.
        source: Where the content is: a storage of Labox, laboxide, or your own.
        target: Where it goes, of another name. A value is handed to its ``write_data``, a stream
            to its ``write_data_stream``; files go to a ``FileStorage`` as they are.
        batch_size: The number of records that are changed at once.
        concurrency: The number of contents that are moved at once.
        link: How a file becomes one of the target. ``"auto"`` shares its blocks where the file
            system can, else gives it a second name (a hard link), and copies it as the last
            resort. ``"reflink"``, ``"hardlink"`` and ``"copy"`` do only one of them.
        dry_run: Whether to read and compare all content, but to write nothing.

    Raises:
        OSError: The target's file system refuses; ``errno`` and ``filename`` say what and where.
        TypeError: `source` or `target` is not a storage, or a number is no integer.
        ValueError: Both have the same name, or an argument is none of the values it can have.
    """
    check_flag("dry_run", dry_run)
    _check_storages(source, target)
    check_integer("batch_size", batch_size, 1, _MOST)
    check_integer("concurrency", concurrency, 1, _MOST)
    transfer = Transfer(source, target, link, dry_run=dry_run)
    total, last = Adoption(), None
    while rows := await _next_batch(session, source.name, last, batch_size):
        last = rows[-1].id
        batch, configs = await _move(transfer, rows, concurrency)
        if not dry_run:
            await _record(session, source.name, target.name, configs)
        total = _sum(total, batch)
        _LOG.info(
            "adopted %d records from %s to %s, %d bytes; %d failed",
            *(total.adopted, source.name, target.name, total.content_size, len(total.failures)),
        )
    return total


def _check_storages(source: Any, target: Any) -> None:
    for name, storage in (("source", source), ("target", target)):
        if not isinstance(storage, LaboxStorage):
            raise TypeError(f"{name} must be a storage, not {storage!r}")
    if source.name == target.name:
        raise ValueError(
            f"source and target are both named {source.name!r}: a record tells by this name where "
            "its content is, so there is nothing to adopt (a file storage that was moved needs "
            "only its new path)"
        )


async def _next_batch(
    session: AsyncSession, storage_name: str, last: UUID | None, size: int
) -> Sequence[Any]:
    rows = (await session.execute(_query(storage_name, last).limit(size))).all()
    # Moving takes long: no transaction should be open meanwhile.
    await session.commit()
    return rows


def _query(storage_name: str, last: UUID | None) -> Select[Any]:
    query = (
        select(
            ContentRecord.id,
            ContentRecord.content_type,
            ContentRecord.content_encoding,
            ContentRecord.content_hash,
            ContentRecord.content_hash_algorithm,
            ContentRecord.content_size,
            ContentRecord.serializer_type,
            ContentRecord.storage_config,
            ManifestRecord.tags,
        )
        .join(ManifestRecord, ManifestRecord.id == ContentRecord.manifest_id)
        .where(ContentRecord.storage_name == storage_name)
        .order_by(ContentRecord.id)
    )
    return query if last is None else query.where(ContentRecord.id > last)


async def _move(
    transfer: Transfer, rows: Sequence[Any], concurrency: int
) -> tuple[Adoption, dict[UUID, str]]:
    """Move the content of a batch; return what came of it and the configs of what was moved."""
    configs: dict[UUID, str] = {}
    failures: list[AdoptionFailure] = []
    fatal: list[Exception] = []
    limiter = anyio.CapacityLimiter(concurrency)

    async def move(row: Any) -> None:
        async with limiter:
            try:
                configs[row.id] = await transfer.move(row)
            except UnmovableError as error:
                _LOG.warning("left content %s where it is: %s", row.id, error.reason)
                failures.append(AdoptionFailure(row.id, error.reason))
            except Exception as error:  # noqa: BLE001 - raised below, not in a group
                fatal.append(error)
                group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        for row in rows:
            group.start_soon(move, row)
    if fatal:
        raise fatal[0]
    moved = [row for row in rows if row.id in configs]
    size = sum(row.content_size for row in moved)
    # In the order of their IDs: two adoptions at work on the same rows could deadlock otherwise.
    return Adoption(len(moved), size, tuple(failures)), {row.id: configs[row.id] for row in moved}


async def _record(
    session: AsyncSession, source_name: str, target_name: str, configs: dict[UUID, str]
) -> None:
    """Let the records of a batch lead to the target, all of them or none."""
    for content_id, config in configs.items():
        await session.execute(
            update(ContentRecord)
            # Another adoption may have come first.
            .where(ContentRecord.id == content_id, ContentRecord.storage_name == source_name)
            .values(storage_name=target_name, storage_config=config)
        )
    await session.commit()


def _sum(total: Adoption, batch: Adoption) -> Adoption:
    return replace(
        total,
        adopted=total.adopted + batch.adopted,
        content_size=total.content_size + batch.content_size,
        failures=total.failures + batch.failures,
    )
