"""The hub of an asyncio loop, its own or uvloop's."""

from __future__ import annotations

import asyncio
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any

from laboxide._bridge import Hub, pump
from laboxide._native import Completions

if TYPE_CHECKING:
    from collections.abc import Callable

    from laboxide._native import Ticket


class AsyncioHub(Hub):
    """For asyncio's own loop and uvloop. It must not keep its loop alive."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self.loop = weakref.ref(loop)
        if (descriptor := self._completions.fileno()) >= 0:
            try:
                loop.add_reader(descriptor, self.drain)
            except NotImplementedError:  # a loop that cannot watch descriptors (Windows)
                self._completions = Completions(portable=True)
            else:
                return
        pump(self, self._completions, partial(_call_soon, self.loop))

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

    def _task(self) -> object:
        return asyncio.current_task()

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


def _call_soon(
    loop_ref: weakref.ref[asyncio.AbstractEventLoop], function: Callable[[], None]
) -> None:
    if (loop := loop_ref()) is None:
        raise RuntimeError("the event loop is gone")
    loop.call_soon_threadsafe(function)


_hubs: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncioHub]
_hubs = weakref.WeakKeyDictionary()


def hub_of(loop: asyncio.AbstractEventLoop) -> AsyncioHub:
    """Return the hub of `loop`, made when it is first asked for."""
    hub = _hubs.get(loop)
    if hub is None:
        hub = _hubs[loop] = AsyncioHub(loop)
    return hub


def forget_all() -> None:
    """Forget the hubs of a parent process."""
    _hubs.clear()
