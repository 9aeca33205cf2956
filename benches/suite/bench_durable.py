"""Durable writes of small objects."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from benches.contestants import LIMIT
from benches.limit import create_limit
from benches.measuring import Case, Label, Trial, bench_case
from benches.peers.laboxide_storage import Laboxide
from benches.scale import KIB
from benches.sources import numbered
from benches.suite.jobs import check_objects, write_objects

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benches.lab import Lab
    from benches.limit import Answer
    from benches.peers.contract import Stored
    from benches.scale import Scale

__all__ = ("bench_case", "cases")

OPERATION = "durable write_data"
SIZE = 4 * KIB
CONCURRENCY = {"4 KiB, sequential": 1, "4 KiB, 100 in flight": 100}
EACH = "fsync per object"
CALL_SECONDS = 250e-6


def cases(scale: Scale) -> Iterator[Case]:
    """Return the rows."""
    for variant, concurrency in CONCURRENCY.items():
        calls = scale.calls_for(CALL_SECONDS if concurrency > 1 else 4 * CALL_SECONDS, 1e9, SIZE)
        flushes = {LIMIT: "grouped", EACH: "each"} if concurrency > 1 else {LIMIT: "each"}
        yield Case(
            Label(OPERATION, variant, "laboxide", "blake3"), partial(_write, concurrency, calls)
        )
        for name, flush in flushes.items():
            label = Label(OPERATION, variant, name, "blake3")
            yield Case(label, partial(_reference, flush, min(concurrency, 2), calls))


def _write(concurrency: int, calls: int, lab: Lab) -> Trial[list[Stored]]:
    peer = Laboxide(lab.fresh_directory(), durable=True)
    peer.make_shards()
    data = [numbered(SIZE, index) for index in range(calls)]

    async def work() -> list[Stored]:
        return await write_objects(peer, data, concurrency)

    check = partial(check_objects, size=SIZE, calls=calls)
    return Trial(partial(lab.run, work, "asyncio"), check, SIZE * calls, calls)


def _reference(flush: str, threads: int, calls: int, lab: Lab) -> Trial[Answer]:
    return create_limit("blake3", threads, SIZE, calls, lab, flush=flush)
