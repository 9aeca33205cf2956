"""Resumes tasks when their native operations complete.

Each event loop has one hub: a native queue of completions, and the waiting tasks by ticket. The
loop watches one file descriptor for any number of operations in flight; if it cannot watch a file
descriptor, a thread waits instead. An operation costs at most one iteration of the loop.
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
"""The result of `Writer.feed` if its queue is full; 1 requests a checkpoint."""

SOON = 2
"""The result of starting an operation that is expected to complete within microseconds."""

HUB = "_laboxide_hub"
"""The attribute of an asyncio loop that references its hub. Keep no other reference to a hub: it
references the loop through the futures of waiting tasks, so the loop would never be freed."""


class Hub(ABC):
    """Completions and waiting tasks of one event loop."""

    def __init__(self) -> None:
        self.generation = process.generation
        self._completions = Completions(portable=process.PORTABLE)
        self._waiting: dict[int, Any] = {}
        self._last_task: object = None

    async def run(self, start: Callable[..., object], *args: object) -> Any:
        """Start a native operation and wait for its result.

        Args:
            start: A non-blocking function of a ticket and `args`. It returns True if the operation
                is complete without a result, `SOON` if the ticket will complete within
                microseconds, and any other value if the ticket will complete later.
            *args: The arguments of the operation.
        """
        ticket = self._completions.ticket()
        started = start(ticket, *args)
        if started is True:
            return None
        if started == SOON and self._is_alone() and (found := self._completions.busy_wait(ticket)):
            if pause_due():
                await self.checkpoint()
            return found[0]
        return await self._wait(ticket)

    def _is_alone(self) -> bool:
        """Return whether the same task started the last operation and no task is waiting."""
        last, self._last_task = self._last_task, id(self._task())
        return last == self._last_task and not self._waiting

    @abstractmethod
    def has_ended(self) -> bool:
        """Return whether the loop is closed or freed. Thread-safe."""

    @abstractmethod
    def _task(self) -> object:
        """Return the running task."""

    @abstractmethod
    async def _wait(self, ticket: Ticket) -> Any:
        """Suspend the task until the ticket completes. Cancelling the task cancels the ticket."""

    @abstractmethod
    async def checkpoint(self) -> None:
        """Yield to the event loop once."""

    @abstractmethod
    def _complete(
        self, ticket_id: int, waiter: Any, value: object, error: BaseException | None
    ) -> None:
        """Resume a task."""

    @abstractmethod
    def drop_delivered(self) -> None:
        """Drop the results of resumed tasks that the ended loop will never run."""

    def drain(self) -> None:
        """Resume the tasks whose operations completed. Call it on the loop's thread."""
        for ticket_id, value, error in self._completions.drain():
            # The waiter of a cancelled task is gone.
            if (waiter := self._waiting.pop(ticket_id, None)) is not None:
                self._complete(ticket_id, waiter, value, error)


def current_hub() -> Hub:
    """Return the hub of the running event loop.

    Raises:
        RuntimeError: No event loop is running in this thread.
    """
    # trio first: in guest mode it runs inside an asyncio loop.
    # While another thread imports trio, the module has no `lowlevel` yet.
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


async def checkpoint_if_due() -> None:
    """Yield to the running loop if the time slice is used up."""
    if pause_due():
        await current_hub().checkpoint()


async def wait_for_writer(writer: Writer, flow: int) -> None:
    """Handle the result of `Writer.feed`: wait for room in the queue, or yield to the loop."""
    hub = current_hub()
    if flow == FULL:
        await hub.run(writer.room)
    else:
        await hub.checkpoint()
