"""A frozen or read-only disk: loops keep running, calls can be cancelled, no data is lost."""

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

from faults.driver import Driver
from faults.file_systems import MAKE, MAKERS, Image, command
from faults.loops import GAP, longest_gap
from faults.operations import READS, writes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from faults.driver import Trial

SIZES = (5_000, (3 << 20) + 7)
WAIT = 0.1
"""Seconds for which an operation waits for the disk."""
THAW_LIMIT = 10
"""Seconds after which a disk is thawed in any case."""


def run(trial: Trial) -> None:
    """Freeze each file system under every operation, then remount it read-only."""
    for kind in MAKE:
        with Image(kind, trial.directory / f"{kind}.image").mounted() as mount:
            for durable in (False, True):
                storage = FileStorage(mount / str(durable), mkdir=True, durable=durable)
                asyncio.run(_freeze(trial, kind, storage, mount))
            _leave(trial, kind, mount)
            asyncio.run(_make_read_only(trial, kind, mount))


@contextmanager
def _frozen(mount: Path) -> Iterator[None]:
    # A blocked loop cannot thaw the disk, and no signal interrupts it: another process thaws.
    thaw = f"sleep {THAW_LIMIT}; exec fsfreeze --unfreeze {shlex.quote(str(mount))}"
    alarm = subprocess.Popen(("sh", "-c", thaw), start_new_session=True)
    try:
        command("fsfreeze", "--freeze", mount)
        yield
    finally:
        if alarm.poll() is not None:
            raise TimeoutError(f"blocked for {THAW_LIMIT} seconds while {mount} was frozen")
        os.killpg(alarm.pid, signal.SIGKILL)
        alarm.wait()
        command("fsfreeze", "--unfreeze", mount)


async def _freeze(trial: Trial, kind: str, storage: FileStorage, mount: Path) -> None:
    for size in SIZES:
        for name, write in writes("blake3").items():
            # New content each time: a cancelled delete may happen when the disk is thawed.
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
                    trial.found.append(f"{what}: wrong bytes after the disk was thawed")
            trial.tried["read while frozen"] += len(READS)
            with _frozen(mount):
                for read in READS.values():
                    if await read(storage, pointer, trial.directory) != content:
                        trial.found.append(f"{what}: wrong bytes while the disk was frozen")
            trial.tried["deleted"] += 1
            with _frozen(mount):
                await _cancel(trial, f"{kind}: delete", storage.delete(pointer))


async def _cancel(trial: Trial, what: str, operation: Awaitable[object]) -> None:
    task = asyncio.ensure_future(operation)
    trial.found.extend(f"{what}: {gap}" for gap in await _gaps())
    task.cancel()
    begun = time.perf_counter()
    # An operation that needs nothing of the disk, such as a cached read, has ended by now.
    with suppress(asyncio.CancelledError):
        await task
    if (seconds := time.perf_counter() - begun) > GAP:
        trial.found.append(f"{what}: cancelling took {seconds:.3f} s")


async def _gaps() -> list[str]:
    """Wait, and return a finding if the loop stood still in each third of the time."""
    gap = min([await longest_gap(WAIT / 3) for _ in range(3)])
    return [f"the loop stood still for {gap:.3f} s"] if gap > GAP else []


def _leave(trial: Trial, kind: str, mount: Path) -> None:
    """Let an interpreter leave its loop and end while the disk is frozen."""
    trial.tried["left"] += 1
    store = mount / "left"
    store.mkdir()
    leaving = ("-m", "faults.disk.exiting", store, trial.directory, str(4 << 20))
    with subprocess.Popen(
        (sys.executable, *leaving),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        ready = process.stdout.readline()
        with _frozen(mount):
            process.stdin.write(b"\n")
            process.stdin.flush()
            if (ready, process.stdout.readline()) != (b"ready\n", b"left\n"):
                trial.found.append(f"{kind}: the interpreter did not leave its loop")
        # A thread that waits for the disk inside the kernel keeps the process until then.
        if process.wait(20) != 0 or (errors := process.stderr.read()):
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
                trial.found.append(f"{kind}: {name}, {what} succeeded on a read-only file system")
        for read in READS.values():
            if await read(storage, pointer, trial.directory) != content:
                trial.found.append(f"{kind}: wrong bytes while the disk was read-only")
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
