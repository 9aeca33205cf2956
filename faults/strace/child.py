"""A process under test, seen from the driver: started, told what to do, killed."""

from __future__ import annotations

import multiprocessing
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from faults.strace.frozen import bury, freeze, names_of_threads
from faults.strace.subject import serve

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

LIMIT = 20.0
"""Seconds after which an operation counts as hung."""

# A process that has everything imported forks one for each trial: 7 ms in place of 150.
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["faults.strace.subject"])


class HungError(Exception):
    """An operation did not end."""


class Child:
    """A process with a warm engine, in which each kind of thread is there once.

    Args:
        directory: Where it may write to warm up.
        portable: Whether it keeps to what every platform has.
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
        """The number of the process."""
        assert self._process.pid is not None
        return self._process.pid

    def call(self, name: str, *arguments: object) -> Any:
        """Have a method of `Subject` called and return its result.

        Raises:
            EOFError: The process died.
            HungError: It takes too long.
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
        """Leave one thread of each kind, once all wait for work. Some are started by and by.

        Raises:
            LookupError: Of a kind none is left but what is frozen.
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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.end()

    def end(self) -> None:
        """Kill it."""
        self._process.kill()
        for thread in self._frozen:
            bury(thread)
        self._process.join()
        self._process.close()
        self._connection.close()


class Relay:
    """One process for many operations, and another when it is lost.

    To start one takes longer than most operations do.
    """

    def __init__(self, directory: Path, *, portable: bool) -> None:
        self._directory, self._portable = directory, portable
        self._child: Child | None = None

    def child(self) -> Child:
        """Return the process, settled."""
        if self._child is not None:
            # A thread that had nothing to do for some seconds has ended.
            with suppress(LookupError):
                self._child.settle()
                return self._child
            self.dismiss()
        self._child = Child(self._directory, portable=self._portable)
        return self._child

    def dismiss(self) -> None:
        """End the process that there is."""
        if self._child is not None:
            self._child.end()
        self._child = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.dismiss()
