"""A worker process, as the driver controls it."""

from __future__ import annotations

import multiprocessing
import signal
from contextlib import AbstractContextManager

from faults.kill.worker import Report, Scene, work

LIMIT = 20.0
"""Seconds of silence after which a process counts as hung."""

# A process with all imports forks one for each trial: 7 ms in place of 150. Each child runs the
# imports of the main module again.
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["argparse", "tempfile", "faults.kill.worker"])


class Process(AbstractContextManager["Process"]):
    """A running worker, which is killed at the end of the context."""

    def __init__(self, scene: Scene) -> None:
        self._pipe, theirs = _context.Pipe(duplex=False)
        self._process = _context.Process(target=work, args=(scene, theirs))
        self._process.start()
        theirs.close()

    def wait_until_at_work(self) -> None:
        """Wait for the first report."""
        if not self._pipe.poll(LIMIT):
            raise TimeoutError("a process did not begin")

    def kill(self) -> list[Report]:
        """Kill the process, wait for its end, and return its reports."""
        self._process.kill()
        return self._remaining_reports(-signal.SIGKILL)

    def stop(self) -> list[Report]:
        """Let the process finish its operations, and return its reports."""
        self._process.terminate()
        return self._remaining_reports(0)

    def _remaining_reports(self, expected: int) -> list[Report]:
        reports = []
        while self._pipe.poll(LIMIT):
            try:
                reports.append(self._pipe.recv())
            except EOFError:
                break
        self._process.join(LIMIT)
        if self._process.exitcode != expected:
            raise RuntimeError(f"a process ended with {self._process.exitcode}, not {expected}")
        return reports

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()
        self._process.close()
        self._pipe.close()
