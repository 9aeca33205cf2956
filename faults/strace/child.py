"""The process under test, as the driver controls it."""

from __future__ import annotations

import multiprocessing
import re
from contextlib import AbstractContextManager, suppress
from typing import TYPE_CHECKING, Any

from faults.strace.subject import serve
from faults.strace.threads import bury, freeze, names_of_threads

if TYPE_CHECKING:
    from pathlib import Path

LIMIT = 20.0
"""Seconds after which an operation counts as hung."""

# A process with all imports forks one for each trial: 7 ms in place of 150.
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["faults.strace.subject"])


class HungError(Exception):
    """Report an operation that did not end."""


class Child(AbstractContextManager["Child"]):
    """A process with a warm engine and one thread of each kind.

    Args:
        directory: A directory for the warm-up.
        portable: Whether the engine takes its portable path.
        frozen: Whether all but one of several workers are stopped.
    """

    def __init__(self, directory: Path, *, portable: bool, frozen: bool = True) -> None:
        self._connection, theirs = _context.Pipe()
        self._process = _context.Process(target=serve, args=(theirs, portable, directory))
        self._process.start()
        theirs.close()
        self._frozen: set[int] = set()
        self.threads: dict[str, int] = {}
        self._answer()
        if frozen:
            self.settle()

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process.pid is not None
        return self._process.pid

    def call(self, name: str, *arguments: object) -> Any:
        """Call a method of `Subject` in the process and return its result.

        Raises:
            EOFError: The process died.
            HungError: The call takes too long.
        """
        self._connection.send((name, arguments))
        return self._answer()

    def _answer(self) -> Any:
        if not self._connection.poll(LIMIT):
            raise HungError(f"no answer after {LIMIT:.0f} seconds")
        with suppress(ConnectionResetError):
            return self._connection.recv()
        raise EOFError

    def settle(self) -> None:
        """Wait until all threads are idle, and freeze all but one of each kind.

        Raises:
            LookupError: Only frozen threads of a kind are left.
        """
        known, self.threads = self.threads, {"main": self.pid}
        names = names_of_threads(self.pid, but=self._frozen)
        for thread, name in sorted(names.items()):
            kind = re.sub(r"\d+$", "", name)
            if not name.startswith("laboxide"):
                continue
            if kind in self.threads:
                freeze(thread)
                self._frozen.add(thread)
            else:
                self.threads[kind] = thread
        if gone := known.keys() - self.threads.keys():
            raise LookupError(f"no longer running: {', '.join(gone)}")

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Kill the process."""
        self._process.kill()
        for thread in self._frozen:
            bury(thread)
        self._process.join()
        self._process.close()
        self._connection.close()


class Relay(AbstractContextManager["Relay"]):
    """One process for many operations, replaced when it is lost.

    Starting a process takes longer than most operations.
    """

    def __init__(self, directory: Path, *, portable: bool) -> None:
        self._directory, self._portable = directory, portable
        self._child: Child | None = None

    def child(self) -> Child:
        """Return the process, settled."""
        if self._child is not None:
            # A thread that was idle for some seconds has ended.
            with suppress(LookupError):
                self._child.settle()
                return self._child
            self.dismiss()
        self._child = Child(self._directory, portable=self._portable)
        return self._child

    def dismiss(self) -> None:
        """End the process, if there is one."""
        if self._child is not None:
            self._child.end()
        self._child = None

    def __exit__(self, *_: object) -> None:
        self.dismiss()
