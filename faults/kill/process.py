"""A process that works, seen from the driver."""

from __future__ import annotations

import multiprocessing
import signal
from typing import TYPE_CHECKING, Self

from faults.kill.worker import Scene, Told, work

if TYPE_CHECKING:
    from types import TracebackType

LIMIT = 20.0
"""Seconds of silence after which a process counts as hung."""

# A process that has everything imported forks one for each trial: 7 ms in place of 150. Each child
# runs the main module's imports again.
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["argparse", "tempfile", "faults.kill.worker"])


class Process:
    """A worker at work."""

    def __init__(self, scene: Scene) -> None:
        self._pipe, theirs = _context.Pipe(duplex=False)
        self._process = _context.Process(target=work, args=(scene, theirs))
        self._process.start()
        theirs.close()

    def wait_until_at_work(self) -> None:
        """Wait for the first word."""
        if not self._pipe.poll(LIMIT):
            raise TimeoutError("a process did not begin")

    def kill(self) -> list[Told]:
        """End it at once and return what it has told. Nothing of it runs any more then."""
        self._process.kill()
        return self._last_words(-signal.SIGKILL)

    def stop(self) -> list[Told]:
        """Let it end what it is at, and return what it has told."""
        self._process.terminate()
        return self._last_words(0)

    def _last_words(self, expected: int) -> list[Told]:
        told = []
        while self._pipe.poll(LIMIT):
            try:
                told.append(self._pipe.recv())
            except EOFError:
                break
        self._process.join(LIMIT)
        if self._process.exitcode != expected:
            raise RuntimeError(f"a process ended with {self._process.exitcode}, not {expected}")
        return told

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.join()
        self._process.close()
        self._pipe.close()
