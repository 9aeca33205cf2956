"""A forked child: it uses the storage, and the streams and hashers of its parent."""

from __future__ import annotations

import asyncio
import gc
import os
from typing import TYPE_CHECKING, Any

import trio
from laboxide import FileStorage, Hasher, digest_stream

from faults.operations import chunks, digest_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from random import Random

    from faults.fork.hammer import Shelf


def live(storage: FileStorage, shelf: Shelf, random: Random) -> None:
    """Use the storage and the shelf, in any order."""
    steps = [lambda: use(storage, random), lambda: use_up(shelf)]
    for step in random.sample(steps, len(steps)):
        run(random, step)
        gc.collect()


def run(random: Random, work: Callable[[], Awaitable[None]]) -> None:
    """Run `work` on a new loop."""

    async def main() -> None:
        await work()

    random.choice((lambda: asyncio.run(main()), lambda: trio.run(main)))()


async def use(storage: FileStorage, random: Random) -> None:
    """Write, read and delete in every way."""
    small, large = os.urandom(2000), random.randbytes(3 << 20) + os.urandom(8)
    digest = digest_of(small)
    digest_of_large = digest_of(large)
    assert digest_of_large["content_hash"] == Hasher("blake3", large).hexdigest()
    pair = digest_stream(chunks(large, 100_000), content_type="a/b")
    pointers = [
        (await storage.write_data(small, digest, {}), small),
        (await storage.write_data_stream(*pair, {}), large),
    ]
    for pointer, data in pointers:
        assert await storage.read_data(pointer) == data
        assert b"".join([chunk async for chunk in storage.read_data_stream(pointer)]) == data
        await storage.verify(pointer)
        assert pointer in [found async for found in storage.list_pointers()]
        await storage.delete(pointer)
        assert not await storage.exists(pointer)


async def use_up(shelf: Shelf) -> None:
    """Use everything on the shelf: it works, or raises at once. Then drop it."""
    for thing in list(shelf.things.values()):
        for use_of_it in uses(thing):
            try:
                await use_of_it()
            except (RuntimeError, StopAsyncIteration, ValueError):
                # It belongs to the parent, or has ended. Only a hang is a defect.
                continue
    shelf.things.clear()


def uses(thing: Any) -> list[Callable[[], Awaitable[None]]]:
    """Return the uses of an object on the shelf."""
    if isinstance(thing, Hasher):
        return [_in_a_coroutine(thing.hexdigest)]
    if isinstance(thing, tuple):
        stream, get_digest = thing
        digest = _in_a_coroutine(lambda: get_digest(allow_incomplete=True))
        return [digest, stream.__anext__, stream.aclose]
    if hasattr(thing, "aclose"):
        return [thing.__anext__, thing.aclose]
    return [thing.__anext__]


def _in_a_coroutine(function: Callable[[], object]) -> Callable[[], Awaitable[None]]:
    async def call() -> None:
        function()

    return call
