"""Stream writes, by chunk size and by kind of source."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from benches.checks import check_stored
from benches.contestants import ALGORITHMS, LABOXIDE, LIMIT, PEERS
from benches.limit import write_limit
from benches.loops import pause_of
from benches.measuring import Case, Label, Trial, bench_case
from benches.sources import CHUNKINGS, SOURCES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benches.contestants import Contestant
    from benches.lab import Lab
    from benches.peers.contract import Stored
    from benches.scale import Scale
    from benches.sources import Chunking

__all__ = ("bench_case", "cases")

OPERATION = "stream write"
NEIGHBOURS = ("1 KiB", "8 KiB")
"""Reference chunk sizes for odd ones, measured for laboxide only."""

QUICK = ("1 000 B", "1 KiB", "4 KiB", "64 KiB", "1 MiB")
FROM_OTHER_SOURCES = ("suspends", "fresh bytes")


def cases(scale: Scale) -> Iterator[Case]:
    """Return the rows."""
    for chunking in CHUNKINGS.values():
        if scale.all_rows or chunking.label in QUICK:
            peers = () if chunking.label in NEIGHBOURS else PEERS
            yield from _row(scale, chunking, "never suspends", chunking.label, peers)
    for source in FROM_OTHER_SOURCES if scale.all_rows else ():
        variant = f"64 KiB, {source}" if source == "fresh bytes" else f"64 KiB, source {source}"
        yield from _row(scale, CHUNKINGS["64 KiB"], source, variant, PEERS)


def _row(
    scale: Scale,
    chunking: Chunking,
    source: str,
    variant: str,
    peers: tuple[Contestant, ...],
) -> Iterator[Case]:
    for contestant in (*LABOXIDE.values(), *peers):
        label = Label(OPERATION, variant, contestant.name, contestant.algorithm)
        size = contestant.write_size(scale, chunking.size)
        yield Case(label, partial(_write, contestant, chunking, source, size))
    for algorithm in ALGORITHMS:
        size = LABOXIDE[algorithm].write_size(scale, 1 << 20)
        yield Case(
            Label(OPERATION, variant, LIMIT, algorithm), partial(write_limit, algorithm, size)
        )


def _write(
    contestant: Contestant, chunking: Chunking, source: str, size: int, lab: Lab
) -> Trial[Stored]:
    peer = contestant.make(lab.fresh_directory())
    chunks, open_source = chunking.chunks(size), SOURCES[source]

    async def work() -> Stored:
        return await peer.write_stream(open_source(chunks, pause_of("asyncio")))

    return Trial(
        partial(lab.run, work, "asyncio"), partial(check_stored, size=size), size, memory=size
    )
