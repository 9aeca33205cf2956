"""The hub of an asyncio loop, its own or uvloop's."""

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
    """For asyncio's own loop and uvloop, which holds it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._loop = weakref.ref(loop)
        self._delivered: dict[int, Any] = {}
        if (descriptor := self._completions.fileno()) >= 0:
            try:
                loop.add_reader(descriptor, _Reader(self, self._completions))
            except NotImplementedError:  # a loop that cannot watch descriptors (Windows)
                self._completions = Completions(portable=True)
            else:
                return
        pump(self, self._completions, partial(_call_soon, self._loop))

    def is_over(self) -> bool:
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
            del future  # it may hold an exception whose traceback holds this frame

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

    def let_go(self) -> None:
        # Whoever keeps the tasks would keep their files open, for which others wait.
        self._delivered.clear()


class _Reader:
    """What a loop calls when there is something for it, and lets go of when it is closed.

    The hub itself may be held for longer, by tasks that nobody has seen to the end.
    """

    def __init__(self, hub: Hub, completions: Completions) -> None:
        self._hub = hub
        self._completions = completions

    def __call__(self) -> None:
        self._hub.drain()

    def __del__(self) -> None:
        self._completions.close()
        self._hub.let_go()


def _call_soon(
    loop_ref: weakref.ref[asyncio.AbstractEventLoop], function: Callable[[], None]
) -> None:
    if (loop := loop_ref()) is None:
        raise RuntimeError("the event loop is gone")
    loop.call_soon_threadsafe(function)
