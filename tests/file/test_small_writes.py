"""Loops of small writes leave time to other tasks, and can be cancelled."""

from __future__ import annotations

import anyio
import pytest
from laboxide import DigestMismatchError, FileStorage, digest_data

from tests.support.storing import files, put

pytestmark = [pytest.mark.anyio, pytest.mark.every_loop]


async def test_other_tasks_run_during_small_writes(storage: FileStorage) -> None:
    steps = 0

    async def count() -> None:
        nonlocal steps
        while True:
            steps += 1
            await anyio.sleep(0)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(count)
        await anyio.sleep(0)
        before = steps
        for index in range(2000):
            await put(storage, b"%d" % index)
            if steps - before > 10:
                break
        # A write takes 20 us or more, and other tasks run after 500 us at the latest.
        assert steps - before > 10
        tasks.cancel_scope.cancel()


async def test_small_writes_end_on_cancellation(storage: FileStorage) -> None:
    await put(storage, b"0")
    written = 1
    with anyio.move_on_after(0.2) as scope:
        while True:
            await put(storage, b"%d" % written)
            written += 1
    assert scope.cancelled_caught
    # The last write may still be published; until then it may have a temporary file elsewhere.
    assert written <= len(files(storage.path / "blake3")) <= written + 1


async def test_each_small_write_raises_its_own_error(storage: FileStorage) -> None:
    checking = FileStorage(storage.path, verify_writes=True)
    for index in range(20):
        data = b"%d" % index
        digest = digest_data(b"other", content_type="a/b")
        with pytest.raises(DigestMismatchError):
            await checking.write_data(data, {**digest, "content_size": len(data)}, {})
        pointer = await put(storage, data)
        assert await storage.read_data(pointer) == data


async def test_concurrent_small_writes_return_their_own_pointers(storage: FileStorage) -> None:
    async def write(number: int) -> None:
        for index in range(20):
            data = b"%d %d" % (number, index)
            pointer = await put(storage, data)
            assert pointer["size"] == len(data)
            assert await storage.read_data(pointer) == data

    async with anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(write, number)
    assert len(files(storage.path)) == 400
