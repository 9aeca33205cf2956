"""What a piece of work costs beside its time: peak memory, and the worst stall of its loop."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from benches.memory import peak, start_peak
from benches.ticker import lateness_beside

if TYPE_CHECKING:
    from collections.abc import Awaitable

T = TypeVar("T")


@dataclass(frozen=True)
class Cost:
    """What one run took."""

    seconds: float
    """Wall-clock time."""
    extra_memory: int
    """Peak resident bytes beyond what the process had when the work began."""
    worst_stall: float
    """The longest time, in seconds, by which a 1 ms ticker on the same loop was late."""


async def measure(work: Awaitable[T]) -> tuple[T, Cost]:
    """Run `work` with a ticker beside it, in a process that has nothing else to do."""

    async def measured() -> tuple[T, float, int]:
        before, begun = start_peak(), time.perf_counter()
        result = await work
        return result, time.perf_counter() - begun, peak() - before

    (result, seconds, memory), late = await lateness_beside(measured)
    return result, Cost(seconds, max(memory, 0), max(late))
