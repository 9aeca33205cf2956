"""Damage of an object's bytes: every flipped bit, every truncation, extensions, swaps."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from laboxide import CorruptDataError, FileStorage, digest_data

from faults.driver import Driver, Trial

if TYPE_CHECKING:
    from laboxide import FilePointer

Read = Callable[[FileStorage, "FilePointer", Path], Awaitable[object]]


async def _stream(storage: FileStorage, pointer: FilePointer, _: Path) -> object:
    return b"".join([chunk async for chunk in storage.read_data_stream(pointer)])


async def _export(storage: FileStorage, pointer: FilePointer, target: Path) -> object:
    await storage.export_file(pointer, target, overwrite=True)
    return None


READS: dict[str, Read] = {
    "read_data": lambda storage, pointer, _: storage.read_data(pointer),
    "read_data_stream": _stream,
    "verify": lambda storage, pointer, _: storage.verify(pointer),
    "export_file": _export,
}


async def _expect_corrupt(
    trial: Trial,
    storage: FileStorage,
    pointer: FilePointer,
    damage: str,
    names: Iterable[str] = READS,
) -> None:
    target = trial.directory / "exported"
    for name in names:
        trial.tried[name] += 1
        read = READS[name]
        try:
            await read(storage, pointer, target)
        except CorruptDataError:
            if not target.exists():
                continue
        trial.found.append(f"{damage}: {name} did not raise CorruptDataError")
        target.unlink(missing_ok=True)


def run(trial: Trial) -> None:
    """Damage one object in every way."""
    asyncio.run(_run(trial))


async def _run(trial: Trial) -> None:
    size = trial.count(4096, 1 << 20)
    chunk_size = trial.count(1024, 1 << 18)
    storage = FileStorage(trial.directory / "store", mkdir=True, chunk_size=chunk_size)
    data, other = trial.random.randbytes(size), trial.random.randbytes(size)
    pointer = await storage.write_data(data, digest_data(data, content_type="a/b"), {})
    second = await storage.write_data(other, digest_data(other, content_type="a/b"), {})
    path, second_path = (await storage.stat(pointer)).path, (await storage.stat(second)).path
    for each in (path, second_path):
        each.chmod(0o644)
    bits = trial.random.sample(range(size * 8), trial.count(size * 8, 1_000_000))
    # At night each bit is read in one way, in turn: all four of a million would take an hour.
    ways = itertools.cycle([list(READS)] if not trial.long else [[name] for name in READS])
    with path.open("r+b", buffering=0) as file:
        for bit in bits:
            os.pwrite(file.fileno(), bytes([data[bit // 8] ^ 1 << bit % 8]), bit // 8)
            await _expect_corrupt(trial, storage, pointer, f"bit {bit} flipped", next(ways))
            os.pwrite(file.fileno(), data[bit // 8 : bit // 8 + 1], bit // 8)
        for length in range(0, size, trial.count(1, 64)):
            file.truncate(length)
            await _expect_corrupt(trial, storage, pointer, f"truncated to {length}")
            os.pwrite(file.fileno(), data[length:], length)
        for more in (1, 2, 7, 4095, 4096, 1 << 20):
            os.pwrite(file.fileno(), bytes(more), size)
            await _expect_corrupt(trial, storage, pointer, f"extended by {more}")
            file.truncate(size)
    third = trial.directory / "third"
    path.rename(third)
    second_path.rename(path)
    third.rename(second_path)
    await _expect_corrupt(trial, storage, pointer, "swapped with another")
    await _expect_corrupt(trial, storage, second, "swapped with another")


DRIVER = Driver("bit rot: flips, truncations, extensions, swaps", run, root=False, minutes=11)
