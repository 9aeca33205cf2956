"""All operations, struck at all points in all ways, within one event loop."""

from __future__ import annotations

import gc
from functools import partial
from typing import TYPE_CHECKING

from faults.cancel.attempt import Attempt
from faults.cancel.bystander import bystander
from faults.cancel.leaving import LEAVES, leave
from faults.cancel.operations import OPERATIONS
from faults.cancel.trouble import FAILURES, NONE, TROUBLES
from faults.cancel.ways import PROMPT, WAYS
from faults.cancel.world import LARGE, World

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from faults.cancel.operations import Operation
    from faults.cancel.trouble import Trouble
    from faults.cancel.ways import Way
    from faults.driver import Trial

    Leave = Callable[[], Awaitable[tuple[float, str]]]

LIMIT = 0.05
"""Seconds in which whoever cancels has its operation back."""
TRIES = 3
"""The best of so many counts: the machine may be busy."""

ENOUGH = 10
"""Findings after which no more is tried: each may take seconds, and most have one cause."""


class Session:
    """The trials on one loop.

    Args:
        trial: The run of the driver.
        loop: ``"asyncio"``, ``"uvloop"`` or ``"trio"``.
    """

    def __init__(self, trial: Trial, loop: str) -> None:
        self._trial = trial
        self._loop = loop
        self._directory = trial.directory / loop
        self._world = World(self._directory / "world", trial.random)

    async def run(self) -> None:
        """Try everything."""
        await self._world.furnish()
        gc.freeze()  # a collection is then one of what the trials leave, and takes no time itself
        async with bystander(self._directory, self._trial.found):
            for name, operation in self._trial.units(OPERATIONS.items()):
                for way in WAYS[self._loop]:
                    await self._strike_everywhere(name, operation, way, NONE)
            await self._leave_everywhere("", NONE)
            if self._trial.count("in trouble"):
                await self._strike_in_trouble()

    async def _strike_in_trouble(self) -> None:
        for kind, trouble in TROUBLES.items():
            for name, operation in self._trial.units(OPERATIONS.items()):
                for way in WAYS[self._loop]:
                    await self._strike_everywhere(f"{name}, {kind}", operation, way, trouble)
            await self._leave_everywhere(f", {kind}", trouble)

    async def _strike_everywhere(
        self, name: str, operation: Operation, way: Way, trouble: Trouble
    ) -> None:
        at = 1
        while await self._strike(f"{name}, {way.__name__}, at {at}", operation, way, at, trouble):
            at += 1

    async def _strike(
        self, what: str, operation: Operation, way: Way, at: int, trouble: Trouble
    ) -> bool:
        """Strike once, again if it took long, and tell whether there was anything to strike."""
        for _ in range(TRIES):
            with trouble(self._world):
                attempt = await self._attempt(what, operation, way, at)
                if trouble is NONE and attempt.failed is not None:
                    self._find(what, f"raised {attempt.failed!r}")
            if attempt.latency < LIMIT:
                break
        else:
            self._find(what, f"took {attempt.latency * 1000:.0f} ms to return")
        return attempt.struck is not None

    async def _attempt(self, what: str, operation: Operation, way: Way, at: int) -> Attempt:
        world = self._world
        world.kept["doomed"] = await world.restore_doomed()
        attempt = Attempt(operation(world), at)
        await way(attempt)
        self._trial.tried[self._loop] += attempt.struck is not None
        if attempt.failed is not None and not isinstance(attempt.failed, FAILURES):
            self._find(what, f"raised {attempt.failed!r}")
        if attempt.struck and way in PROMPT and not (attempt.cancelled or attempt.failed):
            self._find(what, "the cancellation did not reach the caller")
        if wrong := await world.settled():
            self._find(what, wrong)
        world.clear()
        return attempt

    async def _leave_everywhere(self, kind: str, trouble: Trouble) -> None:
        chunks = -(-LARGE // self._world.store.chunk_size)
        for name, last in (("large", chunks), ("small", 1), ("elsewhere", chunks)):
            for way in LEAVES:
                for taken in range(last + 1):
                    what = f"{name} stream left by {way} after {taken} chunks{kind}"
                    await self._leave(what, partial(leave, self._world, name, way, taken, trouble))

    async def _leave(self, what: str, leave_once: Leave) -> None:
        for _ in range(TRIES):
            self._trial.tried[self._loop] += 1
            seconds, wrong = await leave_once()
            if wrong:
                self._find(what, wrong)
            if seconds < LIMIT:
                return
        self._find(what, f"took {seconds * 1000:.0f} ms")

    def _find(self, what: str, wrong: str) -> None:
        self._trial.found.append(f"{self._loop}: {what}: {wrong}")
        if len(self._trial.found) >= ENOUGH:
            raise RuntimeError("the rest was not tried")
