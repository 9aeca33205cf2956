"""Every operation ended from outside at each suspension, on each loop, in each way."""

from __future__ import annotations

import gc
from functools import partial
from typing import TYPE_CHECKING

import anyio

from faults.cancel.attempt import Attempt
from faults.cancel.bystander import bystander
from faults.cancel.leaving import LEAVES, leave
from faults.cancel.operations import OPERATIONS
from faults.cancel.trouble import FAILURES, NONE, TROUBLES
from faults.cancel.ways import PROMPT, WAYS
from faults.cancel.world import LARGE, World
from faults.driver import Driver
from faults.loops import GAP, LOOPS, TRIES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from faults.cancel.operations import Operation
    from faults.cancel.trouble import Trouble
    from faults.cancel.ways import Way
    from faults.driver import Trial

    Leave = Callable[[], Awaitable[tuple[float, str]]]

ENOUGH = 10
"""Findings after which the driver stops: each may take seconds, and most have one cause."""


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
        """Try everything, first without any trouble."""
        await self._world.furnish()
        gc.freeze()  # so a collection looks only at objects of the trials, and takes no time itself
        troubles = TROUBLES if self._trial.count("in trouble") else {}
        async with bystander(self._directory, self._trial.found):
            for kind, trouble in {"": NONE, **troubles}.items():
                suffix = f", {kind}" if kind else ""
                for name, operation in self._trial.units(OPERATIONS.items()):
                    for way in WAYS[self._loop]:
                        await self._strike_everywhere(f"{name}{suffix}", operation, way, trouble)
                await self._leave_everywhere(suffix, trouble)

    async def _strike_everywhere(
        self, name: str, operation: Operation, way: Way, trouble: Trouble
    ) -> None:
        at = 1
        while await self._strike(f"{name}, {way.__name__}, at {at}", operation, way, at, trouble):
            at += 1

    async def _strike(
        self, what: str, operation: Operation, way: Way, at: int, trouble: Trouble
    ) -> bool:
        """Strike once, again if it took long; return whether the operation suspended so often."""
        for _ in range(TRIES):
            with trouble(self._world):
                attempt = await self._attempt(what, operation, way, at)
                if trouble is NONE and attempt.failed is not None:
                    self._find(what, f"raised {attempt.failed!r}")
            if attempt.latency < GAP:
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

    async def _leave_everywhere(self, suffix: str, trouble: Trouble) -> None:
        chunks = -(-LARGE // self._world.store.chunk_size)
        for name, last in (("large", chunks), ("small", 1), ("elsewhere", chunks)):
            for way in LEAVES:
                for taken in range(last + 1):
                    what = f"{name} stream left by {way} after {taken} chunks{suffix}"
                    await self._leave(what, partial(leave, self._world, name, way, taken, trouble))

    async def _leave(self, what: str, leave_once: Leave) -> None:
        for _ in range(TRIES):
            self._trial.tried[self._loop] += 1
            seconds, wrong = await leave_once()
            if wrong:
                self._find(what, wrong)
            if seconds < GAP:
                return
        self._find(what, f"took {seconds * 1000:.0f} ms")

    def _find(self, what: str, wrong: str) -> None:
        self._trial.found.append(f"{self._loop}: {what}: {wrong}")
        if len(self._trial.found) >= ENOUGH:
            raise RuntimeError("the rest was not tried")


def run(trial: Trial) -> None:
    """Run everything on one loop after the other."""
    for name, options in LOOPS.items():
        anyio.run(Session(trial, name).run, **options)


DRIVER = Driver(
    "cancelled at every suspension, streams left at every chunk",
    run,
    {"in trouble": (0, 1, 1)},
    root=False,
    seconds=80,
)
