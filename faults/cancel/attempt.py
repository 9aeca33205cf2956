"""One run of an operation that is ended from outside at its k-th suspension."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import anyio

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator

Strike = Callable[[Any], object]
"""Ends the operation. The argument is the awaited object, as the loop sees it."""


class Attempt:
    """One run of an operation.

    Args:
        operation: The coroutine of the operation.
        at: The number of the suspension at which it is struck.

    Attributes:
        struck: The time of the strike; None if the operation ended before.
        ended: The time of its end.
        cancelled: Whether the operation raised the cancellation.
        failed: The exception with which the operation ended by itself.
    """

    def __init__(self, operation: Coroutine[Any, Any, object], at: int) -> None:
        self._operation = operation
        self._at = at
        self._suspended = 0
        self.struck: float | None = None
        self.ended = 0.0
        self.cancelled = False
        self.failed: Exception | None = None

    async def run(self, strike: Strike) -> None:
        """Run the operation. A cancellation is raised to the caller."""
        cancelled = anyio.get_cancelled_exc_class()
        try:
            await _Steps(self, strike)
        except (cancelled, GeneratorExit):
            self.cancelled = True
            raise
        except Exception as error:  # noqa: BLE001 - the caller judges
            self.failed = error
        finally:
            self.ended = time.perf_counter()

    def steps(self, strike: Strike) -> Generator[Any, Any, None]:
        """Resume the operation as its loop does, and strike between two steps."""
        resume: Callable[..., object] = self._operation.send
        value: object = None
        while True:
            try:
                waits_for = resume(value)
            except StopIteration:
                return
            self._suspended += 1
            if self._suspended == self._at:
                self._strike(strike, waits_for)
            try:
                resume, value = self._operation.send, (yield waits_for)
            except BaseException as error:  # noqa: BLE001 - every exception goes to the operation
                resume, value = self._operation.throw, error
            # A traceback keeps this frame, and a future its result.
            del waits_for

    def note_strike(self) -> None:
        """Set the time of a strike that comes later than the suspension."""
        self.struck = time.perf_counter()

    def _strike(self, strike: Strike, waits_for: object) -> None:
        self.note_strike()
        try:
            strike(waits_for)
        except BaseException:
            self._operation.close()
            raise

    @property
    def latency(self) -> float:
        """The seconds from the strike to the end."""
        return 0.0 if self.struck is None else self.ended - self.struck


class _Steps:
    def __init__(self, attempt: Attempt, strike: Strike) -> None:
        self._attempt = attempt
        self._strike = strike

    def __await__(self) -> Generator[Any, Any, None]:
        return self._attempt.steps(self._strike)
