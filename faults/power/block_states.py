"""States of the disk after a power cut: writes dropped, reordered and torn, from a recording."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from faults.driver import Driver, Trial
from faults.file_systems import MAKERS, Image, command, memory_for_images
from faults.power.device import Flush, Mark, Record, Write, device
from faults.power.objects import Promise
from faults.power.processes import checker, forked, write_marked

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from faults.power.processes import Checker

ATOMS = {"ext4": 1024, "xfs": 4096, "btrfs": 4096}
"""Bytes that a device writes atomically: a superblock, which no log can repair."""
OPTIONS = {"xfs": ("-s", "size=4096")}
"""With sectors of 512 bytes, one state in two thousand could not be mounted: log replay of XFS
believes the first sector about all of a directory's block."""
OBJECTS = 16
STATES = 100
"""States that are made of one recording."""
SHARES = (0.0, 0.1, 0.5, 0.9, 1.0)
"""Possible shares of the unflushed writes that reached the medium."""
TORN = 0.2
"""The share of torn writes among these."""


class Replay:
    """A recording that is replayed up to one moment after the other.

    Args:
        start: The image before the recording, which the replay changes.
        records: The recording.
        atom: Bytes that a device writes whole or not at all.
    """

    def __init__(self, start: Path, records: Sequence[Record], atom: int) -> None:
        self._flushed = start
        self._records = records
        self._atom = atom
        self._applied = 0

    def marks(self, moment: int) -> Iterator[bytes]:
        """Yield the marks among the first `moment` records."""
        return (each.text for each in self._records[:moment] if isinstance(each, Mark))

    def build(self, moment: int, target: Path, chance: random.Random) -> None:
        """Write a possible state of the device after `moment` records to `target`.

        It has all writes before the last flush, and some of the later ones in any order, partly
        torn. Moments must not decrease from call to call.
        """
        flushes = [i for i in range(moment) if isinstance(self._records[i], Flush)]
        last = flushes[-1] if flushes else 0
        _put(self._flushed, _writes(self._records[self._applied : last]))
        self._applied = last
        command("cp", "--sparse=auto", self._flushed, target)
        cached = list(_writes(self._records[last:moment]))
        share = chance.choice(SHARES)
        chance.shuffle(cached)
        kept = (write for write in cached if chance.random() < share)
        _put(target, (part for write in kept for part in self._torn(write, chance)))

    def _torn(self, write: Write, chance: random.Random) -> Iterator[Write]:
        if chance.random() >= TORN:
            yield write
            return
        for start in range(0, len(write.data), self._atom):
            if chance.random() < 1 / 2:
                yield Write(write.offset + start, write.data[start : start + self._atom])


def _writes(records: Sequence[Record]) -> Iterator[Write]:
    return (record for record in records if isinstance(record, Write))


def _put(path: Path, writes: Iterator[Write]) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        for write in writes:
            os.pwrite(descriptor, write.data, write.offset)
    finally:
        os.close(descriptor)


def run(trial: Trial) -> None:
    """Record writes to each file system, and check possible states of its disk."""
    with memory_for_images(trial.directory) as memory, checker() as check:
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
    {"recordings": (1, 20, 200)},
    tools=("fusermount", *MAKERS),
    seconds=90,
    repeats=True,
)
