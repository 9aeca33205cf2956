"""Shared parts of all measurements: directories, loops, the reference program, stored objects."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

from benches.checks import WrongContentError, check_file
from benches.loops import timed
from benches.peers.laboxide_storage import Laboxide
from benches.sources import numbered, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from benches.limit import Reference
    from benches.loops import Cost, Loops
    from benches.peers.contract import Stored
    from benches.scale import Scale

T = TypeVar("T")

ATTEMPTS = 10


class PeerFailedError(Exception):
    """A contestant failed at the work."""


@dataclass
class Lab:
    """The environment of all measurements."""

    scale: Scale
    directory: Path
    """A directory on the measured file system."""
    reference: Reference
    loops: Loops
    bench_pass: int
    reflink: Path | None
    """A directory on a file system with reflinks."""
    _numbers: count[int] = field(default_factory=count)
    _written: list[Path] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.shelf = Shelf(self.directory / "shelf", self.loops)

    def fresh_directory(self, parent: Path | None = None) -> Path:
        """Make an empty directory."""
        path = (parent or self.directory) / f"round-{next(self._numbers)}"
        path.mkdir()
        self._written.append(path)
        return path

    def run(self, work: Callable[[], Coroutine[Any, Any, T]], loop: str) -> tuple[T, Cost]:
        """Run `work` on an event loop and measure it."""
        return self.loops.run(loop, partial(timed, work))

    def retry(self, work: Callable[[], Coroutine[Any, Any, T]], loop: str) -> tuple[T, Cost]:
        """Retry work that fails at random; count the failures in the cost.

        Raises:
            PeerFailedError: All attempts failed.
        """
        for failures in range(ATTEMPTS):
            try:
                result, cost = self.run(work, loop)
            except WrongContentError:
                raise
            except Exception:  # noqa: BLE001, S112 - every kind of failure is counted
                continue
            return result, replace(cost, figures={"failures": failures})
        raise PeerFailedError(f"failed {ATTEMPTS} times of {ATTEMPTS}")

    def clean(self) -> None:
        """Remove the directories of past rounds; keep the shelf."""
        while self._written:
            shutil.rmtree(self._written.pop())


class Shelf:
    """Keeps objects to read for a whole session; laboxide stores each on its first use.

    Args:
        directory: The root of the store, which must not exist.
        loops: Runs the writes.
    """

    def __init__(self, directory: Path, loops: Loops) -> None:
        directory.mkdir()
        self.directory = directory
        self._loops = loops
        self._objects: dict[tuple[str, int, int], list[Stored]] = {}

    def objects(self, algorithm: str, size: int, count: int) -> list[Stored]:
        """Return `count` small objects of `size` bytes with content of `numbered`."""
        key = (algorithm, size, count)
        if key not in self._objects:
            contents = [numbered(size, index) for index in range(count)]
            self._objects[key] = [self._store(algorithm, content) for content in contents]
        return self._objects[key]

    def object(self, algorithm: str, size: int) -> Stored:
        """Return one object of `size` bytes with content of the pool."""
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
    """Fsync a file now, so that its write-back does not disturb a later measurement."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
