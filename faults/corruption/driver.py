"""Damage of an object's bytes: every flipped bit, every truncation, extensions, swaps."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from laboxide import CorruptDataError, FileStorage, digest_data

from faults.corruption.damaged_store import damaged_store
from faults.driver import Driver, Trial

if TYPE_CHECKING:
    from laboxide import FilePointer

ALGORITHMS = ("blake3", "sha256")
MORE = (1, 2, 7, 4095, 4096, 1 << 20)
"""Bytes by which objects are extended."""

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


class Victim(NamedTuple):
    """An object, and the storage by which it is read: of its own root, or of another."""

    what: str
    storage: FileStorage
    pointer: FilePointer
    path: Path
    data: bytes

    def put(self, offset: int, data: bytes) -> None:
        """Overwrite a part of it, or add to it."""
        with self.path.open("r+b", buffering=0) as file:
            os.pwrite(file.fileno(), data, offset)


async def _expect_corrupt(
    trial: Trial, victim: Victim, damage: str, names: Iterable[str] = READS
) -> None:
    target = trial.directory / "exported"
    for name in names:
        trial.tried[name] += 1
        try:
            await READS[name](victim.storage, victim.pointer, target)
        except CorruptDataError:
            if not target.exists():
                continue
        trial.found.append(f"{victim.what}, {damage}: {name} did not raise CorruptDataError")
        target.unlink(missing_ok=True)


def run(trial: Trial) -> None:
    """Damage objects in every way."""
    asyncio.run(_run(trial))


async def _run(trial: Trial) -> None:
    size = trial.count("bytes of an object")
    own, another = (
        FileStorage(trial.directory / name, mkdir=True, chunk_size=size // 4)
        for name in ("store", "another")
    )
    blake3, sha256 = [await _victim(trial, own, algorithm, size) for algorithm in ALGORITHMS]
    foreign = blake3._replace(what="blake3 of another root", storage=another)
    # Each bit of one object; of the others some, which end in the same comparison.
    few = trial.count("bits of other objects")
    for victim in (sha256, foreign):
        await _damage(trial, victim, few, size // 64)
    await _damage(trial, blake3, trial.count("bits"), trial.count("step of lengths"))
    second = await _victim(trial, own, "blake3", size)
    _swap(blake3.path, second.path, trial.directory / "aside")
    for victim in (blake3, foreign, second):
        await _expect_corrupt(trial, victim, "swapped with another")
    await _audit(trial)


async def _victim(trial: Trial, storage: FileStorage, algorithm: str, size: int) -> Victim:
    data = trial.random.randbytes(size)
    digest = digest_data(data, content_type="a/b", algorithm=algorithm)
    pointer = await storage.write_data(data, digest, {})
    path = (await storage.stat(pointer)).path
    path.chmod(0o644)
    return Victim(algorithm, storage, pointer, path, data)


async def _damage(trial: Trial, victim: Victim, flips: int, step: int) -> None:
    """Flip so many bits, truncate to each multiple of `step`, and extend."""
    data, size = victim.data, len(victim.data)
    # At night each bit is read in one way, in turn: all four of a million would take an hour.
    ways = itertools.cycle(
        [[name] for name in READS] if trial.count("one way a bit") else [list(READS)]
    )
    bits = trial.random.sample(range(size * 8), flips)
    for bit in (bits[index] for index in trial.units(range(flips))):
        victim.put(bit // 8, bytes([data[bit // 8] ^ 1 << bit % 8]))
        await _expect_corrupt(trial, victim, f"bit {bit} flipped", next(ways))
        victim.put(bit // 8, data[bit // 8 : bit // 8 + 1])
    for length in range(0, size, step):
        os.truncate(victim.path, length)
        await _expect_corrupt(trial, victim, f"truncated to {length}")
        victim.put(length, data[length:])
    for more in MORE:
        victim.put(size, bytes(more))
        await _expect_corrupt(trial, victim, f"extended by {more}")
        os.truncate(victim.path, size)


def _swap(one: Path, other: Path, aside: Path) -> None:
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


async def _audit(trial: Trial) -> None:
    """Look after a store in which every second object is damaged."""
    storage = FileStorage(trial.directory / "audited", mkdir=True)
    damaged = damaged_store(storage.path, trial.random, trial.count("audited objects"))
    trial.tried["audit"] += len(damaged)
    found = {finding.key async for finding in storage.audit() if finding.problem == "corrupt"}
    for key in sorted(damaged.keys() - found):
        trial.found.append(f"{damaged[key]}: audit did not find {key}")
    for key in sorted(found - damaged.keys()):
        trial.found.append(f"audit found {key}, which is right")


DRIVER = Driver(
    "bit rot: flips, truncations, extensions, swaps",
    run,
    {
        "bytes of an object": (4096, 4096, 1 << 20),
        "bits": (32_768, 32_768, 1_000_000),
        "bits of other objects": (512, 512, 100_000),
        "step of lengths": (1, 1, 64),
        "one way a bit": (0, 0, 1),
        "audited objects": (1000, 5000, 20_000),
    },
    per_change=False,
    root=False,
    seconds=30,
    goes_on=True,
)
