"""`repair=True` quarantines corrupt objects, also next to concurrent writers."""

from __future__ import annotations

import errno
import logging
import time
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from laboxide import FileStorage, ObjectNotFoundError, _native
from laboxide.testing._sources import content_of

from tests.support.auditing import fill, findings
from tests.support.damage import FAULTS, overwrite
from tests.support.storing import DATA, KIB, files, path_of, put

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio


def quarantined_files(storage: FileStorage) -> list[Path]:
    return [path for path in files(storage.path) if ".corrupt-" in path.name]


@pytest.mark.parametrize("fault", FAULTS)
async def test_damaged_object_is_quarantined_and_can_be_written_again(
    storage: FileStorage, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    pointers = await fill(storage, 5)
    data = content_of(100 * KIB)
    pointer = await put(storage, data)
    path = path_of(storage, pointer)
    FAULTS[fault](path)
    bad = path.lstat()
    with caplog.at_level(logging.WARNING, "laboxide.file"):
        [finding] = await findings(storage.audit(repair=True))
    assert finding.path == path
    moved = finding.moved_to
    assert moved is not None
    assert str(moved) in caplog.text
    assert moved.parent == path.parent
    mark = ".displaced-" if fault == "directory" else ".corrupt-"
    assert moved.name.startswith(pointer["hash"][:40] + mark)
    assert (moved.lstat().st_ino, moved.lstat().st_mode) == (bad.st_ino, bad.st_mode)
    with pytest.raises(ObjectNotFoundError):
        await storage.read_data(pointer)
    assert await findings(storage.audit()) == []
    listed = [listed async for listed in storage.list_pointers()]
    assert sorted(listed, key=lambda pointer: pointer["key"]) == pointers
    assert await put(storage, data) == pointer
    assert await storage.read_data(pointer) == data


async def test_resumed_audit_returns_objects_quarantined_before_its_cancellation(
    storage: FileStorage, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    pointers = await fill(storage, 3)
    overwrite(path_of(storage, pointers[1]), b"")
    audit = storage.audit(repair=True)
    scope = anyio.CancelScope()

    def begin_round_without_waiting(_ticket: object, *arguments: Any) -> None:
        scope.cancel()
        _native.audit(_native.Completions(portable=True).ticket(), *arguments)
        while not quarantined_files(storage):
            time.sleep(0.001)

    with monkeypatch.context() as patched, scope:
        patched.setattr("laboxide.file.audit.audit", begin_round_without_waiting)
        await anext(audit)
    assert scope.cancelled_caught
    with caplog.at_level(logging.WARNING, "laboxide.file"):
        [finding] = await findings(audit)
    assert (finding.key, [finding.moved_to]) == (pointers[1]["key"], quarantined_files(storage))
    assert [str(finding.moved_to) in record.getMessage() for record in caplog.records] == [True]
    assert audit.objects == 3


BAD = ("corrupt", "expected", "actual")


class ScriptedOutcomes:
    """Prepared outcomes in place of the engine's."""

    def __init__(self, rounds: list[list[tuple[Any, ...]]]) -> None:
        self.rounds = rounds

    def take(self) -> list[tuple[Any, ...]]:
        return self.rounds.pop(0) if self.rounds else []


async def test_findings_precede_the_error_of_their_round(
    storage: FileStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [pointer["key"] for pointer in await fill(storage, 5)]
    audit = storage.audit(repair=True)
    quarantined = (*BAD, str(storage.path / "aside"))
    scripted = ScriptedOutcomes(
        [
            # The first object caused the error. Later outcomes wait, except a quarantined object.
            [(keys[4], None, quarantined), (keys[1], None, (*BAD, None)), (keys[2], 7, None)],
            [],
            [(keys[0], None, None), (keys[2], 9, None), (keys[3], 11, None)],
        ]
    )

    def fail(*_arguments: object) -> object:
        raise OSError(errno.EMFILE, "on purpose")

    with monkeypatch.context() as patched:
        patched.setattr(audit, "_outcomes", scripted)
        patched.setattr("laboxide.file.audit.audit", fail)
        first = await anext(audit)
        assert (first.key, first.moved_to) == (keys[4], storage.path / "aside")
        assert audit.cursor is not None
        assert audit.cursor < keys[0], "the cursor is before the first object"
        with pytest.raises(OSError, match="on purpose"):
            await anext(audit)
        second = await anext(audit)
        assert (second.key, second.moved_to, audit.cursor) == (keys[1], None, keys[1])
        assert await findings(audit) == []
    # The first object is gone, and the third object is counted once despite two outcomes.
    assert (audit.objects, audit.bytes_read, audit.is_complete) == (4, 18, True)


async def test_read_only_storage_refuses_repair(storage: FileStorage) -> None:
    await put(storage, DATA)
    reader = FileStorage(storage.path, router=None)
    assert await findings(reader.audit()) == []
    with pytest.raises(NotImplementedError, match="read-only"):
        reader.audit(repair=True)


async def test_repair_never_quarantines_an_object_healed_by_a_writer(
    storage: FileStorage,
) -> None:
    """Repair and the healing write may finish in either order."""
    data = content_of(1000)
    pointer = await put(storage, data)
    path = path_of(storage, pointer)
    for _ in range(100):
        overwrite(path, b"torn")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(findings, storage.audit(repair=True))
            tasks.start_soon(put, storage, data)
        # The concurrent write may have preceded the quarantine, so write once more.
        await put(storage, data)
        assert await storage.read_data(pointer) == data
        for stray in await storage.clean():
            assert stray.path.read_bytes() == b"torn"
            stray.path.unlink()


async def test_objects_written_and_deleted_during_an_audit_are_no_findings(
    storage: FileStorage,
) -> None:
    await fill(storage, 100)
    is_over = False

    async def write_and_delete() -> None:
        index = 0
        while not is_over:
            index += 1
            data = b"%d" % (index % 150)
            pointer = await put(storage, data)
            await storage.delete(pointer, missing_ok=True)

    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(write_and_delete)
        for _ in range(15):
            assert await findings(storage.audit(repair=True)) == []
        is_over = True
    assert all(".corrupt-" not in path.name for path in files(storage.path))
