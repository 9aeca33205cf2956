"""A disk that fails below the page cache: EIO at each flush, and at writes, of every operation."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from faults.driver import Driver, Trial
from faults.file_systems import MAKERS, Image, UnmountableError, command, memory_for_images
from faults.power.device import Fault, device
from faults.power.objects import KINDS, Object, Promise
from faults.power.processes import checker, forked, make

if TYPE_CHECKING:
    from collections.abc import Iterator

    from faults.power.check import Outcome
    from faults.power.device import Device
    from faults.power.processes import Checker

ALIGNED = {"ext4": ("-b", "4096"), "xfs": ("-s", "size=4096"), "btrfs": ()}
"""Options for file systems that write whole pages only. A write that begins inside a page reaches
the served device in two requests. If the second one fails, a loop device reports success."""
REQUEST = 64
"""KiB of the largest request; from 128 on the kernel splits requests."""
OTHER = 0
"""The number of an object that exists before, except in the first store."""
FIRST = "written"
"""The way to make an object in a store that is created with it: the root's name is flushed, too."""
WAYS = (*(kind for kind in KINDS if kind != "not_durable"), "repaired")


class Making(NamedTuple):
    """An object, and the way to make it."""

    item: Object
    way: str
    """The method of `writer.Writer`."""


@dataclass
class Result:
    """The result of an operation."""

    promises: dict[int, Promise] = field(default_factory=dict)
    error: str | None = None
    counts: dict[str, int] = field(default_factory=dict)
    """The numbers of writes and flushes of the device."""


class FailingDisk:
    """A file system on a served device, empty until it is furnished.

    Args:
        image: The file system.
        disk: The device that serves it.
        seed: The seed of all objects.
        checker: Checks the store afterwards.
    """

    def __init__(self, image: Image, disk: Device, seed: int, checker: Checker) -> None:
        self._image = image
        self._disk = disk
        self._root = image.mount_point / "store"
        self._seed = seed
        self._checker = checker
        self._start = image.path.with_suffix(".start")
        self._promises: dict[int, Promise] = {}
        self._save()

    def furnish(self) -> None:
        """Start each later operation with a store that has one object."""
        other = Making(Object(self._seed, OTHER), "written")
        self._promises = self.operate(other, None).promises
        self._save()

    def _save(self) -> None:
        command("cp", "--sparse=always", self._image.path, self._start)

    def operate(self, making: Making, fault: Fault | None) -> Result:
        """Make an object, from the saved start, on a device with a fault.

        A failed operation is tried once more on the device, which works by then.
        """
        command("cp", "--sparse=auto", self._start, self._image.path)
        with self._image.mounted(device=self._disk.path) as mount_point:
            _limit_requests(mount_point)
            self._disk.fail(fault)
            try:
                result = self._make(making)
                result.counts = self._disk.counts()
            finally:
                self._disk.fail(None)
            if result.error is not None:
                again = self._make(making)
                if again.error is None:
                    # The kernel reports a lost page once: a second fsync succeeds.
                    result.promises |= again.promises
        return result

    def _make(self, making: Making) -> Result:
        result = Result()
        with forked(make, self._root, *making) as pipe:
            while isinstance(message := pipe.recv(), tuple):
                result.promises.update([message])
        result.error = message
        return result

    def check(self, promises: dict[int, Promise]) -> Outcome:
        """Check the store on the working device, mounted anew."""
        with self._image.mounted(device=self._disk.path):
            return self._checker(self._root, self._seed, self._promises | promises)


def _limit_requests(mount_point: Path) -> None:
    loop = Path(command("findmnt", "--noheadings", "--output", "SOURCE", mount_point)).name
    Path(f"/sys/block/{loop}/queue/max_sectors_kb").write_text(str(REQUEST), encoding="ascii")


def run(trial: Trial) -> None:
    """Fail every flush, and some writes, of each operation on each file system."""
    for _ in range(trial.count("rounds")):
        with memory_for_images(trial.directory) as memory:
            for kind, options in ALIGNED.items():
                _try_file_system(trial, Image(kind, memory / kind, options=options))


def _try_file_system(trial: Trial, image: Image) -> None:
    seed = trial.random.randrange(1 << 31)
    with device(image.path) as hardware, checker() as check:
        disk = FailingDisk(image, hardware, seed, check)
        _try_way(trial, disk, _making(seed, FIRST), image.kind)
        disk.furnish()
        for way in trial.units(WAYS):
            _try_way(trial, disk, _making(seed, way), image.kind)


def _making(seed: int, way: str) -> Making:
    kind = way if way in KINDS else "written"
    objects = (Object(seed, number) for number in itertools.count(OTHER + 1))
    return Making(next(each for each in objects if each.kind == kind), way)


def _try_way(trial: Trial, disk: FailingDisk, making: Making, file_system: str) -> None:
    counts = disk.operate(making, None).counts
    for fault in _faults(trial, counts):
        _try_fault(trial, disk, making, fault, file_system)


def _faults(trial: Trial, counts: dict[str, int]) -> Iterator[Fault]:
    """Yield a fault for every flush, and for as many writes as the tier says."""
    flushes, writes = range(counts["flush"]), range(counts["write"])
    some = trial.random.sample(writes, min(len(writes), trial.count("writes")))
    for kind, indices in (("flush", flushes), ("write", some)):
        for index in indices:
            yield Fault(kind, index, ever_after=trial.random.random() < 1 / 2)


def _try_fault(
    trial: Trial, disk: FailingDisk, making: Making, fault: Fault, file_system: str
) -> None:
    result = disk.operate(making, fault)
    trial.tried[f"{file_system}, {fault.kind}"] += 1
    try:
        found = disk.check(result.promises).found
    except UnmountableError:
        if (file_system, fault.kind) != ("btrfs", "write"):
            raise
        # Without one of its own writes btrfs may be lost as a whole, with nothing to check.
        trial.tried["btrfs, lost as a whole"] += 1
        return
    if fault.kind == "flush" and result.counts["flush"] > fault.index and result.error is None:
        found.append(f"{making.item}: the call succeeded although its flush failed")
    trial.found += [f"{file_system}, {making.way}, {fault}: {what}" for what in found]


DRIVER = Driver(
    "a disk that fails at a flush or a write",
    run,
    {"rounds": (1, 1, 3), "writes": (3, 1024, 1024)},
    tools=("fusermount", *MAKERS),
    seconds=30,
)
