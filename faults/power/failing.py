"""One operation at a time, on a disk that fails at a chosen write or flush."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from faults.image import command
from faults.power.child import forked, make
from faults.power.items import Item, Promise

if TYPE_CHECKING:
    from faults.image import Image
    from faults.power.checking import Outcome
    from faults.power.child import Checker
    from faults.power.device import Device
    from faults.power.records import Fault

ALIGNED = {"ext4": ("-b", "4096"), "xfs": ("-s", "size=4096"), "btrfs": ()}
"""Options for file systems that write whole pages only. What begins within a page comes to a device
of ours in two pieces. If the second of two pieces fails, a loop device says that all is written."""
REQUEST = 64
"""KiB that may come in one request; from 128 on they come in pieces."""
OTHER = 0
"""The number of an object that is there before, but for those who come first."""


class Making(NamedTuple):
    """An object, and how it comes about."""

    item: Item
    way: str
    """The method of `writing.Writing` that makes it."""


@dataclass
class Result:
    """What became of an operation."""

    promises: dict[int, Promise] = field(default_factory=dict)
    error: str | None = None
    counts: dict[str, int] = field(default_factory=dict)
    """How many writes and flushes of the device it took."""


class FailingDisk:
    """A file system on a device of ours, in which nothing is until it is furnished.

    Args:
        image: The file system.
        disk: The device that offers it.
        seed: What the objects follow from.
        checker: Looks what is left.
    """

    def __init__(self, image: Image, disk: Device, seed: int, checker: Checker) -> None:
        self._image = image
        self._disk = disk
        self._root = image.mount_point / "store"
        self._seed = seed
        self._checker = checker
        self._start = image.path.with_suffix(".start")
        self._promises: dict[int, Promise] = {}
        self._start_from_here()

    def furnish(self) -> None:
        """Have a store with one object in it from now on."""
        other = Making(Item(self._seed, OTHER), "written")
        self._promises = self.operate(other, None).promises
        self._start_from_here()

    def _start_from_here(self) -> None:
        command("cp", "--sparse=always", self._image.path, self._start)

    def operate(self, making: Making, fault: Fault | None) -> Result:
        """Make an object, from the same start each time, while the device fails like that.

        What has failed is tried again on the device, which works by then.
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
                self._try_again(making, result)
        return result

    def _try_again(self, making: Making, result: Result) -> None:
        again = self._make(making)
        if again.error is None:
            # The system says nothing more of what was lost: a second fsync succeeds.
            result.promises |= again.promises

    def _make(self, making: Making) -> Result:
        result = Result()
        with forked(make, self._root, *making) as pipe:
            while isinstance(message := pipe.recv(), tuple):
                result.promises.update([message])
        result.error = message
        return result

    def check(self, promises: dict[int, Promise]) -> Outcome:
        """Look what is left, the device being whole again and the file system mounted anew."""
        with self._image.mounted(device=self._disk.path):
            return self._checker(self._root, self._seed, self._promises | promises)


def _limit_requests(mount_point: Path) -> None:
    loop = Path(command("findmnt", "--noheadings", "--output", "SOURCE", mount_point)).name
    Path(f"/sys/block/{loop}/queue/max_sectors_kb").write_text(str(REQUEST), encoding="ascii")
