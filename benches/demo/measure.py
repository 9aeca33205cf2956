"""What a piece of work costs beside its time: peak memory, and the worst stall of its loop."""

from __future__ import annotations

import asyncio
import resource
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable

T = TypeVar("T")

TICK = 0.001


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
    ticker = Ticker()
    task = asyncio.create_task(ticker.run())
    await asyncio.sleep(10 * TICK)
    before = start_peak()
    ticker.worst = 0.0
    begun = time.perf_counter()
    result = await work
    seconds = time.perf_counter() - begun
    # One more tick: a stall up to the very end shows only now.
    await asyncio.sleep(2 * TICK)
    memory = peak() - before
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return result, Cost(seconds, max(memory, 0), ticker.worst)


class Ticker:
    """Wakes every millisecond and notes how late it was."""

    def __init__(self) -> None:
        self.worst = 0.0

    async def run(self) -> None:
        """Tick until cancelled."""
        while True:
            due = time.perf_counter() + TICK
            await asyncio.sleep(TICK)
            self.worst = max(self.worst, time.perf_counter() - due)


def start_peak() -> int:
    """Forget the peak so far, where the system can, and return the resident bytes of now."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        return _status("VmRSS")
    return peak()


def peak() -> int:
    """Return the most bytes that were resident at once."""
    with suppress(OSError):
        return _status("VmHWM")
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _status(field: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) * 1024
    raise OSError(f"no {field} in /proc/self/status")
