"""How finished work of the engine wakes the task that waits for it.

Each event loop has one hub: a native list of finished work, and the tasks that wait, by ticket. The
loop watches one descriptor, however many operations are in flight; where it cannot, a thread waits
in its place. No operation costs more than one turn of the loop.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, cast

from laboxide._native import Completions, pause_due
from laboxide._runtime import process

if TYPE_CHECKING:
    from collections.abc import Callable

    from laboxide._native import Ticket, Writer

FULL = 2
"""What `Writer.feed` returns when its queue is full; 1 asks for a turn of the loop."""

SOON = 2
"""What starting an operation returns that takes but a moment."""

HUB = "_laboxide_hub"
"""The attribute in which an asyncio loop holds its hub. Nothing else may hold it: through the
futures of those who wait it holds the loop, which would never be freed."""


class Hub(ABC):
    """Finished work on its way to the tasks of one event loop."""

    def __init__(self) -> None:
        self.generation = process.generation
        self._completions = Completions(portable=process.PORTABLE)
        self._waiting: dict[int, Any] = {}
        self._last_task: object = None

    async def run(self, start: Callable[..., object], *args: object) -> Any:
        """Start a native operation and wait for its result.

        Args:
            start: Takes a ticket and `args`, and returns at once: True if there is nothing to wait
                for, anything else if the ticket will be completed, `SOON` if that takes but a
                moment.
            *args: The operation's own arguments.
        """
        ticket = self._completions.ticket()
        started = start(ticket, *args)
        if started is True:
            return None
        if started == SOON and self._is_alone() and (found := self._completions.glance(ticket)):
            if pause_due():
                await self.checkpoint()
            return found[0]
        return await self._wait(ticket)

    def _is_alone(self) -> bool:
        """Tell whether one task does one thing after the other, and nobody else waits."""
        last, self._last_task = self._last_task, id(self._task())
        return last == self._last_task and not self._waiting

    @abstractmethod
    def is_over(self) -> bool:
        """Tell whether the loop is gone, or closed. On any thread."""

    @abstractmethod
    def _task(self) -> object:
        """Return the running task."""

    @abstractmethod
    async def _wait(self, ticket: Ticket) -> Any:
        """Suspend the task until its ticket is completed. If it is cancelled, so is the ticket."""

    @abstractmethod
    async def checkpoint(self) -> None:
        """Give the loop a turn."""

    @abstractmethod
    def _complete(
        self, ticket_id: int, waiter: Any, value: object, error: BaseException | None
    ) -> None:
        """Resume a task."""

    @abstractmethod
    def let_go(self) -> None:
        """Drop what tasks were resumed with that their loop has not run again, and never will."""

    def drain(self) -> None:
        """Resume the tasks whose operations are finished. On the loop's thread."""
        for ticket_id, value, error in self._completions.drain():
            # A task that was cancelled has left.
            if (waiter := self._waiting.pop(ticket_id, None)) is not None:
                self._complete(ticket_id, waiter, value, error)


def current_hub() -> Hub:
    """Return the hub of the running event loop.

    Raises:
        RuntimeError: No event loop is running in this thread.
    """
    # In guest mode trio runs within the other loop, so it is asked first.
    # While another thread imports it, it has no `lowlevel` yet.
    lowlevel = getattr(sys.modules.get("trio"), "lowlevel", None)
    if lowlevel is not None and lowlevel.in_trio_task():
        from laboxide._runtime import trio  # noqa: PLC0415 - needs trio

        return trio.current_hub()
    if (asyncio := sys.modules.get("asyncio")) is None:
        raise RuntimeError("no running event loop")
    loop = asyncio.get_running_loop()
    hub = getattr(loop, HUB, None)
    if hub is None or hub.generation != process.generation:
        from laboxide._runtime.asyncio import AsyncioHub  # noqa: PLC0415 - imports asyncio

        hub = AsyncioHub(loop)
        setattr(loop, HUB, hub)
    return cast("Hub", hub)


async def run(start: Callable[..., object], *args: object) -> Any:
    """Start a native operation and wait for its result, on the running loop's hub."""
    return await current_hub().run(start, *args)


async def breathe() -> None:
    """Give the running loop a turn if it has not had one for a while."""
    if pause_due():
        await current_hub().checkpoint()


async def relax(writer: Writer, flow: int) -> None:
    """Do what `Writer.feed` asked for: wait for room, or give the loop a turn."""
    hub = current_hub()
    if flow == FULL:
        await hub.run(writer.room)
    else:
        await hub.checkpoint()
