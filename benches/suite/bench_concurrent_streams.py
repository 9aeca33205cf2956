"""Concurrent stream writes: one, four and sixteen."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from benches.contestants import ALGORITHMS, LABOXIDE, LIMIT, PEERS
from benches.limit import streams_limit
from benches.loops import pause_of
from benches.measuring import Case, Label, Trial, bench_case
from benches.sources import CHUNKINGS, shifts, suspending
from benches.suite.jobs import check_streams, write_streams

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benches.contestants import Contestant
    from benches.lab import Lab
    from benches.peers.contract import Stored
    from benches.scale import Scale

__all__ = ("bench_case", "cases")

OPERATION = "concurrent streams"
CHUNKING = CHUNKINGS["64 KiB"]
STREAMS = (1, 4, 16)


def variant_of(streams: int) -> str:
    """Return the name of a row."""
    return "1 stream" if streams == 1 else f"{streams} streams"


def cases(scale: Scale) -> Iterator[Case]:
    """Return the rows."""
    for streams in STREAMS:
        variant = variant_of(streams)
        for contestant in (*LABOXIDE.values(), *(PEERS if scale.all_rows else ())):
            label = Label(OPERATION, variant, contestant.name, contestant.algorithm)
            yield Case(label, partial(_write, contestant, streams))
        for algorithm in ALGORITHMS:
            label = Label(OPERATION, variant, LIMIT, algorithm)
            yield Case(label, partial(_limit, algorithm, streams))


def _size(contestant: Contestant, streams: int, scale: Scale) -> int:
    """Return the bytes per stream: their sum is the size of one alone."""
    return contestant.write_size(scale, CHUNKING.size) // streams


def _write(contestant: Contestant, streams: int, lab: Lab) -> Trial[list[Stored]]:
    peer, size = contestant.make(lab.fresh_directory()), _size(contestant, streams, lab.scale)
    chunks = [CHUNKING.chunks(size, shift) for shift in shifts(streams)]

    async def work() -> list[Stored]:
        sources = [suspending(each, pause_of("asyncio")) for each in chunks]
        return await write_streams(peer, sources)

    check = partial(check_streams, size=size)
    return Trial(
        partial(lab.run, work, "asyncio"), check, size * streams, streams, memory=size * streams
    )


def _limit(algorithm: str, streams: int, lab: Lab) -> Trial[dict[str, object]]:
    size = _size(LABOXIDE[algorithm], streams, lab.scale)
    return streams_limit(algorithm, streams, size, lab)
