"""Adoption resumes after errors, cancellation and kills, and tolerates concurrent adoptions."""

from __future__ import annotations

import errno
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import laboxide
import laboxide.labox
import pytest
from laboxide.labox import adopt

from tests.support.adopting import STREAMS, VALUES, fill, objects
from tests.support.labox_world import check_all, contents, opened, registry_of, sqlite_url

if TYPE_CHECKING:
    from collections.abc import Callable

    from laboxide import ImportLink

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]


class Interrupting(laboxide.FileStorage):
    """A storage that calls `interrupt` before its fifth import."""

    name = laboxide.FileStorage.name
    left = 5
    interrupt: Callable[[], None]

    async def import_file(self, *args: Any, **options: Any) -> Any:
        self.left -= 1
        if self.left == 0:
            self.interrupt()
        return await super().import_file(*args, **options)


async def test_target_error_propagates_and_keeps_finished_batches(
    tmp_path: Path, source: Any, session: Any
) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "somewhere")

    target: Any = Interrupting(tmp_path / "target", mkdir=True)
    target.interrupt = full
    await fill(session, source)
    options: Any = {"batch_size": 2, "concurrency": 1, "link": "copy"}
    with pytest.raises(OSError, match="space left") as caught:
        await adopt(session, source=source, target=target, **options)
    assert caught.value.errno == errno.ENOSPC
    assert await adopted(session, target) == 4
    target.left = 0  # no more interrupts
    assert (await adopt(session, source=source, target=target, **options)).adopted == 8
    assert await check_all(registry_of(target), session) == VALUES + STREAMS


async def test_no_transaction_is_open_during_transfer(
    tmp_path: Path, source: Any, session: Any
) -> None:
    target: Any = Interrupting(tmp_path / "target", mkdir=True)
    await fill(session, source)
    seen = []
    target.interrupt = lambda: seen.append(session.in_transaction())
    await adopt(session, source=source, target=target)
    assert seen == [False]


async def adopted(session: Any, target: Any) -> int:
    """Count the records whose content is in the target."""
    return sum(record.storage_name == target.name for record in await contents(session))


async def test_cancelled_adoption_resumes(tmp_path: Path, source: Any, database: str) -> None:
    target: Any = Interrupting(tmp_path / "target", mkdir=True)
    async with opened(database) as sessions:
        async with sessions() as session:
            await fill(session, source)
        async with sessions() as session:
            with anyio.CancelScope() as scope:
                target.interrupt = scope.cancel
                await adopt(session, source=source, target=target, batch_size=3, link="copy")
            assert scope.cancelled_caught
        async with sessions() as session:
            assert await adopted(session, target) == 3
            assert await check_all(registry_of(source, target), session) == VALUES + STREAMS
            assert (await adopt(session, source=source, target=target)).adopted == 9
            assert await check_all(registry_of(target), session) == VALUES + STREAMS
            assert (await adopt(session, source=source, target=target)).adopted == 0


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
import laboxide
from labox.builtin import FileStorage as LaboxFileStorage
from laboxide.labox import adopt
from tests.support.labox_world import opened

class Killed(laboxide.FileStorage):
    name = laboxide.FileStorage.name
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
async def test_killed_adoption_resumes(
    tmp_path: Path, source: Any, target: Any, left: int, link: ImportLink
) -> None:
    database = sqlite_url(tmp_path / "db")
    async with opened(database) as sessions, sessions() as session:
        await fill(session, source)
        kept = objects(source.path)
    program = KILLED.format(
        tests=str(ROOT), root=str(tmp_path), database=database, left=left, link=link
    )
    process = await anyio.run_process([sys.executable, "-W", "error", "-c", program], check=False)
    assert (process.returncode, process.stderr) == (-signal.SIGKILL, b"")
    async with opened(database) as sessions, sessions() as session:
        assert await check_all(registry_of(source, target), session) == VALUES + STREAMS
        assert await adopted(session, target) < VALUES + STREAMS
        await adopt(session, source=source, target=target)
        assert await check_all(registry_of(target), session) == VALUES + STREAMS
    assert objects(source.path) == kept


async def test_concurrent_adoptions_adopt_every_record(
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
            assert await adopted(session, target) == VALUES + STREAMS
            assert await check_all(registry_of(target), session) == VALUES + STREAMS


async def test_adoption_keeps_concurrently_changed_records(tmp_path: Path, source: Any) -> None:
    """The other adoption updates the record after this one has read it."""
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
