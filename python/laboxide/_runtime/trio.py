"""The hub for trio."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import outcome
import trio

from laboxide._runtime import process
from laboxide._runtime.hub import Hub
from laboxide._runtime.wait_thread import pump

if TYPE_CHECKING:
    from laboxide._native import Ticket


class TrioHub(Hub):
    """Hub of one `trio.run`."""

    def __init__(self) -> None:
        super().__init__()
        self._has_ended = False
        trio.lowlevel.spawn_system_task(self._serve)
        if self._completions.fileno() < 0:
            token = trio.lowlevel.current_trio_token()
            pump(self, self._completions, token.run_sync_soon)

    async def _serve(self) -> None:
        """Drain completions until the run ends."""
        try:
            if self._completions.fileno() < 0:
                await trio.sleep_forever()
            while True:
                await trio.lowlevel.wait_readable(self._completions.fileno())
                self.drain()
        finally:
            self._has_ended = True
            self._completions.close()

    def has_ended(self) -> bool:
        return self._has_ended

    # A KeyboardInterrupt between the two statements would leave an ended task to be rescheduled.
    @trio.lowlevel.enable_ki_protection
    async def _wait(self, ticket: Ticket) -> Any:
        def abort(_: object) -> Any:
            self._waiting.pop(ticket.id, None)
            ticket.cancel()
            return trio.lowlevel.Abort.SUCCEEDED

        self._waiting[ticket.id] = trio.lowlevel.current_task()
        return await trio.lowlevel.wait_task_rescheduled(abort)

    def _task(self) -> object:
        return trio.lowlevel.current_task()

    async def checkpoint(self) -> None:
        await trio.lowlevel.checkpoint()

    def _complete(
        self, _ticket_id: int, waiter: Any, value: object, error: BaseException | None
    ) -> None:
        result = outcome.Value(value) if error is None else outcome.Error(error)
        trio.lowlevel.reschedule(waiter, result)

    def drop_delivered(self) -> None:
        """Do nothing: all tasks have ended when a run ends."""


_hub: trio.lowlevel.RunVar[TrioHub] = trio.lowlevel.RunVar("laboxide_hub")


def current_hub() -> TrioHub:
    """Return the hub of this run, created on first use.

    Raises:
        RuntimeError: The run can no longer resume tasks: it belongs to the parent process, or is
            ending and closes async generators that tasks left open.
    """
    try:
        hub = _hub.get()
    except LookupError:
        hub = TrioHub()
        _hub.set(hub)
    if hub.generation != process.generation:
        raise RuntimeError("this trio run belongs to the parent process: call trio.run again")
    if hub.has_ended():
        raise RuntimeError("this trio run is ending and can no longer resume tasks")
    return hub
