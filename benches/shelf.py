"""Objects that are kept for a whole session, to be read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from benches.checks import check_file
from benches.peers.laboxide_storage import Laboxide
from benches.sources import numbered, whole

if TYPE_CHECKING:
    from pathlib import Path

    from benches.loops import Loops
    from benches.peers.contract import Stored


class Shelf:
    """Holds objects, stored by laboxide when they are first asked for.

    Args:
        directory: Where they are.
        loops: What stores them.
    """

    def __init__(self, directory: Path, loops: Loops) -> None:
        self.directory = directory
        self._loops = loops
        self._objects: dict[tuple[str, int, int], list[Stored]] = {}

    def objects(self, algorithm: str, size: int, count: int) -> list[Stored]:
        """Return `count` small objects of `size` bytes, each with the content of its number."""
        key = (algorithm, size, count)
        if key not in self._objects:
            contents = [numbered(size, index) for index in range(count)]
            self._objects[key] = [self._store(algorithm, content) for content in contents]
        return self._objects[key]

    def object(self, algorithm: str, size: int) -> Stored:
        """Return an object with content of the pool."""
        key = (algorithm, size, 0)
        if key not in self._objects:
            self._objects[key] = [self._store(algorithm, whole(size))]
        return self._objects[key][0]

    def _store(self, algorithm: str, data: bytes) -> Stored:
        peer = Laboxide(self.directory, algorithm=algorithm)
        stored = self._loops.run("asyncio", lambda: peer.write_data(data))
        check_file(stored.path, data)
        flush(stored.path)
        return stored


def flush(path: Path) -> None:
    """Have a file written to the device."""
    # Otherwise it is written back seconds later, while something else is measured.
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
