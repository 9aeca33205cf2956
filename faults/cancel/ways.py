"""The ways to end an operation from outside: each strikes an attempt."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import anyio
import trio

if TYPE_CHECKING:
    from faults.cancel.attempt import Attempt

Way = Callable[["Attempt"], Awaitable[None]]
"""Runs an attempt, strikes it, and catches the expected exception of its caller."""


class _OwnError(Exception):
    """The error of a sibling of the operation."""


async def _task(attempt: Attempt, when: Callable[[asyncio.Task[None], Any], object]) -> None:
    task: asyncio.Task[None] = asyncio.create_task(
        attempt.run(lambda waits_for: when(task, waits_for))
    )
    try:
        await task
    except asyncio.CancelledError:
        if not task.cancelled():
            raise


async def before_it_waits(attempt: Attempt) -> None:
    """Cancel the task that is about to wait."""
    await _task(attempt, lambda task, _: task.cancel())


async def while_it_waits(attempt: Attempt) -> None:
    """Cancel the task in the next iteration of the loop."""
    await _task(attempt, lambda task, _: asyncio.get_running_loop().call_soon(task.cancel))


async def with_the_result(attempt: Attempt) -> None:
    """Cancel the task after its result is available, and before it is resumed."""

    def when(task: asyncio.Task[None], waits_for: Any) -> None:
        if waits_for is None:  # it only yields to the loop
            asyncio.get_running_loop().call_soon(task.cancel)
            return

        def cancel(_: object) -> None:
            attempt.note_strike()
            task.cancel()

        waits_for.add_done_callback(cancel)

    await _task(attempt, when)


async def asyncio_timeout(attempt: Attempt) -> None:
    """Let `asyncio.timeout` expire."""
    loop = asyncio.get_running_loop()
    with _raising(attempt, TimeoutError):
        async with asyncio.timeout(None) as timeout:
            await attempt.run(lambda _: timeout.reschedule(loop.time()))


async def asyncio_group(attempt: Attempt) -> None:
    """Let a sibling in an `asyncio.TaskGroup` fail."""
    failing = asyncio.Event()

    async def sibling() -> None:
        await failing.wait()
        raise _OwnError

    with _raising(attempt, _OwnError):
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(sibling())
            await attempt.run(lambda _: failing.set())
            if attempt.struck is None:
                task.cancel()


async def closed(attempt: Attempt) -> None:
    """Close the waiting coroutine, as happens to a task whose loop has ended."""

    def strike(_: object) -> None:
        raise GeneratorExit

    with _raising(attempt, GeneratorExit):
        await attempt.run(strike)


async def fail_after(attempt: Attempt) -> None:
    """Let `anyio.fail_after` expire."""
    with _raising(attempt, TimeoutError), anyio.fail_after(None) as around:
        await attempt.run(lambda _: setattr(around, "deadline", anyio.current_time()))


async def group(attempt: Attempt) -> None:
    """Let a sibling in an anyio task group fail."""
    failing = anyio.Event()

    async def sibling() -> None:
        await failing.wait()
        raise _OwnError

    with _raising(attempt, _OwnError):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(sibling)
            await attempt.run(lambda _: failing.set())
            if attempt.struck is None:
                tasks.cancel_scope.cancel()


async def scope(attempt: Attempt) -> None:
    """Cancel the scope around the operation that is about to wait."""
    with anyio.CancelScope() as around:
        await attempt.run(lambda _: around.cancel())


async def trio_scope_later(attempt: Attempt) -> None:
    """Cancel a trio scope while the operation waits."""
    token = trio.lowlevel.current_trio_token()
    with trio.CancelScope() as around:
        await attempt.run(lambda _: token.run_sync_soon(around.cancel))


async def trio_timeout(attempt: Attempt) -> None:
    """Let `trio.fail_after` expire."""
    with _raising(attempt, trio.TooSlowError), trio.fail_after(float("inf")) as around:
        await attempt.run(lambda _: setattr(around, "deadline", trio.current_time()))


@contextmanager
def _raising(attempt: Attempt, kind: type[BaseException]) -> Iterator[None]:
    """Expect that a cancelled attempt raises a `kind`, or a group of it."""
    try:
        yield
    except kind:
        return
    except BaseExceptionGroup as several:
        if several.split(kind)[1] is not None:
            raise
        return
    if attempt.cancelled:
        raise AssertionError(f"the operation was cancelled, but {kind.__name__} was not raised")


_EVERYWHERE: tuple[Way, ...] = (scope, fail_after, group)
_ASYNCIO: tuple[Way, ...] = (
    before_it_waits,
    while_it_waits,
    with_the_result,
    asyncio_timeout,
    asyncio_group,
    closed,
)
WAYS: dict[str, tuple[Way, ...]] = {
    "asyncio": (*_ASYNCIO, *_EVERYWHERE),
    "uvloop": (*_ASYNCIO, *_EVERYWHERE),
    "trio": (*_EVERYWHERE, trio_scope_later, trio_timeout),
}
"""The ways on each loop."""

PROMPT = (before_it_waits, while_it_waits, with_the_result, closed)
"""Ways that are never too late: the operation gets them at its suspension."""
