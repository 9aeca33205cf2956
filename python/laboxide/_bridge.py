"""How finished work of the engine wakes the task that waits for it.

Each event loop has one hub: a native list of finished work, and the tasks that wait, by ticket. The
loop watches one descriptor, however many operations are in flight; where it cannot, a thread waits
in its place. No operation costs more than one turn of the loop.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
import weakref
from abc import ABC, abstractmethod
from functools import partial
from typing import TYPE_CHECKING, Any

from laboxide._native import Completions, forget_after_fork

if TYPE_CHECKING:
    from collections.abc import Callable

    from laboxide._native import Ticket, Writer

PORTABLE = os.environ.get("LABOXIDE_PORTABLE", "0") not in ("", "0")
"""Keep to what every platform has. For tests; read when laboxide is imported."""

SLICE = 0.0005
"""Seconds for which work that never waits may keep the loop from its other tasks."""

POLL = 0.2
"""Seconds after which a thread that waits in a loop's place looks whether the loop is gone."""

FULL = 2
"""What `Writer.feed` returns when its queue is full; 1 asks for a turn of the loop."""

generation = 0
"""Counts the forks on the way to this process. What has threads or locks belongs to one."""


class Hub(ABC):
    """Finished work on its way to the tasks of one event loop."""

    def __init__(self) -> None:
        self._completions = Completions(portable=PORTABLE)
        self._waiting: dict[int, Any] = {}
        self._turn = time.perf_counter()

    async def run(self, start: Callable[..., object], *args: object) -> Any:
        """Start a native operation and wait for its result.

        Args:
            start: Takes a ticket and `args`, and returns at once: True if there is nothing to wait
                for, anything else if the ticket will be completed.
            *args: The operation's own arguments.
        """
        ticket = self._completions.ticket()
        if start(ticket, *args) is True:
            return None
        return await self._wait(ticket)

    async def breathe(self) -> None:
        """Give the loop a turn if it has not had one for a while."""
        if time.perf_counter() - self._turn > SLICE:
            await self.checkpoint()
            self._turn = time.perf_counter()

    @abstractmethod
    async def _wait(self, ticket: Ticket) -> Any:
        """Suspend the task until its ticket is completed. If it is cancelled, so is the ticket."""

    @abstractmethod
    async def checkpoint(self) -> None:
        """Give the loop a turn."""

    @abstractmethod
    def _complete(self, waiter: Any, value: object, error: BaseException | None) -> None:
        """Resume a task."""

    def _drain(self) -> None:
        for ticket_id, value, error in self._completions.drain():
            # A task that was cancelled has left.
            if (waiter := self._waiting.pop(ticket_id, None)) is not None:
                self._complete(waiter, value, error)
        self._turn = time.perf_counter()


class AsyncioHub(Hub):
    """For asyncio's own loop and uvloop. It must not keep its loop alive."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self.loop = weakref.ref(loop)
        if (descriptor := self._completions.fileno()) >= 0:
            try:
                loop.add_reader(descriptor, self._drain)
            except NotImplementedError:  # a loop that cannot watch descriptors (Windows)
                self._completions = Completions(portable=True)
            else:
                return
        _pump(self, self._completions, partial(_call_soon, self.loop))

    async def _wait(self, ticket: Ticket) -> Any:
        future = asyncio.get_running_loop().create_future()
        self._waiting[ticket.id] = future
        try:
            return await future
        except BaseException:
            if self._waiting.pop(ticket.id, None) is not None:
                ticket.cancel()
            raise
        finally:
            del future  # it may hold an exception whose traceback holds this frame

    async def checkpoint(self) -> None:
        await asyncio.sleep(0)

    def _complete(
        self, waiter: asyncio.Future[object], value: object, error: BaseException | None
    ) -> None:
        if waiter.done():
            return
        if error is None:
            waiter.set_result(value)
        elif isinstance(error, StopIteration):  # pragma: no cover - the engine raises none
            waiter.set_exception(RuntimeError(repr(error)))
        else:
            waiter.set_exception(error)


class TrioHub(Hub):
    """For one `trio.run`."""

    def __init__(self) -> None:
        import outcome  # noqa: PLC0415 - only where trio runs
        import trio  # noqa: PLC0415

        super().__init__()
        self._lowlevel = trio.lowlevel
        self._outcome = outcome
        if self._completions.fileno() >= 0:
            trio.lowlevel.spawn_system_task(self._watch)
        else:
            token = trio.lowlevel.current_trio_token()
            _pump(self, self._completions, token.run_sync_soon)

    async def _watch(self) -> None:
        while True:
            await self._lowlevel.wait_readable(self._completions.fileno())
            self._drain()

    async def _wait(self, ticket: Ticket) -> Any:
        def leave(_: object) -> Any:
            self._waiting.pop(ticket.id, None)
            ticket.cancel()
            return self._lowlevel.Abort.SUCCEEDED

        self._waiting[ticket.id] = self._lowlevel.current_task()
        return await self._lowlevel.wait_task_rescheduled(leave)

    async def checkpoint(self) -> None:
        await self._lowlevel.checkpoint()

    def _complete(self, waiter: Any, value: object, error: BaseException | None) -> None:
        result = self._outcome.Value(value) if error is None else self._outcome.Error(error)
        self._lowlevel.reschedule(waiter, result)


def _call_soon(
    loop_ref: weakref.ref[asyncio.AbstractEventLoop], function: Callable[[], None]
) -> None:
    if (loop := loop_ref()) is None:
        raise RuntimeError("the event loop is gone")
    loop.call_soon_threadsafe(function)


def _pump(hub: Hub, completions: Completions, call_in_loop: Callable[..., object]) -> None:
    """Wait for finished work in a thread of its own, for loops that watch no descriptor.

    The thread ends with its loop, or with the hub.
    """
    hub_ref = weakref.ref(hub)
    drained = threading.Event()

    def drain() -> None:
        if (hub := hub_ref()) is not None:
            hub._drain()  # noqa: SLF001 - of this module
        drained.set()

    def work() -> None:
        while hub_ref() is not None:
            if not completions.wait(POLL):
                continue
            drained.clear()
            try:
                call_in_loop(drain)
            except Exception:  # noqa: BLE001 - RuntimeError or trio's own: the loop has ended
                return
            while not drained.wait(POLL) and hub_ref() is not None:
                pass

    threading.Thread(target=work, name="laboxide-pump", daemon=True).start()


_asyncio_hubs: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncioHub]
_asyncio_hubs = weakref.WeakKeyDictionary()
_local = threading.local()
_trio_hub: Any = None


def current_hub() -> Hub:
    """Return the hub of the running event loop.

    Raises:
        RuntimeError: No event loop is running in this thread.
    """
    trio = sys.modules.get("trio")
    # In guest mode trio runs within the other loop, so it is asked first.
    if trio is not None and trio.lowlevel.in_trio_task():
        return _current_trio_hub(trio)
    loop = asyncio.get_running_loop()
    hub: AsyncioHub | None = getattr(_local, "hub", None)
    if hub is not None and hub.loop() is loop:
        return hub
    hub = _asyncio_hubs.get(loop)
    if hub is None:
        hub = _asyncio_hubs[loop] = AsyncioHub(loop)
    _local.hub = hub
    return hub


def _current_trio_hub(trio: Any) -> Hub:
    global _trio_hub  # noqa: PLW0603 - made when trio is first seen
    if _trio_hub is None:
        _trio_hub = trio.lowlevel.RunVar("laboxide_hub")
    hub: TrioHub | None = _trio_hub.get(None)
    if hub is None:
        hub = TrioHub()
        _trio_hub.set(hub)
    return hub


async def run(start: Callable[..., object], *args: object) -> Any:
    """Start a native operation and wait for its result, on the running loop's hub."""
    return await current_hub().run(start, *args)


async def relax(writer: Writer, flow: int) -> None:
    """Do what `Writer.feed` asked for: wait for room, or give the loop a turn."""
    hub = current_hub()
    if flow == FULL:
        await hub.run(writer.room)
    else:
        await hub.checkpoint()


def _after_fork_in_child() -> None:
    global generation, _local, _trio_hub  # noqa: PLW0603 - all of it belongs to the parent
    generation += 1
    forget_after_fork()
    _asyncio_hubs.clear()
    _local = threading.local()
    _trio_hub = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
