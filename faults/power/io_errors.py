"""The disk fails below the page cache: EIO at each flush and at writes of every operation."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from faults.driver import Driver, Trial
from faults.image import MAKERS, Image, UnmountableError
from faults.power.child import checker
from faults.power.device import device
from faults.power.failing import ALIGNED, OTHER, FailingDisk, Making
from faults.power.items import KINDS, Item
from faults.power.memory import in_memory
from faults.power.records import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

WAYS = (*(kind for kind in KINDS if kind != "lazy"), "repaired")
FIRST = "written"
"""In a store that is not there yet; the name of its root has to be flushed, too."""


def run(trial: Trial) -> None:
    """Let every flush fail, and some writes, of each operation on each file system."""
    for _ in range(trial.count("rounds")):
        with in_memory(trial.directory) as memory:
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
    items = (Item(seed, number) for number in itertools.count(OTHER + 1))
    return Making(next(item for item in items if item.kind == kind), way)


def _try_way(trial: Trial, disk: FailingDisk, making: Making, file_system: str) -> None:
    counts = disk.operate(making, None).counts
    for fault in _faults(trial, counts):
        _try_fault(trial, disk, making, fault, file_system)


def _faults(trial: Trial, counts: dict[str, int]) -> Iterator[Fault]:
    """Yield a fault for every flush, and for a few writes; nightly, for every write."""
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
        # Without one of its own writes it may be lost as a whole: there is nothing to look at.
        trial.tried["btrfs, lost as a whole"] += 1
        return
    if fault.kind == "flush" and result.counts["flush"] > fault.index and result.error is None:
        found.append(f"{making.item}: it returned")
    trial.found += [f"{file_system}, {making.way}, {fault}: {what}" for what in found]


DRIVER = Driver(
    "a disk that fails at a flush or a write",
    run,
    {"rounds": (1, 1, 3), "writes": (3, 1024, 1024)},
    tools=("fusermount", *MAKERS),
    seconds=30,
    minutes=10,
)
