"""The process that forks: `python -m faults.fork.parent DIRECTORY SEED FORKS LIMIT`.

With `LABOXIDE_LOCKS` it forks once with each lock of the engine held, instead of at random.
A child that takes more than LIMIT seconds counts as hung.
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
"""Seconds in which most locks are taken once."""
BEGUN = 0.005
"""Seconds in which the hammers resume."""


class Parent:
    """A process whose threads are at work on two loops whenever it forks.

    Args:
        directory: The root of the store.
        seed: The seed of its choices.
        limit: Seconds after which a child counts as hung.
    """

    def __init__(self, directory: Path, seed: int, limit: int) -> None:
        self.random = random.Random(seed)
        self._limit = limit
        self._shelf = Shelf()
        # A durable storage as well, so that threads also wait for the device.
        self._storages = [
            FileStorage(directory, mkdir=True, durable=durable) for durable in (False, True)
        ]
        self._hammers = [
            Hammer(storage, self._shelf, self.random.getrandbits(32)) for storage in self._storages
        ]

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Run the threads while the block runs."""
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
        """Fork when `is_due` returns True; return the child's status.

        Args:
            is_due: Waits for the moment of the fork. If it returns False, there is no fork.
            is_done: Called in the parent right after the fork.
        """
        self.pause(paused=False)
        if not is_due():
            return 0
        storage, choice = self.random.choice(self._storages), self.random.getrandbits(32)
        process = os.fork()
        if process == 0:
            _be_a_child(storage, self._shelf, random.Random(choice), self._limit)
        is_done()
        # Only the moment of the fork counts; now the child gets the processors.
        self.pause()
        return _wait_for(process, self._limit + 5)

    def pause(self, *, paused: bool = True) -> None:
        """Let no thread begin an operation until the next fork."""
        for hammer in self._hammers:
            hammer.paused = paused


def main() -> int:
    """Fork while threads work on two loops, until a child fails."""
    directory, (seed, forks, limit) = Path(sys.argv[1]), map(int, sys.argv[2:])
    # A module that another thread imports at the moment of a fork can never be imported in the
    # child: Python holds the lock, which is not the subject of this test.
    asyncio.run(_import_all())
    trio.run(_import_all)
    gc.freeze()  # otherwise a collection in each child would copy all objects
    parent = Parent(directory, seed, limit)
    with parent.at_work():
        if VARIABLE in os.environ:
            return _with_each_lock(parent, Locks(Path(os.environ[VARIABLE])))
        return _at_any_moment(parent, forks)


async def _import_all() -> None:
    """Import all modules that laboxide and anyio import on the present loop."""
    await anyio.to_thread.run_sync(str)
    await digest_file(__file__)


def _at_any_moment(parent: Parent, forks: int) -> int:
    def is_due() -> bool:
        time.sleep(parent.random.uniform(0.002, 0.02))
        return True

    return 0 if all(parent.fork(is_due, bool) == 0 for _ in range(forks)) else FAILED


def _with_each_lock(parent: Parent, locks: Locks) -> int:
    """Fork while another thread holds the lock of each place, and write the summary."""
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
    """Return the status of the child, and whether the lock was held at the fork."""
    kept: list[bool] = []
    # A paused loop never has the interpreter while it waits for the lock of a worker.
    for prepare in (lambda: None, parent.pause):
        is_due = partial(_keep, locks, place, prepare)
        status = parent.fork(is_due, lambda: kept.append(locks.release()))
        if status or any(kept):
            return status, True
    return 0, False


def _keep(locks: Locks, place: str, prepare: Callable[[], None]) -> bool:
    time.sleep(BEGUN)
    return locks.keep(place, prepare)


def _be_a_child(storage: FileStorage, shelf: Shelf, choice: random.Random, limit: int) -> NoReturn:
    # A C thread, which needs no Python lock to report where the others hang.
    faulthandler.dump_traceback_later(limit, exit=True)
    ends_at_once = choice.random() < 0.5
    status = _live(storage, shelf, choice)
    if ends_at_once or status:
        os._exit(status)
    gc.collect()
    sys.exit(0)


def _wait_for(process: int, seconds: int) -> int:
    """Wait until a child ends; kill it after the limit."""
    deadline = time.monotonic() + seconds
    while (ended := os.waitpid(process, os.WNOHANG)) == (0, 0):
        if time.monotonic() > deadline:
            print("a child hung before it could report where", flush=True)
            os.kill(process, signal.SIGKILL)
            ended = os.waitpid(process, 0)
            break
        time.sleep(0.002)
    return os.waitstatus_to_exitcode(ended[1])


def _live(storage: FileStorage, shelf: Shelf, choice: random.Random) -> int:
    try:
        live(storage, shelf, choice)
    except BaseException:  # noqa: BLE001 - the child must not continue as its parent
        traceback.print_exc()
        return FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
