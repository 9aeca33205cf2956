"""What a device may hold after the power was cut, made from a recording of what it was told."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from faults.image import command
from faults.power.records import Flush, Mark, Record, Write

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Sequence
    from pathlib import Path

SHARES = (0.0, 0.1, 0.5, 0.9, 1.0)
"""How much of what was not flushed may have reached the medium."""
TORN = 0.2
"""How many of the writes that did are torn."""


class Replay:
    """One recording, played again up to one moment after the other.

    Args:
        start: The image before the recording. It goes on with the recording.
        records: The recording.
        atom: Bytes that a device writes whole or not at all.
    """

    def __init__(self, start: Path, records: Sequence[Record], atom: int) -> None:
        self._flushed = start
        self._records = records
        self._atom = atom
        self._applied = 0

    def marks(self, moment: int) -> Iterator[bytes]:
        """Yield the marks up to a moment: so many records from the start."""
        return (each.text for each in self._records[:moment] if isinstance(each, Mark))

    def build(self, moment: int, target: Path, chance: random.Random) -> None:
        """Make `target` what the device may hold at a moment, which is no earlier than the last.

        What was written before the last flush is there. Of what came after it, some is, in any
        order, and some of that in part.
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
