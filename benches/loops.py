"""The event loops of a session, and the cost of a round."""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from benches.sources import Pause

T = TypeVar("T")

LOOPS = ("asyncio", "uvloop", "trio")


@dataclass(frozen=True)
class Cost:
    """The cost of a round."""

    seconds: float
    cpu_seconds: float
    """Sum over all threads."""
    figures: dict[str, float] = field(default_factory=dict)
    """Further measurements, by name."""


async def timed(work: Callable[[], Awaitable[T]]) -> tuple[T, Cost]:
    """Run `work` and measure it, without the start and the end of the loop."""
    cpu, begun = time.process_time(), time.perf_counter()
    result = await work()
    return result, Cost(time.perf_counter() - begun, time.process_time() - cpu)


async def checkpoint() -> None:
    """Yield to an asyncio loop once, the cheapest way."""
    await asyncio.sleep(0)


def pause_of(loop: str) -> Pause:
    """Return a function that yields to the loop once."""
    if loop == "trio":
        import trio  # noqa: PLC0415 - absent from the demo's environment

        return trio.lowlevel.checkpoint
    return checkpoint


class Loops(ExitStack):
    """Runs coroutines on each kind of loop. Loops of asyncio and uvloop last for the session."""

    def __init__(self) -> None:
        super().__init__()
        self._runners: dict[str, asyncio.Runner] = {}

    def run(self, loop: str, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run `work` on a loop of this kind."""
        if loop == "trio":
            import trio  # noqa: PLC0415 - absent from the demo's environment

            return trio.run(work)
        return self._runner(loop).run(work())

    def _runner(self, loop: str) -> asyncio.Runner:
        if (runner := self._runners.get(loop)) is None:
            runner = asyncio.Runner(loop_factory=_uvloop if loop == "uvloop" else None)
            self._runners[loop] = self.enter_context(runner)
        return runner


def _uvloop() -> asyncio.AbstractEventLoop:
    import uvloop  # noqa: PLC0415 - absent from the demo's environment

    return uvloop.new_event_loop()
