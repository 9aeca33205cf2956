"""How long a loop keeps its other tasks waiting."""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

T = TypeVar("T")

TICK = 0.001
NANO = 1_000_000_000


async def lateness_beside(work: Callable[[], Awaitable[T]]) -> tuple[T, list[float]]:
    """Do the work beside a ticker of 1 ms; return what it did, and how late each tick was in s."""
    late: list[float] = []
    with _ticking(late):
        await asyncio.sleep(10 * TICK)
        late.clear()
        result = await work()
        # One more tick: a stall up to the very end shows only now.
        await asyncio.sleep(2 * TICK)
    return result, late


@contextmanager
def _ticking(late: list[float]) -> Iterator[None]:
    """Add to `late` for every tick, until the end."""
    if sys.platform != "linux":
        task = asyncio.create_task(_sleep(late))
        yield
        task.cancel()
        return
    clock, loop = _Clock(), asyncio.get_running_loop()

    def tick() -> None:
        late.append(time.perf_counter() - clock.due)
        clock.set(time.perf_counter() + TICK)

    clock.set(time.perf_counter() + TICK)
    loop.add_reader(clock.descriptor, tick)
    try:
        yield
    finally:
        loop.remove_reader(clock.descriptor)
        os.close(clock.descriptor)


class _Clock:
    """A clock of the kernel's that a loop watches.

    asyncio's own waits for whole milliseconds: what wakes the loop in between, and be it nothing
    but another thread's call, makes a tick up to 1 ms late (p99 1.1 ms instead of 0.1).
    """

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        flags = os.O_NONBLOCK | os.O_CLOEXEC
        self.descriptor: int = self._libc.timerfd_create(time.CLOCK_MONOTONIC, flags)
        if self.descriptor < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self.due = 0.0
        """When it goes off, by `time.perf_counter`, which is the same clock."""

    def set(self, due: float) -> None:
        """Let it go off once, then. Until it is set again, it is readable."""
        self.due = due
        # Twice a `struct timespec`: no interval, and the moment.
        moment = (ctypes.c_long * 4)(0, 0, *divmod(int(due * NANO), NANO))
        absolute = 1
        if self._libc.timerfd_settime(self.descriptor, absolute, moment, None):
            raise OSError(ctypes.get_errno(), "timerfd_settime")


async def _sleep(late: list[float]) -> None:
    with suppress(asyncio.CancelledError):
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
