"""Objects written as one value, sequentially and concurrently."""

from __future__ import annotations

import os
import time
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from benches.contestants import ALGORITHMS, LABOXIDE, LIMIT, PEERS
from benches.limit import create_limit, streams_limit, write_limit
from benches.measuring import Case, Label, Trial, bench_case
from benches.peers.laboxide_storage import Laboxide
from benches.scale import objects_of
from benches.sources import numbered
from benches.suite.jobs import check_objects, in_flight, write_objects

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benches.contestants import Contestant
    from benches.lab import Lab
    from benches.limit import Answer
    from benches.peers.contract import Stored
    from benches.scale import Objects, Scale

__all__ = ("bench_case", "cases")

OPERATION, PUT, HIT = "write_data", "put", "dedup hit"
QUICK = ("4 KiB",)
AGES = {"young": 0, "old": 24 * 60 * 60}
"""Ages of stored objects in seconds: a dedup hit refreshes the time of an old one."""


def cases(scale: Scale) -> Iterator[Case]:
    """Return the rows."""
    for objects in objects_of(scale, QUICK):
        for contestant in (*LABOXIDE.values(), *PEERS):
            name, algorithm = contestant.name, contestant.algorithm
            label = Label(OPERATION, objects.variant, name, algorithm)
            calls = _calls(contestant, scale, objects)
            yield Case(label, partial(_write, contestant, objects, calls))
        for algorithm in ALGORITHMS:
            label = Label(OPERATION, objects.variant, LIMIT, algorithm)
            calls = _calls(LABOXIDE[algorithm], scale, objects)
            yield Case(label, partial(_limit, algorithm, objects, calls))
        if objects.variant.startswith(QUICK):
            yield from _other_calls(objects, _calls(LABOXIDE["blake3"], scale, objects))


def _other_calls(objects: Objects, calls: int) -> Iterator[Case]:
    """Return the rows of `put` and of dedup hits."""
    label = Label(PUT, objects.variant, "laboxide", "blake3")
    yield Case(label, partial(_put, objects, calls))
    for name, age in AGES.items():
        label = Label(HIT, f"{objects.variant}, {name}", "laboxide", "blake3")
        yield Case(label, partial(_hit, objects, calls, age))


def _calls(contestant: Contestant, scale: Scale, objects: Objects) -> int:
    return objects.concurrency if objects.is_large else contestant.writes(scale, objects.size)


@lru_cache(maxsize=2)
def contents(size: int, calls: int) -> list[bytes]:
    """Return `calls` distinct contents."""
    return [numbered(size, index) for index in range(calls)]


def _write(contestant: Contestant, objects: Objects, calls: int, lab: Lab) -> Trial[list[Stored]]:
    peer = contestant.make(lab.fresh_directory())
    if isinstance(peer, Laboxide):
        peer.make_shards()
    data = contents(objects.size, calls)

    async def work() -> list[Stored]:
        return await write_objects(peer, data, objects.concurrency)

    check = partial(check_objects, size=objects.size, calls=calls)
    size = objects.size * calls
    return Trial(partial(lab.run, work, "asyncio"), check, size, calls, memory=size)


def _put(objects: Objects, calls: int, lab: Lab) -> Trial[list[Stored]]:
    peer, data = Laboxide(lab.fresh_directory()), contents(objects.size, calls)
    peer.make_shards()

    async def work() -> list[Stored]:
        return await in_flight(objects.concurrency, data, peer.put)

    check = partial(check_objects, size=objects.size, calls=calls)
    size = objects.size * calls
    return Trial(partial(lab.run, work, "asyncio"), check, size, calls, memory=size)


def _hit(objects: Objects, calls: int, age: int, lab: Lab) -> Trial[list[Stored]]:
    peer, data = Laboxide(lab.fresh_directory()), contents(objects.size, calls)

    async def work() -> list[Stored]:
        return await write_objects(peer, data, objects.concurrency)

    stored, _ = lab.run(work, "asyncio")
    modified = time.time() - age
    for one in stored:
        os.utime(one.path, (modified, modified))
    check = partial(check_objects, size=objects.size, calls=calls)
    return Trial(partial(lab.run, work, "asyncio"), check, objects.size * calls, calls)


def _limit(algorithm: str, objects: Objects, calls: int, lab: Lab) -> Trial[Answer]:
    if objects.is_large and objects.concurrency > 1:
        return streams_limit(algorithm, objects.concurrency, objects.size, lab)
    if objects.is_large:
        return write_limit(algorithm, objects.size, lab)
    threads = 1 if objects.concurrency == 1 else 2
    return create_limit(algorithm, threads, objects.size, calls, lab)
