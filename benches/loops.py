"""The event loops that the work runs on, kept for a whole session."""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self, TypeVar

import trio
import uvloop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from types import TracebackType

    from benches.sources import Pause

T = TypeVar("T")

LOOPS = ("asyncio", "uvloop", "trio")


@dataclass(frozen=True)
class Cost:
    """What a round took."""

    seconds: float
    cpu_seconds: float
    """Of all threads."""
    figures: dict[str, float] = field(default_factory=dict)
    """What else was measured."""


async def timed(work: Callable[[], Awaitable[T]]) -> tuple[T, Cost]:
    """Do the work and tell what it took; what starting and ending a loop takes is left out."""
    cpu, begun = time.process_time(), time.perf_counter()
    result = await work()
    return result, Cost(time.perf_counter() - begun, time.process_time() - cpu)


async def checkpoint() -> None:
    """Give an asyncio loop a turn, in the cheapest way."""
    await asyncio.sleep(0)


def pause_of(loop: str) -> Pause:
    """Return what suspends a task for one turn of the loop."""
    return trio.lowlevel.checkpoint if loop == "trio" else checkpoint


class Loops:
    """Runs coroutines on loops of every kind. Those of asyncio and uvloop live as long as this."""

    def __init__(self) -> None:
        self._runners: dict[str, asyncio.Runner] = {}
        self._stack = ExitStack()

    def run(self, loop: str, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run `work` on a loop of the kind."""
        if loop == "trio":
            return trio.run(work)
        return self._runner(loop).run(work())

    def _runner(self, loop: str) -> asyncio.Runner:
        if (runner := self._runners.get(loop)) is None:
            factory = uvloop.new_event_loop if loop == "uvloop" else None
            runner = self._stack.enter_context(asyncio.Runner(loop_factory=factory))
            self._runners[loop] = runner
        return runner

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()
