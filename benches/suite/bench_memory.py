"""Peak memory while a stream of zeros is written, or a sparse object is read."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from benches.checks import check_size
from benches.contestants import LABOXIDE, PEERS
from benches.measuring import Case, Label, Trial, bench_case
from benches.memory import in_new_process
from benches.scale import GIB, MIB
from benches.zeros import read_zeros, write_zeros

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benches.lab import Lab
    from benches.scale import Scale

__all__ = ("bench_case", "cases")

OPERATION = "memory"
CONTESTANTS = {"laboxide": LABOXIDE["blake3"], **{peer.name: peer for peer in PEERS}}
COMPARED = ("labox", "aiofiles", "thread", "obstore")
COMPARED_AT_MOST = 256 * MIB
ONCE_FROM = 1 * GIB
"""Rows from this size on take seconds and run in the first pass only."""


def cases(scale: Scale) -> Iterator[Case]:
    """Return the rows."""
    for size in scale.memory_sizes:
        written = f"stream of {_text(size)}, written"
        yield _case(written, "laboxide", size)
        for name in COMPARED if scale.all_rows and size <= COMPARED_AT_MOST else ():
            yield _case(written, name, size)
        label = Label(OPERATION, f"stream of {_text(size)}, read and verified", "laboxide", None)
        yield Case(label, partial(_read, size))
    size = min(64 * MIB, scale.memory_sizes[-1])
    for streams in (4, 16):
        variant = f"{streams} concurrent streams of {_text(size)}, written"
        yield _case(variant, "laboxide", size, streams)


def _text(size: int) -> str:
    return f"{size // GIB} GiB" if size >= GIB else f"{size // MIB} MiB"


def _case(variant: str, name: str, size: int, streams: int = 1) -> Case:
    return Case(Label(OPERATION, variant, name, None), partial(_write, name, size, streams))


def _write(name: str, size: int, streams: int, lab: Lab) -> Trial[int]:
    _skip_if_repeated(size, lab)
    make, directory = CONTESTANTS[name].make, lab.fresh_directory()
    work = partial(in_new_process, write_zeros, make, size, streams, directory)
    return Trial(work, partial(check_size, expected=size * streams))


def _read(size: int, lab: Lab) -> Trial[int]:
    _skip_if_repeated(size, lab)
    make, directory = CONTESTANTS["laboxide"].make, lab.fresh_directory()
    work = partial(in_new_process, read_zeros, make, size, directory)
    return Trial(work, partial(check_size, expected=size))


def _skip_if_repeated(size: int, lab: Lab) -> None:
    if size >= ONCE_FROM and lab.bench_pass:
        pytest.skip("measured in the first pass")
