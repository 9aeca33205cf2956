"""Streams of an object that are left at each of their chunks."""

from __future__ import annotations

import gc
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TYPE_CHECKING

import anyio

from faults.cancel.trouble import FAILURES, NONE

if TYPE_CHECKING:
    from faults.cancel.trouble import Trouble
    from faults.cancel.world import World


class Held(list[AsyncGenerator[bytes]]):
    """The one reference to a stream, which garbage collection has to take away.

    Attributes:
        left: When its reader wanted no more of it. A chunk takes as long as it takes to read.
    """

    left = 0.0

    def leave(self) -> None:
        """Take the time."""
        self.left = time.perf_counter()


class _OwnError(Exception):
    """What the reader's own code raises."""


async def _break(held: Held) -> None:
    async for _ in held[0]:
        held.leave()
        break
    held.clear()


async def _aclose(held: Held) -> None:
    await held[0].aclose()


async def _aclose_in_another_task(held: Held) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(held[0].aclose)


async def _athrow(held: Held) -> None:
    try:
        await held[0].athrow(_OwnError())
    except _OwnError:
        return
    raise AssertionError("what was thrown in did not come out")


async def _collect(held: Held) -> None:
    cycle: list[object] = [held.pop()]
    cycle.append(cycle)
    del cycle
    gc.collect()


async def _raise(held: Held) -> None:
    try:
        async with anyio.create_task_group():
            async for _ in held[0]:
                held.leave()
                raise _OwnError  # noqa: TRY301 - where a reader's own code fails
    except* _OwnError:
        held.clear()


LEAVES: dict[str, Callable[[Held], Awaitable[None]]] = {
    "break": _break,
    "aclose": _aclose,
    "aclose in another task": _aclose_in_another_task,
    "athrow": _athrow,
    "garbage collection": _collect,
    "an error in the loop's body": _raise,
}


async def leave(
    world: World, name: str, way: str, taken: int, trouble: Trouble = NONE
) -> tuple[float, str]:
    """Leave a stream after some chunks; tell how long that took, and what stayed of it.

    Args:
        world: Where the object is.
        name: Which of the objects.
        way: Which of `LEAVES`.
        taken: The chunks that are taken before.
        trouble: What is wrong from then on.
    """
    held = Held([world.store.read_data_stream(world.kept[name])])
    for _ in range(taken):
        await anext(held[0])
    with trouble(world):
        held.leave()
        try:
            await LEAVES[way](held)
        except* FAILURES:
            if trouble is NONE:
                raise
        seconds = time.perf_counter() - held.left
    await anyio.lowlevel.checkpoint()  # would be cancelled here if anything had been
    return seconds, await world.settled()
