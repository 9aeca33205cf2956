"""The disk fails below the page cache: EIO at each flush and at writes of every operation."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from faults.driver import Driver, Trial
from faults.image import Image, UnmountableError
from faults.power.child import checker
from faults.power.device import device
from faults.power.failing import ALIGNED, OTHER, FailingDisk
from faults.power.items import KINDS, Item
from faults.power.memory import in_memory
from faults.power.records import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

DURABLE = [kind for kind in KINDS if kind != "lazy"]


def run(trial: Trial) -> None:
    """Let every flush fail, and some writes, of each operation on each file system."""
    for _ in range(trial.count(1, 8)):
        with in_memory(trial.directory) as memory:
            for kind, options in ALIGNED.items():
                _try_file_system(trial, Image(kind, memory / kind, options=options))


def _try_file_system(trial: Trial, image: Image) -> None:
    seed = trial.random.randrange(1 << 31)
    with device(image.path) as hardware, checker() as check:
        disk = FailingDisk(image, hardware, seed, check)
        for kind in DURABLE:
            item = _item(seed, kind)
            counts = disk.operate(item, None).counts
            for fault in _faults(trial, counts):
                _try_fault(trial, disk, item, fault, image.kind)


def _item(seed: int, kind: str) -> Item:
    items = (Item(seed, number) for number in itertools.count(OTHER + 1))
    return next(item for item in items if item.kind == kind)


def _faults(trial: Trial, counts: dict[str, int]) -> Iterator[Fault]:
    """Yield a fault for every flush, and for a few writes; nightly, for every write."""
    flushes, writes = range(counts["flush"]), range(counts["write"])
    some = trial.random.sample(writes, min(len(writes), trial.count(3, 1 << 10)))
    for kind, indices in (("flush", flushes), ("write", some)):
        for index in indices:
            yield Fault(kind, index, ever_after=trial.random.random() < 1 / 2)


def _try_fault(trial: Trial, disk: FailingDisk, item: Item, fault: Fault, file_system: str) -> None:
    result = disk.operate(item, fault)
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
        found.append(f"{item}: it returned")
    trial.found += [f"{file_system}, {fault}: {what}" for what in found]


DRIVER = Driver(
    "a disk that fails at a flush or a write",
    run,
    tools=("fusermount", "mkfs.ext4", "mkfs.xfs", "mkfs.btrfs"),
    seconds=30,
    minutes=10,
)
