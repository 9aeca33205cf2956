"""How late a 1 ms ticker on the same event loop is while work goes on."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from functools import partial
from itertools import cycle
from typing import TYPE_CHECKING

from benches.contestants import LABOXIDE, PEERS
from benches.loops import pause_of
from benches.measuring import Case, Label, Trial, measure
from benches.peers.laboxide_storage import Laboxide
from benches.scale import KIB, MIB
from benches.sources import CHUNKINGS, SOURCES, shifts, whole
from benches.suite.bench_write_data import contents
from benches.suite.jobs import read_objects, read_stream, write_objects, write_streams
from benches.ticker import lateness_beside, percentiles

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from pytest_benchmark.fixture import BenchmarkFixture

    from benches.contestants import Contestant
    from benches.loops import Cost
    from benches.measuring import Lab
    from benches.peers.contract import Stored
    from benches.scale import Scale

    Work = Callable[[], Awaitable[object]]

OPERATION = "stall"
SHOWN = 4
"""Streams at once, at most."""

WRITTEN = 64 * MIB
"""For all streams together: so little that the kernel does not begin to write it back meanwhile."""

STORES = 6
"""Empty stores that the same content goes to in turn; a store takes it only once."""


def cases(scale: Scale) -> Iterator[Case]:
    """Return the rows."""
    yield _case("idle", "laboxide", _idle)
    for streams in (1, 2, SHOWN):
        plural = "s" if streams > 1 else ""
        for algorithm, name in (("blake3", "BLAKE3"), ("sha256", "SHA-256")):
            variant = f"stream write, {streams} stream{plural} {name}, source suspends"
            prepare = partial(_write, LABOXIDE[algorithm], "64 KiB", "suspends", streams)
            yield _case(variant, "laboxide", prepare)
    for chunk in ("4 KiB", "64 KiB", "1 MiB"):
        variant = f"stream write, 1 stream BLAKE3, {chunk}, source never suspends"
        prepare = partial(_write, LABOXIDE["blake3"], chunk, "never suspends", 1)
        yield _case(variant, "laboxide", prepare)
    if scale.whole:
        for peer in PEERS:
            variant = "stream write, 4 streams, source suspends"
            yield _case(variant, peer.name, partial(_write, peer, "64 KiB", "suspends", SHOWN))
    yield _case("stream read, 1 MiB, plain", "laboxide", partial(_read, "size"))
    yield _case("stream read, 1 MiB, verified", "laboxide", partial(_read, "hash"))
    yield _case("read_data 4 KiB, in sequence", "laboxide", _read_data)
    yield _case("read_data 256 MiB", "laboxide", _read_large)
    yield _case("write_data 4 KiB, 32 in flight", "laboxide", _write_data)
    yield _case("digest_data and write_data 256 MiB", "laboxide", _write_large)
    yield _case("import_file, copied", "laboxide", _import)


def _case(variant: str, name: str, prepare: Callable[[Lab], Trial[None]]) -> Case:
    return Case(Label(OPERATION, variant, name, None), prepare)


def _beside(lab: Lab, work: Work, size: int = 0) -> Trial[None]:
    """Repeat the work for a while; what it does is checked in the rows of its speed."""

    async def repeated() -> None:
        end = time.perf_counter() + lab.scale.stall_seconds
        while time.perf_counter() < end:
            await work()

    def run() -> tuple[None, Cost]:
        late, cost = lab.run(partial(lateness_beside, repeated), "asyncio")
        return None, replace(cost, figures=percentiles(late))

    return Trial(run, lambda _: None, memory=STORES * size)


def _idle(lab: Lab) -> Trial[None]:
    return _beside(lab, partial(asyncio.sleep, lab.scale.stall_seconds))


def _write(contestant: Contestant, chunk: str, source: str, streams: int, lab: Lab) -> Trial[None]:
    chunking = CHUNKINGS[chunk]
    size = min(contestant.write_size(lab.scale, chunking.size), WRITTEN) // streams
    chunks = [chunking.chunks(size, shift) for shift in shifts(streams)]
    peers = cycle([contestant.make(lab.fresh_directory()) for _ in range(STORES)])

    async def work() -> None:
        sources = [SOURCES[source](each, pause_of("asyncio")) for each in chunks]
        _check(await write_streams(next(peers), sources), size)

    return _beside(lab, work, size * streams)


def _check(stored: list[Stored], size: int) -> None:
    assert all(one.size == size for one in stored)


def _read(verify: str, lab: Lab) -> Trial[None]:
    stored = lab.shelf.object("blake3", lab.scale.stream_size)
    peer = Laboxide(lab.shelf.directory, verify=verify)
    return _beside(lab, partial(read_stream, peer, stored, MIB))


def _read_data(lab: Lab) -> Trial[None]:
    stored = lab.shelf.objects("blake3", 4 * KIB, min(64, lab.scale.most_calls))
    peer = Laboxide(lab.shelf.directory)
    return _beside(lab, partial(read_objects, peer, stored, len(stored), 1))


def _read_large(lab: Lab) -> Trial[None]:
    size = lab.scale.stream_size
    peer, stored = Laboxide(lab.shelf.directory), lab.shelf.object("blake3", size)
    return _beside(lab, partial(peer.read_data, stored))


def _write_data(lab: Lab) -> Trial[None]:
    data = contents(4 * KIB, lab.scale.most_calls)
    peers = _stores(lab, sharded=True)

    async def work() -> None:
        _check(await write_objects(next(peers), data, 32), 4 * KIB)

    return _beside(lab, work)


def _write_large(lab: Lab) -> Trial[None]:
    peers, data = _stores(lab), whole(lab.scale.stream_size)

    async def work() -> None:
        await next(peers).write_data(data)

    return _beside(lab, work, len(data))


def _stores(lab: Lab, *, sharded: bool = False) -> Iterator[Laboxide]:
    """Return empty stores, over and over."""
    stores = [Laboxide(lab.fresh_directory()) for _ in range(STORES)]
    for store in stores if sharded else ():
        store.make_shards()
    return cycle(stores)


def _import(lab: Lab) -> Trial[None]:
    source = lab.shelf.object("blake3", lab.scale.stream_size)
    peers = _stores(lab)

    async def work() -> None:
        await next(peers).import_file(source.path)

    return _beside(lab, work, source.size)


def bench_stall(benchmark: BenchmarkFixture, lab: Lab, case: Case) -> None:
    """Work beside a ticker."""
    measure(benchmark, lab, case)
