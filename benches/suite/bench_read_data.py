"""Objects read as one value, sequentially and concurrently."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from benches.checks import check_size
from benches.contestants import LABOXIDE, LIMIT, PEERS
from benches.limit import open_limit, whole_limit
from benches.measuring import Case, Label, Trial, bench_case
from benches.peers.laboxide_storage import Laboxide
from benches.scale import objects_of
from benches.suite.jobs import compare_objects, compare_whole, read_objects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from benches.contestants import Contestant
    from benches.lab import Lab
    from benches.limit import Answer
    from benches.peers.contract import Peer, Stored
    from benches.scale import Objects, Scale

__all__ = ("bench_case", "cases")

OPERATION = "read_data"
QUICK = ("4 KiB", "256 MiB")
QUICK_LARGE = ("blocking", "anyio")
"""The peers of the large quick row."""

DISTINCT = 64
"""Number of small objects to cycle through."""


def cases(scale: Scale) -> Iterator[Case]:
    """Return the rows."""
    for objects in objects_of(scale, QUICK):
        for verified in (None, "blake3"):
            calls = _calls(LABOXIDE["blake3"], scale, objects)
            label = Label(OPERATION, objects.variant, "laboxide", verified)
            make = partial(Laboxide, verify="hash" if verified else "size")
            yield Case(label, partial(_read, make, objects, calls), _rounds(objects))
            label = Label(OPERATION, objects.variant, LIMIT, verified)
            yield Case(label, partial(_limit, verified, objects, calls), _rounds(objects))
        for peer in PEERS:
            if objects.is_large and not scale.all_rows and peer.name not in QUICK_LARGE:
                continue
            label = Label(OPERATION, objects.variant, peer.name, None)
            calls = _calls(peer, scale, objects)
            yield Case(label, partial(_read, peer.make, objects, calls))


def _calls(contestant: Contestant, scale: Scale, objects: Objects) -> int:
    if objects.is_large:
        return objects.concurrency
    # laboxide's fast path takes a few microseconds.
    faster = 8 if contestant.name == "laboxide" else 1
    return min(scale.max_calls, faster * contestant.reads(scale, objects.size))


def _rounds(objects: Objects) -> int:
    # A round takes 30 ms, a peer's several times as long.
    return 3 if objects.is_large and objects.concurrency == 1 else 1


def _stored(lab: Lab, objects: Objects) -> list[Stored]:
    if objects.is_large:
        return [lab.shelf.object("blake3", objects.size)]
    return lab.shelf.objects("blake3", objects.size, min(DISTINCT, lab.scale.max_calls))


def _read(make: Callable[[Path], Peer], objects: Objects, calls: int, lab: Lab) -> Trial[int]:
    peer, stored = make(lab.shelf.directory), _stored(lab, objects)
    compare = compare_whole if objects.is_large else compare_objects

    async def work() -> int:
        return await read_objects(peer, stored, calls, objects.concurrency)

    lab.run(partial(compare, peer, stored), "asyncio")
    size = objects.size * calls
    check, memory = partial(check_size, expected=size), size if objects.is_large else 0
    return Trial(partial(lab.run, work, "asyncio"), check, size, calls, memory)


def _limit(verified: str | None, objects: Objects, calls: int, lab: Lab) -> Trial[Answer]:
    stored = _stored(lab, objects)
    if objects.is_large:
        return whole_limit(verified, stored[0].path, objects.size, lab)
    threads = 1 if objects.concurrency == 1 else 2
    return open_limit(verified, threads, stored, calls, lab)
