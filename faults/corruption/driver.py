"""Damage of objects: every flipped bit, every truncation, extensions and swaps."""

from __future__ import annotations

import asyncio
import itertools
import os
from typing import TYPE_CHECKING, NamedTuple

from laboxide import CorruptDataError, FileStorage

from faults.corruption.damaged_store import damaged_store
from faults.driver import Driver, Trial
from faults.operations import ALGORITHMS, READS, digest_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from pathlib import Path

    from laboxide import FilePointer

MORE = (1, 2, 7, 4095, 4096, 1 << 20)
"""Bytes by which objects are extended."""

CHECKS: dict[str, Callable[[FileStorage, FilePointer, Path], Awaitable[object]]] = {
    **READS,
    "verify": lambda storage, pointer, _: storage.verify(pointer),
}
"""Each operation that must detect damage."""


class Victim(NamedTuple):
    """An object, and the storage that reads it: with the same root, or with another."""

    name: str
    storage: FileStorage
    pointer: FilePointer
    path: Path
    data: bytes

    def put(self, offset: int, data: bytes) -> None:
        """Overwrite a part of the object, or extend it."""
        with self.path.open("r+b", buffering=0) as file:
            os.pwrite(file.fileno(), data, offset)


async def _expect_corrupt(
    trial: Trial, victim: Victim, damage: str, names: Iterable[str] = CHECKS
) -> None:
    target = trial.directory / "exported"
    for name in names:
        trial.tried[name] += 1
        try:
            await CHECKS[name](victim.storage, victim.pointer, trial.directory)
        except CorruptDataError:
            if not target.exists():
                continue
        trial.found.append(f"{victim.name}, {damage}: {name} did not raise CorruptDataError")
        target.unlink(missing_ok=True)


def run(trial: Trial) -> None:
    """Damage objects in every way, and read them."""
    asyncio.run(_run(trial))


async def _run(trial: Trial) -> None:
    size = trial.count("bytes of an object")
    own, another = (
        FileStorage(trial.directory / name, mkdir=True, chunk_size=size // 4)
        for name in ("store", "another")
    )
    blake3, sha256 = [await _victim(trial, own, algorithm, size) for algorithm in ALGORITHMS]
    foreign = blake3._replace(name="blake3 of another root", storage=another)
    # Each bit of one object, and some bits of the others, which end in the same comparison.
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
    digest = digest_of(data, algorithm)
    pointer = await storage.write_data(data, digest, {})
    path = (await storage.stat(pointer)).path
    path.chmod(0o644)
    return Victim(algorithm, storage, pointer, path, data)


async def _damage(trial: Trial, victim: Victim, flips: int, step: int) -> None:
    """Flip some bits, truncate to each multiple of `step`, and extend."""
    data, size = victim.data, len(victim.data)
    # One operation for each bit, in turn: all four for a million bits would take an hour.
    one = trial.count("one way a bit")
    ways = itertools.cycle([[name] for name in CHECKS] if one else [list(CHECKS)])
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
    """Audit a store in which every second object is damaged."""
    storage = FileStorage(trial.directory / "audited", mkdir=True)
    damaged = damaged_store(storage.path, trial.random, trial.count("audited objects"))
    trial.tried["audit"] += len(damaged)
    found = {finding.key async for finding in storage.audit() if finding.problem == "corrupt"}
    for key in sorted(damaged.keys() - found):
        trial.found.append(f"{damaged[key]}: audit did not find {key}")
    for key in sorted(found - damaged.keys()):
        trial.found.append(f"audit found {key}, which is intact")


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
    repeats=True,
)
