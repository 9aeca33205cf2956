"""Work that keeps every lock of the engine busy, on any loop."""

from __future__ import annotations

import random
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
from laboxide import FileStorage, Hasher, digest_file, digest_stream

from faults.operations import chunks, digest_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from laboxide import FilePointer

PAUSE = 0.003
"""Seconds between two looks of a paused task at its state."""
TASKS = 6
"""Operations that are in flight at once on each loop."""


class Shelf:
    """The streams, walks and hashers that are in use, for a child to find."""

    def __init__(self) -> None:
        self.things: dict[int, Any] = {}

    @contextmanager
    def with_(self, thing: Any) -> Iterator[Any]:
        """Keep `thing` on the shelf."""
        self.things[id(thing)] = thing
        try:
            yield thing
        finally:
            del self.things[id(thing)]


class Hammer:
    """Does one operation after the other until it is stopped.

    Args:
        storage: The storage to use.
        shelf: The place for everything that it has open.
        seed: The seed of its choices.
    """

    def __init__(self, storage: FileStorage, shelf: Shelf, seed: int) -> None:
        self._storage = storage
        self._shelf = shelf
        self._random = random.Random(seed)
        self._small = self._random.randbytes(3000)
        self._large = self._random.randbytes((5 << 20) + 7)
        self.stopped = False
        self.paused = False

    async def run(self) -> None:
        """Work on the present loop."""
        self._kept = await self._write(self._large)
        async with anyio.create_task_group() as group:
            for _ in range(TASKS):
                group.start_soon(self._go_on)

    async def _go_on(self) -> None:
        while not self.stopped:
            if self.paused:
                await anyio.sleep(PAUSE)
                continue
            operation = self._random.choice(OPERATIONS)
            limit = self._random.uniform(0, 0.01) if self._random.random() < 0.3 else 60
            with anyio.move_on_after(limit) as scope:
                await operation(self)
            assert limit < 60 or not scope.cancelled_caught, f"{operation.__name__} hangs"

    async def _write(self, data: bytes) -> FilePointer:
        return await self._storage.write_data(data, digest_of(data, self._algorithm()), {})

    def _algorithm(self) -> str:
        return self._random.choice(("blake3", "sha256"))

    async def write_and_delete(self) -> None:
        """Write a value, read it and delete it."""
        # Different from the objects that other tasks delete.
        data = self._small + self._random.randbytes(8)
        pointer = await self._write(data)
        assert await self._storage.read_data(pointer) == data
        await self._storage.delete(pointer)

    async def write_stream(self) -> None:
        """Write a stream and delete it."""
        pair = digest_stream(
            chunks(self._large + self._random.randbytes(8), 100_000),
            content_type="a/b",
            algorithm=self._algorithm(),
        )
        with self._shelf.with_(pair):
            pointer = await self._storage.write_data_stream(*pair, {})
        await self._storage.delete(pointer)

    async def digest(self) -> None:
        """Hash a stream, and get its digest before it has ended."""
        stream, get_digest = digest_stream(chunks(self._large, 100_000), content_type="a/b")
        with self._shelf.with_((stream, get_digest)):
            async for _ in stream:
                if self._random.random() < 0.1:
                    await anyio.to_thread.run_sync(lambda: get_digest(allow_incomplete=True))

    async def read(self) -> None:
        """Read a large object whole."""
        assert len(await self._storage.read_data(self._kept)) == len(self._large)

    async def read_stream(self) -> None:
        """Read a stream, often not to its end."""
        storage = FileStorage(self._storage.path, chunk_size=self._random.choice((4096, 1 << 20)))
        with self._shelf.with_(storage.read_data_stream(self._kept)) as stream:
            async for _ in stream:
                if self._random.random() < 0.1:
                    return

    async def walk(self) -> None:
        """List all objects."""
        with self._shelf.with_(self._storage.list_pointers()) as pointers:
            async for _ in pointers:
                pass

    async def audit(self) -> None:
        """Audit the whole store, which has no damage."""
        with self._shelf.with_(self._storage.audit()) as findings:
            assert [finding async for finding in findings] == []
        await self._storage.clean()

    async def verify(self) -> None:
        """Verify an object, and hash its file."""
        await self._storage.verify(self._kept)
        await digest_file(self._storage.path / self._kept["key"], algorithm=self._algorithm())

    async def hash(self) -> None:
        """Hash in other threads."""
        with self._shelf.with_(Hasher(self._algorithm())) as hasher:
            await anyio.to_thread.run_sync(hasher.update, self._large)
        digest = partial(digest_of, self._large)
        await anyio.to_thread.run_sync(digest)


OPERATIONS: tuple[Callable[[Hammer], Awaitable[None]], ...] = (
    Hammer.write_and_delete,
    Hammer.write_stream,
    Hammer.digest,
    Hammer.read,
    Hammer.read_stream,
    Hammer.walk,
    Hammer.audit,
    Hammer.verify,
    Hammer.hash,
)
