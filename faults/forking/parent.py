"""The process that forks: `python -m faults.forking.parent DIRECTORY SEED FORKS LIMIT`.

A child that takes more than LIMIT seconds counts as hung, on a busy machine.
"""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import os
import random
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import trio
from laboxide import FileStorage, hash_file

from faults.forking.child import live
from faults.forking.hammer import Hammer, Shelf

if TYPE_CHECKING:
    from collections.abc import Sequence

FAILED = 70


def main() -> int:
    """Fork while threads work on two loops, until a child does not end well."""
    directory, (seed, forks, limit) = Path(sys.argv[1]), map(int, sys.argv[2:])
    choice, shelf = random.Random(seed), Shelf()
    # Of two, so that what only waits for a device is under way as well.
    storages = [FileStorage(directory, mkdir=True, durable=durable) for durable in (False, True)]
    # A module that another thread is importing at the moment of a fork can never be imported in the
    # child: its lock is Python's, and not what is tried here.
    asyncio.run(_import_all())
    trio.run(_import_all)
    hammers = [Hammer(storage, shelf, choice.getrandbits(32)) for storage in storages]
    threads = [
        threading.Thread(target=lambda: asyncio.run(hammers[0].run())),
        threading.Thread(target=lambda: trio.run(hammers[1].run)),
    ]
    for thread in threads:
        thread.start()
    well = all(
        _fork(choice.choice(storages), shelf, choice, hammers, limit) == 0 for _ in range(forks)
    )
    for hammer in hammers:
        hammer.stopped = True
    for thread in threads:
        thread.join()
    return 0 if well else FAILED


async def _import_all() -> None:
    """Have everything imported that a loop makes laboxide and anyio import."""
    await anyio.to_thread.run_sync(str)
    await hash_file(__file__)


def _fork(
    storage: FileStorage,
    shelf: Shelf,
    choice: random.Random,
    hammers: Sequence[Hammer],
    limit: int,
) -> int:
    for hammer in hammers:
        hammer.paused = False
    time.sleep(choice.uniform(0.002, 0.02))
    seed, ends_at_once = choice.getrandbits(32), choice.random() < 0.5
    sys.stdout.flush()
    process = os.fork()
    if process == 0:
        # A thread of C, which needs no lock of Python's to tell where the others hang.
        faulthandler.dump_traceback_later(limit, exit=True)
        status = _live(storage, shelf, random.Random(seed))
        if ends_at_once or status:
            os._exit(status)
        gc.collect()
        sys.exit(0)
    # The child has the processors for itself: it is the moment of the fork that counts.
    for hammer in hammers:
        hammer.paused = True
    return _wait_for(process, limit + 5)


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
