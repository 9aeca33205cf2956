"""Cursors of audits: order, resumption, cancellation, completion and ownership."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import anyio
import pytest
from laboxide import FileStorage, digest_data
from laboxide.testing._sources import content_of

from tests.support.auditing import fill, findings
from tests.support.damage import flip
from tests.support.scripts import assert_clean, run_script
from tests.support.storing import DATA, KIB, MIB, path_of, put

if TYPE_CHECKING:
    from pathlib import Path

    from laboxide import AuditFinding, FilePointer

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("workers", [1, 4])
async def test_findings_are_in_key_order(storage: FileStorage, workers: int) -> None:
    pointers = await fill(storage, 600)
    bad = pointers[::50]
    for pointer in bad:
        flip(path_of(storage, pointer), 0)
    audit = storage.audit(workers=workers)
    seen = []
    async for finding in audit:
        assert audit.cursor == finding.key
        seen.append(finding.key)
    assert seen == [pointer["key"] for pointer in bad]
    assert audit.objects == 600


async def test_audit_resumes_at_each_cursor(storage: FileStorage) -> None:
    pointers = await fill(storage, 40)
    bad = [pointer["key"] for pointer in pointers[::7]]
    for key in bad:
        flip(storage.path / key, 0)
    cursor: str | None = None
    seen: list[str] = []
    stops = 0
    while True:
        audit = storage.audit(cursor=cursor, workers=1)
        async for finding in audit:
            seen.append(finding.key)
            break
        cursor = audit.cursor
        if cursor is None:
            break
        stops += 1
        assert stops <= len(bad), "no progress"
    assert seen == bad


@pytest.mark.parametrize("count", [1, 5])
async def test_cursor_skips_exactly_the_keys_up_to_it(storage: FileStorage, count: int) -> None:
    pointers = await fill(storage, 12)
    audit = storage.audit(cursor=pointers[-count]["key"])
    await findings(audit)
    assert audit.objects == count - 1


CURSORS = ["a", "blake3", "blake3/80", "blake3/80/8", "zz/z", "sha256"]
MOVED = ["blake3/80/80.corrupt-1-2", "blake3/80.displaced-1-2", "blake3/80.displaced-1-2/a"]


@pytest.mark.parametrize("cursor", CURSORS + MOVED)
async def test_cursor_may_name_an_absent_key(storage: FileStorage, cursor: str) -> None:
    pointers = await fill(storage, 50)
    later = [pointer for pointer in pointers if pointer["key"].split("/") > cursor.split("/")]
    audit = storage.audit(cursor=cursor)
    assert await findings(audit) == []
    assert audit.objects == len(later)


def test_resumed_audit_reports_an_unreadable_directory_once(tmp_path: Path) -> None:
    script = """
    async def resume(cursor):
        audit = storage.audit(cursor=cursor)
        found = [(finding.key, finding.problem) async for finding in audit]
        print(found, audit.objects, audit.cursor)

    async def work():
        pointer = await store(storage, 1)
        (root / "blake3").chmod(0)
        await resume(pointer["key"])
        await resume("blake3")
        (root / "blake3").chmod(0o755)

    storage = FileStorage(root)
    asyncio.run(work())
    """
    expected = "[('blake3', 'unreadable')] 0 None\n[] 0 None"
    assert_clean(run_script(script, tmp_path, may_read_all=False), expected)


@pytest.mark.every_loop
async def test_cancelled_audit_resumes_where_it_stopped(storage: FileStorage) -> None:
    pointers = [await put(storage, content_of(100 * KIB, seed=seed)) for seed in range(30)]
    last = max(pointers, key=lambda pointer: pointer["key"])
    flip(path_of(storage, last), 0)
    audit = storage.audit(max_bytes_per_second=2 * MIB, workers=2)
    seen: list[AuditFinding] = []
    cursors: list[str] = []
    is_exhausted = False
    while not is_exhausted:
        with anyio.move_on_after(0.6):
            async for finding in audit:
                seen.append(finding)  # noqa: PERF401 - kept on cancellation
            is_exhausted = True
        cursors.append(audit.cursor or "the end")
        assert cursors == sorted(cursors), "the cursor moved back"
    assert [finding.key for finding in seen] == [last["key"]]
    assert len(cursors) > 1, "the audit was not cancelled"
    assert (audit.objects, audit.bytes_read) == (30, 29 * 100 * KIB)


async def test_cancelled_audit_resumes_after_finished_objects(storage: FileStorage) -> None:
    """Objects next to a large one are not read again each time the large one is cancelled."""
    pointers = await fill_around_a_large_object(storage)
    cursor: str | None = None
    counts: list[int] = []
    while sum(counts) < len(pointers):
        audit = storage.audit(cursor=cursor, max_bytes_per_second=10_000)
        with anyio.move_on_after(1):  # the next read is due after 100 seconds
            assert await findings(audit) == []
        counts.append(audit.objects)
        cursor = audit.cursor
        assert (cursor is None) == audit.is_complete
        assert len(counts) < 10, "no progress"
    assert audit.is_complete
    assert sum(counts) == len(pointers)
    assert len(counts) > 1, "the audit was not cancelled"


async def fill_around_a_large_object(storage: FileStorage) -> list[FilePointer]:
    """Store 20 small objects and a large one with the third key; return pointers in order."""
    # With 200 bytes each, not all are read before the large one is begun.
    pointers = await fill(storage, 20, size=200)
    before, after = pointers[1]["hash"], pointers[2]["hash"]
    for seed in range(10_000):
        data = content_of(MIB, seed=seed)
        if before < digest_data(data, content_type="a/b")["content_hash"] < after:
            return [*pointers[:2], await put(storage, data), *pointers[2:]]
    raise AssertionError("no seed yields a hash between the second and the third")


async def test_cancelled_audit_of_a_sample_resumes_with_the_same_keys(
    storage: FileStorage,
) -> None:
    for pointer in await fill(storage, 60, size=10 * KIB):
        flip(path_of(storage, pointer), 0)
    whole = [finding.key for finding in await findings(storage.audit(sample=0.5, seed=7))]
    seen: list[str] = []
    cursor, stops, is_complete = None, 0, False
    while not is_complete:
        audit = storage.audit(sample=0.5, seed=7, cursor=cursor, max_bytes_per_second=300 * KIB)
        with anyio.move_on_after(0.6):
            async for finding in audit:
                seen.append(finding.key)  # noqa: PERF401 - kept on cancellation
        cursor, stops, is_complete = audit.cursor, stops + 1, audit.is_complete
        assert stops < 60, "no progress"
    assert seen == whole
    assert stops > 1, "the audit was not cancelled"


async def test_audit_is_complete_once_every_finding_is_returned(storage: FileStorage) -> None:
    for pointer in await fill(storage, 5):
        flip(path_of(storage, pointer), 0)
    audit = storage.audit()
    before = audit.is_complete
    assert [before, *[audit.is_complete async for _finding in audit]] == [False] * 6
    assert await findings(audit) == []
    assert (audit.is_complete, audit.cursor) == (True, None)


async def test_audit_cancelled_before_the_first_object_is_incomplete(
    storage: FileStorage,
) -> None:
    await put(storage, content_of(2 * MIB))
    audit = storage.audit(max_bytes_per_second=10_000)
    with anyio.move_on_after(0.1) as scope:
        await findings(audit)
    assert scope.cancelled_caught
    assert (audit.is_complete, audit.objects) == (False, 0)


async def test_audit_of_an_empty_store_is_complete(storage: FileStorage) -> None:
    audit = storage.audit()
    assert (await findings(audit), audit.is_complete, audit.cursor) == ([], True, None)


async def test_audit_cancelled_while_listing_skips_no_object(
    storage: FileStorage,
) -> None:
    pointers = await fill(storage, 5)
    for pointer in pointers:
        flip(path_of(storage, pointer), 0)
    audit = storage.audit()
    seen: list[str] = []
    with anyio.CancelScope() as scope:
        scope.cancel()
        async for finding in audit:
            seen.append(finding.key)  # noqa: PERF401 - kept on cancellation
    await anyio.sleep(0.05)
    seen += [finding.key for finding in await findings(audit)]
    assert seen == [pointer["key"] for pointer in pointers]


@pytest.mark.every_loop
async def test_wait_for_the_rate_limit_is_cancelled_at_once(storage: FileStorage) -> None:
    await fill(storage, 5)
    began = time.monotonic()
    with anyio.move_on_after(0.1) as scope:
        await findings(storage.audit(max_bytes_per_second=1, workers=2))
    assert scope.cancelled_caught
    # The rate limit would delay the first read by days.
    assert time.monotonic() - began < 30


@pytest.mark.every_loop
async def test_audit_can_be_abandoned_at_any_point(storage: FileStorage) -> None:
    for pointer in await fill(storage, 5):
        flip(path_of(storage, pointer), 0)
    async for _finding in storage.audit():
        break
    audit = storage.audit()
    await anext(audit)
    del audit
    assert len(await findings(storage.audit())) == 5


async def test_exhausted_audit_stays_exhausted(storage: FileStorage) -> None:
    await put(storage, DATA)
    audit = storage.audit()
    assert await findings(audit) == []
    assert await findings(audit) == []
    assert audit.objects == 1


async def test_audit_refuses_a_second_reader(storage: FileStorage) -> None:
    await fill(storage, 5)
    audit = storage.audit(max_bytes_per_second=1)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(findings, audit)
        await anyio.sleep(0.05)
        with pytest.raises(RuntimeError, match="another task"):
            await anext(audit)
        tasks.cancel_scope.cancel()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="requires os.fork")
def test_forked_child_cannot_use_an_audit_of_its_parent(tmp_path: Path) -> None:
    script = """
    async def first(audit):
        try:
            return await anext(audit, None)
        except RuntimeError as error:
            return error

    storage = FileStorage(root / "store", mkdir=True)
    asyncio.run(store(storage, 1))
    audit = storage.audit()
    if (child := os.fork()) == 0:
        print(asyncio.run(first(audit)), asyncio.run(first(storage.audit())), flush=True)
        os._exit(0)
    os.waitpid(child, 0)
    print(asyncio.run(first(audit)))
    """
    expected = "this audit belongs to the parent process: start a new one after fork None\nNone"
    assert_clean(run_script(script, tmp_path), expected)
