"""The same work on asyncio, uvloop and trio."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from benches.checks import check_size, check_stored
from benches.contestants import LABOXIDE
from benches.loops import LOOPS, pause_of, timed
from benches.measuring import Case, Label, Trial, bench_case
from benches.peers.laboxide_storage import Laboxide
from benches.scale import KIB, MIB
from benches.sources import CHUNKINGS, SOURCES, shifts
from benches.suite.bench_write_data import contents
from benches.suite.jobs import (
    check_objects,
    check_streams,
    read_objects,
    read_stream,
    write_objects,
    write_streams,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from typing import Any, TypeVar

    from laboxide import VerifyReads

    from benches.lab import Lab
    from benches.loops import Cost
    from benches.peers.contract import Stored
    from benches.scale import Scale

    T = TypeVar("T")

__all__ = ("bench_case", "cases")

OPERATION = "loops"
BLOB = 4 * KIB
STREAMS = 4
SHA256 = "stream write SHA-256, 64 KiB"
"""The only row with SHA-256."""


def cases(scale: Scale) -> Iterator[Case]:
    """Return the rows."""
    for variant, prepare in ROWS.items():
        algorithm = "sha256" if variant == SHA256 else "blake3"
        for loop in LOOPS:
            if scale.all_rows or loop != "uvloop":
                label = Label(OPERATION, variant, "laboxide", algorithm, loop)
                yield Case(label, partial(prepare, loop))


def _write_stream(source: str, algorithm: str, loop: str, lab: Lab) -> Trial[Stored]:
    peer = Laboxide(lab.fresh_directory(), algorithm=algorithm)
    chunking = CHUNKINGS["64 KiB"]
    size = LABOXIDE[algorithm].write_size(lab.scale, chunking.size)
    chunks = chunking.chunks(size)

    async def work() -> Stored:
        return await peer.write_stream(SOURCES[source](chunks, pause_of(loop)))

    return Trial(_warm(lab, loop, peer, work), partial(check_stored, size=size), size, memory=size)


def _write_streams(loop: str, lab: Lab) -> Trial[list[Stored]]:
    peer, chunking = Laboxide(lab.fresh_directory()), CHUNKINGS["64 KiB"]
    size = LABOXIDE["blake3"].write_size(lab.scale, chunking.size) // STREAMS
    chunks = [chunking.chunks(size, shift) for shift in shifts(STREAMS)]

    async def work() -> list[Stored]:
        sources = [SOURCES["suspends"](each, pause_of(loop)) for each in chunks]
        return await write_streams(peer, sources)

    check, total = partial(check_streams, size=size), size * STREAMS
    return Trial(_warm(lab, loop, peer, work), check, total, STREAMS, memory=total)


def _read_stream(verify: VerifyReads, loop: str, lab: Lab) -> Trial[int]:
    size = LABOXIDE["blake3"].read_size(lab.scale, MIB)
    stored = lab.shelf.object("blake3", size)
    peer = Laboxide(lab.shelf.directory, verify=verify)

    async def work() -> int:
        return await read_stream(peer, stored, MIB)

    return Trial(_warm(lab, loop, peer, work), partial(check_size, expected=size), size)


def _read_data(loop: str, lab: Lab) -> Trial[int]:
    calls = lab.scale.max_calls
    stored = lab.shelf.objects("blake3", BLOB, min(64, calls))
    peer = Laboxide(lab.shelf.directory)

    async def work() -> int:
        return await read_objects(peer, stored, calls, 1)

    check = partial(check_size, expected=BLOB * calls)
    return Trial(_warm(lab, loop, peer, work), check, BLOB * calls, calls)


def _write_data(loop: str, lab: Lab) -> Trial[list[Stored]]:
    calls = LABOXIDE["blake3"].writes(lab.scale, BLOB)
    peer, data = Laboxide(lab.fresh_directory()), contents(BLOB, calls)
    peer.make_shards()

    async def work() -> list[Stored]:
        return await write_objects(peer, data, 32)

    check = partial(check_objects, size=BLOB, calls=calls)
    return Trial(_warm(lab, loop, peer, work), check, BLOB * calls, calls)


def _warm(
    lab: Lab, loop: str, peer: Laboxide, work: Callable[[], Awaitable[T]]
) -> Callable[[], tuple[T, Cost]]:
    """Let laboxide attach to the loop before the clock starts; trio's loop is new in each round."""

    async def warmed() -> tuple[T, Cost]:
        await peer.write_data(b"ten bytes.")
        return await timed(work)

    return lambda: lab.loops.run(loop, warmed)


ROWS: dict[str, Callable[[str, Lab], Trial[Any]]] = {
    "stream write, 64 KiB": partial(_write_stream, "never suspends", "blake3"),
    "stream write, 64 KiB, source suspends": partial(_write_stream, "suspends", "blake3"),
    SHA256: partial(_write_stream, "never suspends", "sha256"),
    "4 concurrent stream writes, 64 KiB": _write_streams,
    "stream read, 1 MiB": partial(_read_stream, "size"),
    "verified stream read, 1 MiB": partial(_read_stream, "hash"),
    "read_data 4 KiB, sequential": _read_data,
    "write_data 4 KiB, 32 in flight": _write_data,
}
