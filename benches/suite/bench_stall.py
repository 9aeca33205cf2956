"""Event-loop stalls during each kind of work, by a 1 ms ticker."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from functools import partial
from itertools import cycle
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from benches.checks import check_bytes, check_size, check_stored
from benches.contestants import LABOXIDE, PEERS
from benches.loops import pause_of
from benches.machine import core_times, steal_seconds
from benches.measuring import Case, Label, Trial, bench_case
from benches.peers.laboxide_storage import Laboxide
from benches.scale import KIB, MIB
from benches.sources import CHUNKINGS, SOURCES, shifts, whole
from benches.suite.bench_import_file import reflink_source
from benches.suite.bench_write_data import contents
from benches.suite.jobs import (
    check_objects,
    check_streams,
    read_objects,
    read_stream,
    write_objects,
    write_streams,
)
from benches.ticker import lateness_beside, percentiles

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from laboxide import VerifyReads

    from benches.contestants import Contestant
    from benches.lab import Lab
    from benches.loops import Cost
    from benches.peers.contract import Stored
    from benches.scale import Scale

T = TypeVar("T")
Work: TypeAlias = "Callable[[], Awaitable[T]]"

__all__ = ("bench_case", "cases")

OPERATION = "stall"
BLOB = 4 * KIB
SHOWN = 4
"""Upper bound of concurrent streams in rows with floors."""

WRITTEN = 64 * MIB
"""Total bytes of all streams, small enough that the kernel starts no write-back."""

ROUNDS = 3
"""Rounds of rows with floors. A round has 400 ticks: its p99 is the fourth-latest."""

STORES = 6
"""Empty stores to cycle through: a second write of a content is a dedup hit."""


def cases(scale: Scale) -> Iterator[Case]:
    """Return the rows."""
    yield _case("idle", "laboxide", _idle, ROUNDS)
    for streams in (1, 2, SHOWN):
        plural = "s" if streams > 1 else ""
        for algorithm, name in (("blake3", "BLAKE3"), ("sha256", "SHA-256")):
            variant = f"stream write, {streams} stream{plural} {name}, source suspends"
            prepare = partial(_write, LABOXIDE[algorithm], "64 KiB", "suspends", streams)
            yield _case(variant, "laboxide", prepare, ROUNDS if algorithm == "blake3" else 1)
    for chunk in ("4 KiB", "64 KiB", "1 MiB"):
        variant = f"stream write, 1 stream BLAKE3, {chunk}, source never suspends"
        prepare = partial(_write, LABOXIDE["blake3"], chunk, "never suspends", 1)
        yield _case(variant, "laboxide", prepare, ROUNDS)
    if scale.all_rows:
        for peer in PEERS:
            variant = "stream write, 4 streams, source suspends"
            yield _case(variant, peer.name, partial(_write, peer, "64 KiB", "suspends", SHOWN))
    yield _case("stream read, 1 MiB, plain", "laboxide", partial(_read, "size"))
    yield _case("stream read, 1 MiB, verified", "laboxide", partial(_read, "hash"))
    yield _case("read_data 4 KiB, sequential", "laboxide", partial(_read_data, 1))
    yield _case("read_data 256 MiB", "laboxide", _read_large)
    yield _case("write_data 4 KiB, 32 in flight", "laboxide", partial(_write_data, 32))
    yield _case("digest_data and write_data 256 MiB", "laboxide", _write_large)
    yield _case("import_file, copy", "laboxide", _import)
    if scale.all_rows:
        yield from _more()


def _more() -> Iterator[Case]:
    """Return the rows without floors."""
    for algorithm, name in (("blake3", "BLAKE3"), ("sha256", "SHA-256")):
        variant = f"stream write, 16 streams {name}, source suspends"
        yield _case(
            variant, "laboxide", partial(_write, LABOXIDE[algorithm], "64 KiB", "suspends", 16)
        )
    variant = "stream write, 1 stream SHA-256, 64 KiB, source never suspends"
    write = partial(_write, LABOXIDE["sha256"], "64 KiB", "never suspends", 1)
    yield _case(variant, "laboxide", write)
    yield _case("read_data 4 KiB, 32 in flight", "laboxide", partial(_read_data, 32))
    variant = "durable write_data 4 KiB, 100 in flight"
    yield _case(variant, "laboxide", partial(_write_data, 100, durable=True))
    yield _case("import_file, reflink", "laboxide", _import_reflink)


def _case(variant: str, name: str, prepare: Callable[[Lab], Trial[Any]], rounds: int = 1) -> Case:
    return Case(Label(OPERATION, variant, name, None), prepare, rounds)


def _beside(lab: Lab, work: Work[T], check: Callable[[T], None], size: int = 0) -> Trial[T]:
    """Repeat the work for a while; check the last result."""

    async def repeated() -> T:
        end = time.perf_counter() + lab.scale.stall_seconds
        result = await work()
        while time.perf_counter() < end:
            result = await work()
        return result

    def run() -> tuple[T, Cost]:
        before = core_times()
        (result, late), cost = lab.run(partial(lateness_beside, repeated), "asyncio")
        figures = {**percentiles(late), "steal": steal_seconds(before) * 1e3}
        return result, replace(cost, figures=figures)

    return Trial(run, check, memory=STORES * size)


def _idle(lab: Lab) -> Trial[None]:
    return _beside(lab, partial(asyncio.sleep, lab.scale.stall_seconds), lambda _: None)


def _write(
    contestant: Contestant, chunk: str, source: str, streams: int, lab: Lab
) -> Trial[list[Stored]]:
    chunking = CHUNKINGS[chunk]
    size = min(contestant.write_size(lab.scale, chunking.size), WRITTEN) // streams
    chunks = [chunking.chunks(size, shift) for shift in shifts(streams)]
    peers = cycle([contestant.make(lab.fresh_directory()) for _ in range(STORES)])

    async def work() -> list[Stored]:
        sources = [SOURCES[source](each, pause_of("asyncio")) for each in chunks]
        return await write_streams(next(peers), sources)

    return _beside(lab, work, partial(check_streams, size=size), size * streams)


def _read(verify: VerifyReads, lab: Lab) -> Trial[int]:
    stored = lab.shelf.object("blake3", lab.scale.stream_size)
    peer = Laboxide(lab.shelf.directory, verify=verify)
    check = partial(check_size, expected=stored.size)
    return _beside(lab, partial(read_stream, peer, stored, MIB), check)


def _read_data(concurrency: int, lab: Lab) -> Trial[int]:
    stored = lab.shelf.objects("blake3", BLOB, min(64, lab.scale.max_calls))
    peer = Laboxide(lab.shelf.directory)
    check = partial(check_size, expected=BLOB * len(stored))
    return _beside(lab, partial(read_objects, peer, stored, len(stored), concurrency), check)


def _read_large(lab: Lab) -> Trial[bytes]:
    size = lab.scale.stream_size
    peer, stored = Laboxide(lab.shelf.directory), lab.shelf.object("blake3", size)
    return _beside(lab, partial(peer.read_data, stored), partial(check_bytes, expected=whole(size)))


def _write_data(concurrency: int, lab: Lab, *, durable: bool = False) -> Trial[list[Stored]]:
    data = contents(BLOB, lab.scale.max_calls)
    peers = _stores(lab, durable=durable, sharded=True)

    async def work() -> list[Stored]:
        return await write_objects(next(peers), data, concurrency)

    return _beside(lab, work, partial(check_objects, size=BLOB, calls=len(data)))


def _write_large(lab: Lab) -> Trial[Stored]:
    peers, data = _stores(lab), whole(lab.scale.stream_size)

    async def work() -> Stored:
        return await next(peers).write_data(data)

    return _beside(lab, work, partial(check_stored, size=len(data)), len(data))


def _stores(lab: Lab, *, durable: bool = False, sharded: bool = False) -> Iterator[Laboxide]:
    """Cycle through empty stores."""
    stores = [Laboxide(lab.fresh_directory(), durable=durable) for _ in range(STORES)]
    for store in stores if sharded else ():
        store.make_shards()
    return cycle(stores)


def _import(lab: Lab) -> Trial[Stored]:
    source = lab.shelf.object("blake3", lab.scale.stream_size)
    return _import_into(_stores(lab), source.path, source.size, lab)


def _import_reflink(lab: Lab) -> Trial[Stored]:
    size = lab.scale.stream_size
    source = reflink_source(lab, size)
    directories = [lab.fresh_directory(source.parent) for _ in range(STORES)]
    stores = cycle([Laboxide(directory, link="reflink") for directory in directories])
    return _import_into(stores, source, size, lab)


def _import_into(peers: Iterator[Laboxide], source: Path, size: int, lab: Lab) -> Trial[Stored]:
    async def work() -> Stored:
        return await next(peers).import_file(source)

    return _beside(lab, work, partial(check_stored, size=size), size)
