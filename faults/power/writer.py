"""A writer of objects of all kinds, which announces the promise for each."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from laboxide import FileStorage, digest_stream

from faults.operations import chunks
from faults.power.objects import Object, Promise, content_of, router

if TYPE_CHECKING:
    from pathlib import Path

Announce = Callable[[int, Promise], None]
TASKS = 6
CHUNK = 200_000


class Writer:
    """Writes objects of all kinds, several at once, and announces the promise for each.

    A promise is announced before an operation that weakens it begins, and after one that
    strengthens it has returned.

    Args:
        root: The root of the store, which may be absent.
        seed: The seed of the objects.
        announce: Receives each promise, outside of the system that will fail.
    """

    def __init__(self, root: Path, seed: int, announce: Announce) -> None:
        self._durable = FileStorage(root, mkdir=True, router=router, durable=True)
        self._not_durable = FileStorage(root, router=router)
        self._root = root
        self._seed = seed
        self._announce = announce
        self._numbers = itertools.count()

    async def run(self, count: int | None = None) -> None:
        """Write `count` objects, or until the process is killed."""
        numbers = itertools.islice(self._numbers, count)
        async with asyncio.TaskGroup() as group:
            for _ in range(TASKS):
                group.create_task(self._each(numbers))

    async def _each(self, numbers: itertools.islice[int]) -> None:
        for number in numbers:
            item = Object(self._seed, number)
            await getattr(self, item.kind)(item)

    async def written(self, item: Object) -> None:
        """Write a value."""
        self._announce(item.number, Promise.ATOMIC)
        await self._write(item)

    async def streamed(self, item: Object) -> None:
        """Write a stream."""
        self._announce(item.number, Promise.ATOMIC)
        source = chunks(item.data, CHUNK)
        pair = digest_stream(source, content_type="application/octet-stream")
        await self._durable.write_data_stream(*pair, {})
        self._announce(item.number, Promise.PRESENT)

    async def imported(self, item: Object) -> None:
        """Import a file that was never flushed."""
        path = self._root.with_name(f"{self._root.name}-original-{item.number}")
        path.write_bytes(item.data)
        self._announce(item.number, Promise.ATOMIC)
        await self._durable.import_file(path)
        self._announce(item.number, Promise.PRESENT)
        path.unlink()

    async def not_durable(self, item: Object) -> None:
        """Write a value that may be lost; flushes of other objects may tear it."""
        self._announce(item.number, Promise.NOTHING)
        await self._not_durable.write_data(item.data, item.digest, {})
        if item.number % 2:
            start_write_out((await self._not_durable.stat(item.pointer(self._root))).path)

    async def made_durable(self, item: Object) -> None:
        """Write durably an object that exists, but is not durable."""
        await self.not_durable(item)
        await self._write(item)

    async def rewritten(self, item: Object) -> None:
        """Write an object that exists; its promise stays."""
        await self.written(item)
        await self._write(item)

    async def healed(self, item: Object) -> None:
        """Write an object that exists, but is torn."""
        await self.written(item)
        self._announce(item.number, Promise.NOTHING)
        path = (await self._durable.stat(item.pointer(self._root))).path
        path.chmod(0o644)
        with path.open("ab") as file:
            file.truncate(len(item.data) + 1)
        await self._write(item)

    async def repaired(self, item: Object) -> None:
        """Write an object that an audit of the whole store has quarantined."""
        await self.written(item)
        self._announce(item.number, Promise.NOTHING)
        path = (await self._durable.stat(item.pointer(self._root))).path
        path.chmod(0o644)
        path.write_bytes(bytes(len(item.data)))
        path.chmod(0o444)
        async for _ in self._durable.audit(repair=True, content_of=content_of):
            pass
        await self._write(item)

    async def deleted(self, item: Object) -> None:
        """Delete an object."""
        await self.written(item)
        self._announce(item.number, Promise.ATOMIC)
        await self._durable.delete(item.pointer(self._root))
        self._announce(item.number, Promise.GONE)

    async def _write(self, item: Object) -> None:
        await self._durable.write_data(item.data, item.digest, {})
        self._announce(item.number, Promise.PRESENT)


def start_write_out(path: Path) -> None:
    """Start writing the file to the device, as the kernel does some seconds later; do not wait."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)
