"""Event-loop stalls, measured by a 1 ms ticker on the same loop."""

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
    """Run `work` beside a 1 ms ticker; return its result and the lateness of each tick in s."""
    late: list[float] = []
    with _ticking(late):
        await asyncio.sleep(10 * TICK)
        late.clear()
        result = await work()
        # One more tick records a stall that lasts until the end of the work.
        await asyncio.sleep(2 * TICK)
    return result, late


@contextmanager
def _ticking(late: list[float]) -> Iterator[None]:
    """Append the lateness of each tick to `late` until the end."""
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
    """A timerfd that a loop watches.

    asyncio's own timers have a resolution of 1 ms: any wake-up in between, for instance by another
    thread's call, delays the next tick by up to 1 ms (p99 1.1 ms instead of 0.1).
    """

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        flags = os.O_NONBLOCK | os.O_CLOEXEC
        self.descriptor: int = self._libc.timerfd_create(time.CLOCK_MONOTONIC, flags)
        if self.descriptor < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self.due = 0.0
        """Expiry on the clock of `time.perf_counter`."""

    def set(self, due: float) -> None:
        """Arm the timer once; the descriptor stays readable until the next call."""
        self.due = due
        # Two `struct timespec`: no interval, and the expiry.
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
    """Return the median, the 99th percentile and the maximum, in ms."""
    ordered = sorted(late)
    last = len(ordered) - 1
    places = {"p50": last // 2, "p99": last * 99 // 100, "max": last}
    return {name: ordered[place] * 1e3 for name, place in places.items()}
