"""The hub for asyncio and uvloop."""

from __future__ import annotations

import asyncio
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any

from laboxide._native import Completions
from laboxide._runtime.hub import Hub
from laboxide._runtime.wait_thread import pump

if TYPE_CHECKING:
    from collections.abc import Callable

    from laboxide._native import Ticket


class AsyncioHub(Hub):
    """Hub of an asyncio or uvloop event loop, stored as an attribute of the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._loop = weakref.ref(loop)
        self._delivered: dict[int, Any] = {}
        if (descriptor := self._completions.fileno()) >= 0:
            try:
                loop.add_reader(descriptor, _Reader(self, self._completions))
            except NotImplementedError:  # the loop cannot watch file descriptors (Windows)
                self._completions = Completions(portable=True)
            else:
                return
        pump(self, self._completions, partial(_call_soon, self._loop))

    def has_ended(self) -> bool:
        return (loop := self._loop()) is None or loop.is_closed()

    async def _wait(self, ticket: Ticket) -> Any:
        future = asyncio.get_running_loop().create_future()
        self._waiting[ticket.id] = future
        try:
            await future
            return self._delivered.pop(ticket.id)
        except BaseException:
            if self._waiting.pop(ticket.id, None) is not None:
                ticket.cancel()
            self._delivered.pop(ticket.id, None)
            raise
        finally:
            del future  # breaks a cycle: the exception's traceback references this frame

    def _task(self) -> object:
        return asyncio.current_task()

    async def checkpoint(self) -> None:
        await asyncio.sleep(0)

    def _complete(
        self,
        ticket_id: int,
        waiter: asyncio.Future[None],
        value: object,
        error: BaseException | None,
    ) -> None:
        if waiter.done():
            return
        if error is None:
            self._delivered[ticket_id] = value
            waiter.set_result(None)
        elif isinstance(error, StopIteration):  # pragma: no cover - the engine raises none
            waiter.set_exception(RuntimeError(repr(error)))
        else:
            waiter.set_exception(error)

    def drop_delivered(self) -> None:
        # A reference to a task would keep its open files, and so their permits.
        self._delivered.clear()


class _Reader:
    """Callback of the loop for completions; closing the loop drops it.

    Tasks that never finished may keep the hub itself alive for longer.
    """

    def __init__(self, hub: Hub, completions: Completions) -> None:
        self._hub = hub
        self._completions = completions

    def __call__(self) -> None:
        self._hub.drain()

    def __del__(self) -> None:
        self._completions.close()
        self._hub.drop_delivered()


def _call_soon(
    loop_ref: weakref.ref[asyncio.AbstractEventLoop], function: Callable[[], None]
) -> None:
    if (loop := loop_ref()) is None:
        raise RuntimeError("the event loop no longer exists")
    loop.call_soon_threadsafe(function)
