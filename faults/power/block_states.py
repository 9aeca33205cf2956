"""Every state that a power cut may leave a disk in: writes dropped, reordered and torn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from faults.driver import Driver, Trial
from faults.image import MAKERS, Image, command
from faults.power.child import checker, forked, write_marked
from faults.power.device import device
from faults.power.items import Promise
from faults.power.memory import in_memory
from faults.power.states import Replay

if TYPE_CHECKING:
    from collections.abc import Iterable

    from faults.power.child import Checker
    from faults.power.records import Record

ATOMS = {"ext4": 1024, "xfs": 4096, "btrfs": 4096}
"""Bytes that a device writes whole: a superblock, which is read before any log could mend it."""
OPTIONS = {"xfs": ("-s", "size=4096")}
"""With sectors of 512 bytes, one state in two thousand could not be mounted: when XFS replays its
log, it takes the first sector's word for all of a directory's block."""
OBJECTS = 16
STATES = 100
"""How many states are made of one recording."""


def run(trial: Trial) -> None:
    """Record what goes on, and look at states of the disk that may come of it."""
    with in_memory(trial.directory) as memory, checker() as check:
        for index in trial.units(range(trial.count("recordings"))):
            for kind in ATOMS:
                directory = memory / f"{kind}-{index}"
                directory.mkdir()
                image = Image(kind, directory / "disk", options=OPTIONS.get(kind, ()))
                _try_recording(trial, image, check)
                command("rm", "-r", directory)


def _try_recording(trial: Trial, image: Image, checker: Checker) -> None:
    start, seed = image.path.with_name("start"), trial.random.randrange(1 << 31)
    command("cp", "--sparse=always", image.path, start)
    records = _record(image, seed)
    replay = Replay(start, records, ATOMS[image.kind])
    moments = sorted(trial.random.choices(range(1, len(records) + 1), k=STATES))
    for moment in moments:
        replay.build(moment, image.path, trial.random)
        promises = _promises(replay.marks(moment))
        with image.mounted() as mount_point:
            outcome = checker(mount_point / "store", seed, promises)
        trial.tried[image.kind] += 1
        where = f"{image.kind}, recording {seed}, {moment} of {len(records)} records"
        trial.found += [f"{where}: {what}" for what in outcome.found]


def _record(image: Image, seed: int) -> list[Record]:
    with (
        device(image.path, recording=True) as disk,
        image.mounted(device=disk.path) as mount_point,
        forked(write_marked, mount_point / "store", seed, OBJECTS, disk.mark) as pipe,
    ):
        assert pipe.recv() is None
    return disk.records


def _promises(marks: Iterable[bytes]) -> dict[int, Promise]:
    pairs = (mark.decode().split() for mark in marks)
    return {int(number): Promise(promise) for number, promise in pairs}


DRIVER = Driver(
    "states of the disk after a power cut",
    run,
    {"recordings": (3, 20, 200)},
    tools=("fusermount", *MAKERS),
    seconds=90,
    goes_on=True,
)
