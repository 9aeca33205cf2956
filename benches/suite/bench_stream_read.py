"""Stream reads, plain and verified."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from benches.checks import check_size
from benches.contestants import LABOXIDE, LIMIT, PEERS
from benches.lab import PeerFailedError
from benches.limit import read_limit
from benches.measuring import Case, Label, Trial, bench_case
from benches.peers.labox_storage import Labox
from benches.peers.laboxide_storage import Laboxide
from benches.scale import KIB, MIB
from benches.suite.jobs import compare_stream, read_stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from benches.lab import Lab
    from benches.limit import Answer
    from benches.peers.contract import Peer
    from benches.scale import Scale

__all__ = ("bench_case", "cases")

OPERATION = "stream read"
CHUNK_SIZES = {"64 KiB": 64 * KIB, "256 KiB": 256 * KIB, "1 MiB": MIB}
QUICK = ("256 KiB", "1 MiB")
VERIFIED = (None, "blake3", "sha256")
ROUNDS = 3
"""A round takes 15 ms, except with SHA-256."""


def cases(scale: Scale) -> Iterator[Case]:
    """Return the rows."""
    for variant, chunk_size in CHUNK_SIZES.items():
        if scale.all_rows or variant in QUICK:
            yield from _row(scale, variant, chunk_size)


def _row(scale: Scale, variant: str, chunk_size: int) -> Iterator[Case]:
    for verified in VERIFIED:
        size = LABOXIDE[verified or "blake3"].read_size(scale, chunk_size)
        label = Label(OPERATION, variant, "laboxide", verified)
        make = partial(Laboxide, verify="hash" if verified else "size")
        rounds = 1 if verified == "sha256" else ROUNDS
        yield Case(label, partial(_read, make, verified, size, chunk_size), rounds)
        label = Label(OPERATION, variant, LIMIT, verified)
        yield Case(label, partial(_limit, verified, size), rounds)
    for peer in PEERS:
        label = Label(OPERATION, variant, peer.name, None)
        size = peer.read_size(scale, chunk_size)
        yield Case(label, partial(_read, peer.make, None, size, chunk_size), ROUNDS)


def _read(
    make: Callable[[Path], Peer], verified: str | None, size: int, chunk_size: int, lab: Lab
) -> Trial[int]:
    stored = lab.shelf.object(verified or "blake3", size)
    peer = make(lab.shelf.directory)
    run = lab.retry if make is Labox else lab.run

    async def work() -> int:
        return await read_stream(peer, stored, chunk_size)

    with suppress(PeerFailedError):
        run(partial(compare_stream, peer, stored, chunk_size), "asyncio")
    return Trial(partial(run, work, "asyncio"), partial(check_size, expected=size), size)


def _limit(verified: str | None, size: int, lab: Lab) -> Trial[Answer]:
    path = lab.shelf.object(verified or "blake3", size).path
    return read_limit(verified, path, size, lab)
