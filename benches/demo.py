"""Compare laboxide with hashlib and plain writes on one real file.

Usage: python -m benches.demo [FILE], from the project's directory, with the wheel installed; ``make
demo`` does both. The exit status is 0 if all content was right, whatever the speed.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import platform
import shutil
import sys
import time
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, TypeVar

from benches.checks import WrongContentError, check_copy, check_hash, check_pieces, check_size
from benches.loops import Cost, timed
from benches.machine import core_count, file_system_of, system_name
from benches.measuring import Trial, rotated
from benches.memory import in_new_process, peak, start_peak, warm_page_cache
from benches.peers.blocking_files import Blocking
from benches.peers.laboxide_storage import Laboxide
from benches.scale import GIB, KIB, MIB
from benches.sources import pieces
from benches.suite.jobs import read_stream
from benches.ticker import lateness_beside
from benches.zeros import pieces_of_zeros, zeros

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from benches.peers.contract import Peer, Stored

T = TypeVar("T")

ROUNDS, LEAST_ROUNDS = 5, 2
SECONDS = 45
"""No round beyond `LEAST_ROUNDS` starts later than this."""

SAMPLE_SIZE, LARGE_SIZE = 256 * MIB, 1 * GIB
READ_AT_LEAST, MAX_PASSES = 2 * GIB, 100
"""Bytes per read, in several passes: a single one of 256 MiB takes 12 ms."""

SCRATCH = Path(__file__).parents[1] / "demo-data"
STORE = SCRATCH / "store"


def main() -> int:
    """Run the demo and return its exit status."""
    if len(sys.argv) > 2:  # noqa: PLR2004
        print("usage: python -m benches.demo [FILE]", file=sys.stderr)
        return 2
    try:
        fresh(SCRATCH)
        demo(source_file())
    except (WrongContentError, OSError) as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(SCRATCH, ignore_errors=True)
    return 0


def source_file() -> Path:
    """Return the file given on the command line, or make one."""
    if len(sys.argv) > 1:
        path = Path(sys.argv[1]).resolve(strict=True)
        if not (path.is_file() and path.stat().st_size):
            raise WrongContentError(f"not a file with content: {path}")
        return path
    path = SCRATCH / "sample"
    with path.open("wb") as file:
        file.writelines(pieces(SAMPLE_SIZE))
    return path


def demo(source: Path) -> None:
    """Measure all rows in rotation, each round in a process of its own, and print the table."""
    with source.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    task = Task(source, in_new_process(store, source), sha256)
    costs: dict[str, list[Cost]] = {title: [] for title in ROWS}
    begun, count = time.monotonic(), 0
    while count < LEAST_ROUNDS or (count < ROUNDS and time.monotonic() - begun < SECONDS):
        for title in rotated([*ROWS], count):
            show_progress(f"round {count + 1} of {ROUNDS}: {title}")
            costs[title].append(in_new_process(run, title, task))
        count += 1
    if shutil.disk_usage(SCRATCH).free > LARGE_SIZE + GIB:
        show_progress(LARGE)
        costs[LARGE] = [in_new_process(run, LARGE, task)]
    show_progress("")
    print(report(task, costs, count))


@dataclass(frozen=True)
class Task:
    """The input of all rows."""

    source: Path
    stored: Stored
    """The object to read: the imported source."""
    sha256: str

    @property
    def size(self) -> int:
        """The size of the source in bytes."""
        return self.stored.size


def store(source: Path) -> Stored:
    """Import the source into the store of the read rows."""
    stored = asyncio.run(Laboxide(fresh(STORE)).import_file(source))
    check_copy(stored.path, source)
    return stored


def run(title: str, task: Task) -> Cost:
    """Run one round of a row, check its content, and return its cost."""
    directory = fresh(SCRATCH / "written")
    trial = ROWS.get(title, large)(task, directory)
    warm_page_cache(SCRATCH, trial.memory)
    result, cost = trial.work()
    trial.check(result)
    shutil.rmtree(directory)
    return replace(cost, figures={**cost.figures, "speed": trial.size / cost.seconds})


def beside_ticker(work: Callable[[], Awaitable[T]]) -> tuple[T, Cost]:
    """Run `work` beside a ticker; measure its peak memory and the longest stall, too."""

    async def measured() -> tuple[T, Cost]:
        # Start the threads first, by an object too small to need a buffer.
        warm = Laboxide(fresh(SCRATCH / "warm"))
        await read_stream(warm, await warm.write_data(b"ten bytes."), MIB)
        before = start_peak()
        (result, cost), late = await lateness_beside(partial(timed, work))
        memory = max(0, peak() - before)
        return result, replace(cost, figures={"memory": memory, "stall": max(late)})

    return asyncio.run(measured())


def write(
    make: Callable[[Path], Peer], task: Task, directory: Path, *, whole_file: bool = False
) -> Trial[Stored]:
    """Write the source as a stream, or import it."""

    async def work() -> Stored:
        peer = make(directory)
        if whole_file:
            return await peer.import_file(task.source)
        return await peer.write_stream(upload(task.source))

    def check(stored: Stored) -> None:
        check_size(stored.size, task.size)
        expected = task.sha256 if stored.algorithm == "sha256" else str(task.stored.hash)
        check_hash(stored.hash, expected)
        check_copy(stored.path, task.source)

    return Trial(partial(beside_ticker, work), check, task.size, memory=task.size)


async def upload(path: Path) -> AsyncIterator[bytes]:
    """Yield a file in chunks of 64 KiB and suspend after each MiB, like a client's upload."""
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(64 * KIB):
            yield chunk
            if file.tell() % MIB == 0:
                await asyncio.sleep(0)


def write_plain(task: Task, directory: Path) -> Trial[None]:
    """Write the same number of bytes from memory, without a hash."""
    path, content = directory / "plain", [*pieces(task.size)]

    async def work() -> None:
        with path.open("wb", buffering=0) as file:
            for piece in content:
                for start in range(0, len(piece), MIB):
                    file.write(piece[start : start + MIB])

    def check(_: None) -> None:
        check_pieces(path, pieces(task.size))

    return Trial(partial(beside_ticker, work), check, task.size, memory=task.size)


def read(make: Callable[[Path], Peer], task: Task, _directory: Path) -> Trial[int]:
    """Read the stored object as a stream, several times."""
    peer, passes = make(STORE), min(MAX_PASSES, max(1, READ_AT_LEAST // task.size))

    async def work() -> int:
        return sum([await read_stream(peer, task.stored, MIB) for _ in range(passes)])

    async def check_hash_of_read() -> None:
        hasher = hashlib.sha256()
        async for chunk in peer.read_stream(task.stored, MIB):
            hasher.update(chunk)
        check_hash(hasher.hexdigest(), task.sha256)

    def check(size: int) -> None:
        check_size(size, passes * task.size)
        asyncio.run(check_hash_of_read())

    return Trial(partial(beside_ticker, work), check, passes * task.size)


def large(_task: Task, directory: Path) -> Trial[Stored]:
    """Write a stream of zeros and read it back, verified."""
    peer = Laboxide(directory)

    async def work() -> Stored:
        stored = await peer.write_stream(zeros(LARGE_SIZE))
        check_size(await read_stream(peer, stored, MIB), LARGE_SIZE)
        return stored

    def check(stored: Stored) -> None:
        check_pieces(stored.path, pieces_of_zeros(LARGE_SIZE))

    return Trial(partial(beside_ticker, work), check, 2 * LARGE_SIZE, memory=LARGE_SIZE)


def idle(_task: Task, _directory: Path) -> Trial[None]:
    """Sleep, to show the ticker's own lateness."""
    return Trial(partial(beside_ticker, partial(asyncio.sleep, 0.3)), lambda _: None)


STREAM, HASHLIB = "laboxide stream, BLAKE3", "hashlib SHA-256 + writes on the loop"
PLAIN, LARGE = "1 MiB writes from memory, no hash (limit)", "1 GiB of zeros, written and read back"
SHA256 = partial(Laboxide, algorithm="sha256")

SECTIONS: dict[str, dict[str, Callable[[Task, Path], Trial[Any]]]] = {
    "Write": {
        STREAM: partial(write, Laboxide),
        "laboxide stream, SHA-256": partial(write, SHA256),
        HASHLIB: partial(write, Blocking),
        "laboxide import_file, BLAKE3": partial(write, Laboxide, whole_file=True),
        "hashlib SHA-256 + 1 MiB copies on the loop": partial(write, Blocking, whole_file=True),
        PLAIN: write_plain,
    },
    "Read": {
        'laboxide stream, verify_reads="hash"': partial(read, Laboxide),
        'laboxide stream, verify_reads="size"': partial(read, partial(Laboxide, verify="size")),
        "1 MiB reads on the loop, unverified": partial(read, Blocking),
    },
    "Other": {"idle event loop": idle},
}
ROWS = {title: prepare for rows in SECTIONS.values() for title, prepare in rows.items()}
WIDTH = 46


def report(task: Task, costs: dict[str, list[Cost]], rounds: int) -> str:
    """Return the table and its summary."""
    package = f"laboxide {version('laboxide')}, CPython {platform.python_version()}"
    host = f"{core_count()} cores, {file_system_of(SCRATCH)}, load {os.getloadavg()[0]:.1f}"
    size = f"{task.source.name}: {task.size / MIB:,.0f} MiB"
    lines = [
        f"{package}, {system_name()}, {host}",
        f"{size}, streamed in 64 KiB chunks; the source suspends after each MiB",
        f"Median speed, peak extra memory and longest event-loop stall of {rounds} rounds.",
        "The rows rotate, one process each; a throwaway file of equal size precedes every write.",
        "",
        f"{'':{WIDTH}}{'GB/s':>6}{'extra MiB':>12}{'stall, ms':>12}{'(worst)':>10}",
    ]
    for section, titles in SECTIONS.items():
        lines += [section, *(line(title, costs[title]) for title in titles)]
    if LARGE in costs:
        lines.append(line(LARGE, costs[LARGE]))
    speed = {title: figure(found, "speed") for title, found in costs.items()}
    gain, share = (speed[STREAM] / speed[title] for title in (HASHLIB, PLAIN))
    summary = f"laboxide stream: {gain:.1f} x hashlib + writes on this machine"
    limit = f"limit (plain writes, no hash): {1 / share * gain:.1f} x"
    return "\n".join([*lines, "", f"All content verified. {summary}; {limit}."])


def line(title: str, found: list[Cost]) -> str:
    """Return the row of a table."""
    speed = f"{figure(found, 'speed') / 1e9:.2f}" if figure(found, "speed") else "-"
    memory = max(cost.figures["memory"] for cost in found) / MIB
    worst = max(cost.figures["stall"] for cost in found) * 1e3
    stall = figure(found, "stall") * 1e3
    return f"  {title:{WIDTH - 2}}{speed:>6}{memory:>12.1f}{stall:>12.1f}{worst:>10.1f}"


def figure(found: list[Cost], name: str) -> float:
    """Return the median of a figure over the rounds."""
    return median(cost.figures[name] for cost in found)


def fresh(directory: Path) -> Path:
    """Return `directory`, empty."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return directory


def show_progress(text: str) -> None:
    """Show the current row on a terminal."""
    if sys.stdout.isatty():
        print(f"\r\033[K{text}", end="", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted")
