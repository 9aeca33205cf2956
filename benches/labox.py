"""Save a large stream through Labox alone and with laboxide; print speeds and stalls.

Usage: python -m benches.labox [MiB] [rounds]. It needs the extra ``laboxide[labox]`` and aiosqlite.
The exit status is 0 if all saved content was right, whatever the speed.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from contextlib import nullcontext
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import laboxide
import laboxide.labox
from labox.builtin import FileStorage as LaboxFileStorage
from labox.builtin import StorableStream
from labox.core import BaseRecord, Registry, StreamSerializer, save_one
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from benches.checks import check_hash, check_pieces, check_size
from benches.loops import timed
from benches.machine import core_count, system_name
from benches.memory import in_new_process, warm_page_cache
from benches.scale import MIB
from benches.sources import CHUNKINGS, hash_of, pieces
from benches.ticker import lateness_beside

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

ROOT = Path(__file__).parents[1]
STORAGES: dict[str, Any] = {
    "labox": LaboxFileStorage,
    "drop_in": laboxide.labox.FileStorage,
    "laboxide": laboxide.FileStorage,
}
LABELS = {
    "labox": "Labox alone",
    "labox+accelerated": "  with accelerate()",
    "drop_in": "laboxide.labox.FileStorage",
    "drop_in+accelerated": "  with accelerate()",
    "laboxide+accelerated": "laboxide.FileStorage with accelerate()",
    "labox+suspending": "Labox alone, source suspends every MiB",
    "drop_in+accelerated+suspending": "laboxide.labox.FileStorage with accelerate()",
    "idle": "idle event loop",
}
FLOORS = {
    "drop_in+accelerated": "labox",
    "laboxide+accelerated": "labox",
    "drop_in+accelerated+suspending": "labox+suspending",
}
WARM, THROUGHPUT_FLOOR, STALL_FLOOR = "drop_in", 1.3, 5.0

Found = dict[str, float]


def main() -> int:
    """Run all jobs in turn, each in a process of its own, and print the table."""
    size, rounds = (int(argument) for argument in [*sys.argv[1:], "512", "7"][:2])
    scratch = Path(tempfile.mkdtemp(dir=ROOT, prefix="bench-data-"))
    found: dict[str, list[Found]] = {name: [] for name in LABELS}
    print(heading(size, rounds), flush=True)
    try:
        run(WARM, size * MIB, scratch)
        for _ in range(rounds):
            for name, one in found.items():
                one.append(run(name, size * MIB, scratch))
    finally:
        shutil.rmtree(scratch)
    print(report(found))
    return 0


def run(name: str, size: int, scratch: Path) -> Found:
    """Run one job in a process of its own; remove its files afterwards."""
    directory = scratch / "job"
    directory.mkdir()
    warm_page_cache(scratch, size)
    try:
        return in_new_process(save, name, size, directory)
    finally:
        shutil.rmtree(directory)


class ChunkSerializer(StreamSerializer[bytes]):
    """Passes chunks of bytes through."""

    name = "benches.chunks@v1"
    types = (bytes,)
    content_types = ("application/octet-stream",)

    def serialize_data_stream(self, stream: Any, /) -> Any:
        """Return the stream itself."""
        kind = self.content_types[0]
        return {"content_encoding": None, "content_type": kind, "data_stream": stream}

    def deserialize_data_stream(self, content: Any, /) -> Any:
        """Return the stream itself."""
        return content["data_stream"]


async def upload(chunks: list[bytes], *, suspends: bool) -> AsyncGenerator[bytes]:
    """Yield chunks; suspend every MiB, like a client's upload, or never, like a cache."""
    for index, chunk in enumerate(chunks):
        yield chunk
        if suspends and index % 16 == 15:  # noqa: PLR2004
            await asyncio.sleep(0)


def save(name: str, size: int, directory: Path) -> Found:
    """Save a stream in this process, once to warm up and once measured."""
    if name == "idle":
        _, late = asyncio.run(lateness_beside(partial(asyncio.sleep, 0.3)))
        return {"speed": 0.0, "stall": max(late) * 1e3}
    kind, *options = name.split("+")
    with laboxide.labox.accelerate() if "accelerated" in options else nullcontext():
        work = measured(STORAGES[kind], size, directory, suspends="suspending" in options)
        return asyncio.run(work)


async def measured(storage: Any, size: int, directory: Path, *, suspends: bool) -> Found:
    """Measure ``save_one`` with a storage, and check the object and its record."""
    registry = Registry(
        modules=["labox.builtin"],
        serializers=[ChunkSerializer()],
        default_storage=storage(directory / "root", mkdir=True),
    )
    engine = create_async_engine(f"sqlite+aiosqlite:///{directory}/records")
    await BaseRecord.create_all(engine)
    chunks = CHUNKINGS["64 KiB"].chunks(size)
    async with async_sessionmaker(engine, expire_on_commit=False)() as session:
        arguments: dict[str, Any] = {"registry": registry, "session": session}
        await save_one(StorableStream(upload(chunks[:32], suspends=True)), **arguments)
        stream = StorableStream(upload(chunks, suspends=suspends))
        work = partial(timed, partial(save_one, stream, **arguments))
        (saved, cost), late = await lateness_beside(work)
    await engine.dispose()
    check(saved.contents[0], directory / "root", size)
    return {"speed": size / cost.seconds, "stall": max(late) * 1e3}


def check(record: Any, root: Path, size: int) -> None:
    """Compare an object and its record with the source."""
    expected = hash_of("sha256", size)
    check_hash(record.content_hash, expected)
    check_size(record.content_size, size)
    [path] = [path for path in root.rglob(f"{expected}*") if path.is_file()]
    check_pieces(path, pieces(size))


def heading(size: int, rounds: int) -> str:
    """Return the conditions of the measurement."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("laboxide", "labox", "sqlalchemy"))
    return (
        f"{packages}, {system_name()}, {core_count()} cores, load {os.getloadavg()[0]:.1f}\n"
        f"save_one of a StorableStream of {size} MiB in 64 KiB chunks; the source never suspends\n"
        f"unless stated; SHA-256, the record committed to SQLite; {rounds} rounds, jobs in turn\n"
    )


def report(found: dict[str, list[Found]]) -> str:
    """Return the table and the floors."""
    speeds = {name: median(one["speed"] for one in each) for name, each in found.items()}
    lines = [f"{'':44}{'GB/s':>6}{'ratio':>8}{'worst stall, ms':>18}{'median':>9}"]
    for name, label in LABELS.items():
        stalls = [one["stall"] for one in found[name]]
        plain = "labox+suspending" if name.endswith("+suspending") else "labox"
        speed, ratio = f"{speeds[name] / 1e9:.2f}", f"{speeds[name] / speeds[plain]:.2f}"
        if name == "idle":
            speed = ratio = "-"
        lines.append(f"{label:44}{speed:>6}{ratio:>8}{max(stalls):>18.1f}{median(stalls):>9.1f}")
    lines.append("")
    for name, plain in FLOORS.items():
        gain, stall = speeds[name] / speeds[plain], median(one["stall"] for one in found[name])
        reached = gain >= THROUGHPUT_FLOOR and stall < STALL_FLOOR
        lines.append(
            f"{'PASS' if reached else 'BELOW':7}{name}: {gain:.2f} x the throughput (at least "
            f"{THROUGHPUT_FLOOR}), worst stall {stall:.1f} ms (median; under {STALL_FLOOR:g})"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
