"""Hashing without I/O."""

from __future__ import annotations

import hashlib
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from blake3 import blake3
from laboxide import Hasher

from benches.checks import check_hash
from benches.contestants import ALGORITHMS, LABOXIDE, LIMIT
from benches.limit import hash_limit
from benches.loops import Cost
from benches.measuring import Case, Label, Trial, bench_case
from benches.scale import KIB, MIB
from benches.sources import CHUNKINGS, hash_of, independent_hash, numbered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benches.lab import Lab
    from benches.scale import Scale

__all__ = ("bench_case", "cases")

OPERATION = "hash"
STREAM = "updates of 1 MiB"
MESSAGES = {"messages of 1 KiB": KIB, "messages of 64 KiB": 64 * KIB}

HASHERS: dict[tuple[str, str], Callable[..., Any]] = {
    ("laboxide", "blake3"): partial(Hasher, "blake3"),
    ("laboxide", "sha256"): partial(Hasher, "sha256"),
    ("hashlib", "sha256"): hashlib.sha256,
    ("blake3", "blake3"): blake3,
}


def cases(scale: Scale) -> Iterator[Case]:
    """Return the rows."""
    for (name, algorithm), make in HASHERS.items():
        size = LABOXIDE[algorithm].write_size(scale, MIB)
        label = Label(OPERATION, STREAM, name, algorithm)
        yield Case(label, partial(_stream, make, algorithm, size))
        for variant, message_size in MESSAGES.items() if scale.all_rows else ():
            calls = min(4 * scale.max_calls, size // message_size)
            label = Label(OPERATION, variant, name, algorithm)
            yield Case(label, partial(_messages, make, algorithm, message_size, calls))
    for algorithm in ALGORITHMS:
        size = LABOXIDE[algorithm].write_size(scale, MIB)
        label = Label(OPERATION, STREAM, LIMIT, algorithm)
        yield Case(label, partial(hash_limit, algorithm, size))


def _stream(make: Callable[..., Any], algorithm: str, size: int, _lab: Lab) -> Trial[str]:
    chunks = CHUNKINGS["1 MiB"].chunks(size)

    def work() -> str:
        hasher = make()
        for chunk in chunks:
            hasher.update(chunk)
        return str(hasher.hexdigest())

    return Trial(
        partial(_timed, work), partial(check_hash, expected=hash_of(algorithm, size)), size
    )


def _messages(
    make: Callable[..., Any], algorithm: str, size: int, calls: int, _lab: Lab
) -> Trial[str]:
    message = numbered(size, 0)
    expected = independent_hash(algorithm, [message])

    def work() -> str:
        for _ in range(calls):
            found = make(message).hexdigest()
        return str(found)

    check = partial(check_hash, expected=expected)
    return Trial(partial(_timed, work), check, size * calls, calls)


def _timed(work: Callable[[], str]) -> tuple[str, Cost]:
    cpu, begun = time.process_time(), time.perf_counter()
    found = work()
    return found, Cost(time.perf_counter() - begun, time.process_time() - cpu)
