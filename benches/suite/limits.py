"""The reference program's part in the rows."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benches.checks import check_hash, check_size, check_stored
from benches.measuring import Trial
from benches.peers.contract import Stored
from benches.sources import hash_of, shifts
from benches.suite.jobs import check_objects

if TYPE_CHECKING:
    from benches.measuring import Lab

Answer = dict[str, Any]


def hash_limit(algorithm: str, size: int, lab: Lab) -> Trial[Answer]:
    """Hash memory, with one thread."""
    work = partial(lab.reference.ask, "hash", algorithm=algorithm, threads=1, size=size)
    return Trial(work, partial(_check_read, algorithm, size), size)


def write_limit(algorithm: str, size: int, lab: Lab) -> Trial[Answer]:
    """Write from memory, with two threads."""
    work = partial(
        lab.reference.ask,
        "write",
        algorithm=algorithm,
        threads=2,
        size=size,
        directory=lab.fresh_directory(),
    )
    return Trial(work, partial(_check_written, algorithm, size), size, memory=size)


def streams_limit(algorithm: str, streams: int, size: int, lab: Lab) -> Trial[Answer]:
    """Write several contents at once, with two threads."""
    directory = lab.fresh_directory()
    work = partial(
        lab.reference.ask,
        "streams",
        algorithm=algorithm,
        streams=streams,
        threads=2,
        size=size,
        directory=directory,
    )

    def check(answer: Answer) -> None:
        check_size(answer["bytes"], streams * size)
        for shift in shifts(streams):
            name = hash_of(algorithm, size, shift)
            check_stored(Stored(directory / name, size, algorithm, name), size, shift)

    return Trial(work, check, streams * size, streams, memory=streams * size)


def read_limit(algorithm: str | None, path: Path, size: int, lab: Lab) -> Trial[Answer]:
    """Read into buffers that are used again, with two threads."""
    work = partial(lab.reference.ask, "read", algorithm=algorithm, threads=2, path=path)
    return Trial(work, partial(_check_read, algorithm, size), size)


def whole_limit(algorithm: str | None, path: Path, size: int, lab: Lab) -> Trial[Answer]:
    """Read into fresh memory, with two threads."""
    work = partial(lab.reference.ask, "whole", algorithm=algorithm, threads=2, path=path)
    return Trial(work, partial(_check_read, algorithm, size), size, memory=size)


def open_limit(
    algorithm: str | None, threads: int, stored: list[Stored], calls: int, lab: Lab
) -> Trial[Answer]:
    """Open, read and close small files."""
    size = stored[0].size * calls
    work = partial(
        lab.reference.ask,
        "open",
        algorithm=algorithm,
        threads=threads,
        count=calls,
        paths=[each.path for each in stored],
    )
    return Trial(work, lambda answer: check_size(answer["bytes"], size), size, calls)


def create_limit(
    algorithm: str, threads: int, size: int, calls: int, lab: Lab, *, flush: str = "none"
) -> Trial[Answer]:
    """Make small objects, flushed one by one (``"each"``) or by the hundred (``"grouped"``)."""
    directory = lab.fresh_directory()
    work = partial(
        lab.reference.ask,
        "create",
        algorithm=algorithm,
        threads=threads,
        count=calls,
        size=size,
        directory=directory,
        flush=flush,
    )

    def check(answer: Answer) -> None:
        check_size(answer["bytes"], size * calls)
        paths = directory.glob("??/*")
        check_objects([Stored(path, size, algorithm, path.name) for path in paths], size, calls)

    return Trial(work, check, size * calls, calls, memory=size * calls)


def copy_limit(algorithm: str, path: Path, size: int, lab: Lab) -> Trial[Answer]:
    """Copy and hash a file, with two threads."""
    work = partial(
        lab.reference.ask,
        "copy",
        algorithm=algorithm,
        threads=2,
        path=path,
        directory=lab.fresh_directory(),
    )
    return Trial(work, partial(_check_written, algorithm, size), size, memory=size)


def _check_written(algorithm: str, size: int, answer: Answer) -> None:
    check_stored(Stored(Path(answer["path"]), answer["bytes"], algorithm, answer["hash"]), size)


def _check_read(algorithm: str | None, size: int, answer: Answer) -> None:
    check_size(answer["bytes"], size)
    if algorithm is not None:
        check_hash(answer["hash"], hash_of(algorithm, size))
