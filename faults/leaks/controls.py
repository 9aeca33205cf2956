"""Leaks on purpose, which the comparison has to find."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from faults.leaks.held import BLOCKS, HEAP, MEMORY, Held

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager


@contextmanager
def _a_file() -> Iterator[None]:
    with Path("/dev/zero").open("rb"):
        yield


@contextmanager
def _a_thread() -> Iterator[None]:
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def _memory() -> Iterator[None]:
    taken = bytearray(b"\1") * (MEMORY + (1 << 20))
    yield
    del taken


@contextmanager
def _heap() -> Iterator[None]:
    taken = [bytes(HEAP // 32) for _ in range(40)]
    yield
    del taken


@contextmanager
def _objects() -> Iterator[None]:
    taken = [object() for _ in range(BLOCKS + 100)]
    yield
    del taken


CONTROLS: dict[str, Callable[[], AbstractContextManager[None]]] = {
    "a file": _a_file,
    "a thread": _a_thread,
    "memory": _memory,
    "the heap": _heap,
    "objects": _objects,
}


def unseen_controls() -> Iterator[tuple[str, bool]]:
    """Yield each kind of leak, and whether the comparison missed it."""
    for kind, leak in CONTROLS.items():
        before = Held.now()
        with leak():
            yield kind, not Held.now().more_than(before)
