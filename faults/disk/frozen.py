"""A disk that does not answer, or takes nothing: loops go on, cancelling works, nothing is lost."""

from __future__ import annotations

import asyncio
import errno
import os
import shlex
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from laboxide import FileStorage

from faults.disk.operations import READS, writes
from faults.driver import Driver
from faults.image import MAKERS, Image, command

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from faults.driver import Trial

SIZES = (5_000, (3 << 20) + 7)
GAP = 0.05
"""Seconds for which a loop may stand still, and in which a cancelled call returns."""
WAIT = 0.1
"""Seconds for which an operation waits for the disk."""
PATIENCE = 10
"""Seconds after which a disk is thawed in any case."""

LEAVE = """
import asyncio, sys
from pathlib import Path
from laboxide import FileStorage
from faults.disk.operations import writes

async def main(directory):
    storage = FileStorage(directory)
    for write in writes("blake3").values():
        asyncio.ensure_future(write(storage, bytes(1 << 22), directory.parent.parent))
    await asyncio.sleep(0.1)

asyncio.run(main(Path(sys.argv[1])))
print("left", flush=True)
"""


def run(trial: Trial) -> None:
    """Freeze each file system under every operation, then make it read-only."""
    for kind in ("ext4", "xfs", "btrfs"):
        with Image(kind, trial.directory / f"{kind}.image").mounted() as mount:
            for durable in (False, True):
                storage = FileStorage(mount / str(durable), mkdir=True, durable=durable)
                asyncio.run(_freeze(trial, kind, storage, mount))
            _leave(trial, kind, mount)
            asyncio.run(_make_read_only(trial, kind, mount))


@contextmanager
def _frozen(mount: Path) -> Iterator[None]:
    # A loop that waits for the disk cannot thaw it, and no signal ends that: another process does.
    thaw = f"sleep {PATIENCE}; exec fsfreeze --unfreeze {shlex.quote(str(mount))}"
    alarm = subprocess.Popen(("sh", "-c", thaw), start_new_session=True)
    try:
        command("fsfreeze", "--freeze", mount)
        yield
    finally:
        if alarm.poll() is not None:
            raise TimeoutError(f"nothing went on while {mount} was frozen")
        os.killpg(alarm.pid, signal.SIGKILL)
        alarm.wait()
        command("fsfreeze", "--unfreeze", mount)


async def _freeze(trial: Trial, kind: str, storage: FileStorage, mount: Path) -> None:
    for size in SIZES:
        for name, write in writes("blake3").items():
            # Each its own: a delete that was cancelled may come when the disk is thawed.
            content = trial.random.randbytes(size)
            what = f"{kind}, durable={storage.durable}: {name} of {len(content)} bytes"
            pointer = await write(storage, content, trial.directory)
            await storage.delete(pointer)
            trial.tried["cancelled"] += 1
            with _frozen(mount):
                await _cancel(trial, what, write(storage, content, trial.directory))
            trial.tried["thawed"] += 1
            with _frozen(mount):
                task = asyncio.ensure_future(write(storage, content, trial.directory))
                trial.found.extend(f"{what}: {gap}" for gap in await _gaps())
            async with asyncio.timeout(20):
                if await storage.read_data(await task) != content:
                    trial.found.append(f"{what}: other bytes after it was thawed")
            trial.tried["read while frozen"] += len(READS)
            with _frozen(mount):
                for read in READS.values():
                    if await read(storage, pointer, trial.directory) != content:
                        trial.found.append(f"{what}: other bytes while it was frozen")
            trial.tried["deleted"] += 1
            with _frozen(mount):
                await _cancel(trial, f"{kind}: delete", storage.delete(pointer))


async def _cancel(trial: Trial, what: str, operation: Awaitable[object]) -> None:
    task = asyncio.ensure_future(operation)
    trial.found.extend(f"{what}: {gap}" for gap in await _gaps())
    task.cancel()
    begun = time.perf_counter()
    # What needs nothing of the disk, as the read of a directory in memory, is over by now.
    with suppress(asyncio.CancelledError):
        await task
    if (seconds := time.perf_counter() - begun) > GAP:
        trial.found.append(f"{what}: cancelled after {seconds:.3f} s")


async def _gaps() -> list[str]:
    """Wait, and tell for how long the loop stood still, if it did."""
    # The best of three: the machine may be busy, but a loop that waits for the disk always does.
    gap = min([await _longest_gap() for _ in range(3)])
    return [f"the loop stood still for {gap:.3f} s"] if gap > GAP else []


async def _longest_gap() -> float:
    longest, end = 0.0, time.perf_counter() + WAIT / 3
    while (before := time.perf_counter()) < end:
        await asyncio.sleep(0.001)
        longest = max(longest, time.perf_counter() - before)
    return longest


def _leave(trial: Trial, kind: str, mount: Path) -> None:
    """End an interpreter that waits for the disk."""
    trial.tried["left"] += 1
    store = mount / "left"
    store.mkdir()
    with subprocess.Popen(
        (sys.executable, "-c", LEAVE, store), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        with _frozen(mount):
            assert process.stdout is not None
            if process.stdout.readline() != b"left\n":
                trial.found.append(f"{kind}: the interpreter did not leave its loop")
        # A thread that is in the kernel for the disk's sake keeps the process until then.
        if process.wait(20) != 0 or (errors := process.stderr and process.stderr.read()):
            trial.found.append(f"{kind}: ended with {process.returncode}: {errors!r}")


async def _make_read_only(trial: Trial, kind: str, mount: Path) -> None:
    storage = FileStorage(mount / "read-only", mkdir=True)
    content, other = (trial.random.randbytes(SIZES[0]) for _ in range(2))
    for name, write in writes("blake3").items():
        pointer = await write(storage, content, trial.directory)
        command("mount", "-o", "remount,ro", mount)
        changes: dict[str, Callable[[], Awaitable[object]]] = {
            "write": partial(write, storage, other, trial.directory),
            "delete": partial(storage.delete, pointer),
        }
        for what, operation in changes.items():
            trial.tried["read-only"] += 1
            try:
                await operation()
            except OSError as error:
                if error.errno != errno.EROFS or error.filename is None:
                    trial.found.append(f"{kind}: {name}, {what}: {error!r}")
            else:
                trial.found.append(f"{kind}: {name}, {what} on a read-only file system")
        for read in READS.values():
            if await read(storage, pointer, trial.directory) != content:
                trial.found.append(f"{kind}: other bytes while it was read-only")
        command("mount", "-o", "remount,rw", mount)
        await storage.delete(pointer)
        await storage.delete(await write(storage, other, trial.directory))


DRIVER = Driver(
    "a disk that is frozen, or read-only",
    run,
    tools=("fsfreeze", *MAKERS),
    lanes=2,
    seconds=15,
)
