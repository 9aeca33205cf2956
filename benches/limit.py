"""The reference program, and its trials: the limit of each row."""

from __future__ import annotations

import json
import os
import subprocess
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from benches.checks import check_hash, check_size, check_stored
from benches.loops import Cost
from benches.measuring import Trial
from benches.peers.contract import Stored
from benches.sources import hash_of, pool, shifts
from benches.suite.jobs import check_objects

if TYPE_CHECKING:
    from collections.abc import Callable

    from benches.lab import Lab

ROOT = Path(__file__).parents[1]
PROGRAM = ROOT / "target" / "release" / "laboxide-reference"
BUILD = "cargo build --release -p laboxide-reference --locked"

Answer = dict[str, Any]


class Reference:
    """A running reference program; it serves one job at a time.

    Args:
        pool_path: The file to write the pool to, for the program to read.

    Raises:
        FileNotFoundError: The program is not built.
    """

    def __init__(self, pool_path: Path) -> None:
        program = Path(os.environ.get("LABOXIDE_REFERENCE", PROGRAM))
        if not program.is_file():
            raise FileNotFoundError(f"{program} is missing; build it with: {BUILD}")
        pool_path.write_bytes(pool())
        self._process = subprocess.Popen(
            [program, pool_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, job: str, **arguments: Any) -> tuple[Answer, Cost]:
        """Run a job.

        Returns:
            The program's answer, and the cost by the program's own clocks.

        Raises:
            RuntimeError: The program reports an error, or has ended.
        """
        request = json.dumps({"job": job, **arguments}, default=os.fspath)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(request, file=self._process.stdin, flush=True)
        if not (line := self._process.stdout.readline()):
            raise RuntimeError(f"reference program ended: status {self._process.wait()}")
        answer: Answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"reference program failed: {answer['error']}")
        return answer, Cost(answer.get("seconds", 0.0), answer.get("cpu_seconds", 0.0))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # The program exits at the end of its input.
        self._process.communicate()


def hash_limit(algorithm: str, size: int, lab: Lab) -> Trial[Answer]:
    """Hash memory on one thread."""
    work = partial(lab.reference.ask, "hash", algorithm=algorithm, threads=1, size=size)
    return Trial(work, _check_read(algorithm, size), size)


def write_limit(algorithm: str, size: int, lab: Lab) -> Trial[Answer]:
    """Hash and write from memory on two threads."""
    work = partial(_ask_to_write, lab, "write", algorithm=algorithm, size=size)
    return Trial(work, _check_written(algorithm, size), size, memory=size)


def copy_limit(algorithm: str, path: Path, size: int, lab: Lab) -> Trial[Answer]:
    """Copy and hash a file on two threads."""
    work = partial(_ask_to_write, lab, "copy", algorithm=algorithm, path=path)
    return Trial(work, _check_written(algorithm, size), size, memory=size)


def _ask_to_write(lab: Lab, job: str, **arguments: Any) -> tuple[Answer, Cost]:
    return lab.reference.ask(job, threads=2, directory=lab.fresh_directory(), **arguments)


def streams_limit(algorithm: str, streams: int, size: int, lab: Lab) -> Trial[Answer]:
    """Write concurrent streams on two threads."""
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
    """Read into reused buffers on two threads."""
    work = partial(lab.reference.ask, "read", algorithm=algorithm, threads=2, path=path)
    return Trial(work, _check_read(algorithm, size), size)


def whole_limit(algorithm: str | None, path: Path, size: int, lab: Lab) -> Trial[Answer]:
    """Read into fresh memory on two threads."""
    work = partial(lab.reference.ask, "whole", algorithm=algorithm, threads=2, path=path)
    return Trial(work, _check_read(algorithm, size), size, memory=size)


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
    """Create small objects, flushed one by one (``"each"``) or by the hundred (``"grouped"``)."""
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


def _check_written(algorithm: str, size: int) -> Callable[[Answer], None]:
    def check(answer: Answer) -> None:
        stored = Stored(Path(answer["path"]), answer["bytes"], algorithm, answer["hash"])
        check_stored(stored, size)

    return check


def _check_read(algorithm: str | None, size: int) -> Callable[[Answer], None]:
    def check(answer: Answer) -> None:
        check_size(answer["bytes"], size)
        if algorithm is not None:
            check_hash(answer["hash"], hash_of(algorithm, size))

    return check
