"""The hub of a trio run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import outcome
import trio

from laboxide._bridge import Hub, pump

if TYPE_CHECKING:
    from laboxide._native import Ticket


class TrioHub(Hub):
    """For one `trio.run`."""

    def __init__(self) -> None:
        super().__init__()
        if self._completions.fileno() >= 0:
            trio.lowlevel.spawn_system_task(self._watch)
        else:
            token = trio.lowlevel.current_trio_token()
            pump(self, self._completions, token.run_sync_soon)

    async def _watch(self) -> None:
        while True:
            await trio.lowlevel.wait_readable(self._completions.fileno())
            self.drain()

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

    def _complete(self, waiter: Any, value: object, error: BaseException | None) -> None:
        result = outcome.Value(value) if error is None else outcome.Error(error)
        trio.lowlevel.reschedule(waiter, result)


_hub: trio.lowlevel.RunVar[TrioHub] = trio.lowlevel.RunVar("laboxide_hub")


def current_hub() -> TrioHub:
    """Return the hub of this run, made when it is first asked for."""
    try:
        return _hub.get()
    except LookupError:
        hub = TrioHub()
        _hub.set(hub)
        return hub
