"""Move the content of Labox's records to another storage, batch by batch."""

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
"""Upper bound of `batch_size` and `concurrency`."""

_LOG = logging.getLogger("laboxide.labox")


@dataclass(frozen=True)
class AdoptionFailure:
    """A record that was not changed."""

    content_id: UUID
    """The ID of the content record."""
    error: Exception
    """The error of the record or its content."""


@dataclass(frozen=True)
class Adoption:
    """The result of `adopt`; after a dry run, the result of a real run."""

    adopted: int = 0
    """The number of content records that now point to the target."""
    content_size: int = 0
    """The bytes of their content. Content shared by several records counts once per record."""
    failures: tuple[AdoptionFailure, ...] = field(default=())
    """The records that were not changed, with their errors."""


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
    """Move the content of all records of one storage to another storage.

    Content is verified against the hash and size in its record before the record is changed.
    Records are changed in batches; each batch is committed after all of its content is in the
    target. The call can therefore be cancelled, or the process killed, at any time: the next call
    continues with the records that still point to the source. Several calls may run concurrently.
    Nothing is deleted from the source.

    Invalid records, and records whose content is missing, unreadable or corrupt in the source,
    stay unchanged and are listed in the result. Errors of the target and the database are raised.

    Args:
        session: A database session without pending changes. It is committed after each batch.
        source: The storage with the content: one of Labox, of laboxide, or your own.
        target: The storage to move to, with another name. Values are passed to its ``write_data``,
            streams to its ``write_data_stream``; a ``FileStorage`` imports files.
        batch_size: The number of records per batch, 1 to 1,000,000; 100 by default.
        concurrency: The number of contents moved concurrently, 1 to 1,000,000; 4 by default.
        link: How to import a file. ``"auto"`` (the default) tries a reflink (shared blocks), then
            a hard link, then a copy. ``"reflink"``, ``"hardlink"`` and ``"copy"`` try only one.
        dry_run: Whether to read and verify all content without writing; False by default.

    Raises:
        OSError: A file system call of the target failed.
        TypeError: `source` or `target` is not a storage, or a number is not an integer.
        ValueError: Both storages have the same name, or an argument is out of range or not an
            allowed value.
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
            f"source and target are both named {source.name!r}: records refer to a storage by its "
            "name, so none would change (a moved file storage only needs its new path)"
        )


async def _next_batch(
    session: AsyncSession, storage_name: str, last: UUID | None, size: int
) -> Sequence[Any]:
    rows = (await session.execute(_query(storage_name, last).limit(size))).all()
    # Moving content takes long: no transaction stays open during it.
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
    """Move the content of a batch; return its result and the new config of each moved record."""
    configs: dict[UUID, str] = {}
    failures: list[AdoptionFailure] = []
    fatal: list[Exception] = []
    limiter = anyio.CapacityLimiter(concurrency)

    async def move(row: Any) -> None:
        async with limiter:
            try:
                configs[row.id] = await transfer.move(row)
            except UnmovableError as error:
                _LOG.warning("content not moved: %s: %s", row.id, error.reason)
                failures.append(AdoptionFailure(row.id, error.reason))
            except Exception as error:  # noqa: BLE001 - raised below, without an exception group
                fatal.append(error)
                group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        for row in rows:
            group.start_soon(move, row)
    if fatal:
        raise fatal[0]
    moved = [row for row in rows if row.id in configs]
    size = sum(row.content_size for row in moved)
    # Ordered by ID: two adoptions that update the same rows could deadlock otherwise.
    return Adoption(len(moved), size, tuple(failures)), {row.id: configs[row.id] for row in moved}


async def _record(
    session: AsyncSession, source_name: str, target_name: str, configs: dict[UUID, str]
) -> None:
    """Point the records of a batch to the target in one transaction."""
    for content_id, config in configs.items():
        await session.execute(
            update(ContentRecord)
            # Another adoption may have updated the record first.
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
