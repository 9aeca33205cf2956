"""Reports the progress of operations to a function of the caller.

A `Meter` adds up bytes that pass through Python: `MeteredSource` and `feed_value` use it. A `Poll`
reads the native `Counter` of an operation that runs on worker threads.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Generic

from laboxide._native import Counter
from laboxide._runtime import hub
from laboxide._runtime.feeding import blocks_of, chunk_view, feed
from laboxide._runtime.sources import close

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable

    from typing_extensions import Buffer, TypeVar

    from laboxide._native import Writer
    from laboxide.types import Progress

    B = TypeVar("B", bound=Buffer, default=bytes)
else:  # defaults are of Python 3.13
    from typing import TypeVar

    B = TypeVar("B")

T = TypeVar("T")

INTERVAL = 0.05
"""The interval in seconds between calls, and before the first call."""


class Meter:
    """Adds up bytes and reports them to `progress` every `INTERVAL`.

    Attributes:
        total: The sum of all bytes added.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._pending = 0
        self.total = 0
        self._due = monotonic() + INTERVAL

    def add(self, size: int) -> None:
        """Add `size` bytes, and report if a report is due."""
        self._pending += size
        self.total += size
        if monotonic() >= self._due:
            self.flush()

    def flush(self) -> None:
        """Report the bytes since the last report, if there are any."""
        size, self._pending = self._pending, 0
        self._due = monotonic() + INTERVAL
        if size:
            report(self._progress, size)


def report(progress: Progress, size: int) -> None:
    """Call `progress` with a number of bytes.

    Raises:
        RuntimeError: `progress` raised `StopAsyncIteration`, which would end a stream as complete.
    """
    try:
        progress(size)
    except StopAsyncIteration as error:
        raise RuntimeError("progress raised StopAsyncIteration") from error


class Poll:
    """Reports the counter of a native operation while a task waits for its result."""

    def __init__(self, progress: Progress) -> None:
        self.counter = Counter()
        self._progress = progress
        self._reported = 0

    def report_total(self, total: int) -> None:
        """Report the bytes since the last report, given the `total` since the start."""
        if total > self._reported:
            size, self._reported = total - self._reported, total
            report(self._progress, size)

    def _report_count(self) -> list[BaseException]:
        """Report the count. Return an exception from `progress`, even one that cancels tasks."""
        try:
            self.report_total(self.counter.get())
        except BaseException as error:  # noqa: BLE001 - `run` raises it
            return [error]
        return []

    async def run(self, operation: Callable[[], Awaitable[T]]) -> T:
        """Return the result of `operation`, which adds to `counter`.

        An exception from `progress` cancels the operation. Exceptions from `progress` and the
        operation are raised directly, not in an exception group.
        """
        import anyio  # noqa: PLC0415 - takes longer than importing laboxide

        results: list[T] = []
        errors: list[BaseException] = []
        passing = anyio.get_cancelled_exc_class(), GeneratorExit

        async def poll() -> None:
            try:
                while not errors:
                    await anyio.sleep(INTERVAL)
                    errors.extend(self._report_count())
            except passing:
                raise
            except BaseException as error:  # noqa: BLE001 - raised below
                errors.append(error)
            group.cancel_scope.cancel()

        try:
            async with anyio.create_task_group() as group:
                group.start_soon(poll)
                try:
                    results.append(await operation())
                except passing:
                    raise
                except BaseException as error:  # noqa: BLE001 - raised below
                    errors.append(error)
                group.cancel_scope.cancel()
            if errors:
                raise errors[0]
            if not results:
                raise passing[0]  # asyncio can cancel the other task alone
            return results[0]
        finally:
            # The traceback of an error references this frame, and so the result.
            results.clear()
            errors.clear()


async def feed_value(writer: Writer, data: Buffer, meter: Meter | None) -> OSError | None:
    """Feed a whole value and finish the writer. Return the error if a file system call fails.

    With a meter, the value is fed in blocks, and each block is added to the meter.
    """
    for block in (data,) if meter is None else blocks_of(data):
        try:
            await feed(writer, block)
        except OSError as error:
            return error
        if meter is not None:
            meter.add(memoryview(block).nbytes)
    try:
        await hub.run(writer.finish)
    except OSError as error:
        return error
    if meter is not None:
        meter.flush()
    return None


class MeteredSource(Generic[B]):
    """Async iterator that adds the chunks of a source to a meter.

    Not an async generator, which could be abandoned while suspended.
    """

    def __init__(self, source: AsyncIterable[B], progress: Progress) -> None:
        self._source = source
        self._iterator: AsyncIterator[B] | None = None
        self._meter = Meter(progress)

    def __aiter__(self) -> MeteredSource[B]:
        return self

    async def __anext__(self) -> B:
        if self._iterator is None:
            self._iterator = aiter(self._source)
        try:
            chunk = await anext(self._iterator)
        except StopAsyncIteration:
            self._meter.flush()
            raise
        self._meter.add(chunk_view(chunk).nbytes)
        return chunk

    async def aclose(self) -> None:
        """Close the source, if it has ``aclose``."""
        await close(self._iterator, self._source)
