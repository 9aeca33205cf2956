"""Read streams that their consumer leaves at each of their chunks."""

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
    """The only reference to a stream, so that garbage collection can take it.

    Attributes:
        left: The time at which the consumer stops reading, after the last chunk has arrived.
    """

    left = 0.0

    def leave(self) -> None:
        """Set the time."""
        self.left = time.perf_counter()


class _OwnError(Exception):
    """An error of the consumer's own code."""


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
    raise AssertionError("athrow did not raise its own exception")


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
                raise _OwnError  # noqa: TRY301 - as the consumer's own code would
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
    """Leave a stream after some chunks; return the seconds that took, and a finding or "".

    Args:
        world: The stores.
        name: The name of the object.
        way: One of `LEAVES`.
        taken: The number of chunks to take before.
        trouble: A fault from then on.
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
    await anyio.lowlevel.checkpoint()  # raises if this task was cancelled
    return seconds, await world.settled()
