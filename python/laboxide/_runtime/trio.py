"""The hub of a trio run."""

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
    """For one `trio.run`."""

    def __init__(self) -> None:
        super().__init__()
        self._is_over = False
        trio.lowlevel.spawn_system_task(self._serve)
        if self._completions.fileno() < 0:
            token = trio.lowlevel.current_trio_token()
            pump(self, self._completions, token.run_sync_soon)

    async def _serve(self) -> None:
        """Stay for as long as the run."""
        try:
            if self._completions.fileno() < 0:
                await trio.sleep_forever()
            while True:
                await trio.lowlevel.wait_readable(self._completions.fileno())
                self.drain()
        finally:
            self._is_over = True
            self._completions.close()

    def is_over(self) -> bool:
        return self._is_over

    async def _wait(self, ticket: Ticket) -> Any:
        def leave(_: object) -> Any:
            self._waiting.pop(ticket.id, None)
            ticket.cancel()
            return trio.lowlevel.Abort.SUCCEEDED

        self._waiting[ticket.id] = trio.lowlevel.current_task()
        return await trio.lowlevel.wait_task_rescheduled(leave)

    def _task(self) -> object:
        return trio.lowlevel.current_task()

    async def checkpoint(self) -> None:
        await trio.lowlevel.checkpoint()

    def _complete(
        self, _ticket_id: int, waiter: Any, value: object, error: BaseException | None
    ) -> None:
        result = outcome.Value(value) if error is None else outcome.Error(error)
        trio.lowlevel.reschedule(waiter, result)

    def let_go(self) -> None:
        """There is nothing: a run ends when all of its tasks have."""


_hub: trio.lowlevel.RunVar[TrioHub] = trio.lowlevel.RunVar("laboxide_hub")


def current_hub() -> TrioHub:
    """Return the hub of this run, made when it is first asked for.

    Raises:
        RuntimeError: The run wakes nobody any more: it is that of a parent process, or at its end,
            where trio closes the generators that tasks have left open.
    """
    try:
        hub = _hub.get()
    except LookupError:
        hub = TrioHub()
        _hub.set(hub)
    if hub.generation != process.generation:
        raise RuntimeError("this trio run is the parent process's: start another in this one")
    if hub.is_over():
        raise RuntimeError("this trio run is at its end, and wakes nobody any more")
    return hub
