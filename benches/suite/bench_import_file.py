"""Imports of files, by copy and by reflink."""

from __future__ import annotations

import shutil
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest

from benches.checks import check_stored
from benches.contestants import ALGORITHMS, LABOXIDE, LIMIT, PEERS
from benches.lab import flush
from benches.limit import copy_limit, read_limit
from benches.measuring import Case, Label, Trial, bench_case
from benches.peers.laboxide_storage import Laboxide
from benches.peers.shutil_copy import ShutilCopy
from benches.scale import MIB

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from benches.lab import Lab
    from benches.limit import Answer
    from benches.peers.contract import Importer, Stored
    from benches.scale import Scale

__all__ = ("bench_case", "cases")

OPERATION = "import_file"
SETTLED = 1.1
"""Age in seconds from which laboxide hashes the source file instead of its clone."""

COPY, REFLINK = "copy", "reflink"


def cases(scale: Scale) -> Iterator[Case]:
    """Return the rows."""
    yield from _copied(scale)
    for algorithm in ALGORITHMS:
        size = LABOXIDE[algorithm].write_size(scale, MIB)
        make = partial(Laboxide, algorithm=algorithm, link="reflink")
        label = Label(OPERATION, REFLINK, "laboxide", algorithm)
        yield Case(label, partial(_reflink, make, size))
        label = Label(OPERATION, REFLINK, LIMIT, algorithm)
        yield Case(label, partial(_hash_alone, algorithm, size))
    label = Label(OPERATION, REFLINK, "shutil", None)
    yield Case(label, partial(_reflink, ShutilCopy, scale.stream_size))


def _copied(scale: Scale) -> Iterator[Case]:
    for contestant in (*LABOXIDE.values(), *PEERS):
        size = contestant.write_size(scale, MIB)
        label = Label(OPERATION, COPY, contestant.name, contestant.algorithm)
        yield Case(label, partial(_copy, contestant.make, size))
    label = Label(OPERATION, COPY, "shutil", None)
    yield Case(label, partial(_copy, ShutilCopy, scale.stream_size))
    for algorithm in ALGORITHMS:
        size = LABOXIDE[algorithm].write_size(scale, MIB)
        yield Case(Label(OPERATION, COPY, LIMIT, algorithm), partial(_copy_limit, algorithm, size))


def _copy(make: Callable[[Path], Importer], size: int, lab: Lab) -> Trial[Stored]:
    source = lab.shelf.object("blake3", size).path
    return _import(make(lab.fresh_directory()), source, size, lab)


def _copy_limit(algorithm: str, size: int, lab: Lab) -> Trial[Answer]:
    return copy_limit(algorithm, lab.shelf.object("blake3", size).path, size, lab)


def _reflink(make: Callable[[Path], Importer], size: int, lab: Lab) -> Trial[Stored]:
    source = reflink_source(lab, size)
    return _import(make(lab.fresh_directory(source.parent)), source, size, lab)


def _hash_alone(algorithm: str, size: int, lab: Lab) -> Trial[Answer]:
    return read_limit(algorithm, reflink_source(lab, size), size, lab)


def reflink_source(lab: Lab, size: int) -> Path:
    """Return a file on a file system with reflinks."""
    if lab.reflink is None:
        pytest.skip("no directory with reflinks")
    path = lab.reflink / f"source-{size}"
    if not path.exists():
        shutil.copy(lab.shelf.object("blake3", size).path, path)
        flush(path)
        # Most imported files have not just been changed.
        time.sleep(SETTLED)
    return path


def _import(importer: Importer, source: Path, size: int, lab: Lab) -> Trial[Stored]:
    async def work() -> Stored:
        return await importer.import_file(source)

    return Trial(
        partial(lab.run, work, "asyncio"), partial(check_stored, size=size), size, memory=size
    )
