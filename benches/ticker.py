"""How long a loop keeps its other tasks waiting."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

TICK = 0.001


async def lateness_beside(work: Callable[[], Awaitable[T]]) -> tuple[T, list[float]]:
    """Do the work beside a ticker of 1 ms; return what it did, and how late each tick was in s."""
    late: list[float] = []
    task = asyncio.create_task(_tick(late))
    await asyncio.sleep(10 * TICK)
    late.clear()
    result = await work()
    # One more tick: a stall up to the very end shows only now.
    await asyncio.sleep(2 * TICK)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return result, late


async def _tick(late: list[float]) -> None:
    while True:
        due = time.perf_counter() + TICK
        await asyncio.sleep(TICK)
        late.append(time.perf_counter() - due)


def percentiles(late: list[float]) -> dict[str, float]:
    """Return the middle, the 99th of 100 and the most, in ms."""
    ordered = sorted(late)
    last = len(ordered) - 1
    places = {"p50": last // 2, "p99": last * 99 // 100, "max": last}
    return {name: ordered[place] * 1e3 for name, place in places.items()}
