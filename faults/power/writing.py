"""What goes on in a store when the power is cut."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from laboxide import FileStorage, digest_stream

from faults.power.items import Item, Promise, content_of, router

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

Tell = Callable[[int, Promise], None]
TASKS = 6
PIECE = 200_000


class Writing:
    """Writes objects of all kinds, several at once, and tells what is promised of each.

    A promise is told before what weakens it begins, and after what strengthens it has returned.

    Args:
        root: Where the store is, or will be.
        seed: What the objects follow from.
        tell: Takes each promise, for the world outside of what will fail.
    """

    def __init__(self, root: Path, seed: int, tell: Tell) -> None:
        self._durable = FileStorage(root, mkdir=True, router=router, durable=True)
        self._lazy = FileStorage(root, router=router)
        self._root = root
        self._seed = seed
        self._tell = tell
        self._numbers = itertools.count()

    async def run(self, count: int | None = None) -> None:
        """Write `count` objects, or until the end."""
        numbers = itertools.islice(self._numbers, count)
        async with asyncio.TaskGroup() as group:
            for _ in range(TASKS):
                group.create_task(self._each(numbers))

    async def _each(self, numbers: itertools.islice[int]) -> None:
        for number in numbers:
            await self.make(Item(self._seed, number))

    async def make(self, item: Item) -> None:
        """Write one object in the way of its kind."""
        await getattr(self, item.kind)(item)

    async def written(self, item: Item) -> None:
        """Write data."""
        self._tell(item.number, Promise.ATOMIC)
        await self._write(item)

    async def streamed(self, item: Item) -> None:
        """Write a stream."""
        self._tell(item.number, Promise.ATOMIC)
        pair = digest_stream(_pieces(item.data), content_type="application/octet-stream")
        await self._durable.write_data_stream(*pair, {})
        self._tell(item.number, Promise.PRESENT)

    async def imported(self, item: Item) -> None:
        """Import a file that nobody has flushed."""
        path = self._root.with_name(f"{self._root.name}-original-{item.number}")
        path.write_bytes(item.data)
        self._tell(item.number, Promise.ATOMIC)
        await self._durable.import_file(path)
        self._tell(item.number, Promise.PRESENT)
        path.unlink()

    async def lazy(self, item: Item) -> None:
        """Write data that may be lost, beside others' flushes, which may tear it."""
        self._tell(item.number, Promise.NOTHING)
        await self._lazy.write_data(item.data, item.digest, {})
        if item.number % 2:
            start_write_out((await self._lazy.stat(item.pointer(self._root))).path)

    async def settled(self, item: Item) -> None:
        """Write durably what was written already, but not durably."""
        await self.lazy(item)
        await self._write(item)

    async def again(self, item: Item) -> None:
        """Write what is there already; what was promised stays so."""
        await self.written(item)
        await self._write(item)

    async def healed(self, item: Item) -> None:
        """Write what is there, but torn."""
        await self.written(item)
        self._tell(item.number, Promise.NOTHING)
        path = (await self._durable.stat(item.pointer(self._root))).path
        path.chmod(0o644)
        with path.open("ab") as file:
            file.truncate(len(item.data) + 1)
        await self._write(item)

    async def repaired(self, item: Item) -> None:
        """Write what an audit of the whole store has moved aside."""
        await self.written(item)
        self._tell(item.number, Promise.NOTHING)
        path = (await self._durable.stat(item.pointer(self._root))).path
        path.chmod(0o644)
        path.write_bytes(bytes(len(item.data)))
        path.chmod(0o444)
        async for _ in self._durable.audit(repair=True, content_of=content_of):
            pass
        await self._write(item)

    async def deleted(self, item: Item) -> None:
        """Delete what was written."""
        await self.written(item)
        self._tell(item.number, Promise.ATOMIC)
        await self._durable.delete(item.pointer(self._root))
        self._tell(item.number, Promise.GONE)

    async def _write(self, item: Item) -> None:
        await self._durable.write_data(item.data, item.digest, {})
        self._tell(item.number, Promise.PRESENT)


def start_write_out(path: Path) -> None:
    """Do what the system does some seconds later: begin to write, and wait for nothing."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


async def _pieces(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), PIECE):
        yield data[start : start + PIECE]
