"""Power cuts while a process writes: file systems that an ioctl shuts down at once."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from faults.driver import Driver, Trial
from faults.file_systems import Image, memory_for_images
from faults.power.objects import Promise
from faults.power.processes import checker, forked, write

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from pathlib import Path

    from faults.power.processes import Checker

FS_IOC_SHUTDOWN = 0x8004587D
FLAGS = {"log flushed": 1, "log lost": 2}
"""With its log flushed, a file system keeps every name, but not the bytes that were not flushed.
With its log lost, it loses every name that was not flushed. Each finds faults of its own."""
OBJECTS, WAIT = 30, 0.003
"""A cut comes after up to so many objects have begun, and up to so many seconds later."""
ENOUGH = 100
"""Cuts of which at least one tears an object."""


class Cuts:
    """One file system, and the cuts of its power."""

    def __init__(self, trial: Trial, image: Image, name: str, checker: Checker) -> None:
        self._trial = trial
        self._checker = checker
        self._image = image
        self._name = name
        self._where = f"{image.kind}, {name}"
        self._seed: int | None = None
        self._promises: dict[int, Promise] = {}
        self._count = 0
        self._torn = 0

    def run_once(self) -> None:
        """Mount, check the store after the last cut, write and cut."""
        with self._image.mounted() as mount_point:
            self._check_last(mount_point)
            for path in mount_point.glob("store-*"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            self._cut(mount_point)

    def end(self) -> None:
        """Check the store after the last cut, and that at least one cut tore an object."""
        with self._image.mounted() as mount_point:
            self._check_last(mount_point)
        if not self._torn and self._count >= ENOUGH:
            self._trial.found.append(f"{self._where}: no object was torn, so no cut took effect")

    def _cut(self, mount_point: Path) -> None:
        self._seed = seed = self._trial.random.randrange(1 << 31)
        self._promises = {}
        with forked(write, mount_point / f"store-{seed}", seed) as pipe:
            self._listen(pipe, self._trial.random.randrange(OBJECTS))
            time.sleep(self._trial.random.random() * WAIT)
            while pipe.poll():
                self._take(pipe.recv())
            shut_down(mount_point, FLAGS[self._name])
        with suppress(EOFError):
            while True:
                if not _is_too_late(message := pipe.recv()):
                    self._take(message)

    def _listen(self, pipe: Connection, count: int) -> None:
        """Receive promises until `count` objects have begun. No write may fail so early."""
        while len(self._promises) < count:
            if (error := self._take(pipe.recv())) is not None:
                raise OSError(f"before the cut (seed {self._seed}): {error}")

    def _take(self, message: tuple[int, Promise] | str) -> str | None:
        if isinstance(message, str):
            return message
        self._promises.update([message])
        return None

    def _check_last(self, mount_point: Path) -> None:
        if self._seed is None:
            return
        outcome = self._checker(mount_point / f"store-{self._seed}", self._seed, self._promises)
        self._count += 1
        self._torn += outcome.torn
        self._trial.tried[self._where] += 1
        self._trial.found += [f"{self._where}: {what}" for what in outcome.found]


def _is_too_late(message: tuple[int, Promise] | str) -> bool:
    """Return whether a message makes a promise after the cut, which cannot happen with real power.

    A process on an XFS that was shut down keeps running, and its flushes of directories succeed:
    the log is discarded, so there is nothing to wait for.
    """
    return not isinstance(message, str) and message[1] in (Promise.PRESENT, Promise.GONE)


def shut_down(mount_point: Path, flag: int) -> None:
    """Cut the power of the file system at `mount_point`."""
    descriptor = os.open(mount_point, os.O_RDONLY)
    try:
        fcntl.ioctl(descriptor, FS_IOC_SHUTDOWN, flag.to_bytes(4, "little"))
    finally:
        os.close(descriptor)


def run(trial: Trial) -> None:
    """Cut the power of each file system in each way."""
    with memory_for_images(trial.directory) as memory, checker() as check:
        each = [
            Cuts(trial, Image(kind, memory / f"{kind}-{flag}"), name, check)
            for kind in ("ext4", "xfs")
            for name, flag in FLAGS.items()
        ]
        for _ in trial.units(range(trial.count("cuts"))):
            for cuts in each:
                cuts.run_once()
        for cuts in each:
            cuts.end()


DRIVER = Driver(
    "power cut while writing",
    run,
    {"cuts": (30, 1000, 5000)},
    tools=("mkfs.ext4", "mkfs.xfs"),
    seconds=70,
    repeats=True,
)
