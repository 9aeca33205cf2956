"""An audit is left and goes on: at a cursor, after it was cancelled, or not any more."""

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
async def test_findings_come_in_the_order_of_keys(storage: FileStorage, workers: int) -> None:
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


async def test_an_audit_goes_on_from_each_cursor(storage: FileStorage) -> None:
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
        assert stops <= len(bad), "it did not get on"
    assert seen == bad


@pytest.mark.parametrize("count", [1, 5])
async def test_a_cursor_covers_what_comes_before_it_and_no_more(
    storage: FileStorage, count: int
) -> None:
    pointers = await fill(storage, 12)
    audit = storage.audit(cursor=pointers[-count]["key"])
    await findings(audit)
    assert audit.objects == count - 1


CURSORS = ["a", "blake3", "blake3/80", "blake3/80/8", "zz/z", "sha256"]
MOVED = ["blake3/80/80.corrupt-1-2", "blake3/80.displaced-1-2", "blake3/80.displaced-1-2/a"]


@pytest.mark.parametrize("cursor", CURSORS + MOVED)
async def test_a_cursor_need_not_be_there_any_more(storage: FileStorage, cursor: str) -> None:
    pointers = await fill(storage, 50)
    later = [pointer for pointer in pointers if pointer["key"].split("/") > cursor.split("/")]
    audit = storage.audit(cursor=cursor)
    assert await findings(audit) == []
    assert audit.objects == len(later)


def test_an_audit_that_goes_on_tells_what_it_may_not_look_at_any_more(tmp_path: Path) -> None:
    script = """
    async def look(cursor):
        audit = storage.audit(cursor=cursor)
        found = [(finding.key, finding.problem) async for finding in audit]
        print(found, audit.objects, audit.cursor)

    async def work():
        pointer = await store(storage, 1)
        (root / "blake3").chmod(0)
        await look(pointer["key"])
        await look("blake3")
        (root / "blake3").chmod(0o755)

    storage = FileStorage(root)
    asyncio.run(work())
    """
    expected = "[('blake3', 'unreadable')] 0 None\n[] 0 None"
    assert_clean(run_script(script, tmp_path, may_read_all=False), expected)


@pytest.mark.every_loop
async def test_a_cancelled_audit_goes_on_where_it_was(storage: FileStorage) -> None:
    pointers = [await put(storage, content_of(100 * KIB, seed=seed)) for seed in range(30)]
    last = max(pointers, key=lambda pointer: pointer["key"])
    flip(path_of(storage, last), 0)
    audit = storage.audit(max_bytes_per_second=2 * MIB, workers=2)
    seen: list[AuditFinding] = []
    cursors: list[str] = []
    is_over = False
    while not is_over:
        with anyio.move_on_after(0.6):
            async for finding in audit:
                seen.append(finding)  # noqa: PERF401 - kept when it is cancelled
            is_over = True
        cursors.append(audit.cursor or "the end")
        assert cursors == sorted(cursors), "it went back"
    assert [finding.key for finding in seen] == [last["key"]]
    assert len(cursors) > 1, "it was not cancelled"
    assert (audit.objects, audit.bytes_read) == (30, 29 * 100 * KIB)


async def test_a_cancelled_audit_goes_on_after_what_it_had_finished(storage: FileStorage) -> None:
    """One large object takes the time of all: what is beside it is not begun anew each time."""
    pointers = await fill_around_a_large_one(storage)
    cursor: str | None = None
    counts: list[int] = []
    while sum(counts) < len(pointers):
        audit = storage.audit(cursor=cursor, max_bytes_per_second=10_000)
        with anyio.move_on_after(1):  # the next one may be read after 100 seconds
            assert await findings(audit) == []
        counts.append(audit.objects)
        cursor = audit.cursor
        assert (cursor is None) == audit.is_complete
        assert len(counts) < 10, "it does not get on"
    assert audit.is_complete
    assert sum(counts) == len(pointers)
    assert len(counts) > 1, "it was not cancelled"


async def fill_around_a_large_one(storage: FileStorage) -> list[FilePointer]:
    """Store 20 small objects and a large one that is the third, and return pointers in order."""
    # Large enough that they are not all read before the large one is begun.
    pointers = await fill(storage, 20, size=200)
    before, after = pointers[1]["hash"], pointers[2]["hash"]
    for seed in range(10_000):
        data = content_of(MIB, seed=seed)
        if before < digest_data(data, content_type="a/b")["content_hash"] < after:
            return [*pointers[:2], await put(storage, data), *pointers[2:]]
    raise AssertionError("all of them are elsewhere")


async def test_a_cancelled_audit_of_a_sample_goes_on_with_the_same_keys(
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
                seen.append(finding.key)  # noqa: PERF401 - kept when it is cancelled
        cursor, stops, is_complete = audit.cursor, stops + 1, audit.is_complete
        assert stops < 60, "it does not get on"
    assert seen == whole
    assert stops > 1, "it was not cancelled"


async def test_an_audit_is_complete_when_all_was_looked_at_and_told(storage: FileStorage) -> None:
    for pointer in await fill(storage, 5):
        flip(path_of(storage, pointer), 0)
    audit = storage.audit()
    before = audit.is_complete
    assert [before, *[audit.is_complete async for _finding in audit]] == [False] * 6
    assert await findings(audit) == []
    assert (audit.is_complete, audit.cursor) == (True, None)


async def test_an_audit_that_was_cancelled_before_the_first_object_is_not_complete(
    storage: FileStorage,
) -> None:
    await put(storage, content_of(2 * MIB))
    audit = storage.audit(max_bytes_per_second=10_000)
    with anyio.move_on_after(0.1) as scope:
        await findings(audit)
    assert scope.cancelled_caught
    assert (audit.is_complete, audit.objects) == (False, 0)


async def test_an_audit_of_nothing_is_complete(storage: FileStorage) -> None:
    audit = storage.audit()
    assert (await findings(audit), audit.is_complete, audit.cursor) == ([], True, None)


async def test_nothing_is_passed_over_by_an_audit_that_was_cancelled_while_listing(
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
            seen.append(finding.key)  # noqa: PERF401 - kept when it is cancelled
    await anyio.sleep(0.05)
    seen += [finding.key for finding in await findings(audit)]
    assert seen == [pointer["key"] for pointer in pointers]


@pytest.mark.every_loop
async def test_a_wait_for_its_turn_to_read_is_cancelled_at_once(storage: FileStorage) -> None:
    await fill(storage, 5)
    began = time.monotonic()
    with anyio.move_on_after(0.1) as scope:
        await findings(storage.audit(max_bytes_per_second=1, workers=2))
    assert scope.cancelled_caught
    # Its turn would come after days.
    assert time.monotonic() - began < 30


@pytest.mark.every_loop
async def test_an_audit_can_be_left_at_any_point(storage: FileStorage) -> None:
    for pointer in await fill(storage, 5):
        flip(path_of(storage, pointer), 0)
    async for _finding in storage.audit():
        break
    audit = storage.audit()
    await anext(audit)
    del audit
    assert len(await findings(storage.audit())) == 5


async def test_an_audit_that_is_over_stays_over(storage: FileStorage) -> None:
    await put(storage, DATA)
    audit = storage.audit()
    assert await findings(audit) == []
    assert await findings(audit) == []
    assert audit.objects == 1


async def test_an_audit_has_one_reader(storage: FileStorage) -> None:
    await fill(storage, 5)
    audit = storage.audit(max_bytes_per_second=1)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(findings, audit)
        await anyio.sleep(0.05)
        with pytest.raises(RuntimeError, match="another task"):
            await anext(audit)
        tasks.cancel_scope.cancel()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_an_audit_belongs_to_the_process_that_began_it(tmp_path: Path) -> None:
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
    expected = "this audit belongs to the parent process: after fork begin anew None\nNone"
    assert_clean(run_script(script, tmp_path), expected)
