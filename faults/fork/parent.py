"""The process that forks: `python -m faults.fork.parent DIRECTORY SEED FORKS LIMIT`.

With `LABOXIDE_LOCKS` it forks once with each lock of the engine held, instead of at any moment.
A child that takes more than LIMIT seconds counts as hung, on a busy machine.
"""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import json
import os
import random
import signal
import sys
import threading
import time
import traceback
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import anyio
import trio
from laboxide import FileStorage, digest_file

from faults.fork.child import live
from faults.fork.hammer import Hammer, Shelf
from faults.fork.locks import VARIABLE, Locks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FAILED = 70
WARM_UP = 1.0
"""Seconds in which most locks are taken."""
BEGUN = 0.005
"""Seconds in which work is under way again."""


class Parent:
    """A process whose threads are at work on two loops whenever it forks.

    Args:
        directory: The store.
        seed: Decides what comes when.
        limit: Seconds after which a child counts as hung.
    """

    def __init__(self, directory: Path, seed: int, limit: int) -> None:
        self.random = random.Random(seed)
        self._limit = limit
        self._shelf = Shelf()
        # Of two, so that what only waits for a device is under way as well.
        self._storages = [
            FileStorage(directory, mkdir=True, durable=durable) for durable in (False, True)
        ]
        self._hammers = [
            Hammer(storage, self._shelf, self.random.getrandbits(32)) for storage in self._storages
        ]

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Have the threads at work meanwhile."""
        threads = [
            threading.Thread(target=lambda: asyncio.run(self._hammers[0].run())),
            threading.Thread(target=lambda: trio.run(self._hammers[1].run)),
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            for hammer in self._hammers:
                hammer.stopped = True
            for thread in threads:
                thread.join()

    def fork(self, is_due: Callable[[], bool], is_done: Callable[[], object]) -> int:
        """Fork once `is_due` returns that it is; return the child's status.

        Args:
            is_due: Waits for the moment. If it returns that there is none, nothing happens.
            is_done: Is called in the parent at once after the fork.
        """
        self.pause(paused=False)
        if not is_due():
            return 0
        storage, choice = self.random.choice(self._storages), self.random.getrandbits(32)
        process = os.fork()
        if process == 0:
            _be_a_child(storage, self._shelf, random.Random(choice), self._limit)
        is_done()
        # The child has the processors for itself: it is the moment of the fork that counts.
        self.pause()
        return _wait_for(process, self._limit + 5)

    def pause(self, *, paused: bool = True) -> None:
        """Let no thread begin anything until the next fork is asked for."""
        for hammer in self._hammers:
            hammer.paused = paused


def main() -> int:
    """Fork while threads work on two loops, until a child does not end well."""
    directory, (seed, forks, limit) = Path(sys.argv[1]), map(int, sys.argv[2:])
    # A module that another thread is importing at the moment of a fork can never be imported in the
    # child: its lock is Python's, and not what is tried here.
    asyncio.run(_import_all())
    trio.run(_import_all)
    gc.freeze()  # or each child that collects would copy all of it
    parent = Parent(directory, seed, limit)
    with parent.at_work():
        if VARIABLE in os.environ:
            return _with_each_lock(parent, Locks(Path(os.environ[VARIABLE])))
        return _at_any_moment(parent, forks)


async def _import_all() -> None:
    """Have everything imported that a loop makes laboxide and anyio import."""
    await anyio.to_thread.run_sync(str)
    await digest_file(__file__)


def _at_any_moment(parent: Parent, forks: int) -> int:
    def is_due() -> bool:
        time.sleep(parent.random.uniform(0.002, 0.02))
        return True

    return 0 if all(parent.fork(is_due, bool) == 0 for _ in range(forks)) else FAILED


def _with_each_lock(parent: Parent, locks: Locks) -> int:
    """Fork while another thread holds the lock that is taken at each place; tell of each."""
    held: dict[str, bool] = {}
    time.sleep(WARM_UP)
    while new := sorted(locks.places() - held.keys()):
        for place in parent.random.sample(new, len(new)):
            status, held[place] = _with_lock(parent, locks, place)
            if status:
                print(f"while the lock of {place} was held")
                return status
    locks.summary.write_text(json.dumps(held), encoding="utf-8")
    return 0


def _with_lock(parent: Parent, locks: Locks, place: str) -> tuple[int, bool]:
    """Return the status of the child, and whether the lock was held when it came to be."""
    kept: list[bool] = []
    # While no loop begins anything, none has the interpreter and waits for the lock of a worker.
    for meanwhile in (lambda: None, parent.pause):
        is_due = partial(_keep, locks, place, meanwhile)
        status = parent.fork(is_due, lambda: kept.append(locks.let_go()))
        if status or any(kept):
            return status, True
    return 0, False


def _keep(locks: Locks, place: str, meanwhile: Callable[[], None]) -> bool:
    time.sleep(BEGUN)
    return locks.keep(place, meanwhile)


def _be_a_child(storage: FileStorage, shelf: Shelf, choice: random.Random, limit: int) -> NoReturn:
    # A thread of C, which needs no lock of Python's to tell where the others hang.
    faulthandler.dump_traceback_later(limit, exit=True)
    ends_at_once = choice.random() < 0.5
    status = _live(storage, shelf, choice)
    if ends_at_once or status:
        os._exit(status)
    gc.collect()
    sys.exit(0)


def _wait_for(process: int, seconds: int) -> int:
    """Wait until a child ends, however early it hangs."""
    deadline = time.monotonic() + seconds
    while (ended := os.waitpid(process, os.WNOHANG)) == (0, 0):
        if time.monotonic() > deadline:
            print("a child hung before it could tell where", flush=True)
            os.kill(process, signal.SIGKILL)
            ended = os.waitpid(process, 0)
            break
        time.sleep(0.002)
    return os.waitstatus_to_exitcode(ended[1])


def _live(storage: FileStorage, shelf: Shelf, choice: random.Random) -> int:
    try:
        live(storage, shelf, choice)
    except BaseException:  # noqa: BLE001 - the child must not go on as its parent
        traceback.print_exc()
        return FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
